/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/http_body.h"

#define CHUNK_DIGITS_MAX 15
#define SKIPPED_MAX 16384

static bool has_no_body(int status)
{
	return status == 204 || status == 304 || (status >= 100 && status < 200);
}

int http_body_init(struct http_body *b, const struct http1_head *head)
{
	*b = (struct http_body){ .framing = BODY_TO_END };
	struct span length = http1_find(head, "Content-Length");
	bool chunked = http1_has_token(head, "Transfer-Encoding", "chunked");
	if (has_no_body(head->status)) {
		b->framing = BODY_LENGTH;
		b->done = true;
		return 0;
	}
	if (chunked && length.p)
		return -ERR_PROTO;
	if (chunked) {
		b->framing = BODY_CHUNKED;
	} else if (length.p) {
		b->framing = BODY_LENGTH;
		if (u64_decode(length, INT64_MAX, &b->left))
			return -ERR_PROTO;
		b->done = b->left == 0;
	}
	return 0;
}

/* Up to b->left bytes of in; returns how many. */
static size_t take_data(struct http_body *b, struct span in, struct buf *out)
{
	size_t n = in.len < b->left ? in.len : (size_t)b->left;
	buf_add(out, in.p, n);
	b->left -= n;
	return n;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int on_size_byte(struct http_body *b, uint8_t c)
{
	int d = hex_digit(c);
	if (d >= 0) {
		if (++b->digits > CHUNK_DIGITS_MAX)
			return -ERR_PROTO;
		b->left = b->left << 4 | (unsigned)d;
		return 0;
	}
	if (!b->digits)
		return -ERR_PROTO;
	if (c == '\n')
		b->at = b->left ? CHUNK_DATA : CHUNK_TRAILER;
	else if (c == ';')
		b->at = CHUNK_EXTENSION;
	else if (c != '\r')
		return -ERR_PROTO;
	return 0;
}

static void on_trailer_byte(struct http_body *b, uint8_t c)
{
	if (c == '\n') {
		b->done = b->trailer == 0;
		b->trailer = 0;
	} else if (c != '\r') {
		b->trailer++;
	}
}

/* One byte of what is around the data of chunks. */
static int on_frame_byte(struct http_body *b, uint8_t c)
{
	switch (b->at) {
	case CHUNK_SIZE:
		return on_size_byte(b, c);
	case CHUNK_EXTENSION:
		if (c == '\n')
			b->at = b->left ? CHUNK_DATA : CHUNK_TRAILER;
		return ++b->skipped > SKIPPED_MAX ? -ERR_PROTO : 0;
	case CHUNK_END:
		if (c == '\n') {
			b->at = CHUNK_SIZE;
			b->digits = 0;
		}
		return c == '\r' || c == '\n' ? 0 : -ERR_PROTO;
	case CHUNK_TRAILER:
		on_trailer_byte(b, c);
		return ++b->skipped > SKIPPED_MAX ? -ERR_PROTO : 0;
	case CHUNK_DATA:
		break;
	}
	return -ERR_PROTO;
}

static int feed_chunked(struct http_body *b, struct span in, struct buf *out, size_t *used)
{
	size_t i = 0;
	while (i < in.len && !b->done) {
		if (b->at == CHUNK_DATA) {
			i += take_data(b, span_from(in, i), out);
			if (b->left == 0)
				b->at = CHUNK_END;
		} else if (on_frame_byte(b, in.p[i++])) {
			return -ERR_PROTO;
		}
	}
	*used = i;
	return 0;
}

int http_body_feed(struct http_body *b, struct span in, struct buf *out, size_t *used)
{
	*used = 0;
	if (b->done)
		return 0;
	switch (b->framing) {
	case BODY_CHUNKED:
		return feed_chunked(b, in, out, used);
	case BODY_LENGTH:
		*used = take_data(b, in, out);
		b->done = b->left == 0;
		return 0;
	case BODY_TO_END:
		buf_add_span(out, in);
		*used = in.len;
		return 0;
	}
	return -ERR_PROTO;
}

int http_body_end(struct http_body *b)
{
	if (b->framing == BODY_TO_END)
		b->done = true;
	return b->done ? 0 : -ERR_SHORT;
}
