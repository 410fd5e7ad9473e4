/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bytes.h: views on bytes, the bounds-checked reader and writer, and a growing buffer with a ceiling.
 * Pure: no I/O, clock or log. Every parser of outside bytes uses `rd`; every builder uses `wr`.
 *
 * Both cursors have a sticky error: after the first failure reads give 0 or an empty span,
 * rd_left() is 0 (so loops end), writes do nothing, and one rd_ok()/wr_ok() decides. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t len;
};

struct mspan {
	uint8_t *p;
	size_t len;
};

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){ (const uint8_t *)p, len };
}

static inline struct mspan mspan_of(void *p, size_t len)
{
	return (struct mspan){ (uint8_t *)p, len };
}

static inline struct span span_const(struct mspan m)
{
	return (struct span){ m.p, m.len };
}

/* The bytes of a C string, without its NUL. */
static inline struct span span_str(const char *s)
{
	return span_of(s, strlen(s));
}

static inline struct span span_from(struct span s, size_t off)
{
	if (off > s.len)
		off = s.len;
	return span_of(off ? s.p + off : s.p, s.len - off);
}

/* Ordinary comparison; for public data only (secrets: sodium_memcmp). */
bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *s);
bool span_eq_nocase(struct span a, const char *ascii);

/* ---- reader ------------------------------------------------------------------------- */

struct rd {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

struct rd rd_init(struct span s);
uint8_t rd_u8(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be24(struct rd *r);
uint32_t rd_be32(struct rd *r);
uint64_t rd_be64(struct rd *r);
uint16_t rd_le16(struct rd *r);
uint32_t rd_le32(struct rd *r);
uint64_t rd_le64(struct rd *r);
/* The next n bytes as a borrowed view; empty after a failure. */
struct span rd_take(struct rd *r, size_t n);
/* Copy the next n bytes out; zeroes on failure. */
void rd_copy(struct rd *r, void *out, size_t n);
void rd_skip(struct rd *r, size_t n);
/* Everything that is left, consumed. */
struct span rd_rest(struct rd *r);
size_t rd_left(const struct rd *r);
/* rd_ok: nothing failed, more may follow (messages that may grow).
 * rd_done: nothing failed and nothing is left (exact messages). */
bool rd_ok(const struct rd *r);
bool rd_done(const struct rd *r);

/* ---- writer ------------------------------------------------------------------------- */

struct wr {
	uint8_t *base;
	uint8_t *p;
	uint8_t *end;
	bool bad;
};

struct wr wr_init(struct mspan m);
void wr_u8(struct wr *w, uint8_t v);
void wr_be16(struct wr *w, uint16_t v);
void wr_be24(struct wr *w, uint32_t v);
void wr_be32(struct wr *w, uint32_t v);
void wr_be64(struct wr *w, uint64_t v);
void wr_le16(struct wr *w, uint16_t v);
void wr_le32(struct wr *w, uint32_t v);
void wr_le64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);
void wr_span(struct wr *w, struct span s);
void wr_str(struct wr *w, const char *s);
void wr_zero(struct wr *w, size_t n);
void wr_fmt(struct wr *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Reserve n bytes to fill later; NULL after a failure. */
uint8_t *wr_reserve(struct wr *w, size_t n);
size_t wr_len(const struct wr *w);
bool wr_ok(const struct wr *w);
/* What was written so far; empty after a failure. */
struct span wr_span_of(const struct wr *w);

/* ---- growing buffer ----------------------------------------------------------------- */

/* Bytes on the heap with a ceiling fixed at creation. Appending beyond it, or running out of
 * memory, sets `bad` (sticky) and drops nothing that was there. If `secret`, the memory is wiped
 * before it is released or moved. A zeroed struct is not valid: call buf_init. */
struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	size_t max;
	bool bad;
	bool secret;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Room for n more bytes, or NULL (and bad). The bytes count only after buf_commit. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forget the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Forget all bytes, the memory (wiped if secret) stays; clears bad. */
void buf_reset(struct buf *b);
/* A NUL after the last byte that does not count in len, so the content is a C string; "" if bad. */
const char *buf_cstr(struct buf *b);
bool buf_ok(const struct buf *b);
struct span buf_span(const struct buf *b);

/* ---- text codecs -------------------------------------------------------------------- */

/* Lower-case hex, no prefix. out holds 2*len+1. */
void hex_encode(struct span in, char *out);
/* Exactly 2*n digits of either case. 0 or -ERR_SYNTAX; out untouched on error. */
MUST_CHECK int hex_decode(struct span text, uint8_t *out, size_t n);
/* Standard base64 with padding. out holds 4*((len+2)/3)+1. */
void base64_encode(struct span in, char *out);
size_t base64_encoded_len(size_t n);
/* Strict, padded. *len is the room on entry and the length on success. */
MUST_CHECK int base64_decode(struct span text, uint8_t *out, size_t *len);
/* The alphabet of URLs (RFC 4648 5), strict, without padding; otherwise the same. */
MUST_CHECK int base64url_decode(struct span text, uint8_t *out, size_t *len);
/* Decimal digits only, no sign, no blanks; 0, -ERR_SYNTAX or -ERR_RANGE (> max). */
MUST_CHECK int u64_decode(struct span text, uint64_t max, uint64_t *out);
/* As the reference's flags have it: 1, t, T, true, TRUE, True, and so for 0 and f. 0 or
 * -ERR_SYNTAX. */
MUST_CHECK int bool_decode(struct span text, bool *out);

#endif
