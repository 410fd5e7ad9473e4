/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads_linux.h: the packet path's threads, as the control thread sees them: one that does both
 * directions, or one for each.
 *
 *   TUN ──► sender: filter, split, seal ──► UDP sockets ──► receiver: open, filter, join ──► TUN
 *              ▲      events ▼    ▲ flows         (the other host)      ▲      events ▼
 *              └──commands── control thread ─────────────────commands──┘
 *
 * A direction is one thread's from the first byte to the last: no packet is handed over, so each
 * peer's packets keep their order. Thread: control, for all calls. */
#ifndef DAEMON_DATAPLANE_THREADS_LINUX_H
#define DAEMON_DATAPLANE_THREADS_LINUX_H

#include "daemon/dataplane/worker.h"

struct dp_threads;
struct tun;
struct udp_socks;

struct dp_threads_opts {
	unsigned workers;	 /* 1 to DP_WORKERS_MAX */
	struct tun *tun;	 /* borrowed; NULL: none */
	struct udp_socks *socks; /* borrowed; NULL: none */
	struct dp_exchange *exchange;
	const struct echo_waits *waits;
	uint64_t seed;
	void (*wake)(void *arg); /* any thread: look at dp_threads_notes and for events */
	void *wake_arg;
};

/* Returns new, running; NULL when a thread could not be made. */
struct dp_threads *dp_threads_start(const struct dp_threads_opts *o);
void dp_threads_stop(struct dp_threads *t); /* waits for them to end; frees */
/* To the worker whose it is. False if its ring is full. */
bool dp_threads_command(struct dp_threads *t, const struct dp_msg *m, struct span bytes);
/* Another pair of sockets, NULL: none; DP_NOTE_SOCKETS tells that nobody uses the old ones any
 * more. Not before the note of the call before. */
void dp_threads_set_sockets(struct dp_threads *t, struct udp_socks *s);
/* tun->offload has changed: tell the workers what may be joined before it is written. */
void dp_threads_tun_changed(struct dp_threads *t);
/* What has happened since the last call, as bits. Not by the ring: a full one loses records, and
 * nothing repeats these. */
enum {
	DP_NOTE_SOCKETS = 1,
	DP_NOTE_TUN_LOST = 2, /* another program deleted it */
	DP_NOTE_REFUSED = 4,  /* the system refused to send a peer's packets (EPERM, or the socket
				 is closed) */
	DP_NOTE_OFFLOAD = 8,  /* a device refused runs: udp_sock.gso_off */
};
unsigned dp_threads_notes(struct dp_threads *t);
/* The oldest record of one worker, in turn; borrowed until dp_threads_event_pop. */
bool dp_threads_event_peek(struct dp_threads *t, struct dp_msg *m, struct mspan *bytes);
void dp_threads_event_pop(struct dp_threads *t);

#endif
