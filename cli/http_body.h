/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http_body.h: the body of an HTTP/1.1 response: by length, in chunks, or until the end of the
 * connection. Pure; bytes may come in any pieces. */
#ifndef CLI_HTTP_BODY_H
#define CLI_HTTP_BODY_H

#include "base/http1.h"

struct http_body {
	enum { BODY_LENGTH, BODY_CHUNKED, BODY_TO_END } framing;
	enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } at;
	uint64_t left;	 /* of the body, or of this chunk */
	unsigned digits; /* of the chunk size so far */
	size_t trailer;	 /* bytes of the trailer line so far, without CR */
	size_t skipped;	 /* bytes of extensions and trailers, capped */
	bool done;
};

/* 0 or -ERR_PROTO (both framings, a bad length). */
MUST_CHECK int http_body_init(struct http_body *b, const struct http1_head *head);
/* Decodes what it can of in into out; *used says how much of in it took. 0 or -ERR_PROTO. */
MUST_CHECK int http_body_feed(struct http_body *b, struct span in, struct buf *out, size_t *used);
/* The connection ended: 0 if the body is whole, else -ERR_SHORT. */
MUST_CHECK int http_body_end(struct http_body *b);

#endif
