/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/staged.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"

#include <stdlib.h>

#define NONE UINT16_MAX

_Static_assert(STAGED_PACKETS < NONE, "slots are 16 bits");

struct slot {
	uint32_t len;
	uint16_t next;
};

struct queue {
	uint32_t peer;
	uint16_t head, tail, n; /* n 0: not in use */
	uint64_t age;		/* when it began; the lowest is evicted first */
};

struct staged {
	size_t headroom, stride;
	uint8_t *bytes;
	struct slot slots[STAGED_PACKETS];
	uint16_t free_head;
	size_t n; /* packets of all queues */
	struct queue queues[STAGED_PEERS];
	uint64_t clock;
};

static void release(struct staged *s, uint16_t i)
{
	s->slots[i].next = s->free_head;
	s->free_head = i;
}

struct staged *staged_new(size_t headroom, size_t tailroom)
{
	struct staged *s = xcalloc(1, sizeof(*s));
	s->headroom = headroom;
	s->stride = headroom + STAGED_LEN_MAX + tailroom;
	s->bytes = xcalloc(STAGED_PACKETS, s->stride);
	s->free_head = NONE;
	for (unsigned i = STAGED_PACKETS; i-- > 0;)
		release(s, (uint16_t)i);
	return s;
}

void staged_free(struct staged *s)
{
	if (!s)
		return;
	wipe(s->bytes, STAGED_PACKETS * s->stride);
	free(s->bytes);
	free(s);
}

/* Bounded linear look: the table is small and only packets without a session come here. */
static struct queue *find(const struct staged *s, uint32_t peer)
{
	for (size_t i = 0; i < STAGED_PEERS; i++)
		if (s->queues[i].n > 0 && s->queues[i].peer == peer)
			return (struct queue *)(uintptr_t)&s->queues[i];
	return NULL;
}

static struct queue *oldest(struct staged *s)
{
	struct queue *q = NULL;
	for (size_t i = 0; i < STAGED_PEERS; i++)
		if (s->queues[i].n > 0 && (!q || s->queues[i].age < q->age))
			q = &s->queues[i];
	return q;
}

static struct queue *unused(struct staged *s)
{
	for (size_t i = 0; i < STAGED_PEERS; i++)
		if (s->queues[i].n == 0)
			return &s->queues[i];
	return NULL;
}

static uint16_t pop(struct staged *s, struct queue *q)
{
	uint16_t i = q->head;
	q->head = s->slots[i].next;
	q->n--;
	s->n--;
	return i;
}

static size_t drop_all(struct staged *s, struct queue *q)
{
	size_t n = q->n;
	while (q->n > 0)
		release(s, pop(s, q));
	return n;
}

int staged_put(struct staged *s, uint32_t peer, struct span packet)
{
	int dropped = 0;
	if (packet.len > STAGED_LEN_MAX)
		return -ERR_TOOBIG;
	struct queue *q = find(s, peer);
	if (!q) {
		q = unused(s);
		if (!q) {
			q = oldest(s);
			dropped += (int)drop_all(s, q);
		}
		*q = (struct queue){ .peer = peer, .head = NONE, .tail = NONE, .age = s->clock++ };
	}
	if (q->n == STAGED_PER_PEER) {
		release(s, pop(s, q));
		dropped++;
	}
	if (s->free_head == NONE) {
		release(s, pop(s, oldest(s)));
		dropped++;
	}
	uint16_t i = s->free_head;
	s->free_head = s->slots[i].next;
	s->slots[i] = (struct slot){ (uint32_t)packet.len, NONE };
	memcpy(s->bytes + i * s->stride + s->headroom, packet.p, packet.len);
	if (q->n == 0)
		q->head = i;
	else
		s->slots[q->tail].next = i;
	q->peer = peer;
	q->tail = i;
	q->n++;
	s->n++;
	return dropped;
}

size_t staged_take(struct staged *s, uint32_t peer, struct mspan *out, size_t n)
{
	struct queue *q = find(s, peer);
	size_t k = 0;
	/* A released slot's bytes stay untouched until the next put, so they may be lent. */
	while (q && q->n > 0 && k < n) {
		uint16_t i = pop(s, q);
		out[k++] = mspan_of(s->bytes + i * s->stride + s->headroom, s->slots[i].len);
		release(s, i);
	}
	return k;
}

size_t staged_drop(struct staged *s, uint32_t peer)
{
	struct queue *q = find(s, peer);
	return q ? drop_all(s, q) : 0;
}

bool staged_is_empty(const struct staged *s)
{
	return s->n == 0;
}

size_t staged_count(const struct staged *s, uint32_t peer)
{
	const struct queue *q = find(s, peer);
	return q ? q->n : 0;
}
