/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/c2n.h"

#include "base/alloc.h"
#include "base/http1.h"

struct answer {
	int status;
	const char *type;
	struct buf body;
};

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 405:
		return "Method Not Allowed";
	default:
		return "Error";
	}
}

static void plain(struct answer *a, int status, const char *text)
{
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	buf_add_str(&a->body, text);
}

/* v is taken; NULL counts as null. */
static void json(struct answer *a, json_t *v)
{
	a->type = "application/json";
	if (v)
		j_write(v, J_COMPACT, true, &a->body);
	else
		buf_add_str(&a->body, "null");
	j_free(v);
}

static void do_echo(struct answer *a, struct span body, const struct c2n_sources *src)
{
	(void)src;
	a->type = "text/plain; charset=utf-8";
	buf_add_span(&a->body, body);
}

static void do_prefs(struct answer *a, struct span body, const struct c2n_sources *src)
{
	(void)body;
	if (src->prefs)
		json(a, src->prefs(src->arg));
	else
		plain(a, 400, "unknown c2n path");
}

static void do_health(struct answer *a, struct span body, const struct c2n_sources *src)
{
	(void)body;
	if (src->health)
		json(a, src->health(src->arg));
	else
		plain(a, 400, "unknown c2n path");
}

static void do_metrics(struct answer *a, struct span body, const struct c2n_sources *src)
{
	(void)body;
	a->type = "text/plain; version=0.0.4";
	if (src->metrics)
		src->metrics(src->arg, &a->body);
	else
		plain(a, 400, "unknown c2n path");
}

static void do_vip_services(struct answer *a, struct span body, const struct c2n_sources *src)
{
	json_t *v = j_object();
	(void)body;
	(void)src;
	j_set_null(v, "VIPServices"); /* we advertise none */
	j_set_str(v, "ServicesHash", "");
	json(a, v);
}

static const struct {
	const char *path;
	const char *method; /* NULL: any */
	void (*run)(struct answer *a, struct span body, const struct c2n_sources *src);
} ROUTES[] = {
	{ "/echo", NULL, do_echo },
	{ "/debug/prefs", NULL, do_prefs },
	{ "/debug/health", NULL, do_health },
	{ "/debug/metrics", NULL, do_metrics },
	{ "/vip-services", "GET", do_vip_services },
};

/* Path of a request target in origin form, without its query. */
static struct span path_of(struct span target)
{
	const uint8_t *q = target.len ? memchr(target.p, '?', target.len) : NULL;
	return q ? span_of(target.p, (size_t)(q - target.p)) : target;
}

static void route(struct answer *a, const struct http1_head *h, struct span body,
		  const struct c2n_sources *src)
{
	struct span path = path_of(h->target);
	for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
		if (!span_eq_str(path, ROUTES[i].path))
			continue;
		if (ROUTES[i].method && !span_eq_str(h->method, ROUTES[i].method))
			plain(a, 405, "bad method");
		else
			ROUTES[i].run(a, body, src);
		return;
	}
	plain(a, 400, "unknown c2n path");
}

void c2n_answer(struct span request, const struct c2n_sources *src, struct buf *out)
{
	struct http1_head h;
	struct answer a = { .status = 200 };
	buf_init(&a.body, C2N_ANSWER_MAX);
	if (request.len > C2N_REQUEST_MAX || http1_parse(request, true, &h))
		plain(&a, 400, "bad request");
	else
		route(&a, &h, span_from(request, h.len), src);
	buf_fmt(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", a.status,
		reason(a.status), a.type, a.body.len);
	buf_add_span(out, buf_span(&a.body));
	buf_fini(&a.body);
}
