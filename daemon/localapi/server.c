/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/server.h"

#include "base/log.h"
#include "daemon/localapi/bus.h"
#include "daemon/localapi/routes.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define API_HOST "local-tailscaled.sock"
/* What `start` and PATCH prefs carry is a few KiB; AdvertiseRoutes may be long. */
#define API_BODY_MAX (1u << 20)
#define API_CONNECTIONS_MAX 256
/* Capability version the answers follow: shared/spec/control.md 12. */
#define API_CAP "145"

struct api {
	struct loop *loop;
	struct httpd *httpd;
	struct backend *b;
	struct api_bus *bus;
	struct api_uid cert; /* TS_PERMIT_CERT_UID */
	void (*rights_fn)(void *arg, const struct httpd_req *r, struct api_rights *out);
	void *rights_arg;
};

/* ---- rights --------------------------------------------------------------------------- */

/* A number or a user name; looked up once, since the environment cannot change. */
static struct api_uid cert_uid_from_env(void)
{
	const char *v = secure_getenv("TS_PERMIT_CERT_UID");
	if (!v || !*v)
		return (struct api_uid){ 0 };
	uint64_t n;
	if (u64_decode(span_str(v), UINT32_MAX - 1, &n) == 0)
		return (struct api_uid){ true, (unsigned)n };
	const struct passwd *pw = getpwnam(v);
	if (!pw) {
		log_warn("localapi: TS_PERMIT_CERT_UID names an unknown user");
		return (struct api_uid){ 0 };
	}
	return (struct api_uid){ true, pw->pw_uid };
}

static struct api_rights rights_of(const struct api *a, const struct httpd_req *r)
{
	struct api_rights rights;
	if (a->rights_fn) {
		a->rights_fn(a->rights_arg, r, &rights);
		return rights;
	}
	uid_t uid = 0;
	gid_t gid;
	pid_t pid;
	struct api_uid peer = { .known = httpd_peer(r, &uid, &gid, &pid) };
	peer.uid = uid;
	struct api_uid oper = { 0 };
	/* The look-up of the operator may read /etc/passwd: only for those it can help. */
	if (peer.known && peer.uid != 0 && peer.uid != geteuid())
		oper.known = backend_operator_uid(a->b, &oper.uid);
	return api_rights_of(peer, geteuid(), oper, a->cert);
}

/* ---- dispatch --------------------------------------------------------------------------- */

static bool header_set(const struct httpd_req *r, const char *name)
{
	const char *v = httpd_header(r, name);
	return v && *v;
}

/* Only a program that speaks to the socket on purpose gets in, never a browser that was led here
 * (security.md TS-2022-004). */
static bool well_meant(const struct httpd_req *r)
{
	const char *host = httpd_header(r, "Host");
	if (host && *host && strcmp(host, API_HOST) != 0)
		return false;
	return !header_set(r, "Origin") && !header_set(r, "Referer");
}

static void add_headers(struct httpd_req *r)
{
	httpd_add_header(r, "Tailscale-Cap", API_CAP);
	httpd_add_header(r, "Content-Security-Policy",
			 "default-src 'none'; frame-ancestors 'none'; script-src 'none'; "
			 "script-src-elem 'none'; script-src-attr 'none'");
	httpd_add_header(r, "X-Frame-Options", "DENY");
}

static void log_change(const char *method, const char *name)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
	    strcmp(method, "OPTIONS") != 0)
		log_info("localapi: [%s] " API_PREFIX "%s", method, name);
}

static void serve_route(struct api_req *r, const char *name)
{
	const char *method = httpd_method(r->http);
	const struct api_route *route = api_route_find(name);
	if (!route) {
		api_text(r, 404, "404 page not found");
		return;
	}
	if (!api_route_allows(route, method, &r->rights)) {
		api_text(r, 403, route->denied);
		return;
	}
	if (!api_route_takes(route, method)) {
		api_text(r, route->bad_method_status ? route->bad_method_status : 405,
			 route->bad_method ? route->bad_method : "unsupported method");
		return;
	}
	log_change(method, route->name);
	r->rest = name + strlen(route->name);
	route->handler(r);
}

static void serve_other(struct api_req *r, const char *path)
{
	if (strcmp(path, "/") == 0)
		api_text(r, 200, "meshd");
	else if (strcmp(path, "/server-status") == 0)
		api_json(r, 200, J_COMPACT, j_object());
	else
		api_text(r, 404, "404 page not found");
}

static void on_request(void *arg, struct httpd_req *http)
{
	struct api *a = arg;
	struct api_req r = { .b = a->b, .bus = a->bus, .loop = a->loop, .http = http, .rest = "" };
	httpd_add_header(http, "X-Content-Type-Options", "nosniff");
	if (!well_meant(http)) {
		api_text(&r, 403, "invalid localapi request");
		return;
	}
	add_headers(http);
	r.rights = rights_of(a, http);
	const char *path = httpd_path(http);
	size_t n = strlen(API_PREFIX);
	if (strncmp(path, API_PREFIX, n) == 0)
		serve_route(&r, path + n);
	else
		serve_other(&r, path);
}

/* ---- life --------------------------------------------------------------------------------- */

struct api *api_new(struct loop *l, int listen_fd, struct backend *b)
{
	struct api *a = xcalloc(1, sizeof(*a));
	a->loop = l;
	a->b = b;
	a->cert = cert_uid_from_env();
	const struct httpd_opts o = { .max_body = API_BODY_MAX,
				      .max_connections = API_CONNECTIONS_MAX };
	a->httpd = httpd_new(l, listen_fd, &o, on_request, a);
	if (!a->httpd) {
		free(a);
		return NULL;
	}
	a->bus = bus_new(l, b);
	return a;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	bus_free(a->bus);
	httpd_free(a->httpd);
	free(a);
}

void api_set_rights(struct api *a,
		    void (*fn)(void *arg, const struct httpd_req *r, struct api_rights *out),
		    void *arg)
{
	a->rights_fn = fn;
	a->rights_arg = arg;
}
