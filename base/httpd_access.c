/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_access.c: requests as the library brings them: heads are checked, bodies collected. */
#include "base/httpd_priv.h"

#include <strings.h>

/* Read past the cap of the body so that the client gets its 413. */
enum { SWALLOW_MAX = 1 << 20 };

static const struct httpd_refusal bad_request = { MHD_HTTP_BAD_REQUEST, "bad request\n" };
static const struct httpd_refusal too_large = { MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n" };
static const struct httpd_refusal busy = { MHD_HTTP_SERVICE_UNAVAILABLE, "busy\n" };

/* How often each came of the headers that a request may have but once. */
struct singles {
	unsigned host, length, encoding;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct singles *s = cls;

	(void)kind;
	(void)value;
	s->host += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
	s->length += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
	s->encoding += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
	return MHD_YES;
}

static bool has_doubles(struct MHD_Connection *c)
{
	struct singles s = { 0 };

	MHD_get_connection_values(c, MHD_HEADER_KIND, on_header, &s);
	return s.host > 1 || s.length > 1 || s.encoding > 1;
}

/* Two lengths are how requests are smuggled, two hosts how a check of one is passed by; the library
 * takes them all. */
static struct httpd_refusal check_head(struct httpd *h, struct httpd_req *r)
{
	const char *encoding = httpd_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	const char *length = httpd_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;

	if (has_doubles(r->conn))
		return bad_request;
	if (encoding && (length || strcasecmp(encoding, "chunked") != 0))
		return bad_request;
	if (length && u64_decode(span_str(length), UINT64_MAX, &n) < 0)
		return bad_request;
	if (h->o.head) {
		struct httpd_refusal no = h->o.head(h->arg, r);

		if (no.status)
			return no;
	}
	return n > h->o.max_body ? too_large : (struct httpd_refusal){ .status = 0 };
}

static enum MHD_Result refuse(struct MHD_Connection *c, const struct httpd_refusal *why)
{
	enum MHD_Result ok = MHD_NO;
	struct MHD_Response *m;

	if (!why->text)
		return MHD_NO;
	m = MHD_create_response_from_buffer(strlen(why->text), (void *)(uintptr_t)why->text,
					    MHD_RESPMEM_PERSISTENT);
	if (m && MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8") &&
	    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff") &&
	    MHD_add_response_header(m, "Connection", "close"))
		ok = MHD_queue_response(c, (unsigned)why->status, m);
	if (m)
		MHD_destroy_response(m);
	return ok;
}

static enum MHD_Result take_body(struct httpd_req *r, const char *data, size_t *len)
{
	struct httpd *h = r->h;
	size_t n = *len, had = r->body.len;

	*len = 0;
	r->body_seen += n;
	if (r->body_seen > h->o.max_body + SWALLOW_MAX)
		return MHD_NO;
	if (h->o.max_bodies && had + n > HTTPD_SMALL_BODY && h->bodies + n > h->o.max_bodies) {
		r->refuse = busy;
		return MHD_YES;
	}
	buf_add(&r->body, data, n);
	h->bodies += r->body.len - had;
	if (!buf_ok(&r->body))
		r->refuse = too_large;
	return MHD_YES;
}

enum MHD_Result httpd_on_access(void *cls, struct MHD_Connection *c, const char *url,
				const char *method, const char *version, const char *data,
				size_t *len, void **con_cls)
{
	struct httpd *h = cls;
	struct httpd_req *r = *con_cls;

	(void)version;
	if (h->stopping)
		return MHD_NO;
	if (!r) {
		struct httpd_refusal no;

		*con_cls = r = httpd_req_new(h, c, method, url);
		no = check_head(h, r);
		return no.status ? refuse(c, &no) : MHD_YES;
	}
	if (*len > 0)
		return take_body(r, data, len);
	if (r->refuse.status)
		return refuse(c, &r->refuse);
	if (r->aborted)
		return MHD_NO;
	if (r->response)
		return MHD_queue_response(c, (unsigned)r->status, r->response);
	httpd_req_hand_over(r);
	return MHD_YES;
}

void httpd_on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
			enum MHD_RequestTerminationCode why)
{
	struct httpd_req *r = *con_cls;

	(void)why;
	if (!r)
		return;
	*con_cls = NULL;
	httpd_conn_begin_turn(cls, c);
	httpd_req_detach(r);
}
