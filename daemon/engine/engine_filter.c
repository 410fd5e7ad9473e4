/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the network map's rules to the packet filters of the tables. */
#include "daemon/engine/engine_priv.h"

#include "base/log.h"
#include "netstack/filter_parse.h"
#include "netstack/local_set.h"

#include <stdlib.h>

#define CAP_HOLDERS_MAX 65536

/* May rules name the peer? Every kind of source asks this. */
static bool may_be_named(const struct nm_node *n)
{
	return !(n->flags & NM_UNSIGNED_PEERAPI_ONLY);
}

/* Rules that name peers which may only use the peer API make the whole filter void (security). */
static bool rules_are_safe(const struct engine *e, const struct flt_rules *r)
{
	size_t n = 0, cap = 0;
	struct prefix *v = NULL;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct nm_node *node = e->slots[i] ? e->slots[i]->node : NULL;
		if (!node || may_be_named(node))
			continue;
		cap = n + node->n_allowed_ips > cap ? 2 * (n + node->n_allowed_ips) : cap;
		v = xrealloc(v, cap + 1, sizeof(*v));
		for (size_t k = 0; k < node->n_allowed_ips; k++)
			v[n++] = node->allowed_ips[k];
	}
	bool safe = !flt_rules_name_source(r, v, n);
	free(v);
	return safe;
}

static size_t cap_holders(const struct engine *e, struct flt_cap_holder *out, size_t max)
{
	size_t n = 0;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct epeer *p = e->slots[i];
		if (!p || !may_be_named(p->node))
			continue;
		for (size_t a = 0; a < p->node->n_addresses; a++)
			for (size_t c = 0; c < p->node->n_caps && n < max; c++)
				out[n++] = (struct flt_cap_holder){ p->node->addresses[a].ip,
								    p->node->caps[c].name };
	}
	return n;
}

static struct flt_rules parse(const struct netmap *nm)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err = { "" };
	json_t *json = netmap_filter_json(nm);
	int rc = flt_rules_parse(json, &rules, &err);
	j_free(json);
	if (rc != 0 || err.text[0])
		LOG_LIMITED(60, LOG_WARN, "engine: packet filter: %s",
			    err.text[0] ? err.text : err_text(rc));
	return rules;
}

static void drop_unsafe(struct engine *e, struct flt_rules *rules)
{
	bool was = e->filter_void;
	e->filter_void = !rules_are_safe(e, rules);
	if (!e->filter_void)
		return;
	flt_rules_fini(rules);
	if (!was)
		log_error(
		    "engine: the packet filter names unsigned peers; all its rules are dropped");
}

static struct flt *compile(struct engine *e, const struct netmap *nm, const struct ranges *local)
{
	struct flt_rules rules = parse(nm);
	struct flt_cap_holder *holders = NULL;
	size_t n = 0;
	drop_unsafe(e, &rules);
	if (flt_rules_use_caps(&rules)) {
		holders = xcalloc(CAP_HOLDERS_MAX, sizeof(*holders));
		n = cap_holders(e, holders, CAP_HOLDERS_MAX);
	}
	struct flt *f = flt_new(&rules, local, holders, n);
	free(holders);
	flt_rules_fini(&rules);
	return f;
}

/* What was withdrawn once stays withdrawn for connections that nobody saw begin. A filter that
 * could not be made has taken away everything. */
static void succeed(struct engine *e, struct dp_tables *t)
{
	if (t->filter && e->tables && e->tables->filter)
		flt_succeed(t->filter, e->tables->filter);
	if (t->filter && e->narrowed)
		flt_set_narrowed(t->filter);
	if (t->jail && e->jail_narrowed)
		flt_set_narrowed(t->jail);
	e->narrowed = !t->filter || flt_is_narrowed(t->filter);
}

void engine_build_filters(struct engine *e, struct dp_tables *t, const struct netmap *nm,
			  const struct prefs *p)
{
	struct local_set_in in = {
		.self = e->self_ips,
		.n_self = e->n_self,
		.advertised = p->advertise_routes.v,
		.n_advertised = p->advertise_routes.n,
		.interfaces = e->interfaces,
		.n_interfaces = e->n_interfaces,
		.app_connector = p->app_connector,
	};
	struct ranges local = { 0 };
	if (p->shields_up)
		e->filter_void = false;
	if (local_set_build(&in, &local)) {
		t->filter = p->shields_up ? flt_new_shields(&local) : compile(e, nm, &local);
		t->jail = flt_new_shields(&local);
	}
	ranges_fini(&local);
	succeed(e, t);
}

bool engine_filter_void(const struct engine *e)
{
	return e->filter_void;
}

bool engine_allows_tcp(const struct engine *e, struct ip src, struct ep dst)
{
	return e->tables && flt_allows_tcp(e->tables->filter, src, dst);
}
