/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: deciding what our resolver answers, whom it asks, and what the system is told. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define CAP_NO_TCP "dns-forwarder-disable-tcp-retries"
/* For the helper to put all back at our end; it goes on by itself if that takes longer. */
#define FAREWELL_MS 1500

void dns_decide_soon(struct backend_dns *d)
{
	loop_defer_arm(&d->decide);
}

void dns_server_text(const struct dns_server *s, struct buf *out)
{
	char text[DNS_SERVER_TEXT_MAX];
	buf_fmt(out, s->ip.fam == IP_V6 ? "[%s]:53" : "%s:53", dns_server_encode(s, text));
}

/* ---- deciding ---- */

/* A machine that is not let in yet has no peers, and its resolver would know nobody. */
static bool is_active(const struct backend *b)
{
	return b->nm && b->prefs.want_running && !b->prefs.logged_out &&
	       (b->state == IPN_RUNNING || b->state == IPN_STARTING) && node_is_up(b->node);
}

static uint64_t hosts_mark(const struct dns_plan *p)
{
	uint64_t h = FNV1A_START;
	for (size_t i = 0; i < p->n_hosts; i++) {
		h = fnv1a(h, span_of(p->hosts[i].name, strlen(p->hosts[i].name) + 1));
		h = fnv1a(h, span_of(&p->hosts[i].addr, sizeof(p->hosts[i].addr)));
	}
	return h;
}

static void make_plan(struct backend_dns *d, const struct netmap *nm)
{
	struct dns_facts f;
	if (!d->plan_stale)
		return;
	d->plan_stale = false;
	uint64_t before = hosts_mark(&d->plan);
	dns_facts_take(&f, nm, &d->b->prefs, backend_exit_choice(d->b), wall_now());
	dns_plan_build(&f.in, &d->plan);
	d->table_stale |= hosts_mark(&d->plan) != before;
	d->force_ipv4 = f.in.force_ipv4;
	dns_facts_fini(&f);
	bool no_tcp = nm_node_cap(nm->self, CAP_NO_TCP) != NULL;
	if (no_tcp != d->no_tcp)
		dns_forward_set_tcp(d->forward, !no_tcp);
	d->no_tcp = no_tcp;
	d->table_stale |= dns_outside_refresh(d, nm);
	dns_tell_odd(d, nm);
}

/* Where only some suffixes come to us there is no upstream for everything else; a host of ours in
 * our own zone needs one. */
static void add_outside_routes(struct backend_dns *d, struct dns_result *r)
{
	struct dns_upstreams u;
	if (d->n_outside == 0 || (r->n_routes && !*r->routes[0].suffix))
		return;
	u = dns_upstreams_of_system(&d->base);
	r->routes = xrealloc(r->routes, r->n_routes + d->n_outside, sizeof(*r->routes));
	for (size_t i = 0; i < d->n_outside; i++) {
		struct dns_suffix_route *to = &r->routes[r->n_routes++];
		*to = (struct dns_suffix_route){ .suffix = xstrdup(d->outside[i]) };
		dns_upstreams_copy(&to->to, u.n ? &u : &d->plan.fallback);
	}
	dns_upstreams_fini(&u);
}

static bool same_zones(const struct dns_result *a, const struct dns_result *b)
{
	if (a->n_zones != b->n_zones)
		return false;
	for (size_t i = 0; i < a->n_zones; i++)
		if (strcmp(a->zones[i], b->zones[i]) != 0)
			return false;
	return true;
}

/* Where the system cannot be told, who asks us all the same gets what it would get there. */
static void compile(struct backend_dns *d)
{
	const struct osdns_status *s = osdns_status(d->os);
	bool none = s->known && s->mode == DNS_OS_NONE;
	const struct dns_os_able able = {
		.split = s->split && !none,
		.has_base = s->has_base || none,
		.base_failed = s->base_failed,
		.base = none || (s->has_base && !s->base_failed) ? &d->base : NULL,
		.last_base = d->base_known ? &d->base : NULL,
	};
	struct dns_result r = { 0 };
	d->rc = dns_plan_compile(&d->plan, &able, d->force_ipv4, &r);
	add_outside_routes(d, &r);
	d->table_stale |= !same_zones(&r, &d->result);
	d->routes_stale |=
	    !dns_routes_eq(r.routes, r.n_routes, d->result.routes, d->result.n_routes);
	dns_result_fini(&d->result);
	d->result = r;
}

static void set_routes(struct backend_dns *d)
{
	if (d->routes_stale)
		dns_forward_set_routes(d->forward, d->result.routes, d->result.n_routes);
	d->routes_stale = false;
}

/* Nothing is known to be wrong with leaving the system as it is: before the helper has looked, and
 * where what it had before cannot be read. */
static void tell_system(struct backend_dns *d)
{
	const struct osdns_status *s = osdns_status(d->os);
	if (s->mode == DNS_OS_NONE)
		dns_os_config_fini(&d->installed);
	if (!s->known || s->mode == DNS_OS_NONE || d->rc != 0 ||
	    dns_os_config_eq(&d->installed, &d->result.os))
		return;
	dns_os_config_copy(&d->installed, &d->result.os);
	dns_boot_apply(d); /* first: nothing of ours may ask ourselves */
	osdns_set(d->os, &d->installed);
	dns_verify_start(d);
}

static void forget(struct backend_dns *d)
{
	dns_plan_fini(&d->plan);
	dns_result_fini(&d->result);
	d->rc = 0;
	d->told = 0;
	d->plan_stale = d->table_stale = d->routes_stale = true;
}

static void on_decide(struct loop_defer *df)
{
	struct backend_dns *d = df->arg;
	bool active = is_active(d->b);
	const struct netmap *nm = active ? d->b->nm : NULL;
	if (active != d->active)
		forget(d);
	d->active = active;
	if (active) {
		make_plan(d, nm);
		compile(d);
	}
	set_routes(d);
	dns_table_refresh(d, nm);
	dns_serve_listen(d, nm);
	tell_system(d);
	dns_boot_apply(d);
}

/* ---- what changes ---- */

/* What is wrong is asked for when somebody is told that it may be something else. */
static void on_trouble(void *arg)
{
	struct backend_dns *d = arg;
	backend_notify(d->b, NOTIFY_HEALTH, NULL);
	backend_step(d->b);
}

static void on_system(void *arg)
{
	struct backend_dns *d = arg;
	dns_boot_look(d);
	dns_decide_soon(d);
	on_trouble(d);
}

void backend_dns_refresh(struct backend *b, const struct nm_change *ch)
{
	struct backend_dns *d = b->dns;
	if (!d || !b->nm)
		return;
	const struct exit_choice *exit = backend_exit_choice(b);
	d->plan_stale |= !ch || ch->full ||
			 ch->mask & (NM_CHANGED_DNS | NM_CHANGED_SELF | NM_CHANGED_DERP);
	for (size_t i = 0; !d->plan_stale && exit->node && i < ch->n_ids; i++)
		d->plan_stale = ch->ids[i] == exit->node->id;
	d->table_stale |= dns_table_is_stale(d, ch);
	if (d->plan_stale || d->table_stale)
		dns_decide_soon(d);
}

void backend_dns_on_state(struct backend *b)
{
	if (b->dns && is_active(b) != b->dns->active)
		dns_decide_soon(b->dns);
}

void backend_dns_on_link_change(struct backend *b)
{
	struct backend_dns *d = b->dns;
	if (!d)
		return;
	dns_forward_on_link_change(d->forward);
	osdns_recheck(d->os);
	dns_boot_look(d);
	dns_decide_soon(d);
	dns_verify_start(d);
}

struct dns_forward *backend_dns_forward(struct backend *b)
{
	return b->dns && b->dns->active ? b->dns->forward : NULL;
}

const struct dns_os_config *backend_dns_base(const struct backend *b)
{
	const struct backend_dns *d = b->dns;
	return d && (d->base_known || d->base.n_servers) ? &d->base : NULL;
}

/* ---- life ---- */

static bool in_tunnel(void *arg, struct ip to)
{
	struct backend_dns *d = arg;
	return node_in_tunnel(d->b->node, to);
}

void backend_dns_init(struct backend *b, const struct backend_opts *o)
{
	static const struct osdns_ops ops = { .on_change = on_system };
	struct backend_dns *d = xcalloc(1, sizeof(*d));
	b->dns = d;
	d->b = b;
	loop_defer_init(b->loop, &d->decide, on_decide, d);
	loop_timer_init(b->loop, &d->look, dns_boot_on_look, d);
	loop_timer_init(b->loop, &d->table_timer, dns_table_on_timer, d);
	d->plan_stale = d->table_stale = d->routes_stale = true;
	const struct dns_forward_opts fo = {
		.in_flight_max = o->dns_in_flight, .in_tunnel = in_tunnel, .arg = d
	};
	d->forward = dns_forward_new(b->net, &fo);
	dns_forward_on_trouble(d->forward, on_trouble, d);
	dns_serve_init(d);
	dns_verify_init(d);
	dns_boot_init(d);
	d->os = osdns_new(b->loop, o->osdns_fd, &ops, d);
	dns_boot_look(d);
}

void backend_dns_free(struct backend *b)
{
	struct backend_dns *d = b->dns;
	if (!d)
		return;
	b->dns = NULL;
	dns_verify_stop(d);
	osdns_free(d->os, FAREWELL_MS);
	dns_boot_free(d);
	dns_serve_free(d);
	dns_forward_free(d->forward);
	dns_table_free(d);
	loop_defer_cancel(&d->decide);
	loop_timer_cancel(&d->look);
	dns_plan_fini(&d->plan);
	dns_result_fini(&d->result);
	dns_os_config_fini(&d->base);
	dns_os_config_fini(&d->installed);
	free(d);
}
