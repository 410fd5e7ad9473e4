/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_linux.h: the node's two UDP sockets and batch receive and send on them, with runs of
 * datagrams in one message where kernel and device can (udp_run.h). No log, no policy: every result
 * is classified and returned. Source: transport.md 1, datapath.md 7.
 * Thread: open, close, forbid: control, while no other thread uses the sockets, but for forbid. A
 * batch belongs to one thread at a time. Any number of threads send on a socket, one receives. */
#ifndef MAGICSOCK_UDP_LINUX_H
#define MAGICSOCK_UDP_LINUX_H

#include "base/ip.h"
#include "base/offload.h"

#include <stdatomic.h>

#define UDP_BATCH_MAX 128
#define UDP_SOCKET_BUFFER (7 << 20)
#define UDP_RECV_ROOM 65536 /* holds any run that the kernel joins */

/* One socket, shared by pointer between the threads that use it. All but the atomics is constant
 * while it is open. */
struct udp_sock {
	int fd;	       /* -1 = none */
	uint16_t port; /* host order */
	int rcvbuf;    /* bytes that were granted of UDP_SOCKET_BUFFER */
	int sndbuf;
	bool joins; /* runs may be received: rooms of UDP_RECV_ROOM. Also when that is off by now:
		       what was joined before may still be in the queue */
	_Atomic uint8_t gso_off; /* enum offload_off: runs are split before they are sent */
	_Atomic uint8_t gro_off; /* enum offload_off: every message received is one datagram */
	_Atomic uint32_t drops;	 /* datagrams lost because the receive queue was full, as far as
				    told with a later one */
};

struct udp_socks {
	struct udp_sock v4;
	struct udp_sock v6; /* normally on the same port */
	bool marked;	    /* SO_MARK took effect */
};

#define UDP_SOCKS_NONE ((struct udp_socks){ .v4.fd = -1, .v6.fd = -1 })

struct udp_opts {
	uint16_t port;	     /* configured; 0 = any */
	uint16_t current;    /* port to keep on a rebind; 0 = none */
	uint32_t fwmark;     /* 0 = none; refusal is not an error (not root) */
	uint32_t no_offload; /* set of offload.h; OFFLOAD_UDP_GSO and _GRO are looked at */
	bool no_v6;
};

/* Binds wildcard sockets: configured port, else current, else any; IPv6 on the IPv4 socket's port,
 * else any. IPv6 failing is not an error. Non-blocking, close-on-exec, large buffers, offload where
 * the kernel has it. Returns 0 or -ERR_IO (no IPv4 socket; errno set; v6 may still be open). */
MUST_CHECK int udp_open(struct udp_socks *s, const struct udp_opts *o);
void udp_close(struct udp_socks *s); /* fds become -1 */
void udp_counters_register(void);    /* once at start */

/* What the network map forbids (set of offload.h), in place of what it forbade before. At run time,
 * also while other threads use the sockets: from the next message on. */
void udp_forbid(struct udp_socks *s, uint32_t no_offload);

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
	UDP_ERROR,	 /* anything else */
};
enum udp_result udp_result_of(int err); /* errno value */
/* The same for a failed receive: 0 (nothing there), -ERR_CLOSED or -ERR_IO. */
int udp_recv_error(int err);

/* One datagram; IPv4 endpoints through v4, IPv6 through v6. Thread: any. */
enum udp_result udp_send(const struct udp_socks *s, struct ep to, struct span datagram);

/* One datagram, without blocking: room->len becomes its length. 1, 0 if none is there (or it was
 * too long for the room), -ERR_CLOSED, -ERR_IO. For sockets opened without OFFLOAD_UDP_GRO only: it
 * cannot tell a run from a datagram. */
MUST_CHECK int udp_recv(int fd, struct mspan *room, struct ep *from);

/* Scaffolding of recvmmsg/sendmmsg for UDP_BATCH_MAX messages; about 30 KB. */
struct udp_batch;
struct udp_batch *udp_batch_new(void); /* new */
void udp_batch_free(struct udp_batch *b);

struct udp_msg {
	struct ep ep;	  /* in: source, set by receive; out: destination */
	struct mspan buf; /* in: room before, run or datagram after receive; out: bytes to send */
	uint16_t segment; /* bytes of each datagram in buf but the last; 0 = buf is one datagram */
};

/* Receive up to n (at most UDP_BATCH_MAX) without blocking into msgs[i].buf (caller's memory,
 * UDP_RECV_ROOM bytes each if s->joins). A message larger than its room is dropped (len 0,
 * ep unset). Datagrams that the queue had no room for are added to the counter
 * "magicsock_udp_rx_queue_drops". Returns how many were filled, 0 if none is there, -ERR_CLOSED or
 * -ERR_IO. */
MUST_CHECK int udp_recv_batch(struct udp_sock *s, struct udp_batch *b, struct udp_msg *msgs,
			      size_t n);

/* Send up to n; all destinations of the socket's family; a run (segment not 0) as udp_run_takes
 * allows it. *sent counts the messages the kernel took. UDP_SENT: all gone. Otherwise msgs[*sent]
 * met the result: the caller skips it and goes on, or stops; of a run that was split, datagrams
 * before the failing one are gone.
 * A device that cannot split runs (EIO) turns them off for the socket (gso_off), one that refuses
 * the size (EMSGSIZE, EINVAL) does not; either way the same datagrams leave one by one at once. The
 * caller that finds OFFLOAD_OFF_DEVICE new in gso_off after the call says so in the log. */
MUST_CHECK enum udp_result udp_send_batch(struct udp_sock *s, struct udp_batch *b,
					  const struct udp_msg *msgs, size_t n, size_t *sent);

#endif
