/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The growing buffer of bytes.h. */
#include "base/bytes.h"

#include "base/alloc.h"

#include <sodium.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_MIN 64

void buf_init(struct buf *b, size_t max)
{
	/* one byte behind cap is always kept for the NUL of buf_cstr */
	*b = (struct buf){ .max = max < SIZE_MAX ? max : SIZE_MAX - 1 };
}

static void buf_wipe(struct buf *b)
{
	if (b->secret && b->p)
		sodium_memzero(b->p, b->cap);
}

void buf_fini(struct buf *b)
{
	buf_wipe(b);
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

static size_t buf_next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap < b->max / 2 ? b->cap * 2 : b->max;
	if (cap < BUF_MIN)
		cap = BUF_MIN;
	if (cap < need)
		cap = need;
	return cap < b->max ? cap : b->max;
}

static bool buf_grow(struct buf *b, size_t need)
{
	size_t cap = buf_next_cap(b, need);
	uint8_t *p;
	if (!b->secret) {
		p = try_realloc(b->p, cap + 1, 1);
	} else {
		/* realloc could leave a copy behind */
		p = try_calloc(cap + 1, 1);
		if (p && b->p) {
			memcpy(p, b->p, b->len);
			buf_wipe(b);
			free(b->p);
		}
	}
	if (!p)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->bad)
		return NULL;
	bool fits = n <= b->max - b->len;
	if (!fits || ((!b->p || n > b->cap - b->len) && !buf_grow(b, b->len + n))) {
		b->bad = true;
		return NULL;
	}
	return b->p + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	if (n > b->cap - b->len) {
		b->bad = true;
		return;
	}
	b->len += n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_reserve(b, n);
	if (!to || n == 0)
		return;
	memcpy(to, p, n);
	buf_commit(b, n);
}

void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.len);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add_span(b, span_str(s));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	uint8_t *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		buf_commit(b, (size_t)n);
	} else {
		b->bad = true;
	}
	va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
	if (b->secret)
		sodium_memzero(b->p + b->len, n);
}

void buf_reset(struct buf *b)
{
	buf_wipe(b);
	b->len = 0;
	b->bad = false;
}

const char *buf_cstr(struct buf *b)
{
	if (b->bad || !b->p)
		return "";
	b->p[b->len] = 0;
	return (const char *)b->p;
}

bool buf_ok(const struct buf *b)
{
	return !b->bad;
}

struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->len);
}
