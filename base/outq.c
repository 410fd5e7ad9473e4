/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/outq.h"
#include "base/alloc.h"

#include <stdlib.h>

enum { OUTQ_FIRST = 2048, OUTQ_KEEP = 65536 };

void outq_fini(struct outq *q)
{
	free(q->p);
	q->p = NULL;
	q->off = q->len = q->cap = 0;
}

static bool make_room(struct outq *q, size_t n)
{
	size_t cap = q->cap ? q->cap : OUTQ_FIRST;
	uint8_t *p;

	if (n <= q->cap - q->len)
		return true;
	/* moving pays only where it frees as much as it copies */
	if (q->off > 0 && q->off >= q->len / 2) {
		memmove(q->p, q->p + q->off, q->len - q->off);
		q->len -= q->off;
		q->off = 0;
	}
	while (cap - q->len < n)
		cap *= 2;
	if (cap == q->cap)
		return true;
	p = try_realloc(q->p, cap, 1);
	if (!p)
		return false;
	q->p = p;
	q->cap = cap;
	return true;
}

int outq_add(struct outq *q, struct span s)
{
	if (s.len > q->max || q->len - q->off > q->max - s.len) {
		q->was_full = true;
		return -ERR_FULL;
	}
	if (s.len == 0)
		return 0;
	if (!make_room(q, s.len))
		return -ERR_NOMEM;
	memcpy(q->p + q->len, s.p, s.len);
	q->len += s.len;
	return 0;
}

struct span outq_pending(const struct outq *q)
{
	return span_of(q->off ? q->p + q->off : q->p, q->len - q->off);
}

void outq_drop(struct outq *q, size_t n)
{
	q->off += n;
	if (q->off < q->len)
		return;
	q->off = q->len = 0;
	/* one burst shall not keep its memory for the life of an idle connection */
	if (q->cap > OUTQ_KEEP) {
		free(q->p);
		q->p = NULL;
		q->cap = 0;
	}
}

bool outq_drained(struct outq *q)
{
	if (!q->was_full || q->len - q->off >= q->max / 2)
		return false;
	q->was_full = false;
	return true;
}
