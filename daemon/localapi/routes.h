/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes.h: the table of endpoints: name, method, right, refusal texts, handler.
 * shared/spec/cli-localapi.md 3.1. Pure data. */
#ifndef DAEMON_LOCALAPI_ROUTES_H
#define DAEMON_LOCALAPI_ROUTES_H

#include "daemon/localapi/req.h"

#define API_PREFIX "/localapi/v0/"

/* What the caller must be allowed to do. WRITE_UNLESS_GET: reading is for everybody. */
enum api_right { NEED_NOTHING, NEED_READ, NEED_WRITE, NEED_CERT, NEED_WRITE_UNLESS_GET };

struct api_route {
	const char *name;    /* "x/" matches everything below it too */
	const char *methods; /* "GET POST", or NULL: any */
	enum api_right need;
	const char *denied;	/* text of the 403 */
	int bad_method_status;	/* 0: 405 */
	const char *bad_method; /* NULL: "unsupported method" */
	api_handler *handler;
};

/* name: the path behind API_PREFIX. NULL: no such endpoint. */
const struct api_route *api_route_find(const char *name);
/* The i-th route, NULL past the last. */
const struct api_route *api_route_at(size_t i);

bool api_route_allows(const struct api_route *route, const char *method,
		      const struct api_rights *rights);
bool api_route_takes(const struct api_route *route, const char *method);

#endif
