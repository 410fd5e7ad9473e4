/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system around the tunnel: routes, addresses, rules and firewall, as the map and the
 * preferences want them. */
#include "daemon/engine/node_priv.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/hands.h"
#include "netstack/nft_linux.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_S 5 /* after a failure that may pass */
/* A message of the kernel may be lost; iptables sends none, nor does who else uses our numbers. */
#define FIRST_CHECK_MS 1000
#define CHECK_S 60
#define WHY_MAX 2048

static void note_report(struct node *n, const struct router_report *rep)
{
	if (strcmp(n->router_problem, rep->first) == 0)
		return;
	snprintf(n->router_problem, sizeof(n->router_problem), "%s", rep->first);
	if (rep->failed)
		log_warn("router: %u steps failed; first: %s", rep->failed, rep->first);
	node_changed(n);
}

/* ---- towards the goal, a slice a turn ---- */

static void work(struct node *n, mono_t now)
{
	struct router_report rep = { 0 };
	bool more = router_work(n->router, ROUTER_SLICE, &rep);
	note_report(n, &rep);
	if (more) {
		loop_timer_arm(&n->route_work, now);
		return;
	}
	linkmon_guard_routes(n->linkmon, true);
	node_tune_tun(n);
	if (rep.passing)
		loop_timer_arm(&n->route_retry, mono_add_s(now, RETRY_S));
}

static void on_work(struct loop_timer *t, mono_t now)
{
	work(t->arg, now);
}

static void on_retry(struct loop_timer *t, mono_t now)
{
	(void)now;
	node_route(t->arg);
}

static void want(struct node *n, const struct router_config *c)
{
	linkmon_guard_routes(n->linkmon, false);
	router_want(n->router, c);
	work(n, loop_now(n->loop));
}

/* ---- where packets go ---- */

static void note_led(struct node *n, struct router_config *c)
{
	router_config_fini(&n->led);
	n->led = *c; /* taken */
	*c = (struct router_config){ .mtu = 0 };
	memset(n->led_lately, 0, sizeof(n->led_lately));
}

bool node_in_tunnel(struct node *n, struct ip to)
{
	for (size_t i = 0; i < ARRAY_LEN(n->led_lately); i++)
		if (ip_eq(n->led_lately[i].to, to))
			return n->led_lately[i].in;
	struct node_led *l = &n->led_lately[n->led_next++ % ARRAY_LEN(n->led_lately)];
	*l = (struct node_led){ to, router_config_leads_in(&n->led, to) };
	return l->in;
}

/* ---- firewall ---- */

static void apply_firewall(struct node *n, const struct router_config *routes)
{
	struct fw_config fw = { 0 };
	engine_firewall(n->engine, routes, &fw);
	fw.port4 = n->socks.v4.fd >= 0 ? n->socks.v4.port : 0;
	fw.port6 = n->socks.v6.fd >= 0 ? n->socks.v6.port : 0;
	node_firewall_apply(n->firewall, &fw);
	fw_config_fini(&fw);
}

static void on_firewall_changed(void *arg)
{
	node_changed(arg);
}

/* ---- all of it ---- */

/* Rules and link come with the first configuration and go with the last: a stopped node leaves
 * nothing in the system but its closed interface. */
static void raise_routes(struct node *n)
{
	struct router_report rep = { 0 };
	if (n->routed)
		return;
	n->routed = n->settled = true;
	router_up(n->router, &rep);
	note_report(n, &rep);
	linkmon_guard_rules(n->linkmon, true);
	loop_timer_arm_ms(&n->route_check, FIRST_CHECK_MS);
}

void node_route(struct node *n)
{
	struct router_in in;
	struct router_config c = { 0 };
	if (!n->router || !n->up || !engine_router_in(n->engine, &in))
		return;
	raise_routes(n);
	router_config_build(&in, &c);
	n->guarded = c.guard;
	apply_firewall(n, &c);
	want(n, &c);
	note_led(n, &c);
}

void node_block(struct node *n)
{
	if (!n->router)
		return;
	raise_routes(n);
	n->guarded = true;
	linkmon_guard_routes(n->linkmon, false);
	router_hold(n->router);
	work(n, loop_now(n->loop));
}

void node_unroute(struct node *n, bool last)
{
	struct router_report rep = { 0 };
	bool keep_guard = last && n->guarded;
	if (!n->router || !n->linkmon || (n->settled && !n->routed))
		return;
	n->routed = false;
	n->settled = true;
	n->guarded = false;
	note_led(n, &(struct router_config){ .guard = false });
	loop_timer_cancel(&n->route_work);
	loop_timer_cancel(&n->route_retry);
	loop_timer_cancel(&n->route_check);
	linkmon_guard_routes(n->linkmon, false);
	linkmon_guard_rules(n->linkmon, false);
	router_down(n->router, keep_guard, &rep);
	node_firewall_down(n->firewall, last);
	note_report(n, &rep);
}

void node_forget_numbers(struct node *n, const struct router_params *before)
{
	struct router_report rep = { 0 };
	if (!n->router)
		return;
	router_forget_numbers(n->router, before, &rep);
	note_report(n, &rep);
}

/* ---- what others do to it ---- */

/* An interface that somebody takes down loses its routes and its IPv6 addresses; when it comes up
 * again, all is set anew. */
void node_mend_tun(struct node *n, const struct link_snapshot *s)
{
	struct router_report rep = { 0 };
	const struct link_if *f = n->have_tun ? link_snapshot_find(s, n->tun.name) : NULL;
	if (!n->routed || !f)
		return;
	bool mend = f->up && n->tun_was_down;
	n->tun_was_down = !f->up;
	if (!mend)
		return;
	log_warn("tun: %s was taken down by another program; setting its routes again",
		 n->tun.name);
	router_up(n->router, &rep);
	note_report(n, &rep);
	node_check_routes(n);
}

void node_check_routes(struct node *n)
{
	struct router_report rep = { 0 };
	size_t drift = 0;
	if (!n->routed)
		return;
	router_check(n->router, &rep, &drift);
	note_report(n, &rep);
	if (!drift)
		return;
	log_warn(
	    "router: another program removed %zu of our routes or addresses; adding them again",
	    drift);
	linkmon_guard_routes(n->linkmon, false);
	work(n, loop_now(n->loop));
}

static bool rivals_eq(const struct router_rivals *a, const struct router_rivals *b)
{
	return a->rules == b->rules && a->priority == b->priority && a->routes == b->routes;
}

static void look_for_rivals(struct node *n)
{
	struct router_rivals now;
	if (router_rivals(n->router, &now) != 0 || rivals_eq(&now, &n->rivals))
		return;
	n->rivals = now;
	node_changed(n);
}

static void on_check(struct loop_timer *t, mono_t now)
{
	struct node *n = t->arg;
	loop_timer_arm(t, mono_add_s(now, CHECK_S));
	if (!n->routed)
		return;
	node_firewall_look(n->firewall);
	if (loop_timer_armed(&n->route_work))
		return;
	node_check_routes(n);
	look_for_rivals(n);
}

void node_on_routes_lost(void *arg)
{
	node_check_routes(arg);
}

void node_on_rules_lost(void *arg)
{
	struct node *n = arg;
	struct router_report rep = { 0 };
	if (!n->routed)
		return;
	/* Events that the kernel had no room for may have told of this, or of anything else. */
	if (router_rules_missing(n->router))
		log_warn("router: another program removed our policy rules; adding them again");
	router_restore_rules(n->router, &rep);
	note_report(n, &rep);
}

/* ---- life ---- */

char *node_routes_init(struct node *n, int hands_fd)
{
	struct router_report rep = { 0 };
	loop_timer_init(n->loop, &n->route_work, on_work, n);
	loop_timer_init(n->loop, &n->route_retry, on_retry, n);
	loop_timer_init(n->loop, &n->route_check, on_check, n);
	if (!n->have_tun)
		return NULL;
	n->router = router_new(n->tun.name, &n->params, &rep);
	if (!n->router)
		return xasprintf("cannot set up routing: %s", rep.first);
	struct node_firewall_opts o = {
		.tun = n->tun.name,
		.params = &n->params,
		.hands_fd = hands_fd,
		.changed = on_firewall_changed,
		.arg = n,
	};
	n->firewall = node_firewall_new(n->loop, &o);
	return NULL;
}

void node_routes_fini(struct node *n)
{
	loop_timer_cancel(&n->route_work);
	loop_timer_cancel(&n->route_retry);
	loop_timer_cancel(&n->route_check);
	node_firewall_free(n->firewall);
	router_free(n->router);
	router_config_fini(&n->led);
}

/* ---- what a dead process left ---- */

static void add_why(struct buf *out, const char *why)
{
	buf_fmt(out, "%s%s", out->len && *why ? "; " : "", why);
}

char *node_cleanup(const char *tun_name, const struct router_params *params)
{
	struct router_report routes = { 0 }, nftables = { 0 };
	const struct hands_opts programs = { 0 };
	char iptables[HANDS_TEXT_MAX];
	struct buf why;
	if (!tun_name_ok(tun_name))
		return xasprintf("%s cannot be the name of an interface", tun_name);
	router_linux_cleanup(tun_name, params, &routes);
	nft_cleanup(&nftables);
	int rc = hands_cleanup(&programs, iptables);
	buf_init(&why, WHY_MAX);
	add_why(&why, routes.first);
	add_why(&why, nftables.first);
	add_why(&why, rc && !*iptables ? err_text(rc) : iptables);
	char *text = why.len ? xstrdup(buf_cstr(&why)) : NULL;
	buf_fini(&why);
	return text;
}
