/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Masked edits and the checks on their result. */
#include "daemon/state/prefs_fields.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64

/* <parent or name>Set: a bool, or for sub-members an object of <name>Set. AppConnectorSet, though
 * AppConnector is an object, is a bool. */
static bool is_set(const json_t *masked, const struct prefs_entry *e)
{
	char outer[NAME_MAX_LEN], inner[NAME_MAX_LEN];
	snprintf(outer, sizeof(outer), "%sSet", e->parent ? e->parent : e->name);
	snprintf(inner, sizeof(inner), "%sSet", e->name);
	const json_t *v = j_get_nocase(masked, outer);
	if (e->parent && j_is_object(v))
		v = j_get_nocase(v, inner);
	return j_is_bool(v) && j_truth(v);
}

uint64_t prefs_mask(const json_t *masked)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < PREFS_N_FIELDS; i++)
		if (is_set(masked, &prefs_entries[i]))
			mask |= PREFS_BIT(i);
	return mask;
}

static void clear(struct prefs *p, enum prefs_field f)
{
	struct prefs zero;
	prefs_init_zero(&zero);
	prefs_field_copy(p, &zero, &prefs_entries[f]);
	prefs_fini(&zero);
}

/* Choosing an exit node by hand ends the automatic choice, and either ends our list: a client that
 * does not know of the list means what it says. */
static void adjust_exit_node(struct prefs *p, uint64_t mask)
{
	bool by_hand = mask & (PREFS_BIT(PREFS_EXIT_NODE_ID) | PREFS_BIT(PREFS_EXIT_NODE_IP));
	if (by_hand && !(mask & PREFS_BIT(PREFS_AUTO_EXIT_NODE)))
		str_set(&p->auto_exit_node, "");
	if ((by_hand || mask & PREFS_BIT(PREFS_AUTO_EXIT_NODE)) &&
	    !(mask & PREFS_BIT(PREFS_EXIT_NODE_PRIORITY)))
		clear(p, PREFS_EXIT_NODE_PRIORITY);
	if (mask & PREFS_BIT(PREFS_EXIT_NODE_ID) && !*p->exit_node_id)
		str_set(&p->internal_exit_node_prior, "");
}

/* RouteAll alone means what it means in the reference: all routes, or none. */
static void adjust_routes(struct prefs *p, uint64_t mask)
{
	if (!(mask & PREFS_BIT(PREFS_ROUTE_ALL)))
		return;
	if (!(mask & PREFS_BIT(PREFS_ACCEPT_ROUTES_AUTO)))
		p->accept_routes_auto = false;
	if (!(mask & PREFS_BIT(PREFS_ACCEPT_ROUTES_ONLY)))
		clear(p, PREFS_ACCEPT_ROUTES_ONLY);
}

int prefs_edit(struct prefs *p, const json_t *masked, uint64_t *mask, char **why)
{
	struct prefs values;
	uint64_t set = prefs_mask(masked);
	if (set & PREFS_BIT(PREFS_INTERNAL_EXIT_NODE_PRIOR)) {
		*why = xstrdup("can't set Internal fields");
		return -ERR_PERM;
	}
	prefs_init_zero(&values);
	int err = prefs_from_json(&values, masked, why);
	for (unsigned i = 0; i < PREFS_N_FIELDS && !err; i++)
		if (set & PREFS_BIT(i))
			prefs_field_copy(p, &values, &prefs_entries[i]);
	if (!err) {
		adjust_exit_node(p, set);
		adjust_routes(p, set);
	}
	if (mask)
		*mask = set;
	prefs_fini(&values);
	return err;
}

/* ---- checks ---- */

static void complain(struct buf *out, const char *text)
{
	if (out->len)
		buf_add_str(out, "\n");
	buf_add_str(out, text);
}

static void check_routes(const struct prefs_prefixes *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		struct prefix r = list->v[i];
		char is[PREFIX_TEXT_MAX], should[PREFIX_TEXT_MAX], line[160];
		if (prefix_eq(r, prefix_masked(r)))
			continue;
		snprintf(line, sizeof(line), "route %s has non-address bits set; expected %s",
			 prefix_encode(r, is), prefix_encode(prefix_masked(r), should));
		complain(out, line);
	}
}

static void check_priority(const struct prefs_strings *list, struct buf *out)
{
	char line[160];
	if (list->n > PREFS_EXIT_NODES_MAX) {
		snprintf(line, sizeof(line), "more than %d exit nodes in the list",
			 PREFS_EXIT_NODES_MAX);
		complain(out, line);
	}
	for (size_t i = 0; i < list->n; i++) {
		if (!*list->v[i])
			complain(out, "the list of exit nodes has an empty name");
		if (strchr(list->v[i], ','))
			complain(out, "a name in the list of exit nodes has a comma in it");
		if (strcmp(list->v[i], "any") == 0 && i + 1 < list->n)
			complain(out, "\"any\" must be the last in a list of exit nodes");
	}
}

int prefs_check(const struct prefs *p, const struct prefs_check *c, char **why)
{
	struct buf out;
	buf_init(&out, 1u << 20);
	if (p->run_ssh && c->no_ssh_capability)
		complain(&out,
			 "Unable to enable local Tailscale SSH server; not enabled on Tailnet.");
	if (prefs_wants_exit_node(p) && prefs_advertises_exit_node(p))
		complain(&out,
			 "Cannot advertise an exit node and use an exit node at the same time.");
	if (p->shields_up && c->funnel_on)
		complain(&out, "Cannot enable shields-up when Funnel is enabled.");
	if (p->auto_update_apply == J_TRUE && !c->auto_update_supported)
		complain(&out, "Auto-updates are not supported on this platform.");
	check_routes(&p->advertise_routes, &out);
	check_routes(&p->accept_routes_only, &out);
	check_priority(&p->exit_node_priority, &out);
	bool bad = out.len > 0;
	if (bad)
		*why = xstrdup(buf_cstr(&out));
	buf_fini(&out);
	return bad ? -ERR_RANGE : 0;
}

/* ---- one line ---- */

static const char *yes_no(bool v)
{
	return v ? "true" : "false";
}

static void pretty_accepted(const struct prefs *p, struct buf *out)
{
	char text[PREFIX_TEXT_MAX];
	if (p->accept_routes_auto)
		buf_add_str(out, "auto-routes=true ");
	for (size_t i = 0; i < p->accept_routes_only.n; i++)
		buf_fmt(out, "%s%s%s", i ? " " : "only-routes=[",
			prefix_encode(p->accept_routes_only.v[i], text),
			i + 1 == p->accept_routes_only.n ? "] " : "");
}

static void pretty_flags(const struct prefs *p, struct buf *out)
{
	const struct {
		bool on;
		const char *text;
	} flags[] = {
		{ p->run_ssh, "ssh=true " },	      { p->run_web_client, "webclient=true " },
		{ p->logged_out, "loggedout=true " }, { p->sync == J_FALSE, "sync=false " },
		{ p->force_daemon, "server=true " },  { p->notepad_urls, "notepad=true " },
		{ p->shields_up, "shields=true " },
	};
	buf_fmt(out, "ra=%s ", yes_no(p->route_all));
	pretty_accepted(p, out);
	buf_fmt(out, "dns=%s want=%s ", yes_no(p->corp_dns), yes_no(p->want_running));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].on)
			buf_add_str(out, flags[i].text);
}

static void pretty_routes(const struct prefs *p, struct buf *out)
{
	char text[PREFIX_TEXT_MAX];
	bool routes = p->advertise_routes.n > 0;
	if (ip_is_set(p->exit_node_ip) || *p->exit_node_id)
		buf_fmt(out, "exit=%s lan=%s ",
			*p->exit_node_id ? p->exit_node_id : ip_encode(p->exit_node_ip, text),
			yes_no(p->exit_node_allow_lan));
	if (*p->auto_exit_node)
		buf_fmt(out, "auto=%s ", p->auto_exit_node);
	for (size_t i = 0; i < p->exit_node_priority.n; i++)
		buf_fmt(out, "%s%s%s", i ? "," : "exits=", p->exit_node_priority.v[i],
			i + 1 == p->exit_node_priority.n ? " " : "");
	buf_add_str(out, "routes=[");
	for (size_t i = 0; i < p->advertise_routes.n; i++)
		buf_fmt(out, "%s%s", i ? " " : "", prefix_encode(p->advertise_routes.v[i], text));
	buf_add_str(out, "] ");
	if (routes || p->no_snat)
		buf_fmt(out, "snat=%s ", yes_no(!p->no_snat));
	if (routes || p->no_stateful_filtering == J_TRUE)
		buf_fmt(out, "statefulFiltering=%s ", yes_no(p->no_stateful_filtering != J_TRUE));
}

static void pretty_names(const struct prefs *p, struct buf *out)
{
	static const char *const modes[] = { "off", "nodivert", "on" };
	for (size_t i = 0; i < p->advertise_tags.n; i++)
		buf_fmt(out, "%s%s%s", i ? "," : "tags=", p->advertise_tags.v[i],
			i + 1 == p->advertise_tags.n ? " " : "");
	buf_fmt(out, "nf=%s ", modes[p->netfilter_mode]);
	if (*p->control_url && strcmp(p->control_url, PREFS_DEFAULT_CONTROL_URL) != 0)
		buf_fmt(out, "url=\"%s\" ", p->control_url);
	if (*p->hostname)
		buf_fmt(out, "host=\"%s\" ", p->hostname);
	if (*p->operator_user)
		buf_fmt(out, "op=\"%s\" ", p->operator_user);
	if (*p->netfilter_kind)
		buf_fmt(out, "netfilterKind=%s ", p->netfilter_kind);
	if (p->auto_update_apply == J_TRUE)
		buf_add_str(out, "update=on ");
	else
		buf_add_str(out, p->auto_update_check ? "update=check " : "update=off ");
	if (p->app_connector)
		buf_add_str(out, "appconnector=advertise ");
}

static void pretty_config(const struct prefs *p, struct buf *out)
{
	struct node_key key;
	char now[KEY_SHORT_MAX] = "", old[KEY_SHORT_MAX] = "";
	if (!p->has_config) {
		buf_add_str(out, "Persist=nil");
		return;
	}
	if (!node_priv_is_zero(&p->config.node)) {
		node_priv_public(&p->config.node, &key);
		node_key_short(&key, now);
	}
	if (!node_priv_is_zero(&p->config.old_node)) {
		node_priv_public(&p->config.old_node, &key);
		node_key_short(&key, old);
	}
	buf_fmt(out, "Persist{o=%s, n=%s u=\"%s\" ak=-}", old, now, p->config.user.login);
}

char *prefs_pretty(const struct prefs *p)
{
	struct buf out;
	buf_init(&out, 1u << 20);
	buf_add_str(&out, "Prefs{");
	pretty_flags(p, &out);
	pretty_routes(p, &out);
	pretty_names(p, &out);
	pretty_config(p, &out);
	buf_add_str(&out, "}");
	char *text = xstrdup(buf_cstr(&out));
	buf_fini(&out);
	return text;
}
