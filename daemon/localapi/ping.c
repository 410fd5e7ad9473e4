/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ping: blocks its client until a pong or until the client goes away. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

/* Bytes of a disco ping, IP and UDP header of IPv4 taken off a datagram of 65535 and its frame. */
#define PING_SIZE_MAX 65467

struct ping {
	struct httpd_req *http;
	struct backend_ping *backend;
};

static void on_pong(void *arg, const json_t *result)
{
	struct ping *p = arg;
	api_reply_json(p->http, 200, result);
	free(p);
}

static void on_abort(void *arg)
{
	struct ping *p = arg;
	backend_ping_cancel(p->backend);
	free(p);
}

static bool kind_of(const char *type, enum ping_kind *kind)
{
	static const struct {
		const char *name;
		enum ping_kind kind;
	} kinds[] = { { "disco", PING_DISCO },
		      { "TSMP", PING_TSMP },
		      { "ICMP", PING_ICMP },
		      { "peerapi", PING_PEERAPI } };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, type) == 0) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

struct ping_query {
	struct ip to;
	enum ping_kind kind;
	size_t size;
};

/* NULL, or what is wrong with the query. */
static const char *parse_size(const char *text, struct ping_query *q)
{
	uint64_t n = 0;
	if (!text || !*text)
		return NULL;
	if (u64_decode(span_str(text), UINT32_MAX, &n))
		return "invalid 'size' parameter";
	if (n && q->kind != PING_DISCO)
		return "'size' parameter is only supported with disco pings";
	if (n > PING_SIZE_MAX)
		return "maximum value for 'size' is 65467";
	q->size = (size_t)n;
	return NULL;
}

static const char *parse_query(const struct httpd_req *r, struct ping_query *q)
{
	const char *ip = httpd_query(r, "ip");
	const char *type = httpd_query(r, "type");
	if (!ip || !*ip)
		return "missing 'ip' parameter";
	if (ip_decode(span_str(ip), &q->to))
		return "invalid IP";
	if (!type || !*type)
		return "missing 'type' parameter";
	if (!kind_of(type, &q->kind))
		return "unknown ping type";
	return parse_size(httpd_query(r, "size"), q);
}

void api_ping(struct api_req *r)
{
	struct ping_query q = { .size = 0 };
	const char *problem = parse_query(r->http, &q);
	if (problem) {
		api_text(r, 400, problem);
		return;
	}
	struct ping *p = xcalloc(1, sizeof(*p));
	p->http = r->http;
	r->http = NULL;
	httpd_on_abort(p->http, on_abort, p);
	p->backend = backend_ping(r->b, q.to, q.kind, q.size, on_pong, p);
}
