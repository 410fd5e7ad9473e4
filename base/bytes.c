/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

static uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool span_eq_nocase(struct span a, const char *ascii)
{
	struct span b = span_str(ascii);
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

/* ---- reader ------------------------------------------------------------------------- */

struct rd rd_init(struct span s)
{
	return (struct rd){ s.p, s.len ? s.p + s.len : s.p, false };
}

/* The one place that moves the cursor: n bytes, or NULL and the sticky error. */
static const uint8_t *rd_step(struct rd *r, size_t n)
{
	if (n > (size_t)(r->end - r->p)) {
		r->bad = true;
		r->p = r->end;
	}
	if (r->bad)
		return NULL;
	const uint8_t *p = r->p;
	if (n)
		r->p += n;
	return p;
}

static uint64_t rd_be(struct rd *r, size_t n)
{
	const uint8_t *p = rd_step(r, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t rd_le(struct rd *r, size_t n)
{
	const uint8_t *p = rd_step(r, n);
	uint64_t v = 0;
	for (size_t i = n; p && i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

uint16_t rd_be16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

uint32_t rd_be24(struct rd *r)
{
	return (uint32_t)rd_be(r, 3);
}

uint32_t rd_be32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

uint64_t rd_be64(struct rd *r)
{
	return rd_be(r, 8);
}

uint16_t rd_le16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

uint32_t rd_le32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

uint64_t rd_le64(struct rd *r)
{
	return rd_le(r, 8);
}

struct span rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = rd_step(r, n);
	return span_of(p, p ? n : 0);
}

void rd_copy(struct rd *r, void *out, size_t n)
{
	const uint8_t *p = rd_step(r, n);
	if (n == 0)
		return;
	if (p)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

void rd_skip(struct rd *r, size_t n)
{
	rd_step(r, n);
}

struct span rd_rest(struct rd *r)
{
	return rd_take(r, rd_left(r));
}

size_t rd_left(const struct rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

bool rd_ok(const struct rd *r)
{
	return !r->bad;
}

bool rd_done(const struct rd *r)
{
	return !r->bad && r->p == r->end;
}

/* ---- writer ------------------------------------------------------------------------- */

struct wr wr_init(struct mspan m)
{
	return (struct wr){ m.p, m.p, m.len ? m.p + m.len : m.p, false };
}

uint8_t *wr_reserve(struct wr *w, size_t n)
{
	if (n > (size_t)(w->end - w->p))
		w->bad = true;
	if (w->bad)
		return NULL;
	uint8_t *p = w->p;
	if (n)
		w->p += n;
	return p;
}

static void wr_be(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *p = wr_reserve(w, n);
	for (size_t i = n; p && i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

static void wr_le(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *p = wr_reserve(w, n);
	for (size_t i = 0; p && i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

void wr_u8(struct wr *w, uint8_t v)
{
	wr_be(w, v, 1);
}

void wr_be16(struct wr *w, uint16_t v)
{
	wr_be(w, v, 2);
}

void wr_be24(struct wr *w, uint32_t v)
{
	wr_be(w, v, 3);
}

void wr_be32(struct wr *w, uint32_t v)
{
	wr_be(w, v, 4);
}

void wr_be64(struct wr *w, uint64_t v)
{
	wr_be(w, v, 8);
}

void wr_le16(struct wr *w, uint16_t v)
{
	wr_le(w, v, 2);
}

void wr_le32(struct wr *w, uint32_t v)
{
	wr_le(w, v, 4);
}

void wr_le64(struct wr *w, uint64_t v)
{
	wr_le(w, v, 8);
}

void wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *to = wr_reserve(w, n);
	if (to && n)
		memcpy(to, p, n);
}

void wr_span(struct wr *w, struct span s)
{
	wr_bytes(w, s.p, s.len);
}

void wr_str(struct wr *w, const char *s)
{
	wr_span(w, span_str(s));
}

void wr_zero(struct wr *w, size_t n)
{
	uint8_t *p = wr_reserve(w, n);
	if (p && n)
		memset(p, 0, n);
}

void wr_fmt(struct wr *w, const char *fmt, ...)
{
	/* Formatted aside, because vsnprintf wants room for a NUL that the writer may not have. */
	char *s = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		w->bad = true;
		return;
	}
	wr_bytes(w, s, (size_t)n);
	free(s);
}

size_t wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->base);
}

bool wr_ok(const struct wr *w)
{
	return !w->bad;
}

struct span wr_span_of(const struct wr *w)
{
	return span_of(w->base, w->bad ? 0 : wr_len(w));
}
