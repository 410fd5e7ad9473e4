/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread_linux.h: the worker's thread: waits on TUN, UDP sockets and the command ring, reads
 * batches, runs worker.h on them. Sleeps when there is nothing to do. Thread: control, for these
 * calls. */
#ifndef DAEMON_DATAPLANE_THREAD_LINUX_H
#define DAEMON_DATAPLANE_THREAD_LINUX_H

#include "daemon/dataplane/worker.h"

struct dp_thread;
struct tun;
struct udp_socks;

struct dp_thread_opts {
	struct tun *tun;	 /* borrowed; NULL: none */
	struct udp_socks *socks; /* borrowed; NULL: none */
	struct dp_exchange *exchange;
	const struct echo_waits *waits;
	uint64_t seed;
	void (*wake)(void *arg); /* any thread: look at dp_thread_notes and for events */
	void *wake_arg;
};

/* Returns new, running; NULL when the thread could not be made. */
struct dp_thread *dp_thread_start(const struct dp_thread_opts *o);
void dp_thread_stop(struct dp_thread *t); /* waits for it to end; frees */
/* False if the ring is full. */
bool dp_thread_command(struct dp_thread *t, const struct dp_msg *m, struct span bytes);
/* Another pair of sockets; DP_NOTE_SOCKETS tells that the old ones are not used any more. Not
 * before the note of the call before. */
void dp_thread_set_sockets(struct dp_thread *t, struct udp_socks *s); /* NULL: none */
/* What has happened since the last call, as bits. Not by the ring: a full one loses records, and
 * nothing repeats these. */
enum {
	DP_NOTE_SOCKETS = 1,
	DP_NOTE_TUN_LOST = 2, /* another program deleted it */
	DP_NOTE_REFUSED = 4,  /* the system refused to send a peer's packets (EPERM, or the socket
				 is closed) */
	DP_NOTE_OFFLOAD = 8,  /* a device refused runs: udp_sock.gso_off */
};
unsigned dp_thread_notes(struct dp_thread *t);
/* Oldest record from the worker; borrowed until dp_thread_event_pop. */
bool dp_thread_event_peek(struct dp_thread *t, struct dp_msg *m, struct mspan *bytes);
void dp_thread_event_pop(struct dp_thread *t);

#endif
