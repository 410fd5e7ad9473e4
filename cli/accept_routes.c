/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/accept_routes.h"

#include "base/alloc.h"
#include "cli/validate.h"

#include <stdlib.h>

/* A bool, or on and off. */
static bool says(const char *s, bool want, const char *word)
{
	bool is;
	if (strcmp(s, word) == 0)
		return true;
	return bool_decode(span_str(s), &is) == 0 && is == want;
}

static bool says_on(const char *s)
{
	return says(s, true, "on");
}

static bool says_off(const char *s)
{
	return says(s, false, "off");
}

static bool says_auto(const char *s)
{
	return strcmp(s, "auto") == 0;
}

char *accept_routes_check(const char *text)
{
	json_t *list = NULL;
	if (says_on(text) || says_off(text) || says_auto(text))
		return NULL;
	char *problem = validate_prefixes(text, &list);
	j_free(list);
	if (!problem)
		return NULL;
	char *all =
	    xasprintf("%s; say on, off, auto, or prefixes like 10.0.0.0/8,fd00::/8", problem);
	free(problem);
	return all;
}

void accept_routes_apply(const char *text, json_t *prefs)
{
	json_t *list = NULL;
	prefs_set(prefs, PF_ROUTE_ALL, j_from_bool(!says_off(text)));
	if (says_on(text) || says_off(text))
		return;
	if (!says_auto(text))
		free(validate_prefixes(text, &list));
	prefs_set(prefs, PF_ACCEPT_ROUTES_AUTO, j_from_bool(true));
	if (list)
		prefs_set(prefs, PF_ACCEPT_ROUTES_ONLY, list);
}

void accept_routes_fields(const char *text, struct prefs_mask *mask)
{
	prefs_mask_add(mask, PF_ROUTE_ALL);
	if (says_on(text) || says_off(text))
		return;
	prefs_mask_add(mask, PF_ACCEPT_ROUTES_AUTO);
	if (!says_auto(text))
		prefs_mask_add(mask, PF_ACCEPT_ROUTES_ONLY);
}

void accept_routes_text(const json_t *prefs, struct buf *out)
{
	const json_t *only = prefs_get(prefs, PF_ACCEPT_ROUTES_ONLY);
	if (!prefs_bool(prefs, PF_ROUTE_ALL))
		buf_add_str(out, "false");
	else if (j_len(only))
		list_text(only, out);
	else
		buf_add_str(out, prefs_bool(prefs, PF_ACCEPT_ROUTES_AUTO) ? "auto" : "true");
}
