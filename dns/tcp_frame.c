/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/tcp_frame.h"

#include "base/alloc.h"

#include <stdlib.h>

enum { FIRST_ROOM = 512, KEPT_ROOM = 1024 };

void dns_frame_init(struct dns_frame *f, size_t max)
{
	*f = (struct dns_frame){ .max = max };
}

void dns_frame_fini(struct dns_frame *f)
{
	free(f->body);
	f->body = NULL;
	f->cap = 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool has_head(const struct dns_frame *f)
{
	return f->n_head == sizeof(f->head);
}

static void take_head(struct dns_frame *f, struct span *in)
{
	while (!has_head(f) && in->len > 0) {
		f->head[f->n_head++] = in->p[0];
		*in = span_from(*in, 1);
	}
	f->len = has_head(f) ? (size_t)f->head[0] << 8 | f->head[1] : 0;
}

/* Room for n bytes in all, n <= len. */
static bool make_room(struct dns_frame *f, size_t n)
{
	size_t cap = f->cap * 2 > FIRST_ROOM ? f->cap * 2 : FIRST_ROOM;
	uint8_t *body;

	if (n <= f->cap)
		return true;
	cap = min_size(cap > n ? cap : n, f->len);
	body = try_realloc(f->body, cap, 1);
	if (!body)
		return false;
	f->body = body;
	f->cap = cap;
	return true;
}

int dns_frame_feed(struct dns_frame *f, struct span *in)
{
	size_t n;

	take_head(f, in);
	if (!has_head(f))
		return 0;
	if (f->len > f->max)
		return -ERR_TOOBIG;
	n = min_size(f->len - f->got, in->len);
	if (!make_room(f, f->got + n))
		return -ERR_NOMEM;
	if (n > 0)
		memcpy(f->body + f->got, in->p, n);
	f->got += n;
	*in = span_from(*in, n);
	return f->got == f->len;
}

struct span dns_frame_msg(const struct dns_frame *f)
{
	return span_of(f->body, f->len);
}

void dns_frame_next(struct dns_frame *f)
{
	if (f->cap > KEPT_ROOM)
		dns_frame_fini(f);
	f->n_head = 0;
	f->len = f->got = 0;
}

bool dns_frame_is_partial(const struct dns_frame *f)
{
	return f->n_head > 0 && (!has_head(f) || f->got < f->len);
}
