/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/prefs_fields.h"

#include "base/alloc.h"

#include <stdlib.h>

/* Name, zero value as JSON, and whether an empty value is left out. */
static const struct field {
	const char *name;
	const char *zero;
	bool optional;
} fields[PF_COUNT] = {
	[PF_CONTROL_URL] = { "ControlURL", "\"\"", false },
	[PF_ROUTE_ALL] = { "RouteAll", "false", false },
	[PF_EXIT_NODE_ID] = { "ExitNodeID", "\"\"", false },
	[PF_EXIT_NODE_IP] = { "ExitNodeIP", "\"\"", false },
	[PF_AUTO_EXIT_NODE] = { "AutoExitNode", "\"\"", true },
	[PF_INTERNAL_EXIT_NODE_PRIOR] = { "InternalExitNodePrior", "\"\"", false },
	[PF_LAN_ACCESS] = { "ExitNodeAllowLANAccess", "false", false },
	[PF_CORP_DNS] = { "CorpDNS", "false", false },
	[PF_RUN_SSH] = { "RunSSH", "false", false },
	[PF_RUN_WEB_CLIENT] = { "RunWebClient", "false", false },
	[PF_WANT_RUNNING] = { "WantRunning", "false", false },
	[PF_LOGGED_OUT] = { "LoggedOut", "false", false },
	[PF_SHIELDS_UP] = { "ShieldsUp", "false", false },
	[PF_ADVERTISE_TAGS] = { "AdvertiseTags", "null", false },
	[PF_HOSTNAME] = { "Hostname", "\"\"", false },
	[PF_NOTEPAD_URLS] = { "NotepadURLs", "false", false },
	[PF_FORCE_DAEMON] = { "ForceDaemon", "false", true },
	[PF_EGG] = { "Egg", "false", true },
	[PF_ADVERTISE_ROUTES] = { "AdvertiseRoutes", "null", false },
	[PF_ADVERTISE_SERVICES] = { "AdvertiseServices", "null", false },
	[PF_SYNC] = { "Sync", "null", false },
	[PF_NO_SNAT] = { "NoSNAT", "false", false },
	[PF_NO_STATEFUL_FILTERING] = { "NoStatefulFiltering", "null", true },
	[PF_NETFILTER_MODE] = { "NetfilterMode", "0", false },
	[PF_OPERATOR_USER] = { "OperatorUser", "\"\"", true },
	[PF_PROFILE_NAME] = { "ProfileName", "\"\"", true },
	[PF_AUTO_UPDATE] = { "AutoUpdate", "{\"Check\":false,\"Apply\":null}", false },
	[PF_APP_CONNECTOR] = { "AppConnector", "{\"Advertise\":false}", false },
	[PF_POSTURE_CHECKING] = { "PostureChecking", "false", false },
	[PF_NETFILTER_KIND] = { "NetfilterKind", "\"\"", false },
	[PF_REMOTE_CONFIG] = { "RemoteConfig", "false", false },
	[PF_DRIVE_SHARES] = { "DriveShares", "null", false },
	[PF_RELAY_SERVER_PORT] = { "RelayServerPort", "null", true },
	[PF_RELAY_SERVER_ENDPOINTS] = { "RelayServerStaticEndpoints", "null", true },
	[PF_ACCEPT_ROUTES_AUTO] = { "AcceptRoutesAuto", "false", true },
	[PF_ACCEPT_ROUTES_ONLY] = { "AcceptRoutesOnly", "null", true },
	[PF_EXIT_NODE_PRIORITY] = { "ExitNodePriority", "null", true },
	[PF_CONFIG] = { "Config", "null", false },
};

static json_t *zero_of(size_t f)
{
	return j_parse(span_str(fields[f].zero), 64, NULL);
}

json_t *prefs_zero(void)
{
	json_t *p = j_object();
	for (size_t f = 0; f < PF_COUNT; f++)
		if (!fields[f].optional)
			j_set(p, fields[f].name, zero_of(f));
	return p;
}

json_t *prefs_default(void)
{
	json_t *p = prefs_zero();
	json_t *update = j_get(p, "AutoUpdate");
	prefs_set(p, PF_CORP_DNS, j_from_bool(true));
	prefs_set(p, PF_NO_STATEFUL_FILTERING, j_from_bool(true));
	prefs_set(p, PF_NETFILTER_MODE, j_from_int(2));
	j_set_bool(update, "Check", true);
	json_t *ordered = prefs_ordered(p);
	j_free(p);
	return ordered;
}

void prefs_set(json_t *prefs, enum prefs_field f, json_t *v)
{
	j_set(prefs, fields[f].name, v);
}

json_t *prefs_get(const json_t *prefs, enum prefs_field f)
{
	return j_get(prefs, fields[f].name);
}

const char *prefs_str(const json_t *prefs, enum prefs_field f)
{
	const char *s = j_str(prefs, fields[f].name);
	return s ? s : "";
}

bool prefs_bool(const json_t *prefs, enum prefs_field f)
{
	return j_bool(prefs, fields[f].name, false);
}

static bool is_empty(size_t f, const json_t *v)
{
	json_t *zero = zero_of(f);
	bool empty = j_is_nil(v) || j_equal(v, zero);
	j_free(zero);
	return empty;
}

json_t *prefs_ordered(const json_t *prefs)
{
	json_t *p = j_object();
	for (size_t f = 0; f < PF_COUNT; f++) {
		json_t *v = j_get(prefs, fields[f].name);
		if (fields[f].optional && is_empty(f, v))
			continue;
		j_set(p, fields[f].name, v ? j_copy(v) : zero_of(f));
	}
	return p;
}

static void set_auto_update(json_t *o, const struct prefs_mask *mask)
{
	json_t *set = j_object();
	if (mask->auto_check)
		j_set_bool(set, "CheckSet", true);
	if (mask->auto_apply)
		j_set_bool(set, "ApplySet", true);
	j_set(o, "AutoUpdateSet", set);
}

json_t *prefs_masked(const json_t *prefs, const struct prefs_mask *mask)
{
	json_t *o = prefs_ordered(prefs);
	for (size_t f = 0; f < PF_COUNT; f++) {
		char name[64];
		struct wr w = wr_init(mspan_of(name, sizeof(name) - 1));
		if (!prefs_mask_has(mask, (enum prefs_field)f))
			continue;
		wr_fmt(&w, "%sSet", fields[f].name);
		name[wr_len(&w)] = '\0';
		if (f == PF_AUTO_UPDATE)
			set_auto_update(o, mask);
		else
			j_set_bool(o, name, true);
	}
	return o;
}

static void apply_auto_update(json_t *base, const json_t *edit, const struct prefs_mask *mask)
{
	json_t *to = j_get(base, "AutoUpdate");
	json_t *from = j_get(edit, "AutoUpdate");
	if (mask->auto_check)
		j_set_bool(to, "Check", j_bool(from, "Check", false));
	if (mask->auto_apply)
		j_set_bool(to, "Apply", j_bool(from, "Apply", false));
}

json_t *prefs_apply(const json_t *base, const json_t *edit, const struct prefs_mask *mask)
{
	json_t *p = prefs_ordered(base);
	for (size_t f = 0; f < PF_COUNT; f++) {
		json_t *v = j_get(edit, fields[f].name);
		if (!prefs_mask_has(mask, (enum prefs_field)f))
			continue;
		if (f == PF_AUTO_UPDATE)
			apply_auto_update(p, edit, mask);
		else
			j_set(p, fields[f].name, v ? j_copy(v) : zero_of(f));
	}
	json_t *ordered = prefs_ordered(p);
	j_free(p);
	return ordered;
}
