/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/threads_linux.h"

#include "base/alloc.h"
#include "daemon/dataplane/thread_linux.h"

#include <stdlib.h>

enum { SENDER, RECEIVER };

struct dp_threads {
	struct dp_thread *v[DP_WORKERS_MAX];
	unsigned n;
	struct dp_flow_link *link; /* NULL: one worker has all flows */
	unsigned old_sockets;	   /* bits of those that may still use them */
	unsigned turn;		   /* whose records come first */
};

static void free_all(struct dp_threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		dp_thread_stop(t->v[i]);
	for (unsigned i = 0; i < t->n; i++)
		dp_thread_free(t->v[i]);
	dp_flow_link_free(t->link);
	free(t);
}

static bool add(struct dp_threads *t, const struct dp_thread_opts *o)
{
	struct dp_thread *one = dp_thread_new(o);
	if (one)
		t->v[t->n++] = one;
	return one != NULL;
}

static bool make(struct dp_threads *t, const struct dp_threads_opts *o)
{
	struct dp_thread_opts one = { .all = o, .seed = o->seed };
	if (o->workers == 1) {
		one.reads_tun = one.reads_udp = true;
		one.name = "meshd-worker";
		return add(t, &one);
	}
	struct dp_thread_opts sender = one, receiver = one;
	sender.reads_tun = true;
	sender.name = "meshd-send";
	receiver.reads_udp = true;
	receiver.name = "meshd-receive";
	receiver.slot = RECEIVER;
	if (!add(t, &sender) || !add(t, &receiver))
		return false;
	t->link =
	    dp_flow_link_new(dp_thread_worker(t->v[SENDER]), dp_thread_worker(t->v[RECEIVER]));
	return true;
}

static bool run(struct dp_threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (!dp_thread_run(t->v[i]))
			return false;
	return true;
}

struct dp_threads *dp_threads_start(const struct dp_threads_opts *o)
{
	struct dp_threads *t = xcalloc(1, sizeof(*t));
	if (make(t, o) && run(t))
		return t;
	free_all(t);
	return NULL;
}

void dp_threads_stop(struct dp_threads *t)
{
	if (t)
		free_all(t);
}

bool dp_threads_command(struct dp_threads *t, const struct dp_msg *m, struct span bytes)
{
	unsigned i = t->n == 1 || dp_command_is_for_sender(m) ? SENDER : RECEIVER;
	return dp_thread_command(t->v[i], m, bytes);
}

void dp_threads_set_sockets(struct dp_threads *t, struct udp_socks *s)
{
	t->old_sockets = (1u << t->n) - 1;
	for (unsigned i = 0; i < t->n; i++)
		dp_thread_set_sockets(t->v[i], s);
}

void dp_threads_tun_changed(struct dp_threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		dp_thread_tun_changed(t->v[i]);
}

/* The last one to leave the old sockets tells. */
static unsigned sockets_note(struct dp_threads *t, unsigned i)
{
	t->old_sockets &= ~(1u << i);
	return t->old_sockets ? 0 : DP_NOTE_SOCKETS;
}

unsigned dp_threads_notes(struct dp_threads *t)
{
	unsigned all = 0;
	for (unsigned i = 0; i < t->n; i++) {
		unsigned notes = dp_thread_notes(t->v[i]);
		if (notes & DP_NOTE_SOCKETS)
			all |= sockets_note(t, i);
		all |= notes & ~DP_NOTE_SOCKETS;
	}
	return all;
}

bool dp_threads_event_peek(struct dp_threads *t, struct dp_msg *m, struct mspan *bytes)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (dp_thread_event_peek(t->v[t->turn], m, bytes))
			return true;
		t->turn = (t->turn + 1) % t->n;
	}
	return false;
}

void dp_threads_event_pop(struct dp_threads *t)
{
	dp_thread_event_pop(t->v[t->turn]);
	t->turn = (t->turn + 1) % t->n;
}
