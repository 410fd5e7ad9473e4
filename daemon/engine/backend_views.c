/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the LocalAPI shows of the network map, and the metrics. */
#include "base/alloc.h"
#include "base/counters.h"
#include "daemon/control/nm_node_json.h"
#include "daemon/engine/backend_priv.h"
#include "magicsock/netcheck_text.h"
#include "netstack/filter_caps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

json_t *backend_netmap(struct backend *b)
{
	return b->nm ? netmap_to_json(b->nm) : NULL;
}

json_t *backend_derp_map(struct backend *b)
{
	return b->nm && b->nm->derp_json ? j_copy(b->nm->derp_json) : NULL;
}

json_t *backend_dns_config(struct backend *b)
{
	if (!b->nm)
		return NULL;
	return b->nm->dns_text ? netmap_dns_json(b->nm) : j_object();
}

json_t *backend_peer_by_id(struct backend *b, int64_t id)
{
	const struct nm_node *n = b->nm ? netmap_peer(b->nm, id) : NULL;
	return n ? nm_node_to_json(n) : NULL;
}

json_t *backend_self_node(struct backend *b)
{
	return b->nm ? nm_node_to_json(b->nm->self) : NULL;
}

json_t *backend_peers(struct backend *b)
{
	json_t *a = j_array();
	for (size_t i = 0; b->nm && i < b->nm->n_peers; i++)
		j_add(a, nm_node_to_json(b->nm->peers[i]));
	return a;
}

const char *backend_auth_url(struct backend *b)
{
	return b->auth_url;
}

/* ---- whois --------------------------------------------------------------------------------------
 */

static const struct nm_node *node_by_ip(const struct netmap *nm, struct ip ip)
{
	if (nm_node_has_address(nm->self, ip))
		return nm->self;
	return netmap_peer_by_address(nm, ip);
}

static const struct nm_node *find_node(const struct netmap *nm, const char *addr, struct ip *ip)
{
	struct node_key key;
	struct ep ep;
	if (node_key_decode(span_str(addr), &key) == 0) {
		const struct nm_node *n =
		    node_key_eq(&key, &nm->self->key) ? nm->self : netmap_peer_by_key(nm, &key);
		if (n)
			*ip = nm_node_address(n, IP_V4);
		return n;
	}
	if (ip_decode(span_str(addr), ip) == 0)
		return node_by_ip(nm, *ip);
	if (ep_decode(span_str(addr), &ep) == 0) {
		*ip = ep.ip;
		return node_by_ip(nm, ep.ip);
	}
	return NULL;
}

/* What the filter grants to traffic from that node to us: nothing to a peer that may only use the
 * peer API, and nothing at all while the rules are void. */
static json_t *granted(const struct backend *b, const struct nm_node *from, struct ip src)
{
	const struct netmap *nm = b->nm;
	struct node_status s;
	node_status(b->node, &s);
	if (s.filter_void || (from->flags & NM_UNSIGNED_PEERAPI_ONLY))
		return NULL;
	struct flt_caps *caps = flt_caps_new();
	json_t *rules = netmap_filter_json(nm);
	json_t *found = NULL;
	if (flt_caps_add(caps, rules) == 0)
		found = flt_caps_find(caps, src, nm_node_address(nm->self, src.fam));
	j_free(rules);
	flt_caps_free(caps);
	return found;
}

json_t *backend_whois(struct backend *b, const char *addr, const char *proto)
{
	struct ip ip = { 0 };
	(void)proto; /* one answer for all protocols: there is no userspace proxy to look in */
	const struct nm_node *n = b->nm ? find_node(b->nm, addr, &ip) : NULL;
	json_t *user = n ? backend_user_profile(b, n->user) : NULL;
	if (!user)
		return NULL;
	json_t *o = j_object();
	json_t *caps = granted(b, n, ip);
	j_set(o, "Node", nm_node_to_json(n));
	j_set(o, "UserProfile", user);
	j_set(o, "CapMap", caps ? caps : j_null());
	return o;
}

/* ---- engine, debug, metrics ---- */

json_t *backend_engine_status(struct backend *b)
{
	struct node_status s;
	node_status(b->node, &s);
	json_t *o = j_object(), *live = j_object();
	j_set_int(o, "RBytes", (int64_t)s.rx_bytes);
	j_set_int(o, "WBytes", (int64_t)s.tx_bytes);
	j_set_int(o, "NumLive", (int64_t)s.n_live);
	j_set_int(o, "LiveDERPs", (int64_t)s.n_derp);
	for (size_t i = 0; b->nm && i < b->nm->n_peers; i++) {
		struct node_peer_status ps = { 0 };
		char key[KEY_TEXT_MAX];
		if (!node_peer_status(b->node, &b->nm->peers[i]->key, &ps) || !ps.in_engine)
			continue;
		json_t *p = j_object();
		node_key_encode(&b->nm->peers[i]->key, key);
		j_set_str(p, "NodeKey", key);
		j_set_int(p, "TxBytes", (int64_t)ps.tx_bytes);
		j_set_int(p, "RxBytes", (int64_t)ps.rx_bytes);
		j_set_time(p, "LastHandshake", ps.last_handshake);
		j_set(live, key, p);
	}
	j_set(o, "LivePeers", live);
	return o;
}

/* ---- netcheck ---- */

struct backend_netcheck {
	bool cancelled;
	struct loop_defer later;
	json_t *report;
	void (*done)(void *arg, const json_t *report);
	void *arg;
};

static void tell_report(struct loop_defer *d)
{
	struct backend_netcheck *c = d->arg;
	if (!c->cancelled)
		c->done(c->arg, c->report);
	j_free(c->report);
	free(c);
}

static void on_netcheck(void *arg, const struct nc_report *r)
{
	struct backend_netcheck *c = arg;
	if (c->cancelled) {
		free(c);
		return;
	}
	c->report = r ? netcheck_report_json(r) : NULL;
	loop_defer_arm(&c->later);
}

struct backend_netcheck *backend_netcheck(struct backend *b,
					  void (*done)(void *arg, const json_t *report), void *arg)
{
	struct backend_netcheck *c = xcalloc(1, sizeof(*c));
	c->done = done;
	c->arg = arg;
	loop_defer_init(b->loop, &c->later, tell_report, c);
	node_netcheck(b->node, on_netcheck, c);
	return c;
}

void backend_netcheck_cancel(struct backend_netcheck *c)
{
	c->cancelled = true; /* the node still holds it */
}

json_t *backend_debug(struct backend *b, const char *what)
{
	if (strcmp(what, "current-netmap") == 0)
		return backend_netmap(b);
	if (strcmp(what, "statedir") == 0)
		return j_string(b->state_dir);
	if (strcmp(what, "datapath") == 0)
		return node_debug_datapath(b->node);
	return node_debug(b->node, what);
}

int backend_debug_action(struct backend *b, const char *action, char **why)
{
	if (strcmp(action, "clear-netmap-cache") == 0) {
		netmap_cache_drop(b->cache, b->profiles ? profiles_current(b->profiles)->id : "");
		return 0;
	}
	if (strcmp(action, "force-netmap-update") == 0) {
		if (b->ctl)
			ctl_link_change(b->ctl);
		return 0;
	}
	int rc = node_debug_action(b->node, action);
	if (rc)
		*why = xasprintf("unknown action \"%s\"", action);
	return rc;
}

static void gauge(struct buf *out, const char *name, const char *help, const char *labels,
		  uint64_t v)
{
	buf_fmt(out, "# TYPE %s gauge\n# HELP %s %s\n%s%s %" PRIu64 "\n", name, name, help, name,
		labels, v);
}

static bool has_prefix(const struct nm_node *n, struct prefix p)
{
	for (size_t i = 0; i < n->n_allowed_ips; i++)
		if (prefix_eq(n->allowed_ips[i], p))
			return true;
	return false;
}

void backend_usermetrics(struct backend *b, struct buf *out)
{
	uint64_t advertised = 0, approved = 0;
	for (size_t i = 0; i < b->prefs.advertise_routes.n; i++) {
		struct prefix p = b->prefs.advertise_routes.v[i];
		advertised += !prefix_is_default(p);
		approved += b->nm && has_prefix(b->nm->self, p);
	}
	json_t *health = backend_health_texts(b);
	struct node_status s;
	node_status(b->node, &s);
	gauge(out, "tailscaled_advertised_routes",
	      "Number of advertised network routes (e.g. by a subnet router)", "", advertised);
	gauge(out, "tailscaled_approved_routes",
	      "Number of approved network routes (e.g. by a subnet router)", "", approved);
	gauge(out, "tailscaled_health_messages", "Number of health messages broken down by type.",
	      "{type=\"warning\"}", j_len(health));
	gauge(out, "tailscaled_home_derp_region_id",
	      "DERP region ID of this node's home relay server", "", (uint64_t)s.home);
	node_usermetrics(out);
	/* Services are not part of this version: names without samples. */
	buf_fmt(out, "# TYPE tailscaled_serve_inbound_bytes_total counter\n# HELP "
		     "tailscaled_serve_inbound_bytes_total Bytes received from peers on Serve "
		     "connections for Tailscale Services, labeled by Tailscale Service name.\n"
		     "# TYPE tailscaled_serve_outbound_bytes_total counter\n# HELP "
		     "tailscaled_serve_outbound_bytes_total Bytes sent to peers on Serve "
		     "connections for Tailscale Services, labeled by Tailscale Service name.\n");
	j_free(health);
}
