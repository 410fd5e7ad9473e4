/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_linux.h: the node's two UDP sockets and batch receive and send on them. No log, no policy:
 * every result is classified and returned. Source: transport.md 1. Thread: open/close control; a
 * batch belongs to one thread at a time; sending from several threads is fine. */
#ifndef MAGICSOCK_UDP_LINUX_H
#define MAGICSOCK_UDP_LINUX_H

#include "base/ip.h"

#define UDP_BATCH_MAX 128
#define UDP_SOCKET_BUFFER (7 << 20)

struct udp_socks {
	int fd4; /* -1 = none */
	int fd6;
	uint16_t port;	/* of the IPv4 socket, host order */
	uint16_t port6; /* normally the same */
	bool marked;	/* SO_MARK took effect */
};

struct udp_opts {
	uint16_t port;	  /* configured; 0 = any */
	uint16_t current; /* port to keep on a rebind; 0 = none */
	uint32_t fwmark;  /* 0 = none; refusal is not an error (not root) */
	bool no_v6;
};

/* Binds wildcard sockets: configured port, else current, else any; IPv6 on the IPv4 socket's port,
 * else any. IPv6 failing is not an error. Non-blocking, close-on-exec. Returns 0 or -ERR_IO (no
 * IPv4 socket; errno set; fd6 may still be open). */
MUST_CHECK int udp_open(struct udp_socks *s, const struct udp_opts *o);
void udp_close(struct udp_socks *s); /* fds become -1 */

/* What to make of a failed send. */
enum udp_result {
	UDP_SENT,
	UDP_AGAIN, /* EAGAIN, ENOBUFS: the queue is full, drop or retry; no path failure */
	UDP_LOST, /* EPERM: a local firewall; disco and STUN: lost, WireGuard: rebind (once per 5 s)
		   */
	UDP_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH: clear the peer's path to it */
	UDP_TOOBIG,	 /* EMSGSIZE: normal for MTU probes */
	UDP_CLOSED,	 /* EBADF, EPIPE, ENOTCONN: rebind */
	UDP_NO_SOCKET,	 /* family not available: not sent, no error */
	UDP_NO_GSO,	 /* EIO: the device cannot split runs; send datagrams one by one */
	UDP_ERROR,	 /* anything else */
};
enum udp_result udp_result_of(int err); /* errno value */
/* The same for a failed receive: 0 (nothing there), -ERR_CLOSED or -ERR_IO. */
int udp_recv_error(int err);

/* One datagram; IPv4 endpoints through fd4, IPv6 through fd6. Thread: any. */
enum udp_result udp_send(const struct udp_socks *s, struct ep to, struct span datagram);

/* One datagram, without blocking: room->len becomes its length. 1, 0 if none is there (or it was
 * too long for the room), -ERR_CLOSED, -ERR_IO. */
MUST_CHECK int udp_recv(int fd, struct mspan *room, struct ep *from);

/* Scaffolding of recvmmsg/sendmmsg for UDP_BATCH_MAX messages; about 30 KB. */
struct udp_batch;
struct udp_batch *udp_batch_new(void); /* new */
void udp_batch_free(struct udp_batch *b);

struct udp_msg {
	struct ep ep;	  /* in: source, set by receive; out: destination */
	struct mspan buf; /* in: room before, datagram after receive; out: bytes to send */
	uint16_t segment; /* bytes of each datagram in buf but the last; 0 = buf is one datagram */
};

/* Receive up to n (at most UDP_BATCH_MAX) without blocking into msgs[i].buf (caller's memory). A
 * datagram larger than its room is dropped (len 0, ep unset). Returns how many were filled, 0 if
 * none is there, -ERR_CLOSED or -ERR_IO. */
MUST_CHECK int udp_recv_batch(int fd, struct udp_batch *b, struct udp_msg *msgs, size_t n);
/* Send up to n through fd; all destinations of its family. *sent counts those the kernel took.
 * UDP_SENT: all gone. Otherwise msgs[*sent] met the result: the caller skips it and goes on, or
 * stops. */
MUST_CHECK enum udp_result udp_send_batch(int fd, struct udp_batch *b, const struct udp_msg *msgs,
					  size_t n, size_t *sent);

#endif
