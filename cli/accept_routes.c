/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/accept_routes.h"

#include "base/alloc.h"
#include "cli/validate.h"

#include <stdlib.h>

static bool is_one_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, words[i]) == 0)
			return true;
	return false;
}

static bool says_on(const char *s)
{
	static const char *const words[] = { "on", "1", "t", "T", "true", "TRUE", "True" };
	return is_one_of(s, words, ARRAY_LEN(words));
}

static bool says_off(const char *s)
{
	static const char *const words[] = { "off", "0", "f", "F", "false", "FALSE", "False" };
	return is_one_of(s, words, ARRAY_LEN(words));
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
