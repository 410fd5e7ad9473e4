/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preferences: read, edit, check. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

static void edit(struct api_req *r)
{
	json_t *masked = api_body_json(r);
	if (!masked)
		return;
	json_t *result = NULL;
	char *why = NULL;
	int rc = backend_edit_prefs(r->b, masked, &result, &why);
	if (rc == 0)
		api_json(r, 200, J_INDENT_TAB, result);
	else
		api_error_json(r, 400, "Error", why ? why : err_text(rc));
	free(why);
	j_free(masked);
}

void api_prefs(struct api_req *r)
{
	if (api_is_method(r, "PATCH"))
		edit(r);
	else
		api_json(r, 200, J_INDENT_TAB, backend_prefs(r->b));
}

/* A refusal travels with 200: the client looks at the body only. */
void api_check_prefs(struct api_req *r)
{
	json_t *prefs = api_body_json(r);
	if (!prefs)
		return;
	char *why = NULL;
	int rc = backend_check_prefs(r->b, prefs, &why);
	if (rc == 0)
		api_json(r, 200, J_COMPACT, j_object());
	else
		api_error_json(r, 200, "Error", why ? why : err_text(rc));
	free(why);
	j_free(prefs);
}

/* There is no configuration file to read again. */
void api_reload_config(struct api_req *r)
{
	json_t *o = j_object();
	j_set_bool(o, "Reloaded", false);
	j_set_str(o, "Err", "");
	api_json(r, 200, J_COMPACT, o);
}
