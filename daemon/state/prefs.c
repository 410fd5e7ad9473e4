/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/prefs.h"

#include "base/alloc.h"
#include "daemon/state/prefs_fields.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct prefs, member)

const struct prefs_entry prefs_entries[PREFS_N_FIELDS] = {
	[PREFS_CONTROL_URL] = { "ControlURL", NULL, KIND_STR, AT(control_url), 0 },
	[PREFS_ROUTE_ALL] = { "RouteAll", NULL, KIND_BOOL, AT(route_all), 0 },
	[PREFS_EXIT_NODE_ID] = { "ExitNodeID", NULL, KIND_STR, AT(exit_node_id), 0 },
	[PREFS_EXIT_NODE_IP] = { "ExitNodeIP", NULL, KIND_IP, AT(exit_node_ip), 0 },
	[PREFS_AUTO_EXIT_NODE] = { "AutoExitNode", NULL, KIND_STR_OMIT, AT(auto_exit_node), 0 },
	[PREFS_INTERNAL_EXIT_NODE_PRIOR] = { "InternalExitNodePrior", NULL, KIND_STR,
					     AT(internal_exit_node_prior), 0 },
	[PREFS_EXIT_NODE_ALLOW_LAN] = { "ExitNodeAllowLANAccess", NULL, KIND_BOOL,
					AT(exit_node_allow_lan), 0 },
	[PREFS_CORP_DNS] = { "CorpDNS", NULL, KIND_BOOL, AT(corp_dns), 0 },
	[PREFS_RUN_SSH] = { "RunSSH", NULL, KIND_BOOL, AT(run_ssh), 0 },
	[PREFS_RUN_WEB_CLIENT] = { "RunWebClient", NULL, KIND_BOOL, AT(run_web_client), 0 },
	[PREFS_WANT_RUNNING] = { "WantRunning", NULL, KIND_BOOL, AT(want_running), 0 },
	[PREFS_LOGGED_OUT] = { "LoggedOut", NULL, KIND_BOOL, AT(logged_out), 0 },
	[PREFS_SHIELDS_UP] = { "ShieldsUp", NULL, KIND_BOOL, AT(shields_up), 0 },
	[PREFS_ADVERTISE_TAGS] = { "AdvertiseTags", NULL, KIND_STRINGS, AT(advertise_tags), 0 },
	[PREFS_HOSTNAME] = { "Hostname", NULL, KIND_STR, AT(hostname), 0 },
	[PREFS_NOTEPAD_URLS] = { "NotepadURLs", NULL, KIND_BOOL, AT(notepad_urls), 0 },
	[PREFS_FORCE_DAEMON] = { "ForceDaemon", NULL, KIND_BOOL_OMIT, AT(force_daemon), 0 },
	[PREFS_EGG] = { "Egg", NULL, KIND_BOOL_OMIT, AT(egg), 0 },
	[PREFS_ADVERTISE_ROUTES] = { "AdvertiseRoutes", NULL, KIND_PREFIXES, AT(advertise_routes),
				     0 },
	[PREFS_ADVERTISE_SERVICES] = { "AdvertiseServices", NULL, KIND_STRINGS,
				       AT(advertise_services), 0 },
	[PREFS_SYNC] = { "Sync", NULL, KIND_TRI, AT(sync), 0 },
	[PREFS_NO_SNAT] = { "NoSNAT", NULL, KIND_BOOL, AT(no_snat), 0 },
	[PREFS_NO_STATEFUL_FILTERING] = { "NoStatefulFiltering", NULL, KIND_TRI_OMIT,
					  AT(no_stateful_filtering), 0 },
	[PREFS_NETFILTER_MODE] = { "NetfilterMode", NULL, KIND_MODE, AT(netfilter_mode), 0 },
	[PREFS_OPERATOR_USER] = { "OperatorUser", NULL, KIND_STR_OMIT, AT(operator_user), 0 },
	[PREFS_PROFILE_NAME] = { "ProfileName", NULL, KIND_STR_OMIT, AT(profile_name), 0 },
	[PREFS_AUTO_UPDATE_CHECK] = { "Check", "AutoUpdate", KIND_SUB, AT(auto_update_check), 0 },
	[PREFS_AUTO_UPDATE_APPLY] = { "Apply", "AutoUpdate", KIND_SUB, AT(auto_update_apply),
				      true },
	[PREFS_APP_CONNECTOR] = { "Advertise", "AppConnector", KIND_SUB, AT(app_connector), 0 },
	[PREFS_POSTURE_CHECKING] = { "PostureChecking", NULL, KIND_BOOL, AT(posture_checking), 0 },
	[PREFS_NETFILTER_KIND] = { "NetfilterKind", NULL, KIND_STR, AT(netfilter_kind), 0 },
	[PREFS_REMOTE_CONFIG] = { "RemoteConfig", NULL, KIND_BOOL, AT(remote_config), 0 },
	[PREFS_DRIVE_SHARES] = { "DriveShares", NULL, KIND_RAW, AT(drive_shares), 0 },
	[PREFS_RELAY_SERVER_PORT] = { "RelayServerPort", NULL, KIND_PORT, AT(relay_server_port),
				      0 },
	[PREFS_RELAY_STATIC_ENDPOINTS] = { "RelayServerStaticEndpoints", NULL, KIND_STRINGS_OMIT,
					   AT(relay_static_endpoints), 0 },
	[PREFS_ACCEPT_ROUTES_AUTO] = { "AcceptRoutesAuto", NULL, KIND_BOOL_OMIT,
				       AT(accept_routes_auto), 0 },
	[PREFS_ACCEPT_ROUTES_ONLY] = { "AcceptRoutesOnly", NULL, KIND_PREFIXES_OMIT,
				       AT(accept_routes_only), 0 },
	[PREFS_EXIT_NODE_PRIORITY] = { "ExitNodePriority", NULL, KIND_STRINGS_OMIT,
				       AT(exit_node_priority), 0 },
};

/* ---- life --------------------------------------------------------------------------------------
 */

static bool is_text(enum prefs_kind k)
{
	return k == KIND_STR || k == KIND_STR_OMIT;
}

static bool is_strings(enum prefs_kind k)
{
	return k == KIND_STRINGS || k == KIND_STRINGS_OMIT;
}

static bool is_prefixes(enum prefs_kind k)
{
	return k == KIND_PREFIXES || k == KIND_PREFIXES_OMIT;
}

void prefs_init_zero(struct prefs *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < PREFS_N_FIELDS; i++)
		if (is_text(prefs_entries[i].kind))
			*(char **)prefs_at(p, &prefs_entries[i]) = xstrdup("");
	p->relay_server_port = -1;
	persist_init(&p->config);
}

void prefs_init(struct prefs *p)
{
	prefs_init_zero(p);
	p->corp_dns = true;
	p->no_stateful_filtering = J_TRUE;
	p->netfilter_mode = NETFILTER_ON;
	p->auto_update_check = true;
}

static void strings_fini(struct prefs_strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

static void field_fini(struct prefs *p, const struct prefs_entry *e)
{
	if (is_text(e->kind)) {
		free(*(char **)prefs_at(p, e));
	} else if (is_strings(e->kind)) {
		strings_fini(prefs_at(p, e));
	} else if (is_prefixes(e->kind)) {
		free(((struct prefs_prefixes *)prefs_at(p, e))->v);
	} else if (e->kind == KIND_RAW) {
		j_free(*(json_t **)prefs_at(p, e));
	}
}

void prefs_fini(struct prefs *p)
{
	for (size_t i = 0; i < PREFS_N_FIELDS; i++)
		field_fini(p, &prefs_entries[i]);
	persist_fini(&p->config);
	j_free(p->extra);
	memset(p, 0, sizeof(*p));
}

/* ---- copying and comparing ---- */

static void strings_copy(struct prefs_strings *dst, const struct prefs_strings *src)
{
	struct prefs_strings s = { .n = src->n, .set = src->set };
	if (src->n)
		s.v = xcalloc(src->n, sizeof(*s.v));
	for (size_t i = 0; i < src->n; i++)
		s.v[i] = xstrdup(src->v[i]);
	strings_fini(dst);
	*dst = s;
}

static void prefixes_copy(struct prefs_prefixes *dst, const struct prefs_prefixes *src)
{
	struct prefs_prefixes s = { .n = src->n, .set = src->set };
	if (src->n) {
		s.v = xcalloc(src->n, sizeof(*s.v));
		memcpy(s.v, src->v, src->n * sizeof(*s.v));
	}
	free(dst->v);
	*dst = s;
}

static size_t scalar_size(const struct prefs_entry *e)
{
	if (e->kind == KIND_IP)
		return sizeof(struct ip);
	bool is_bool = e->kind == KIND_BOOL || e->kind == KIND_BOOL_OMIT ||
		       (e->kind == KIND_SUB && !e->sub_tri);
	return is_bool ? sizeof(bool) : sizeof(int);
}

void prefs_field_copy(struct prefs *dst, const struct prefs *src, const struct prefs_entry *e)
{
	void *to = prefs_at(dst, e);
	const void *from = prefs_at_const(src, e);
	if (is_text(e->kind)) {
		str_set(to, *(char *const *)from);
	} else if (is_strings(e->kind)) {
		strings_copy(to, from);
	} else if (is_prefixes(e->kind)) {
		prefixes_copy(to, from);
	} else if (e->kind == KIND_RAW) {
		json_t *v = j_copy(*(json_t *const *)from);
		j_free(*(json_t **)to);
		*(json_t **)to = v;
	} else {
		memcpy(to, from, scalar_size(e));
	}
}

void prefs_copy(struct prefs *dst, const struct prefs *src)
{
	if (dst == src)
		return;
	for (size_t i = 0; i < PREFS_N_FIELDS; i++)
		prefs_field_copy(dst, src, &prefs_entries[i]);
	dst->has_config = src->has_config;
	persist_copy(&dst->config, &src->config);
	json_t *extra = j_copy(src->extra);
	j_free(dst->extra);
	dst->extra = extra;
}

static bool same_strings(const struct prefs_strings *a, const struct prefs_strings *b)
{
	if (a->n != b->n || a->set != b->set)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static bool same_prefixes(const struct prefs_prefixes *a, const struct prefs_prefixes *b)
{
	if (a->n != b->n || a->set != b->set)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!prefix_eq(a->v[i], b->v[i]))
			return false;
	return true;
}

static bool same_tree(const json_t *a, const json_t *b)
{
	return a && b ? j_equal(a, b) : a == b;
}

static bool same_field(const struct prefs *a, const struct prefs *b, const struct prefs_entry *e)
{
	const void *x = prefs_at_const(a, e), *y = prefs_at_const(b, e);
	if (is_text(e->kind))
		return strcmp(*(char *const *)x, *(char *const *)y) == 0;
	if (is_strings(e->kind))
		return same_strings(x, y);
	if (is_prefixes(e->kind))
		return same_prefixes(x, y);
	if (e->kind == KIND_RAW)
		return same_tree(*(json_t *const *)x, *(json_t *const *)y);
	return memcmp(x, y, scalar_size(e)) == 0;
}

bool prefs_equal(const struct prefs *a, const struct prefs *b)
{
	for (size_t i = 0; i < PREFS_N_FIELDS; i++)
		if (!same_field(a, b, &prefs_entries[i]))
			return false;
	return a->has_config == b->has_config && persist_equal(&a->config, &b->config) &&
	       same_tree(a->extra, b->extra);
}

/* ---- questions ----------------------------------------------------------------------------------
 */

char *prefs_control_url(const struct prefs *p)
{
	const char *url = p->control_url;
	size_t n = strlen(url);
	while (n && url[n - 1] == '/')
		n--;
	static const char synonym[] = "https://login.tailscale.com";
	if (n == 0 || (n == strlen(synonym) && memcmp(url, synonym, n) == 0))
		return xstrdup(PREFS_DEFAULT_CONTROL_URL);
	return xstrndup(url, n);
}

bool prefs_advertises_exit_node(const struct prefs *p)
{
	bool v4 = false, v6 = false;
	for (size_t i = 0; i < p->advertise_routes.n; i++) {
		struct prefix r = p->advertise_routes.v[i];
		v4 |= prefix_is_default(r) && r.ip.fam == IP_V4;
		v6 |= prefix_is_default(r) && r.ip.fam == IP_V6;
	}
	return v4 && v6;
}

bool prefs_wants_exit_node(const struct prefs *p)
{
	return *p->exit_node_id || ip_is_set(p->exit_node_ip) || *p->auto_exit_node ||
	       p->exit_node_priority.n > 0;
}

struct prefs_accept prefs_accept_routes(const struct prefs *p)
{
	return (struct prefs_accept){
		.any = p->route_all,
		.spare_attached = p->accept_routes_auto || p->accept_routes_only.n > 0,
		.only = p->accept_routes_only.v,
		.n_only = p->accept_routes_only.n,
	};
}
