/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `meshctl ping`: find the peer, ask the node, put the answer into words (PingResult). */
#include "base/alloc.h"
#include "base/httpc.h"
#include "daemon/engine/backend_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define PEERAPI_MS 10000

struct backend_ping {
	struct list link; /* first: backend_free walks the list */
	struct backend *b;
	struct ip to;
	int64_t peer_id;
	struct node_ping *ping; /* NULL: answered without the node */
	struct httpc_req *http; /* likewise; of a ping of the peer API */
	mono_t asked;
	char url[PEERAPI_URL_MAX]; /* "" unless it is one */
	struct loop_defer defer;   /* for answers that are known at once */
	const char *err;
	bool is_local;
	void (*done)(void *arg, const json_t *result);
	void *arg;
};

static void unlink_and_free(struct backend_ping *p)
{
	loop_defer_cancel(&p->defer);
	list_remove(&p->link);
	free(p);
}

static void set_name(json_t *o, const struct nm_node *n, bool whole)
{
	char name[NM_STRING_MAX], ip[IP_TEXT_MAX];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(n->name, whole ? "" : "."), n->name);
	j_set_str(o, "NodeIP", ip_encode(nm_node_address(n, IP_V4), ip));
	j_set_str(o, "NodeName", name);
}

static json_t *result_head(const struct backend_ping *p)
{
	json_t *o = j_object();
	char ip[IP_TEXT_MAX];
	j_set_str(o, "IP", ip_encode(p->to, ip));
	const struct nm_node *n = p->b->nm ? netmap_peer(p->b->nm, p->peer_id) : NULL;
	if (n) {
		set_name(o, n, *p->url);
	} else {
		j_set_str(o, "NodeIP", "");
		j_set_str(o, "NodeName", "");
	}
	return o;
}

static void finish(struct backend_ping *p, const struct node_pong *r)
{
	json_t *o = result_head(p);
	char ep[EP_TEXT_MAX];
	const struct derp_region *region = r->region && p->b->nm && p->b->nm->derp
					       ? derp_map_find(p->b->nm->derp, r->region)
					       : NULL;
	j_set_str(o, "Err", r->err ? r->err : "");
	j_set(o, "LatencySeconds", j_from_num((double)r->latency_ns / 1e9));
	j_set_str(o, "Endpoint", ep_is_set(r->ep) ? ep_encode(r->ep, ep) : "");
	j_set_str(o, "PeerRelay", "");
	j_set_int(o, "DERPRegionID", r->region);
	j_set_str(o, "DERPRegionCode", region && region->code ? region->code : "");
	if (r->peerapi_port)
		j_set_int(o, "PeerAPIPort", r->peerapi_port);
	if (*p->url && !r->err)
		j_set_str(o, "PeerAPIURL", p->url);
	if (p->is_local)
		j_set_bool(o, "IsLocalIP", true);
	void (*done)(void *, const json_t *) = p->done;
	void *arg = p->arg;
	unlink_and_free(p);
	done(arg, o);
	j_free(o);
}

static void on_pong(void *arg, const struct node_pong *r)
{
	struct backend_ping *p = arg;
	p->ping = NULL;
	finish(p, r);
}

static void answer_now(struct loop_defer *d)
{
	struct backend_ping *p = d->arg;
	char text[96], ip[IP_TEXT_MAX];
	struct node_pong r = { .err = p->err };
	if (p->is_local) {
		snprintf(text, sizeof(text), "%s is local Tailscale IP", ip_encode(p->to, ip));
		r.err = text;
	}
	finish(p, &r);
}

static void on_hit(void *arg, const struct httpc_answer *a)
{
	struct backend_ping *p = arg;
	struct node_pong r = { .err = a->err ? a->text : NULL };
	p->http = NULL;
	r.latency_ns = mono_diff_ns(loop_now(p->b->loop), p->asked);
	finish(p, &r);
}

/* Any answer will do: it comes from there. */
static void hit(struct backend_ping *p)
{
	p->asked = loop_now(p->b->loop);
	p->http = httpc_start(p->b->net,
			      &(struct httpc_opts){ .method = "HEAD",
						    .url = p->url,
						    .timeout_ms = PEERAPI_MS,
						    .no_proxy = true,
						    .no_mark = true },
			      on_hit, p);
}

struct backend_ping *backend_ping(struct backend *b, struct ip to, enum ping_kind kind, size_t size,
				  void (*done)(void *arg, const json_t *result), void *arg)
{
	static const enum node_ping_kind kinds[] = {
		[PING_DISCO] = NODE_PING_DISCO,
		[PING_TSMP] = NODE_PING_TSMP,
		[PING_ICMP] = NODE_PING_ICMP,
	};
	struct backend_ping *p = xcalloc(1, sizeof(*p));
	*p = (struct backend_ping){ .b = b, .to = to, .done = done, .arg = arg };
	loop_defer_init(b->loop, &p->defer, answer_now, p);
	list_init(&p->link);
	list_push_back(&b->pings, &p->link);
	const struct nm_node *n = b->nm ? netmap_peer_by_address(b->nm, to) : NULL;
	if (b->nm && nm_node_has_address(b->nm->self, to)) {
		p->is_local = true;
	} else if (!n) {
		p->err = "no matching peer";
	} else if (b->state != IPN_RUNNING && b->state != IPN_STARTING) {
		p->err = "not connected; type: meshctl up";
	} else if (kind == PING_PEERAPI) {
		p->peer_id = n->id;
		if (backend_peerapi_url(b->nm->self, n, p->url)) {
			hit(p);
			return p;
		}
		p->err = "that peer does not tell the port of its peer API";
	} else {
		p->peer_id = n->id;
		p->ping = node_ping(b->node, &n->key, to, kinds[kind], size, on_pong, p);
		return p;
	}
	loop_defer_arm(&p->defer);
	return p;
}

void backend_ping_cancel(struct backend_ping *p)
{
	if (p->ping)
		node_ping_cancel(p->ping);
	httpc_cancel(p->http);
	unlink_and_free(p);
}
