/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits of `meshctl set`. */
#include "base/alloc.h"
#include "cli/accept_routes.h"
#include "cli/pref_args.h"
#include "cli/validate.h"

#include <stdlib.h>

/* What stands in the fields that are not edited: the flags' defaults, as the reference sends them.
 */
static json_t *unedited(void)
{
	json_t *p = prefs_default();
	j_set_bool(prefs_get(p, PF_AUTO_UPDATE), "Apply", false);
	prefs_set(p, PF_SYNC, j_from_bool(false));
	return p;
}

static bool is_default_route(const json_t *v)
{
	const char *s = j_text(v);
	return s && (strcmp(s, "0.0.0.0/0") == 0 || strcmp(s, "::/0") == 0);
}

/* Only the exit node changes: the other routes stay as and where they are. */
static json_t *toggle_exit(const json_t *cur, bool on)
{
	bool had = routes_offer_exit(cur);
	json_t *routes = j_array();
	for (size_t i = 0; i < j_len(cur); i++)
		if (on || !is_default_route(j_at(cur, i)))
			j_add(routes, j_ref(j_at(cur, i)));
	if (on && !had) {
		j_add_str(routes, "0.0.0.0/0");
		j_add_str(routes, "::/0");
	}
	if (j_len(routes))
		return routes;
	j_free(routes);
	return NULL;
}

static char *set_routes(struct flag_set *set, const struct setting_values *v, const json_t *cur,
			json_t *p, struct prefs_mask *mask)
{
	json_t *stored = prefs_get(cur, PF_ADVERTISE_ROUTES), *routes = NULL;
	bool exit_given = flags_given(set, "advertise-exit-node");
	if (!exit_given && !flags_given(set, "advertise-routes"))
		return NULL;
	if (!flags_given(set, "advertise-routes")) {
		routes = toggle_exit(stored, v->advertise_exit_node);
	} else {
		bool exit = exit_given ? v->advertise_exit_node : routes_offer_exit(stored);
		char *problem = validate_routes(v->advertise_routes, exit, &routes);
		if (problem)
			return problem;
	}
	prefs_set(p, PF_ADVERTISE_ROUTES, routes ? routes : j_null());
	prefs_mask_add(mask, PF_ADVERTISE_ROUTES);
	return NULL;
}

static char *set_exit_node(struct flag_set *set, const struct setting_values *v,
			   const json_t *status, json_t *p, struct prefs_mask *mask)
{
	if (!flags_given(set, "exit-node"))
		return NULL;
	exit_node_fields(v->exit_node, mask);
	return exit_node_apply(status, v->exit_node, p);
}

static char *set_netfilter(struct flag_set *set, const struct setting_values *v, json_t *p,
			   struct prefs_mask *mask)
{
	int mode = 2;
	if (!flags_given(set, "netfilter-mode"))
		return NULL;
	char *problem = validate_netfilter_mode(v->netfilter_mode, &mode);
	if (problem)
		return problem;
	prefs_set(p, PF_NETFILTER_MODE, j_from_int(mode));
	prefs_mask_add(mask, PF_NETFILTER_MODE);
	return NULL;
}

static void set_auto_update(struct flag_set *set, const struct setting_values *v, json_t *p,
			    struct prefs_mask *mask)
{
	json_t *update = prefs_get(p, PF_AUTO_UPDATE);
	mask->auto_check = flags_given(set, "update-check");
	mask->auto_apply = flags_given(set, "auto-update");
	if (mask->auto_check)
		j_set_bool(update, "Check", v->update_check);
	if (mask->auto_apply)
		j_set_bool(update, "Apply", v->auto_update);
	if (mask->auto_check || mask->auto_apply)
		prefs_mask_add(mask, PF_AUTO_UPDATE);
}

static void set_connector(struct flag_set *set, const struct setting_values *v, json_t *p,
			  struct prefs_mask *mask)
{
	if (!flags_given(set, "advertise-connector"))
		return;
	j_set_bool(prefs_get(p, PF_APP_CONNECTOR), "Advertise", v->advertise_connector);
	prefs_mask_add(mask, PF_APP_CONNECTOR);
}

/* Flags that are one bool or one text of the preferences. */
static bool is_plain(const struct setting *s)
{
	switch (s->field) {
	case PF_ROUTE_ALL:
	case PF_ADVERTISE_ROUTES:
	case PF_EXIT_NODE_ID:
	case PF_NETFILTER_MODE:
	case PF_AUTO_UPDATE:
	case PF_APP_CONNECTOR:
	case PF_RELAY_SERVER_PORT:
	case PF_RELAY_SERVER_ENDPOINTS:
		return false;
	default:
		return s->verbs & SETTING_SET;
	}
}

static void set_plain(struct flag_set *set, const struct setting_values *v, json_t *p,
		      struct prefs_mask *mask)
{
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *s = &settings[i];
		const void *value = (const char *)v + s->offset;
		if (!is_plain(s) || !flags_given(set, s->name))
			continue;
		prefs_set(p, s->field,
			  s->kind == FLAG_BOOL ? j_from_bool(*(const bool *)value != s->inverted)
					       : j_string(*(const char *const *)value));
		prefs_mask_add(mask, s->field);
	}
}

/* Only "" reaches here: a port or addresses are refused as not supported. */
static void set_relay(struct flag_set *set, struct prefs_mask *mask)
{
	if (flags_given(set, "relay-server-port"))
		prefs_mask_add(mask, PF_RELAY_SERVER_PORT);
	if (flags_given(set, "relay-server-static-endpoints"))
		prefs_mask_add(mask, PF_RELAY_SERVER_ENDPOINTS);
}

char *set_prefs_build(struct flag_set *set, const struct setting_values *v, const json_t *cur,
		      const json_t *status, json_t **prefs, struct prefs_mask *mask)
{
	json_t *p = unedited();
	char *problem;
	*mask = (struct prefs_mask){ 0 };
	set_plain(set, v, p, mask);
	set_auto_update(set, v, p, mask);
	set_connector(set, v, p, mask);
	set_relay(set, mask);
	if (flags_given(set, "accept-routes")) {
		accept_routes_apply(v->accept_routes, p);
		accept_routes_fields(v->accept_routes, mask);
	}
	if ((problem = validate_hostname(v->hostname)) ||
	    (problem = set_routes(set, v, cur, p, mask)) ||
	    (problem = set_exit_node(set, v, status, p, mask)) ||
	    (problem = set_netfilter(set, v, p, mask))) {
		j_free(p);
		return problem;
	}
	*prefs = p;
	return NULL;
}
