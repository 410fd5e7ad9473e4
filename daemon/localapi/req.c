/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/req.h"

#include <stdlib.h>

#define TEXT_TYPE "text/plain; charset=utf-8"
#define JSON_TYPE "application/json"
/* A status of 10,000 peers is about 10 MB. */
#define ANSWER_MAX (256u << 20)

bool api_is_method(const struct api_req *r, const char *method)
{
	const char *m = httpd_method(r->http);
	return strcmp(m, method) == 0 || (strcmp(method, "GET") == 0 && strcmp(m, "HEAD") == 0);
}

/* Takes the request out of r, so that a second answer would be a null pointer and not a wild one.
 */
static struct httpd_req *take(struct api_req *r)
{
	struct httpd_req *http = r->http;
	r->http = NULL;
	return http;
}

void api_reply_text(struct httpd_req *http, int status, const char *text)
{
	char *line = xasprintf("%s\n", text);
	httpd_reply(http, status, TEXT_TYPE, span_str(line));
	free(line);
}

void api_text(struct api_req *r, int status, const char *text)
{
	api_reply_text(take(r), status, text);
}

void api_empty(struct api_req *r, int status)
{
	httpd_reply(take(r), status, NULL, span_of("", 0));
}

static void reply_json(struct httpd_req *http, int status, enum j_style style, const json_t *v,
		       const char *end)
{
	struct buf b;
	buf_init(&b, ANSWER_MAX);
	j_write(v, style, true, &b);
	buf_add_str(&b, end);
	if (buf_ok(&b))
		httpd_reply(http, status, JSON_TYPE, buf_span(&b));
	else
		api_reply_text(http, 500, "answer too large");
	buf_fini(&b);
}

void api_reply_json(struct httpd_req *http, int status, const json_t *v)
{
	reply_json(http, status, J_COMPACT, v, "\n");
}

void api_json(struct api_req *r, int status, enum j_style style, json_t *v)
{
	if (!v)
		v = j_null();
	reply_json(take(r), status, style, v, "\n");
	j_free(v);
}

void api_json_bare(struct api_req *r, json_t *v)
{
	reply_json(take(r), 200, J_INDENT_TAB, v, "");
	j_free(v);
}

void api_error_json(struct api_req *r, int status, const char *key, const char *text)
{
	json_t *o = j_object();
	j_set_str(o, key, text);
	api_json(r, status, J_COMPACT, o);
}

void api_result(struct api_req *r, int rc, int ok_status, char *why)
{
	if (rc == 0)
		api_empty(r, ok_status);
	else
		api_text(r, 500, why ? why : err_text(rc));
	free(why);
}

json_t *api_body_json(struct api_req *r)
{
	struct span body = httpd_body(r->http);
	struct j_error err;
	json_t *v = j_parse(body, body.len, &err);
	if (!v) {
		api_text(r, 400, err.text);
		return NULL;
	}
	if (!j_is_object(v)) {
		j_free(v);
		api_text(r, 400, "the body is not a JSON object");
		return NULL;
	}
	return v;
}

bool api_query_id(struct api_req *r, int64_t *id)
{
	const char *text = httpd_query(r->http, "id");
	uint64_t n;
	if (!text || u64_decode(span_str(text), INT64_MAX, &n) || n == 0) {
		api_text(r, 400, "invalid 'id' parameter");
		return false;
	}
	*id = (int64_t)n;
	return true;
}
