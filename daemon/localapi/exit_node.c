/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which exit node would be good, and the one in use off and on again. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

void api_suggest_exit_node(struct api_req *r)
{
	char *why = NULL;
	json_t *v = backend_suggest_exit_node(r->b, &why);
	if (v)
		api_json(r, 200, J_COMPACT, v);
	else
		api_error_json(r, 500, "error", why);
	free(why);
}

/* As Go reads a bool. */
static bool bool_of(const char *s, bool *out)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	for (size_t i = 0; s && i < ARRAY_LEN(yes); i++) {
		*out = strcmp(s, yes[i]) == 0;
		if (*out || strcmp(s, no[i]) == 0)
			return true;
	}
	return false;
}

void api_set_use_exit_node(struct api_req *r)
{
	bool on;
	char *why = NULL;
	json_t *prefs = NULL;
	if (!bool_of(httpd_query(r->http, "enabled"), &on)) {
		api_text(r, 400, "invalid 'enabled' parameter");
		return;
	}
	int rc = backend_use_exit_node(r->b, on, &prefs, &why);
	if (rc == 0)
		api_json(r, 200, J_INDENT_TAB, prefs);
	else
		api_text(r, 500, why ? why : err_text(rc));
	free(why);
}
