/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/prefs_pretty.h"

#include "cli/prefs_fields.h"
#include "cli/text.h"
#include "cli/validate.h"

static void add_bool(struct buf *out, const char *name, bool v)
{
	buf_fmt(out, "%s=%s ", name, v ? "true" : "false");
}

static void add_if(struct buf *out, const char *name, bool v)
{
	if (v)
		add_bool(out, name, true);
}

static void add_quoted(struct buf *out, const char *name, const char *v)
{
	if (!*v)
		return;
	buf_fmt(out, "%s=", name);
	text_quote(out, v);
	buf_add_str(out, " ");
}

static void add_list(struct buf *out, const json_t *a, const char *between)
{
	for (size_t i = 0; i < j_len(a); i++) {
		const char *s = j_text(j_at(a, i));
		buf_add_str(out, i ? between : "");
		text_clean(out, s ? s : "");
	}
}

static void add_exit_node(struct buf *out, const json_t *p)
{
	const char *ip = prefs_str(p, PF_EXIT_NODE_IP), *id = prefs_str(p, PF_EXIT_NODE_ID);
	const char *automatic = prefs_str(p, PF_AUTO_EXIT_NODE);
	if (*ip || *id) {
		buf_add_str(out, "exit=");
		text_clean(out, *ip ? ip : id);
		buf_fmt(out, " lan=%s ", prefs_bool(p, PF_LAN_ACCESS) ? "true" : "false");
	}
	if (*automatic) {
		buf_add_str(out, "auto=");
		text_clean(out, automatic);
		buf_add_str(out, " ");
	}
	if (j_len(prefs_get(p, PF_EXIT_NODE_PRIORITY))) {
		buf_add_str(out, "exits=");
		add_list(out, prefs_get(p, PF_EXIT_NODE_PRIORITY), ",");
		buf_add_str(out, " ");
	}
}

static void add_routes(struct buf *out, const json_t *p)
{
	const json_t *routes = prefs_get(p, PF_ADVERTISE_ROUTES);
	bool filters = !prefs_bool(p, PF_NO_STATEFUL_FILTERING);
	buf_add_str(out, "routes=[");
	add_list(out, routes, " ");
	buf_add_str(out, "] ");
	if (j_len(routes) || prefs_bool(p, PF_NO_SNAT))
		add_bool(out, "snat", !prefs_bool(p, PF_NO_SNAT));
	if (j_len(routes) || filters)
		add_bool(out, "statefulFiltering", filters);
	if (j_len(prefs_get(p, PF_ADVERTISE_TAGS))) {
		buf_add_str(out, "tags=");
		add_list(out, prefs_get(p, PF_ADVERTISE_TAGS), ",");
		buf_add_str(out, " ");
	}
}

static const char *update_text(const json_t *p)
{
	const json_t *u = prefs_get(p, PF_AUTO_UPDATE);
	if (j_bool(u, "Apply", false))
		return "on";
	return j_bool(u, "Check", false) ? "check" : "off";
}

static void add_persist(struct buf *out, const json_t *p)
{
	const json_t *config = prefs_get(p, PF_CONFIG);
	const char *login = j_str(j_get(config, "UserProfile"), "LoginName");
	if (!config) {
		buf_add_str(out, "Persist=nil}");
		return;
	}
	/* The keys are redacted, so nothing of them is to show. */
	buf_add_str(out, "Persist{o=, n= u=");
	text_quote(out, login ? login : "");
	buf_add_str(out, " ak=-}}");
}

void prefs_pretty(const json_t *p, struct buf *out)
{
	buf_add_str(out, "Prefs{");
	add_bool(out, "ra", prefs_bool(p, PF_ROUTE_ALL));
	add_if(out, "auto-routes", prefs_bool(p, PF_ACCEPT_ROUTES_AUTO));
	if (j_len(prefs_get(p, PF_ACCEPT_ROUTES_ONLY))) {
		buf_add_str(out, "only-routes=[");
		add_list(out, prefs_get(p, PF_ACCEPT_ROUTES_ONLY), " ");
		buf_add_str(out, "] ");
	}
	add_bool(out, "dns", prefs_bool(p, PF_CORP_DNS));
	add_bool(out, "want", prefs_bool(p, PF_WANT_RUNNING));
	add_if(out, "ssh", prefs_bool(p, PF_RUN_SSH));
	add_if(out, "loggedout", prefs_bool(p, PF_LOGGED_OUT));
	add_if(out, "shields", prefs_bool(p, PF_SHIELDS_UP));
	add_exit_node(out, p);
	add_routes(out, p);
	buf_fmt(out, "nf=%s ", netfilter_mode_text(j_int(p, "NetfilterMode", 2)));
	add_quoted(out, "url", prefs_str(p, PF_CONTROL_URL));
	add_quoted(out, "host", prefs_str(p, PF_HOSTNAME));
	add_quoted(out, "op", prefs_str(p, PF_OPERATOR_USER));
	buf_fmt(out, "update=%s ", update_text(p));
	add_persist(out, p);
}
