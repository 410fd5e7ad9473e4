/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an `up` asks for. */
#include "base/alloc.h"
#include "cli/accept_routes.h"
#include "cli/pref_args.h"
#include "cli/validate.h"

#include <stdlib.h>

static void set_bools(json_t *p, const struct setting_values *v)
{
	json_t *connector = j_object();
	j_set_bool(connector, "Advertise", v->advertise_connector);
	prefs_set(p, PF_APP_CONNECTOR, connector);
	prefs_set(p, PF_WANT_RUNNING, j_from_bool(true));
	accept_routes_apply(v->accept_routes, p);
	prefs_set(p, PF_LAN_ACCESS, j_from_bool(v->lan_access));
	prefs_set(p, PF_CORP_DNS, j_from_bool(v->accept_dns));
	prefs_set(p, PF_RUN_SSH, j_from_bool(v->ssh));
	prefs_set(p, PF_SHIELDS_UP, j_from_bool(v->shields_up));
	prefs_set(p, PF_NO_SNAT, j_from_bool(!v->snat));
	prefs_set(p, PF_NO_STATEFUL_FILTERING, j_from_bool(!v->stateful));
	prefs_set(p, PF_POSTURE_CHECKING, j_from_bool(v->report_posture));
}

static void set_texts(json_t *p, const struct setting_values *v)
{
	prefs_set(p, PF_CONTROL_URL, j_string(v->login_server));
	prefs_set(p, PF_HOSTNAME, j_string(v->hostname));
	prefs_set(p, PF_OPERATOR_USER, j_string(v->operator_user));
	prefs_set(p, PF_PROFILE_NAME, j_string(v->nickname));
}

static char *set_lists(json_t *p, const struct setting_values *v)
{
	json_t *routes, *tags;
	char *problem = validate_routes(v->advertise_routes, v->advertise_exit_node, &routes);
	if (problem)
		return problem;
	prefs_set(p, PF_ADVERTISE_ROUTES, routes ? routes : j_null());
	problem = validate_tags(v->advertise_tags, &tags);
	if (!problem)
		prefs_set(p, PF_ADVERTISE_TAGS, tags ? tags : j_null());
	return problem;
}

static char *set_netfilter(json_t *p, const struct setting_values *v, struct buf *warnings)
{
	int mode = 0;
	char *problem = validate_netfilter_mode(v->netfilter_mode, &mode);
	if (problem)
		return problem;
	prefs_set(p, PF_NETFILTER_MODE, j_from_int(mode));
	if (*netfilter_mode_warning(mode))
		buf_fmt(warnings, "%s\n", netfilter_mode_warning(mode));
	if (!v->snat && v->advertise_exit_node)
		buf_add_str(warnings, SNAT_WARNING "\n");
	return NULL;
}

static char *fill(json_t *p, const struct setting_values *v, const json_t *status,
		  struct buf *warnings)
{
	char *problem;
	set_bools(p, v);
	set_texts(p, v);
	if ((problem = set_lists(p, v)) || (problem = validate_hostname(v->hostname)) ||
	    (problem = exit_node_apply(status, v->exit_node, p)))
		return problem;
	if (v->lan_access && !*v->exit_node)
		return xstrdup("--exit-node-allow-lan-access can only be used with --exit-node");
	return set_netfilter(p, v, warnings);
}

char *up_prefs_build(const struct setting_values *v, const json_t *status, json_t **prefs,
		     struct buf *warnings)
{
	json_t *p = prefs_default();
	char *problem = fill(p, v, status, warnings);
	*prefs = problem ? NULL : prefs_ordered(p);
	j_free(p);
	return problem;
}

static void add_fields(const struct setting *s, const struct setting_values *v,
		       struct prefs_mask *mask)
{
	prefs_mask_add(mask, s->field);
	if (s->field == PF_EXIT_NODE_ID)
		exit_node_fields(v->exit_node, mask);
	if (s->field == PF_ROUTE_ALL)
		accept_routes_fields(v->accept_routes, mask);
}

void up_edit_mask(struct flag_set *set, const struct setting_values *v, bool reset,
		  struct prefs_mask *mask)
{
	*mask = (struct prefs_mask){ 0 };
	prefs_mask_add(mask, PF_WANT_RUNNING);
	for (size_t i = 0; i < n_settings; i++)
		if ((settings[i].verbs & SETTING_UP) &&
		    (reset || flags_given(set, settings[i].name)))
			add_fields(&settings[i], v, mask);
}
