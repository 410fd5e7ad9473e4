/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profiles/: list, make, switch, delete. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

static void all(struct api_req *r)
{
	char *why = NULL;
	if (api_is_method(r, "GET")) {
		api_json(r, 200, J_COMPACT, backend_profiles(r->b));
	} else if (api_is_method(r, "PUT")) {
		int rc = backend_profile_new(r->b, &why);
		api_result(r, rc, 201, why);
	} else {
		api_text(r, 405, "use GET or PUT");
	}
}

static void current(struct api_req *r)
{
	if (api_is_method(r, "GET"))
		api_json(r, 200, J_COMPACT, backend_profile_current(r->b));
	else
		api_text(r, 405, "use GET");
}

static void get(struct api_req *r, const char *id)
{
	json_t *p = backend_profile_get(r->b, id);
	if (p)
		api_json(r, 200, J_COMPACT, p);
	else
		api_text(r, 404, "Profile not found");
}

static void one(struct api_req *r, const char *id)
{
	char *why = NULL;
	if (api_is_method(r, "GET")) {
		get(r, id);
	} else if (api_is_method(r, "POST")) {
		int rc = backend_profile_switch(r->b, id, &why);
		api_result(r, rc, 204, why);
	} else if (api_is_method(r, "DELETE")) {
		int rc = backend_profile_delete(r->b, id, &why);
		api_result(r, rc, 204, why);
	} else {
		api_text(r, 405, "use POST or DELETE");
	}
}

void api_profiles(struct api_req *r)
{
	if (!*r->rest)
		all(r);
	else if (strcmp(r->rest, "current") == 0)
		current(r);
	else
		one(r, r->rest);
}
