/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derp_queue.h"

#include "base/list.h"
#include "base/map.h"
#include "magicsock/derp_wire.h"

#include <stdlib.h>

#define QUANTUM 1500		    /* bytes a flow may send before the next one's turn */
#define FRAME_COST DERP_SEND_LEN(0) /* so that empty datagrams are not free */
#define TRANSPORT_DATA 4

struct waiting {
	struct list in_flow, by_age;
	struct flow *flow;
	mono_t at;
	size_t len;
	uint8_t data[];
};

struct flow_id {
	struct node_key dst;
	uint8_t bulk;
};

struct flow {
	struct list link; /* in the round */
	struct flow_id id;
	struct list waiting;
	size_t bytes;
	size_t credit;
};

struct derp_queue {
	struct map flows;   /* flow_id -> struct flow; only those with something waiting */
	struct list round;  /* of flows; the first is being served */
	struct list by_age; /* of waiting, oldest first */
	size_t n, bytes;
};

struct derp_queue *derp_queue_new(void)
{
	struct derp_queue *q = xcalloc(1, sizeof(*q));
	map_init(&q->flows, sizeof(struct flow_id));
	list_init(&q->round);
	list_init(&q->by_age);
	return q;
}

void derp_queue_free(struct derp_queue *q)
{
	if (!q)
		return;
	derp_queue_clear(q);
	map_fini(&q->flows);
	free(q);
}

/* ---- flows ---- */

static struct flow_id flow_of(const struct node_key *dst, struct span datagram)
{
	bool bulk = datagram.len > 0 && datagram.p[0] == TRANSPORT_DATA;
	return (struct flow_id){ *dst, bulk };
}

static struct flow *find_or_new(struct derp_queue *q, const struct flow_id *id)
{
	struct flow *f = map_get(&q->flows, id);
	if (f)
		return f;
	f = xcalloc(1, sizeof(*f));
	f->id = *id;
	f->credit = QUANTUM;
	list_init(&f->waiting);
	list_push_back(&q->round, &f->link);
	map_put(&q->flows, id, f);
	return f;
}

static void flow_free(struct derp_queue *q, struct flow *f)
{
	list_remove(&f->link);
	map_del(&q->flows, &f->id);
	free(f);
}

static struct flow *longest(const struct derp_queue *q)
{
	struct flow *most = NULL;
	LIST_EACH (it, &q->round) {
		struct flow *f = LIST_ENTRY(it, struct flow, link);
		if (!most || f->bytes > most->bytes)
			most = f;
	}
	return most;
}

static struct waiting *oldest_of(const struct flow *f)
{
	return LIST_ENTRY(list_first(&f->waiting), struct waiting, in_flow);
}

static size_t cost(const struct waiting *w)
{
	return FRAME_COST + w->len;
}

static void drop(struct derp_queue *q, struct waiting *w)
{
	struct flow *f = w->flow;
	list_remove(&w->in_flow);
	list_remove(&w->by_age);
	f->bytes -= w->len;
	q->bytes -= w->len;
	q->n--;
	free(w);
	if (list_empty(&f->waiting))
		flow_free(q, f);
}

/* ---- in ---- */

static size_t make_room(struct derp_queue *q, size_t len)
{
	size_t dropped = 0;
	for (; q->n >= DERP_QUEUE_MAX || q->bytes + len > DERP_QUEUE_BYTES; dropped++)
		drop(q, oldest_of(longest(q)));
	return dropped;
}

size_t derp_queue_put(struct derp_queue *q, mono_t now, const struct node_key *dst,
		      struct span datagram)
{
	struct waiting *w = NULL;
	if (datagram.len <= DERP_QUEUE_BYTES)
		w = try_realloc(NULL, 1, sizeof(*w) + datagram.len);
	if (!w)
		return 1;
	size_t dropped = make_room(q, datagram.len);
	struct flow_id id = flow_of(dst, datagram);
	struct flow *f = find_or_new(q, &id);
	w->flow = f;
	w->at = now;
	w->len = datagram.len;
	if (datagram.len > 0)
		memcpy(w->data, datagram.p, datagram.len);
	list_push_back(&f->waiting, &w->in_flow);
	list_push_back(&q->by_age, &w->by_age);
	f->bytes += w->len;
	q->bytes += w->len;
	q->n++;
	return dropped;
}

/* ---- out ---- */

/* The flow whose turn it is; each turn brings credit for a quantum. */
static struct flow *turn(struct derp_queue *q)
{
	for (;;) {
		struct flow *f = LIST_ENTRY(list_first(&q->round), struct flow, link);
		if (cost(oldest_of(f)) <= f->credit)
			return f;
		f->credit += QUANTUM;
		list_remove(&f->link);
		list_push_back(&q->round, &f->link);
	}
}

bool derp_queue_next(struct derp_queue *q, const struct node_key **dst, struct span *datagram)
{
	if (q->n == 0)
		return false;
	const struct flow *f = turn(q);
	const struct waiting *w = oldest_of(f);
	*dst = &f->id.dst;
	*datagram = span_of(w->data, w->len);
	return true;
}

void derp_queue_pop(struct derp_queue *q)
{
	if (q->n == 0)
		return;
	struct flow *f = turn(q);
	struct waiting *w = oldest_of(f);
	f->credit -= cost(w);
	drop(q, w);
}

size_t derp_queue_expire(struct derp_queue *q, mono_t at)
{
	size_t dropped = 0;
	while (!list_empty(&q->by_age)) {
		struct waiting *w = LIST_ENTRY(list_first(&q->by_age), struct waiting, by_age);
		if (mono_diff_ns(w->at, at) >= 0)
			break;
		drop(q, w);
		dropped++;
	}
	return dropped;
}

size_t derp_queue_clear(struct derp_queue *q)
{
	size_t n = q->n;
	while (!list_empty(&q->by_age))
		drop(q, LIST_ENTRY(list_first(&q->by_age), struct waiting, by_age));
	return n;
}

size_t derp_queue_len(const struct derp_queue *q)
{
	return q->n;
}

size_t derp_queue_bytes(const struct derp_queue *q)
{
	return q->bytes;
}
