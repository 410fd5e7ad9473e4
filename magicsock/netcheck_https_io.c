/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Latency by HTTPS, for networks that let no UDP through: one request to open the connection, a
 * second one on it that is timed. */
#include "base/alloc.h"
#include "base/httpc.h"
#include "magicsock/netcheck_io_priv.h"

#include <stdlib.h>

#define BODY_MAX 8192
#define REGIONS_MAX 32

struct https {
	struct list link;
	struct netcheck *check;
	int region;
	char *url;
	struct ip addr;
	bool verify_none;
	bool warm; /* the connection is open: this request counts */
	mono_t asked;
	struct resolve_req *resolve;
	struct httpc_req *req;
};

static void https_free(struct https *h)
{
	resolve_cancel(h->resolve);
	httpc_cancel(h->req);
	list_remove(&h->link);
	free(h->url);
	free(h);
}

static void give_up(struct https *h)
{
	struct netcheck *c = h->check;
	https_free(h);
	netcheck_step_soon(c);
}

static void ask(struct https *h);

static void on_answer(void *arg, const struct httpc_answer *a)
{
	struct https *h = arg;
	mono_t now = loop_now(h->check->loop);
	h->req = NULL;
	if (a->err || a->status > 299) {
		give_up(h);
		return;
	}
	if (!h->warm) {
		h->warm = true;
		ask(h);
		return;
	}
	int64_t ns = mono_diff_ns(now, h->asked);
	nc_report_add_latency(nc_run_report(h->check->run), h->region, (enum ip_family)h->addr.fam,
			      ns > 0 ? ns : 1);
	give_up(h);
}

static void ask(struct https *h)
{
	struct netcheck *c = h->check;
	mono_t now = loop_now(c->loop);
	int64_t left = mono_diff_ns(c->deadline, now) / NS_PER_MS;
	struct httpc_opts o = {
		.method = "GET",
		.url = h->url,
		.max_body = BODY_MAX,
		.timeout_ms = left > 0 ? (int)left : 1,
		.verify_none = h->verify_none,
		.addrs = &h->addr,
		.n_addrs = 1,
		.keep_alive = true,
	};
	h->asked = now;
	h->req = httpc_start(c->net, &o, on_answer, h);
}

static void on_resolved(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct https *h = arg;
	h->resolve = NULL;
	if (err || !n) {
		give_up(h);
		return;
	}
	h->addr = addrs[0];
	for (size_t i = 0; i < n && h->check->have_v4; i++)
		if (addrs[i].fam == IP_V4)
			h->addr = addrs[i];
	ask(h);
}

static const struct derp_node *first_dialable(const struct derp_region *r)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		if (!r->nodes[i].stun_only && r->nodes[i].host)
			return &r->nodes[i];
	return NULL;
}

static void start_one(struct netcheck *c, const struct derp_region *r, const struct derp_node *n)
{
	struct https *h = xcalloc(1, sizeof(*h));
	bool v6_literal = strchr(n->host, ':') != NULL;
	uint8_t pin[32];
	h->check = c;
	h->region = r->id;
	h->url = xasprintf(v6_literal ? "https://[%s]:%u/derp/latency-check"
				      : "https://%s:%u/derp/latency-check",
			   n->host, derp_node_port(n));
	/* only a time is measured: a pinned or renamed certificate is the DERP client's matter */
	h->verify_none = derp_node_tls(n, pin) != DERP_TLS_HOST;
	list_push_back(&c->https, &h->link);
	if (derp_node_addr(n, IP_V4, &h->addr) == DERP_ADDR_LITERAL ||
	    derp_node_addr(n, IP_V6, &h->addr) == DERP_ADDR_LITERAL)
		ask(h);
	else
		h->resolve = resolve_start(c->net, n->host, on_resolved, h);
}

void netcheck_https_start(struct netcheck *c)
{
	size_t started = 0;
	for (size_t i = 0; i < c->map->n_regions && started < REGIONS_MAX; i++) {
		const struct derp_region *r = &c->map->regions[i];
		const struct derp_node *n = first_dialable(r);
		if (!n || r->no_measure_no_home)
			continue;
		start_one(c, r, n);
		started++;
	}
}

void netcheck_https_stop(struct netcheck *c)
{
	LIST_EACH (it, &c->https)
		https_free(LIST_ENTRY(it, struct https, link));
}
