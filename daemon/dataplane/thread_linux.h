/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread_linux.h: the thread of one worker: waits on what it reads and on its command ring, reads
 * batches, runs worker.h on them. Sleeps when there is nothing to do. Private to threads_linux.c,
 * which the control thread talks to. */
#ifndef DAEMON_DATAPLANE_THREAD_LINUX_H
#define DAEMON_DATAPLANE_THREAD_LINUX_H

#include "daemon/dataplane/threads_linux.h"

struct dp_thread;

struct dp_thread_opts {
	const struct dp_threads_opts *all; /* copied */
	unsigned slot;			   /* of the exchange's hazards */
	bool reads_tun, reads_udp;
	const char *name; /* at most 15 bytes */
	uint64_t seed;
};

/* Not running yet; NULL when the system refuses. */
struct dp_thread *dp_thread_new(const struct dp_thread_opts *o);
struct dp_worker *dp_thread_worker(struct dp_thread *t);
MUST_CHECK bool dp_thread_run(struct dp_thread *t);
void dp_thread_stop(struct dp_thread *t); /* waits for it to end; it may never have run */
void dp_thread_free(struct dp_thread *t);

/* As in threads_linux.h, for one. */
bool dp_thread_command(struct dp_thread *t, const struct dp_msg *m, struct span bytes);
void dp_thread_set_sockets(struct dp_thread *t, struct udp_socks *s);
void dp_thread_tun_changed(struct dp_thread *t);
unsigned dp_thread_notes(struct dp_thread *t);
bool dp_thread_event_peek(struct dp_thread *t, struct dp_msg *m, struct mspan *bytes);
void dp_thread_event_pop(struct dp_thread *t);

#endif
