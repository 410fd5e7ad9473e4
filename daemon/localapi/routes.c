/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/routes.h"

#include "daemon/localapi/handlers.h"

#define WANT_POST 400, "want POST"
#define WANT_GET 400, "want GET"

/* Sorted by family as in the chapter; the look-up is by exact name. */
static const struct api_route routes[] = {
	{ "status", "GET", NEED_READ, "status access denied", 0, NULL, api_status },
	{ "prefs", "GET PATCH", NEED_WRITE_UNLESS_GET, "prefs write access denied", 0, NULL,
	  api_prefs },
	{ "check-prefs", "POST", NEED_WRITE, "checkprefs access denied", 0, NULL, api_check_prefs },
	{ "start", "POST", NEED_WRITE, "access denied", WANT_POST, api_start },
	{ "login-interactive", "POST", NEED_WRITE, "login access denied", WANT_POST,
	  api_login_interactive },
	{ "logout", "POST", NEED_WRITE, "logout access denied", WANT_POST, api_logout },
	{ "reset-auth", "POST", NEED_WRITE, "reset-auth modify access denied", 0, NULL,
	  api_reset_auth },
	{ "watch-ipn-bus", "GET", NEED_READ, "watch ipn bus access denied", 0, NULL,
	  api_watch_ipn_bus },
	{ "ping", "POST", NEED_NOTHING, NULL, WANT_POST, api_ping },
	{ "whois", "GET", NEED_READ, "whois access denied", 0, NULL, api_whois },
	{ "profiles/", "GET PUT POST DELETE", NEED_WRITE, "profiles access denied", 0, NULL,
	  api_profiles },
	{ "derpmap", "GET", NEED_NOTHING, NULL, WANT_GET, api_derpmap },
	{ "dns-config", "GET", NEED_READ, "dns-config access denied", 0, NULL, api_dns_config },
	{ "dns-osconfig", "GET", NEED_WRITE, "dns-osconfig dump access denied", 0, NULL,
	  api_dns_osconfig },
	{ "dns-query", "GET", NEED_WRITE, "dns-query access denied", 0, NULL, api_dns_query },
	{ "cert-domains", "GET", NEED_READ, "cert-domains access denied", 0, NULL,
	  api_cert_domains },
	{ "cert/", "GET", NEED_CERT, "cert access denied", 0, NULL, api_cert },
	{ "set-dns", "POST", NEED_WRITE, "access denied", WANT_POST, api_unsupported },
	{ "serve-config", "GET POST", NEED_WRITE_UNLESS_GET, "serve config denied", 0, NULL,
	  api_serve_config },
	{ "query-feature", "POST", NEED_READ, "access denied", 0, NULL, api_query_feature },
	{ "usermetrics", "GET", NEED_NOTHING, NULL, 0, NULL, api_usermetrics },
	{ "metrics", "GET", NEED_WRITE, "metric access denied", 0, NULL, api_metrics },
	{ "bugreport", "POST", NEED_READ, "bugreport access denied", 0, "only POST allowed",
	  api_bugreport },
	{ "check-ip-forwarding", "GET", NEED_READ, "IP forwarding check access denied", 0, NULL,
	  api_check_ip_forwarding },
	{ "check-udp-gro-forwarding", "GET", NEED_READ, "UDP GRO forwarding check access denied", 0,
	  NULL, api_no_warning },
	{ "set-udp-gro-forwarding", NULL, NEED_WRITE, "UDP GRO forwarding set access denied", 0,
	  NULL, api_no_warning },
	{ "check-so-mark-in-use", "GET", NEED_READ, "SO_MARK check access denied", 0, NULL,
	  api_so_mark },
	{ "file-targets", "GET", NEED_READ, "access denied", WANT_GET, api_file_targets },
	{ "suggest-exit-node", "GET POST", NEED_NOTHING, NULL, 0, NULL, api_suggest_exit_node },
	{ "set-use-exit-node-enabled", "POST", NEED_WRITE, "access denied", 0, "use POST",
	  api_set_use_exit_node },
	{ "services", "GET", NEED_NOTHING, NULL, 0, NULL, api_services },
	{ "peer-by-id", "GET", NEED_READ, "access denied", 0, NULL, api_peer_by_id },
	{ "user-profile", "GET", NEED_READ, "access denied", 0, NULL, api_user_profile },
	{ "tka/status", "GET", NEED_READ, "lock status access denied", 0, NULL, api_tka_status },
	/* Its report is for everybody, as `netcheck` is; the other actions ask for write inside. */
	{ "debug", "POST", NEED_READ, "debug access denied", 0, "POST required", api_debug },
	{ "component-debug-logging", NULL, NEED_WRITE, "debug access denied", 0, NULL,
	  api_component_logging },
	{ "goroutines", "GET", NEED_WRITE, "goroutine dump access denied", 0, NULL,
	  api_unsupported },
	{ "pprof", "GET", NEED_WRITE, "profile access denied", 0, NULL, api_unsupported },
	{ "reload-config", "POST", NEED_WRITE, "config modify access denied", 0, NULL,
	  api_reload_config },
	{ "set-expiry-sooner", "POST", NEED_WRITE, "access denied", 0, NULL,
	  api_set_expiry_sooner },
	{ "disconnect-control", "POST", NEED_WRITE, "access denied", 0, "use POST",
	  api_disconnect_control },
	{ "shutdown", "POST", NEED_WRITE, "shutdown access denied", 0, "only POST allowed",
	  api_shutdown },
	{ "id-token", NULL, NEED_WRITE, "id-token access denied", 0, NULL, api_unsupported },
	{ "upload-client-metrics", "POST", NEED_NOTHING, NULL, 0, NULL, api_upload_client_metrics },
	{ "drive/shares", "GET PUT POST DELETE", NEED_WRITE_UNLESS_GET, "access denied", 0, NULL,
	  api_drive_shares },
	{ "dial", "POST", NEED_NOTHING, NULL, 0, "POST required", api_dial },
	{ "update/check", "GET", NEED_NOTHING, NULL, 0, NULL, api_update_check },
};

const struct api_route *api_route_at(size_t i)
{
	return i < ARRAY_LEN(routes) ? &routes[i] : NULL;
}

static bool matches(const char *route, const char *name)
{
	size_t n = strlen(route);
	return route[n - 1] == '/' ? strncmp(route, name, n) == 0 : strcmp(route, name) == 0;
}

const struct api_route *api_route_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (matches(routes[i].name, name))
			return &routes[i];
	return NULL;
}

static bool reads(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

bool api_route_allows(const struct api_route *route, const char *method,
		      const struct api_rights *rights)
{
	switch (route->need) {
	case NEED_NOTHING:
		return true;
	case NEED_READ:
		return rights->read;
	case NEED_WRITE:
		return rights->write;
	case NEED_CERT:
		return rights->cert;
	case NEED_WRITE_UNLESS_GET:
		return reads(method) ? rights->read : rights->write;
	}
	return false;
}

bool api_route_takes(const struct api_route *route, const char *method)
{
	if (!route->methods)
		return true;
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	size_t n = strlen(method);
	for (const char *p = route->methods; (p = strstr(p, method)); p += n) {
		bool starts = p == route->methods || p[-1] == ' ';
		if (starts && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}
