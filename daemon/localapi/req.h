/* SPDX-License-Identifier: GPL-2.0-or-later */
/* req.h: one LocalAPI request as a handler sees it, and the shapes of its answers. */
#ifndef DAEMON_LOCALAPI_REQ_H
#define DAEMON_LOCALAPI_REQ_H

#include "base/httpd.h"
#include "daemon/localapi/server.h"

struct api_bus;

/* Lives as long as the handler runs; a handler that answers later keeps `http` only. */
struct api_req {
	struct backend *b;
	struct api_bus *bus;
	struct loop *loop;
	struct httpd_req *http; /* NULL once answered */
	struct api_rights rights;
	const char *rest; /* of the path, behind the name of a prefix route */
};

/* A handler answers once, now or later. */
typedef void api_handler(struct api_req *r);

bool api_is_method(const struct api_req *r, const char *method); /* "GET" matches HEAD too */
/* text/plain, text and a newline */
void api_text(struct api_req *r, int status, const char *text);
void api_empty(struct api_req *r, int status);
/* JSON as Go writes it and a newline; v is taken */
void api_json(struct api_req *r, int status, enum j_style style, json_t *v);
/* 200, indented by tabs, without a newline: the habit of two endpoints; v is taken */
void api_json_bare(struct api_req *r, json_t *v);
/* {"<key>": text}; the reference spells the key "error" in some places and "Error" in others */
void api_error_json(struct api_req *r, int status, const char *key, const char *text);
/* -> 204 or ok; -> status with *why (taken), or the text of the code */
void api_result(struct api_req *r, int rc, int ok_status, char *why);
/* The body as JSON. NULL: answered with 400. */
json_t *api_body_json(struct api_req *r);
/* Decimal, > 0; false: answered with 400 "invalid 'id' parameter" */
bool api_query_id(struct api_req *r, int64_t *id);
/* The answer of a handler that kept the request. */
void api_reply_json(struct httpd_req *http, int status, const json_t *v);
void api_reply_text(struct httpd_req *http, int status, const char *text);

#endif
