/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_priv.h: what the udp_*_linux.c files and their tests share. */
#ifndef MAGICSOCK_UDP_PRIV_H
#define MAGICSOCK_UDP_PRIV_H

#include "magicsock/udp_linux.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* ---- what a socket can do: udp_offload_linux.c ---- */

int udp_get_int(int fd, int level, int name); /* a socket option; -1 = not there */
/* Find out what an open socket can do and turn it on, less the steps of no_offload. */
void udp_offload_start(struct udp_sock *s, uint32_t no_offload);

/* ---- batches: udp_batch_linux.c ---- */

#define UDP_CONTROL_LEN 64 /* UDP_GRO and SO_RXQ_OVFL, an int each, with room to spare */

/* Large enough for both families, without sockaddr_storage's 128 bytes a message. */
union udp_addr {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

/* A place in an array of messages: the next one to send, or the byte of it where its next datagram
 * begins. */
struct udp_place {
	size_t msg, off;
};

struct udp_batch {
	struct mmsghdr msgs[UDP_BATCH_MAX];
	struct iovec iov[UDP_BATCH_MAX];
	union udp_addr addrs[UDP_BATCH_MAX];
	struct udp_place next[UDP_BATCH_MAX]; /* send: where it goes on after each */
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH_MAX][UDP_CONTROL_LEN];
};

/* ---- sending: udp_send_linux.c ---- */

/* sendmmsg(2), or what a test has in its place. */
typedef int (*udp_sendmmsg)(int fd, struct mmsghdr *v, unsigned n, int flags);
enum udp_result udp_send_batch_by(udp_sendmmsg send, struct udp_sock *s, struct udp_batch *b,
				  const struct udp_msg *msgs, size_t n, size_t *sent);

#endif
