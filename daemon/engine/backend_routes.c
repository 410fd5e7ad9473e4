/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with routes and exit nodes, offered or used, in words for the user, each with what
 * to type next. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/engine/backend_priv.h"
#include "daemon/engine/exit_node.h"
#include "daemon/engine/ip_forward.h"
#include "daemon/engine/rp_filter.h"
#include "netstack/linkmon.h"
#include "netstack/routeselect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 512
#define SHOWN_MAX 4
#define LOCAL_MAX 256
#define STOP_USING "or stop using one: meshctl set --exit-node="

struct out {
	backend_item_fn *fn;
	void *arg;
};

static void __attribute__((format(printf, 5, 6)))
add(const struct out *o, const char *code, const char *severity, const char *title, const char *fmt,
    ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bool impacts = strcmp(severity, "low") != 0;
	o->fn(o->arg, &(struct backend_item){ code, severity, title, text, impacts });
}

/* ---- offered -----------------------------------------------------------------------------------
 */

/* Sorted, since both lists may be long. */
static struct prefix_list approved_of(const struct nm_node *self)
{
	struct prefix_list l = { 0 };
	for (size_t i = 0; i < self->n_allowed_ips; i++)
		prefix_list_add(&l, self->allowed_ips[i]);
	prefix_list_sort(&l);
	return l;
}

/* The missing ones, the first few by name; an exit node is one thing. */
static size_t list_missing(const struct backend *b, struct buf *out)
{
	size_t n = 0;
	bool exit_node = false;
	char text[PREFIX_TEXT_MAX];
	struct prefix_list approved = approved_of(b->nm->self);
	for (size_t i = 0; i < b->prefs.advertise_routes.n; i++) {
		struct prefix p = b->prefs.advertise_routes.v[i];
		bool is_exit = prefix_is_default(p);
		if (prefix_list_has(&approved, p) || (is_exit && exit_node))
			continue;
		exit_node |= is_exit;
		if (++n <= SHOWN_MAX)
			buf_fmt(out, "%s%s", n > 1 ? ", " : "",
				is_exit ? "exit node" : prefix_encode(p, text));
	}
	prefix_list_fini(&approved);
	if (n > SHOWN_MAX)
		buf_fmt(out, " and %zu more", n - SHOWN_MAX);
	return n;
}

/* Approving names the whole list. */
static void list_all(const struct backend *b, struct buf *out)
{
	char text[PREFIX_TEXT_MAX];
	const struct prefs_prefixes *r = &b->prefs.advertise_routes;
	if (r->n > 2 * SHOWN_MAX) {
		buf_add_str(out, "ROUTE,...");
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		buf_fmt(out, "%s%s", i ? "," : "", prefix_encode(r->v[i], text));
}

static void approval_item(const struct backend *b, const struct out *o)
{
	struct buf missing, all;
	buf_init(&missing, TEXT_MAX);
	buf_init(&all, TEXT_MAX);
	if (list_missing(b, &missing)) {
		list_all(b, &all);
		add(o, "routes-not-approved", "medium", "Routes not approved",
		    "Advertised routes are not approved yet: %s. Approve them where the network is "
		    "run: headscale nodes approve-routes --identifier %" PRId64 " --routes %s, or "
		    "meshcoord node approve-routes %" PRId64 " %s",
		    buf_cstr(&missing), b->nm->self->id, buf_cstr(&all), b->nm->self->id,
		    buf_cstr(&all));
	}
	buf_fini(&missing);
	buf_fini(&all);
}

static size_t local_addresses(const struct backend *b, struct ip *out)
{
	const struct link_snapshot *s = node_link(b->node);
	size_t n = 0;
	for (size_t i = 0; s && i < s->n_ifs; i++)
		for (size_t k = 0; k < s->ifs[i].n_addrs && n < LOCAL_MAX; k++)
			out[n++] = s->ifs[i].addrs[k].ip;
	return n;
}

/* Asked before there are any, it is about IPv4. */
char *backend_ip_forwarding_warning(struct backend *b)
{
	const struct prefs_prefixes *r = &b->prefs.advertise_routes;
	struct ip_forward_need need = { .v4 = true };
	struct ip local[LOCAL_MAX];
	struct ip_forward f;
	if (r->n)
		need = ip_forward_needed(r->v, r->n, local, local_addresses(b, local));
	ip_forward_read(IP_FORWARD_ROOT, &f);
	return ip_forward_warning(need, &f);
}

static void forwarding_item(struct backend *b, const struct out *o)
{
	char *w = backend_ip_forwarding_warning(b);
	for (char *p = w; (p = strchr(p, '\n'));)
		*p = ' ';
	if (*w)
		add(o, "ip-forwarding-off", "medium", "IP forwarding off",
		    "Subnet routing is enabled, but IP forwarding is disabled. Check that IP "
		    "forwarding is enabled on your machine. %s",
		    w);
	free(w);
}

static void docker_item(const struct backend *b, const struct out *o)
{
	const struct link_snapshot *s = node_link(b->node);
	if (b->prefs.no_stateful_filtering == J_FALSE && s && link_snapshot_find(s, "docker0"))
		add(o, "stateful-docker", "low", "Stateful filtering with Docker",
		    "Stateful filtering is enabled and Docker was detected; this may prevent "
		    "Docker containers on this host from resolving DNS and connecting to the "
		    "tailnet's nodes. Type: meshctl set --stateful-filtering=false");
}

/* ---- used --------------------------------------------------------------------------------------
 */

static bool serves_a_network(const struct nm_node *n)
{
	for (size_t i = 0; i < n->n_primary_routes; i++)
		if (!prefix_is_default(n->primary_routes[i]))
			return true;
	return false;
}

static void accept_item(const struct backend *b, const struct out *o)
{
	for (size_t i = 0; i < b->nm->n_peers; i++)
		if (serves_a_network(b->nm->peers[i])) {
			add(o, "accept-routes-off", "low", "Routes not accepted",
			    "Some peers are advertising routes but --accept-routes is false. To "
			    "use them type: meshctl set --accept-routes");
			return;
		}
}

static void failed_item(const struct out *o, const char *before, const char *name,
			const char *after)
{
	struct log_esc_buf esc;
	add(o, "exit-node", "high", "Exit node not usable",
	    "%s%s%s. Traffic to the Internet is dropped until then. See which there are: meshctl "
	    "exit-node list, " STOP_USING,
	    before, log_esc(span_str(name), &esc), after);
}

static void approve_exit_item(const struct out *o, const struct nm_node *n)
{
	struct log_esc_buf esc;
	const char *name = log_esc(span_str(n->name), &esc);
	add(o, "exit-node", "high", "Exit node not approved",
	    "The exit node %s does not offer to be one, or is not approved. Traffic to the "
	    "Internet "
	    "is dropped until then. On it type: meshctl set --advertise-exit-node; where the "
	    "network "
	    "is run: headscale nodes approve-routes --identifier %" PRId64
	    " --routes 0.0.0.0/0,::/0, or meshcoord node approve-routes %" PRId64
	    " 0.0.0.0/0; " STOP_USING,
	    name, n->id, n->id);
}

static const char *wanted_name(const struct prefs *p, char room[static IP_TEXT_MAX])
{
	return ip_is_set(p->exit_node_ip) ? ip_encode(p->exit_node_ip, room) : p->exit_node_id;
}

static void exit_item(const struct backend *b, const struct out *o)
{
	const struct exit_choice *c = backend_exit_choice(b);
	char room[IP_TEXT_MAX];
	const char *name = c->node ? c->node->name : wanted_name(&b->prefs, room);
	switch (c->why) {
	case EXIT_OFF:
	case EXIT_IN_USE:
		break;
	case EXIT_UNKNOWN:
		failed_item(o, "The exit node ", name, " is not in this network");
		break;
	case EXIT_NOT_OFFERING:
		approve_exit_item(o, c->node);
		break;
	case EXIT_EXPIRED:
		failed_item(o, "The key of the exit node ", name,
			    " has expired: log in there anew");
		break;
	case EXIT_OFFLINE:
		failed_item(o, "The exit node ", name, " is offline");
		break;
	case EXIT_SILENT:
		failed_item(o, "The exit node ", name, " does not answer");
		break;
	case EXIT_NONE_USABLE:
		failed_item(o, "None of the exit nodes can be used now", "", "");
		break;
	}
}

static void dns_item(const struct backend *b, const struct out *o)
{
	if (backend_exit_choice(b)->node)
		add(o, "exit-node-dns", "low", "DNS beside the exit node",
		    "DNS does not go through the exit node's resolver yet: names are looked up as "
		    "without an exit node.");
}

/* Answers to our own packets come in by the usual way while the routes point into the tunnel. */
static void reverse_path_item(const struct backend *b, const struct out *o)
{
	const struct link_snapshot *s = node_link(b->node);
	if (!s || !s->default_if[0])
		return;
	struct rp_filter f = rp_filter_read(RP_FILTER_ROOT, s->default_if);
	bool handled = b->prefs.netfilter_mode == NETFILTER_ON && f.takes_mark;
	if (f.strict && !handled)
		add(o, "rp-filter", "medium", "Strict reverse-path filter",
		    "The strict reverse-path filter of %s (rp_filter=1) drops the answers to "
		    "meshd's own packets while an exit node is used. Type: sysctl -w "
		    "net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.%s.rp_filter=2%s",
		    s->default_if, s->default_if,
		    b->prefs.netfilter_mode == NETFILTER_ON
			? ""
			: ", or: meshctl set --netfilter-mode=on");
}

/* ---- all ---------------------------------------------------------------------------------------
 */

void backend_route_items(struct backend *b, backend_item_fn *fn, void *arg)
{
	const struct out o = { fn, arg };
	if (!b->nm)
		return;
	if (!b->prefs.route_all)
		accept_item(b, &o);
	if (b->prefs.advertise_routes.n) {
		approval_item(b, &o);
		forwarding_item(b, &o);
		docker_item(b, &o);
	}
	if (prefs_wants_exit_node(&b->prefs)) {
		exit_item(b, &o);
		dns_item(b, &o);
		reverse_path_item(b, &o);
	}
}
