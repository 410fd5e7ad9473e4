/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http1.h: HTTP/1.1 message heads, pure: parse requests and responses (Upgrade answers, DERP, ts2021,
 * c2n). Strict: CRLF lines, no folding, token method and names, caps below. */
#ifndef BASE_HTTP1_H
#define BASE_HTTP1_H

#include "base/bytes.h"

#define HTTP1_HEAD_MAX 16384
#define HTTP1_HEADERS_MAX 64

struct http1_header {
	struct span name;
	struct span value; /* trimmed */
};

struct http1_head {
	bool request;
	struct span method, target; /* request */
	int status;                 /* response */
	int minor;                  /* HTTP/1.x */
	struct http1_header headers[HTTP1_HEADERS_MAX];
	size_t n_headers;
	size_t len; /* bytes of the head including the blank line */
};

/* 0: complete, spans borrow from in; -ERR_AGAIN: more bytes needed; -ERR_TOOBIG, -ERR_SYNTAX. */
MUST_CHECK int http1_parse(struct span in, bool request, struct http1_head *out);
/* First header of that name (case-insensitive); empty span with p NULL if absent. */
struct span http1_find(const struct http1_head *h, const char *name);
/* Whether a comma list header contains the token (case-insensitive). */
bool http1_has_token(const struct http1_head *h, const char *name, const char *token);

#endif
