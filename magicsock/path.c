/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/path.h"

#include "base/alloc.h"
#include "magicsock/path_priv.h"

#include <stdlib.h>

/* ---- life -------------------------------------------------------------------------------- */

void path_node_init(struct path_node *n, const struct path_ops *ops, void *arg, struct rng *rng)
{
	*n = (struct path_node){ .ops = ops,
				 .arg = arg,
				 .rng = rng,
				 .ping_back = true,
				 .eager_join = true,
				 .eager_rebind = true,
				 .joined_at = MONO_NEVER };
	list_init(&n->waiting);
}

struct path_peer *path_new(struct path_node *n, void *owner)
{
	struct path_peer *p = xcalloc(1, sizeof(*p));
	p->node = n;
	p->owner = owner;
	list_init(&p->waiting);
	p->heartbeat_at = MONO_NEVER;
	p->doubt_until = MONO_NEVER;
	p->cmm_budget = PATH_CMM_BURST;
	return p;
}

void path_free(struct path_peer *p)
{
	if (!p)
		return;
	list_remove(&p->waiting);
	free(p->candidates);
	free(p->pings);
	free(p);
}

void *path_owner(const struct path_peer *p)
{
	return p->owner;
}

/* ---- best ---------------------------------------------------------------------------------- */

static void tell(struct path_peer *p, bool addr, const char *why)
{
	p->node->ops->changed(p->node->arg, p, addr, why);
}

bool path_trusted(const struct path_peer *p, mono_t now)
{
	return ep_is_set(p->best.ep) && now.ns <= p->trusted_until.ns;
}

void path_set_best(struct path_peer *p, const struct path_quality *q, const char *why)
{
	bool moved = !ep_eq(p->best.ep, q->ep);
	p->best = *q;
	if (moved) {
		path_doubt_clear(p);
		p->trusted_until = MONO_ZERO;
		tell(p, true, why);
	}
}

void path_clear_best(struct path_peer *p, const char *why)
{
	static const struct path_quality none;
	path_set_best(p, &none, why);
}

void path_trust(struct path_peer *p, mono_t now)
{
	path_doubt_clear(p);
	p->trusted_until = mono_add_ms(now, PATH_TRUST_MS);
	tell(p, false, "answered");
}

void path_distrust(struct path_peer *p, const char *why)
{
	p->trusted_until = MONO_ZERO;
	tell(p, false, why);
}

/* ---- looking for a way ------------------------------------------------------------------------
 */

/* We joined a moment ago and the peer may not know us yet: its silence says nothing. */
static bool is_eager(const struct path_peer *p, mono_t now)
{
	const struct path_node *n = p->node;
	return n->eager_join && !p->heard && !mono_is_never(n->joined_at) &&
	       mono_diff_ns(now, n->joined_at) < PATH_JOIN_WINDOW_S * NS_PER_S;
}

static mono_t next_heartbeat(const struct path_peer *p, mono_t now)
{
	return mono_add_s(now, is_eager(p, now) ? 1 : PATH_HEARTBEAT_S);
}

static bool gap_over(const struct path_peer *p, mono_t now, mono_t last)
{
	int64_t gap = is_eager(p, now) ? 1 : PATH_PING_GAP_S;
	return mono_is_zero(last) || mono_diff_ns(now, last) >= gap * NS_PER_S;
}

static bool ping_candidate(struct path_peer *p, mono_t now, struct candidate *c,
			   enum path_purpose purpose)
{
	struct path_dest to = { .ep = c->ep };
	return path_ping_send(p, now, &to, c, purpose, 0, NULL);
}

static void call_me_maybe(struct path_peer *p, mono_t now)
{
	struct path_node *n = p->node;
	int64_t age = mono_diff_ns(now, n->endpoints_at);
	if (!mono_is_zero(n->endpoints_at) && age <= PATH_ENDPOINTS_FRESH_S * NS_PER_S) {
		n->ops->send_cmm(n->arg, p, p->home);
		return;
	}
	if (list_empty(&p->waiting))
		list_push_back(&n->waiting, &p->waiting);
	n->ops->want_endpoints(n->arg);
}

void path_node_endpoints_fresh(struct path_node *n, mono_t now)
{
	n->endpoints_at = now;
	LIST_EACH (it, &n->waiting) {
		struct path_peer *p = LIST_ENTRY(it, struct path_peer, waiting);
		list_remove(it);
		if (p->home && !p->expired)
			n->ops->send_cmm(n->arg, p, p->home);
	}
}

static void discover(struct path_peer *p, mono_t now, bool cmm)
{
	size_t sent = 0;
	if (p->node->no_udp)
		return;
	p->last_full = now;
	path_candidates_drop_dead(p, now);
	for (size_t i = 0; i < p->n_candidates; i++) {
		struct candidate *c = &p->candidates[i];
		if (gap_over(p, now, c->last_ping))
			sent += ping_candidate(p, now, c, PATH_PING_DISCOVERY);
	}
	if (sent && cmm && p->home)
		call_me_maybe(p, now);
}

static void touch(struct path_peer *p, mono_t now)
{
	p->last_send = now;
	if (mono_is_never(p->heartbeat_at) && !p->node->silent_disco)
		p->heartbeat_at = next_heartbeat(p, now);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

struct path_view path_view(const struct path_peer *p)
{
	return (struct path_view){ .best = p->best.ep,
				   .trusted_until = p->trusted_until,
				   .region = p->home,
				   .expired = p->expired };
}

struct path_route path_on_send(struct path_peer *p, mono_t now)
{
	struct path_view v = path_view(p);
	struct path_route r = path_view_route(&v, now);
	if (r.expired)
		return r;
	if (!path_trusted(p, now))
		discover(p, now, true);
	touch(p, now);
	return r;
}

void path_on_activity(struct path_peer *p, mono_t now)
{
	if (!p->expired)
		touch(p, now);
}

int path_ping_start(struct path_peer *p, mono_t now, size_t size, void *token)
{
	size_t sent = 0;
	if (size > PATH_CLI_SIZE_MAX)
		return -ERR_TOOBIG;
	if (p->expired)
		return -ERR_NOENT;
	if (p->n_pings + p->n_candidates + 1 > PATH_PINGS_MAX)
		return -ERR_FULL;
	bool trusted = path_trusted(p, now);
	size_t headers = p->best.ep.ip.fam == IP_V6 ? 48 : 28;
	bool fits = size + headers <= PATH_WIRE_MTU;
	struct path_dest derp = { .region = p->home };
	if (p->home && (!trusted || !fits))
		sent += path_ping_send(p, now, &derp, NULL, PATH_PING_CLI, size, token);
	for (size_t i = 0; i < p->n_candidates && !p->node->no_udp; i++) {
		struct path_dest to = { .ep = p->candidates[i].ep };
		if (!trusted || ep_eq(to.ep, p->best.ep))
			sent += path_ping_send(p, now, &to, NULL, PATH_PING_CLI, size, token);
	}
	touch(p, now);
	return sent ? 0 : -ERR_NOENT;
}

/* ---- what the peer says ---- */

static void ping_back(struct path_peer *p, mono_t now, struct candidate *c)
{
	bool lately = !mono_is_zero(c->pinged_back) &&
		      mono_diff_ns(now, c->pinged_back) < PATH_PING_GAP_S * NS_PER_S;
	if (!p->node->ping_back || p->node->no_udp || lately || p->expired || path_trusted(p, now))
		return;
	c->pinged_back = now;
	ping_candidate(p, now, c, PATH_PING_DISCOVERY);
}

enum path_verdict path_on_ping(struct path_peer *p, mono_t now, const struct path_dest *from,
			       const struct disco_txid *txid)
{
	struct path_node *n = p->node;
	p->heard = true;
	if (!ep_is_set(from->ep)) {
		struct ep fake = { DISCO_DERP_FAKE_IP, (uint16_t)from->region };
		n->ops->send_pong(n->arg, p, from, txid, fake);
		return PATH_OK;
	}
	if (!path_addr_allowed(from->ep))
		return PATH_FORBIDDEN;
	struct candidate *c = path_candidate_add(p, now, from->ep);
	if (c) {
		bool again = c->has_got_txid && disco_txid_eq(&c->got_txid, txid);
		c->last_got = now;
		c->got_txid = *txid;
		c->has_got_txid = true;
		if (again)
			return PATH_DUPLICATE;
	}
	n->ops->send_pong(n->arg, p, from, txid, from->ep);
	if (c)
		ping_back(p, now, c);
	return PATH_OK;
}

/* The address that was pinged works, whatever address the pong came from. */
static void confirm(struct path_peer *p, mono_t now, struct ep ep, int64_t latency_ns)
{
	struct path_quality q = { .ep = ep, .latency_ns = latency_ns, .wire_mtu = PATH_WIRE_MTU };
	if (!path_trusted(p, now) || path_better(&q, &p->best))
		path_set_best(p, &q, "pong");
	if (!ep_eq(p->best.ep, ep)) {
		path_doubt_note(p, &q);
		return;
	}
	p->best.latency_ns = latency_ns;
	path_trust(p, now);
}

enum path_verdict path_on_pong(struct path_peer *p, mono_t now, const struct path_dest *from,
			       const struct disco_txid *txid)
{
	struct path_node *n = p->node;
	struct ping ping;
	p->heard = true;
	if (!path_ping_take(p, txid, &ping))
		return PATH_UNKNOWN_TXID;
	int64_t latency = mono_diff_ns(now, ping.sent);
	if (latency <= 0)
		latency = 1; /* 0 means unknown */
	if (ping.purpose == PATH_PING_CLI) {
		struct path_cli_pong cli = { .via = ping.to,
					     .latency_ns = latency,
					     .token = ping.token };
		n->ops->cli_pong(n->arg, p, &cli);
	}
	if (!ep_is_set(ping.to.ep) || !ep_is_set(from->ep))
		return PATH_OK; /* DERP: never a path */
	if (!path_candidate_find(p, ping.to.ep))
		return PATH_STALE;
	confirm(p, now, ping.to.ep, latency);
	return PATH_OK;
}

static bool cmm_allowed(struct path_peer *p, mono_t now)
{
	int64_t since = mono_diff_ns(now, p->cmm_refilled);
	int64_t refill = since / (PATH_PING_GAP_S * NS_PER_S);
	if (refill > 0) {
		int64_t budget = p->cmm_budget + refill;
		p->cmm_budget = budget > PATH_CMM_BURST ? PATH_CMM_BURST : (uint8_t)budget;
		p->cmm_refilled = now;
	}
	if (p->cmm_budget == 0)
		return false;
	p->cmm_budget--;
	return true;
}

enum path_verdict path_on_cmm(struct path_peer *p, mono_t now, const struct ep *eps, size_t n)
{
	p->heard = true;
	if (!cmm_allowed(p, now))
		return PATH_LIMITED;
	path_candidates_set_cmm(p, now, eps, n);
	if (p->expired)
		return PATH_OK;
	discover(p, now, false);
	path_doubt(p, now);
	return PATH_OK;
}

void path_on_heard(struct path_peer *p, mono_t now, struct ep from)
{
	p->heard = true;
	if (p->node->silent_disco && ep_is_set(from) && ep_eq(from, p->best.ep))
		path_trust(p, now);
}

/* ---- what the world says ---- */

void path_on_netmap(struct path_peer *p, mono_t now, const struct path_netmap *nm)
{
	bool other = p->home != nm->home || p->expired != nm->expired;
	p->home = nm->home;
	p->expired = nm->expired;
	path_candidates_set_netmap(p, now, nm->eps, nm->n_eps);
	if (other)
		tell(p, false, "netmap");
}

static void forget_history(struct candidate *c)
{
	c->has_got_txid = false;
	c->pinged_back = MONO_ZERO;
}

void path_on_rebind(struct path_peer *p, mono_t now)
{
	path_pings_forget(p); /* a pong to the old socket proves nothing for the new one */
	for (size_t i = 0; i < p->n_candidates; i++) {
		forget_history(&p->candidates[i]);
		p->candidates[i].last_ping = MONO_ZERO;
	}
	path_clear_best(p, "link change");
	path_candidates_drop_dead(p, now);
	/* What waits for an answer in there may not send again for seconds. */
	if (p->node->eager_rebind && !mono_is_never(p->heartbeat_at))
		p->heartbeat_at = now;
}

/* last_ping stays: traffic to an unreachable address shall not ping it once per packet. */
void path_on_unreachable(struct path_peer *p, mono_t now, struct ep to)
{
	struct candidate *c = path_candidate_find(p, to);
	if (c)
		forget_history(c);
	if (ep_is_set(to) && ep_eq(p->best.ep, to))
		path_clear_best(p, "unreachable");
	path_candidates_drop_dead(p, now);
}

/* ---- time ---- */

static bool want_full(const struct path_peer *p, mono_t now)
{
	if (!path_trusted(p, now) || mono_is_zero(p->last_full))
		return true;
	if (p->best.latency_ns <= PATH_GOOD_ENOUGH_NS)
		return false;
	return mono_diff_ns(now, p->last_full) >= PATH_UPGRADE_S * NS_PER_S;
}

static void heartbeat(struct path_peer *p, mono_t now)
{
	bool idle = mono_diff_ns(now, p->last_send) > PATH_ACTIVE_S * NS_PER_S;
	p->heartbeat_at = MONO_NEVER;
	if (idle || p->expired || p->node->silent_disco)
		return;
	struct candidate *c = ep_is_set(p->best.ep) ? path_candidate_find(p, p->best.ep) : NULL;
	if (c)
		ping_candidate(p, now, c, PATH_PING_HEARTBEAT);
	if (want_full(p, now))
		discover(p, now, true);
	p->heartbeat_at = next_heartbeat(p, now);
}

void path_tick(struct path_peer *p, mono_t now)
{
	struct ping ping;
	while (path_ping_take_expired(p, now, &ping))
		if (ep_is_set(ping.to.ep) && ep_eq(ping.to.ep, p->best.ep) && !path_trusted(p, now))
			path_clear_best(p, "pong timeout");
	path_doubt_tick(p, now);
	if (mono_due(p->heartbeat_at, now))
		heartbeat(p, now);
	if (mono_is_never(p->heartbeat_at))
		path_pings_shrink(p);
}

mono_t path_deadline(const struct path_peer *p)
{
	return mono_min(p->heartbeat_at, mono_min(p->doubt_until, path_pings_deadline(p)));
}

void path_status(const struct path_peer *p, mono_t now, struct path_status *out)
{
	static const struct ep none;
	bool sent = !mono_is_zero(p->last_send);
	*out = (struct path_status){
		.active = sent && mono_diff_ns(now, p->last_send) <= PATH_ACTIVE_S * NS_PER_S,
		.cur = path_trusted(p, now) ? p->best.ep : none,
		.latency_ns = p->best.latency_ns,
		.home = p->home,
		.n_candidates = p->n_candidates,
		.last_send = p->last_send,
	};
}
