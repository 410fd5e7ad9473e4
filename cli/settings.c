/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/settings.h"

#include "base/alloc.h"
#include "cli/accept_routes.h"
#include "cli/status_view.h"
#include "cli/validate.h"

#include <inttypes.h>

#define AT(member) offsetof(struct setting_values, member)
#define HOSTED_SERVER "https://controlplane.tailscale.com"

/* Sorted by name. */
const struct setting settings[] = {
	{ "accept-dns", FLAG_BOOL, AT(accept_dns), SETTING_UP | SETTING_SET, PF_CORP_DNS, false,
	  false, "true", "accept DNS configuration from the admin panel" },
	{ "accept-routes", FLAG_WORD, AT(accept_routes), SETTING_UP | SETTING_SET, PF_ROUTE_ALL,
	  false, false, NULL,
	  "accept routes advertised by other Tailscale nodes: on, off, auto (none that would take "
	  "a network this machine is directly on), or only those inside prefixes like "
	  "\"10.0.0.0/8,fd00::/8\"" },
	{ "advertise-connector", FLAG_BOOL, AT(advertise_connector), SETTING_UP | SETTING_SET,
	  PF_APP_CONNECTOR, false, true, NULL,
	  "offer to be an app connector for domain specific internet traffic for the tailnet" },
	{ "advertise-exit-node", FLAG_BOOL, AT(advertise_exit_node), SETTING_UP | SETTING_SET,
	  PF_ADVERTISE_ROUTES, false, false, NULL,
	  "offer to be an exit node for internet traffic for the tailnet" },
	{ "advertise-routes", FLAG_STRING, AT(advertise_routes), SETTING_UP | SETTING_SET,
	  PF_ADVERTISE_ROUTES, false, false, NULL,
	  "routes to advertise to other nodes (comma-separated, e.g. "
	  "\"10.0.0.0/8,192.168.0.0/24\") or empty "
	  "string to not advertise routes" },
	{ "advertise-tags", FLAG_STRING, AT(advertise_tags), SETTING_UP, PF_ADVERTISE_TAGS, false,
	  false, NULL,
	  "comma-separated ACL tags to request; each must start with \"tag:\" (e.g. "
	  "\"tag:eng,tag:montreal,tag:ssh\")" },
	{ "auto-update", FLAG_BOOL, AT(auto_update), SETTING_SET, PF_AUTO_UPDATE, false, true, NULL,
	  "automatically update to the latest available version" },
	{ "exit-node", FLAG_STRING, AT(exit_node), SETTING_UP | SETTING_SET, PF_EXIT_NODE_ID, false,
	  false, NULL,
	  "Tailscale exit node (IP, base name, or auto:any) for internet traffic, a list of them "
	  "of which the first that works is used (\"fra,ams,any\"), or empty string to not use an "
	  "exit node" },
	{ "exit-node-allow-lan-access", FLAG_BOOL, AT(lan_access), SETTING_UP | SETTING_SET,
	  PF_LAN_ACCESS, false, false, NULL,
	  "allow direct access to the local network when routing traffic via an exit node" },
	{ "hostname", FLAG_STRING, AT(hostname), SETTING_UP | SETTING_SET, PF_HOSTNAME, false,
	  false, NULL, "hostname to use instead of the one provided by the OS" },
	{ "login-server", FLAG_STRING, AT(login_server), SETTING_UP, PF_CONTROL_URL, false, false,
	  HOSTED_SERVER, "base URL of control server" },
	{ "netfilter-mode", FLAG_STRING, AT(netfilter_mode), SETTING_UP | SETTING_SET,
	  PF_NETFILTER_MODE, false, false, "on", "netfilter mode (one of on, nodivert, off)" },
	{ "nickname", FLAG_STRING, AT(nickname), SETTING_SET | SETTING_LOGIN, PF_PROFILE_NAME,
	  false, false, NULL, "nickname for the current account" },
	{ "operator", FLAG_STRING, AT(operator_user), SETTING_UP | SETTING_SET, PF_OPERATOR_USER,
	  false, false, NULL, "Unix username to allow to operate on tailscaled without sudo" },
	{ "relay-server-port", FLAG_STRING, AT(relay_port), SETTING_SET, PF_RELAY_SERVER_PORT,
	  false, true, NULL,
	  "UDP port number (0 will pick a random unused port) for the relay server to bind to, on "
	  "all "
	  "interfaces, or empty string to disable relay server functionality" },
	{ "relay-server-static-endpoints", FLAG_STRING, AT(relay_endpoints), SETTING_SET,
	  PF_RELAY_SERVER_ENDPOINTS, false, true, NULL,
	  "static IP:port endpoints to advertise as candidates for relay connections "
	  "(comma-separated, e.g. "
	  "\"[2001:db8::1]:40000,192.0.2.1:40000\") or empty string to not advertise any static "
	  "endpoints" },
	{ "report-posture", FLAG_BOOL, AT(report_posture), SETTING_UP | SETTING_SET,
	  PF_POSTURE_CHECKING, false, true, NULL,
	  "allow management plane to gather device posture information" },
	{ "shields-up", FLAG_BOOL, AT(shields_up), SETTING_UP | SETTING_SET, PF_SHIELDS_UP, false,
	  false, NULL, "don't allow incoming connections" },
	{ "snat-subnet-routes", FLAG_BOOL, AT(snat), SETTING_UP | SETTING_SET, PF_NO_SNAT, true,
	  false, "true", "source NAT traffic to local routes advertised with --advertise-routes" },
	{ "ssh", FLAG_BOOL, AT(ssh), SETTING_UP | SETTING_SET, PF_RUN_SSH, false, true, NULL,
	  "run an SSH server, permitting access per tailnet admin's declared policy" },
	{ "stateful-filtering", FLAG_BOOL, AT(stateful), SETTING_UP | SETTING_SET,
	  PF_NO_STATEFUL_FILTERING, true, false, NULL,
	  "apply stateful filtering to forwarded packets (subnet routers, exit nodes, and so on)" },
	{ "update-check", FLAG_BOOL, AT(update_check), SETTING_SET, PF_AUTO_UPDATE, false, false,
	  NULL, "notify about available Tailscale updates" },
	{ "webclient", FLAG_BOOL, AT(webclient), SETTING_SET, PF_RUN_WEB_CLIENT, false, true, NULL,
	  "expose the web interface for managing this node over Tailscale at port 5252" },
};

const size_t n_settings = ARRAY_LEN(settings);

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < n_settings; i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

bool setting_is_bool(const struct setting *s)
{
	return s->kind == FLAG_BOOL || s->kind == FLAG_WORD;
}

void setting_defaults(struct setting_values *v)
{
	*v = (struct setting_values){ .accept_dns = true, .snat = true, .update_check = true };
	for (size_t i = 0; i < n_settings; i++)
		if (settings[i].kind == FLAG_STRING)
			*(const char **)((char *)v + settings[i].offset) = "";
	v->accept_routes = "false";
	v->login_server = HOSTED_SERVER;
	v->netfilter_mode = "on";
}

size_t setting_flags(unsigned verb, struct setting_values *v, struct flag *flags)
{
	size_t n = 0;
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *s = &settings[i];
		if (!(s->verbs & verb))
			continue;
		flags[n++] =
		    (struct flag){ .name = s->name,
				   .kind = s->kind,
				   .value = (char *)v + s->offset,
				   .help = s->help,
				   .check = s->kind == FLAG_WORD ? accept_routes_check : NULL,
				   .shown = verb & SETTING_UP ? s->up_default : NULL };
	}
	return n;
}

/* ---- out of the preferences ------------------------------------------------------------------ */

static void exit_node_text(const json_t *prefs, const json_t *status, struct buf *out)
{
	const char *automatic = prefs_str(prefs, PF_AUTO_EXIT_NODE);
	const char *id = prefs_str(prefs, PF_EXIT_NODE_ID);
	const char *ip = *id ? status_ip_of_id(status, id) : prefs_str(prefs, PF_EXIT_NODE_IP);
	const json_t *list = prefs_get(prefs, PF_EXIT_NODE_PRIORITY);
	if (j_len(list))
		list_text(list, out);
	else if (*automatic)
		buf_fmt(out, "auto:%s", automatic);
	else
		buf_add_str(out, ip ? ip : id); /* an id that is no peer's now is still a choice */
}

static bool bool_value(const struct setting *s, const json_t *prefs)
{
	switch (s->field) {
	case PF_APP_CONNECTOR:
		return j_bool(prefs_get(prefs, PF_APP_CONNECTOR), "Advertise", false);
	case PF_ADVERTISE_ROUTES:
		return routes_offer_exit(prefs_get(prefs, PF_ADVERTISE_ROUTES));
	case PF_AUTO_UPDATE:
		return j_bool(prefs_get(prefs, PF_AUTO_UPDATE),
			      strcmp(s->name, "auto-update") == 0 ? "Apply" : "Check", false);
	default:
		return prefs_bool(prefs, s->field) != s->inverted;
	}
}

void setting_text(const struct setting *s, const json_t *prefs, const json_t *status,
		  struct buf *out)
{
	if (s->kind == FLAG_BOOL) {
		buf_add_str(out, bool_value(s, prefs) ? "true" : "false");
		return;
	}
	switch (s->field) {
	case PF_ROUTE_ALL:
		accept_routes_text(prefs, out);
		break;
	case PF_ADVERTISE_ROUTES:
		routes_without_exit(prefs_get(prefs, PF_ADVERTISE_ROUTES), out);
		break;
	case PF_ADVERTISE_TAGS:
	case PF_RELAY_SERVER_ENDPOINTS:
		list_text(prefs_get(prefs, s->field), out);
		break;
	case PF_EXIT_NODE_ID:
		exit_node_text(prefs, status, out);
		break;
	case PF_NETFILTER_MODE:
		buf_add_str(out, netfilter_mode_text(j_int(prefs, "NetfilterMode", 2)));
		break;
	case PF_RELAY_SERVER_PORT:
		if (prefs_get(prefs, PF_RELAY_SERVER_PORT))
			buf_fmt(out, "%" PRId64, j_int(prefs, "RelayServerPort", 0));
		break;
	default:
		buf_add_str(out, prefs_str(prefs, s->field));
	}
}

/* ---- what is not there yet ---- */

const char *setting_refused(struct flag_set *set, const struct setting_values *v)
{
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *s = &settings[i];
		const void *value = (const char *)v + s->offset;
		if (!s->unsupported || !flags_given(set, s->name))
			continue;
		if (s->kind == FLAG_BOOL ? *(const bool *)value
					 : **(const char *const *)value != '\0')
			return s->name;
	}
	return NULL;
}
