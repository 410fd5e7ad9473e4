/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layout: records of an 8-byte header (length) and the bytes, each rounded up to 8. A record that
 * would cross the end is put at the start, and a padding header fills the rest. head and tail count
 * bytes since creation; their difference is what is in use.
 *
 * head and tail are stored and then the other one loaded on both sides; only sequential consistency
 * forbids both sides from missing the other's step, which would lose a wake. */
#include "base/ring.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RING_ALIGN 8
#define RING_HEADER 8
#define RING_PADDING UINT32_MAX
#define RING_MIN 256
#define CACHE_LINE 64

struct ring {
	size_t size;
	uint8_t *bytes;
	/* producer's */
	_Alignas(CACHE_LINE) _Atomic size_t head;
	size_t start;	 /* where the reserved record's header goes */
	size_t reserved; /* its length, SIZE_MAX if none */
	size_t tail_seen;
	/* consumer's */
	_Alignas(CACHE_LINE) _Atomic size_t tail;
	size_t head_seen;
};

static size_t record_size(size_t len)
{
	return (RING_HEADER + len + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
}

static uint8_t *at(const struct ring *r, size_t pos)
{
	return r->bytes + (pos & (r->size - 1));
}

static size_t to_end(const struct ring *r, size_t pos)
{
	return r->size - (pos & (r->size - 1));
}

static void put_header(struct ring *r, size_t pos, uint32_t len)
{
	memcpy(at(r, pos), &len, sizeof(len));
}

static uint32_t get_header(const struct ring *r, size_t pos)
{
	uint32_t len;
	memcpy(&len, at(r, pos), sizeof(len));
	return len;
}

struct ring *ring_new(size_t size)
{
	size_t n = RING_MIN;
	while (n < size)
		n *= 2;
	struct ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));
	if (!r)
		abort();
	*r = (struct ring){ .size = n, .reserved = SIZE_MAX };
	r->bytes = xcalloc(n, 1);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	free(r->bytes);
	free(r);
}

static bool has_room(struct ring *r, size_t head, size_t n)
{
	if (head + n - r->tail_seen <= r->size)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head + n - r->tail_seen <= r->size;
}

uint8_t *ring_reserve(struct ring *r, size_t len)
{
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	r->reserved = SIZE_MAX;
	if (len > r->size / 4 - RING_HEADER)
		return NULL;
	size_t need = record_size(len);
	size_t pad = to_end(r, head) < need ? to_end(r, head) : 0;
	if (!has_room(r, head, pad + need))
		return NULL;
	if (pad)
		put_header(r, head, RING_PADDING);
	r->start = head + pad;
	r->reserved = len;
	return at(r, r->start) + RING_HEADER;
}

void ring_commit(struct ring *r, size_t len, bool *was_empty)
{
	assert(r->reserved != SIZE_MAX && len <= r->reserved);
	size_t before = atomic_load_explicit(&r->head, memory_order_relaxed);
	r->reserved = SIZE_MAX;
	put_header(r, r->start, (uint32_t)len);
	atomic_store_explicit(&r->head, r->start + record_size(len), memory_order_seq_cst);
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_seq_cst);
	if (was_empty)
		*was_empty = r->tail_seen == before;
}

size_t ring_used(const struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_relaxed) -
	       atomic_load_explicit(&r->tail, memory_order_acquire);
}

/* Where the oldest record starts, behind any padding; false if there is none. */
static bool oldest(struct ring *r, size_t *pos)
{
	*pos = atomic_load_explicit(&r->tail, memory_order_relaxed);
	if (*pos == r->head_seen)
		r->head_seen = atomic_load_explicit(&r->head, memory_order_seq_cst);
	if (*pos == r->head_seen)
		return false;
	if (get_header(r, *pos) == RING_PADDING)
		*pos += to_end(r, *pos);
	return true;
}

struct mspan ring_peek(struct ring *r)
{
	size_t pos;
	if (!oldest(r, &pos))
		return mspan_of(NULL, 0);
	return mspan_of(at(r, pos) + RING_HEADER, get_header(r, pos));
}

void ring_pop(struct ring *r)
{
	size_t pos;
	if (!oldest(r, &pos))
		return;
	atomic_store_explicit(&r->tail, pos + record_size(get_header(r, pos)),
			      memory_order_seq_cst);
}
