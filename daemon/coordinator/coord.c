/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/coord.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/coordinator/api.h"
#include "daemon/coordinator/authkeys.h"
#include "daemon/coordinator/map_serve.h"
#include "daemon/coordinator/relay_io.h"
#include "daemon/coordinator/routes.h"

#include <stdlib.h>

#define FLUSH_MS 50
#define REAP_MS 5000

struct map_world coord_world(const struct coord *c)
{
	return (struct map_world){ .reg = &c->st.reg,
				   .policy = c->policy,
				   .filter_override = c->filter_override,
				   .base_domain = c->conf->base_domain,
				   .derp_map = c->derp_map,
				   .dns = c->dns_override ? c->dns_override : c->dns };
}

struct register_env coord_env(struct coord *c)
{
	return (struct register_env){ .reg = &c->st.reg,
				      .logins = &c->logins,
				      .policy = c->policy,
				      .rng = c->rng,
				      .wall = wall_now(),
				      .now = loop_now(c->loop) };
}

void coord_flush_soon(struct coord *c)
{
	if (!loop_timer_armed(&c->flush))
		loop_timer_arm_ms(&c->flush, FLUSH_MS);
}

static void on_flush(struct loop_timer *t, mono_t now)
{
	(void)now;
	map_sessions_flush(t->arg);
}

static void on_stored(struct store_wait *w, int err)
{
	map_sessions_stored(w->arg, err);
}

void coord_await_disk(struct coord *c)
{
	if (list_empty(&c->told.link))
		store_sync(c->store, &c->told, on_stored, c);
}

/* Who is connected may be told at once: no crash takes that back. */
static void on_change(void *arg, struct node *n, unsigned what)
{
	struct coord *c = arg;
	uint64_t change = store_touch(c->store);

	if (what & ~(unsigned)NODE_ONLINE)
		c->news = change;
	map_sessions_note(c, n->id, what);
	coord_flush_soon(c);
	if ((what & NODE_GONE) || ((what & NODE_EXPIRY) && node_expired(n, wall_now())))
		relay_server_kick(c->relay, &n->key);
}

void coord_auto_approve(struct coord *c, struct node *n)
{
	struct prefixes approved = { 0 };
	size_t before = n->approved.n;

	if (!c->policy)
		return;
	prefixes_copy(&approved, &n->approved);
	for (size_t i = 0; i < n->announced.n; i++)
		if (policy_auto_approves(c->policy, &c->st.reg, n, n->announced.v[i]))
			prefixes_add(&approved, n->announced.v[i]);
	if (approved.n != before) {
		routes_approve(&c->st.reg, n, &approved);
		c->news = store_touch(c->store);
	}
	prefixes_fini(&approved);
}

void coord_set_policy(struct coord *c, struct policy *p, const char *text)
{
	policy_free(c->policy);
	c->policy = p;
	str_set(&c->st.policy, text);
	for (size_t i = 0; i < c->st.reg.n_nodes; i++)
		coord_auto_approve(c, c->st.reg.nodes[i]);
	map_sessions_note_policy(c);
	coord_flush_soon(c);
	c->news = store_touch(c->store);
}

static void tell_dns(struct coord *c)
{
	map_sessions_note_dns(c);
	coord_flush_soon(c);
}

void coord_set_dns(struct coord *c, json_t *dns, const char *text)
{
	j_free(c->dns);
	c->dns = dns;
	str_set(&c->st.dns, text);
	tell_dns(c);
	c->news = store_touch(c->store);
}

void coord_override_dns(struct coord *c, json_t *dns)
{
	j_free(c->dns_override);
	c->dns_override = dns;
	tell_dns(c);
}

void coord_note_caps(struct coord *c, struct node *n)
{
	map_sessions_note(c, n->id, NODE_INFO);
	coord_flush_soon(c);
}

void coord_remove_node(struct coord *c, struct node *n)
{
	int64_t id = n->id;

	registry_remove(&c->st.reg, n);
	map_sessions_drop(c, id);
}

/* ---- what time takes away ---- */

static int64_t ephemeral_ms(const struct coord *c)
{
	return c->faults.ephemeral_ms ? c->faults.ephemeral_ms : EPHEMERAL_MS;
}

static void reap_ephemeral(struct coord *c, wall_t now)
{
	for (size_t i = c->st.reg.n_nodes; i > 0; i--) {
		struct node *n = c->st.reg.nodes[i - 1];
		wall_t since = wall_is_zero(n->last_seen) ? n->created : n->last_seen;
		int64_t gone_ms = (now.s - since.s) * 1000 + (now.ns - since.ns) / 1000000;

		if (!n->ephemeral || node_online(n) || gone_ms < ephemeral_ms(c))
			continue;
		log_info("registry: ephemeral node %s is gone, removed", n->name);
		coord_remove_node(c, n);
	}
}

static void on_reap(struct loop_timer *t, mono_t now)
{
	struct coord *c = t->arg;
	wall_t wall = wall_now();
	int64_t ms = ephemeral_ms(c) / 4;

	reap_ephemeral(c, wall);
	auth_keys_prune(&c->st.reg, wall);
	logins_expire(&c->logins, now);
	register_waits_forget(c);
	loop_timer_arm_ms(t, ms < REAP_MS ? ms : REAP_MS);
}

void coord_start(struct coord *c)
{
	wall_t now = wall_now();

	for (size_t i = 0; i < c->st.reg.n_nodes; i++)
		if (wall_is_zero(c->st.reg.nodes[i]->last_seen))
			c->st.reg.nodes[i]->last_seen = now;
	c->st.reg.on_change = on_change;
	c->st.reg.arg = c;
	loop_timer_init(c->loop, &c->flush, on_flush, c);
	loop_timer_init(c->loop, &c->reaper, on_reap, c);
	loop_timer_arm_ms(&c->reaper, REAP_MS);
}

void coord_stop(struct coord *c)
{
	loop_timer_cancel(&c->flush);
	loop_timer_cancel(&c->reaper);
	store_cancel(&c->told);
	c->st.reg.on_change = NULL;
}
