/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An `up` against what is stored: shared/spec/cli-localapi.md 10.3.1. */
#include "base/alloc.h"
#include "cli/pref_args.h"
#include "cli/text.h"

#include <stdlib.h>

#define HOSTED_SERVER "https://controlplane.tailscale.com"
#define HOSTED_SERVER_OLD "https://login.tailscale.com"

static bool is_hosted(const char *url)
{
	return !*url || strcmp(url, HOSTED_SERVER) == 0 || strcmp(url, HOSTED_SERVER_OLD) == 0;
}

bool login_server_changed(const json_t *cur, const json_t *prefs)
{
	const char *a = prefs_str(cur, PF_CONTROL_URL), *b = prefs_str(prefs, PF_CONTROL_URL);
	return strcmp(a, b) != 0 && !(is_hosted(a) && is_hosted(b));
}

bool tags_changed(const json_t *cur, const json_t *prefs)
{
	const json_t *a = prefs_get(cur, PF_ADVERTISE_TAGS),
		     *b = prefs_get(prefs, PF_ADVERTISE_TAGS);
	return (j_len(a) || j_len(b)) && !(a && b && j_equal(a, b));
}

bool up_is_simple(const struct up_check *u)
{
	const char *login = j_str(j_get(prefs_get(u->cur, PF_CONFIG), "UserProfile"), "LoginName");
	const char *state = j_str(u->status, "BackendState");
	return !flags_any_given(u->set) && *prefs_str(u->cur, PF_CONTROL_URL) && login && *login &&
	       str_cmp(state, "NeedsLogin") != 0;
}

/* "--x", "--x=false", "--x=", "--x='a b'" */
static char *flag_text(const char *name, bool is_bool, const char *value)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_fmt(&b, "--%s", name);
	if (!is_bool || strcmp(value, "true") != 0) {
		buf_add_str(&b, "=");
		if (*value)
			text_shell_quote(&b, value);
	}
	char *s = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static char *setting_flag(const struct setting *s, const json_t *prefs, const json_t *status)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	setting_text(s, prefs, status, &b);
	char *text = flag_text(s->name, setting_is_bool(s), buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* Differences that nobody meant: both names of the hosted server, the old default of filtering, the
 * operator who is running this. */
static bool excused(const struct up_check *u, const struct setting *s, const json_t *prefs)
{
	switch (s->field) {
	case PF_CONTROL_URL:
		return !login_server_changed(u->cur, prefs);
	case PF_NO_STATEFUL_FILTERING:
		return !prefs_bool(u->cur, PF_NO_STATEFUL_FILTERING);
	case PF_OPERATOR_USER:
		return *u->user && strcmp(prefs_str(u->cur, PF_OPERATOR_USER), u->user) == 0;
	default:
		return false;
	}
}

/* The flag that would keep the stored value, or NULL if it is kept anyway. */
static char *missing_flag(const struct up_check *u, const struct setting *s, const json_t *prefs)
{
	if (!(s->verbs & SETTING_UP) || flags_given(u->set, s->name) || excused(u, s, prefs))
		return NULL;
	char *was = setting_flag(s, u->cur, u->status);
	char *is = setting_flag(s, prefs, u->status);
	if (strcmp(was, is) == 0) {
		free(was);
		was = NULL;
	}
	free(is);
	return was;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct flag *const *)a)->name,
		      (*(const struct flag *const *)b)->name);
}

/* Never the key itself: this text ends up in terminals and tickets. */
static char *plain_flag(const struct flag *f)
{
	char text[DURATION_MAX];
	if (strcmp(f->name, "auth-key") == 0)
		return xstrdup("--auth-key=KEY");
	if (f->kind == FLAG_BOOL)
		return flag_text(f->name, true, *(const bool *)f->value ? "true" : "false");
	if (f->kind == FLAG_DURATION)
		return flag_text(f->name, false, duration_encode(*(const int64_t *)f->value, text));
	return flag_text(f->name, false, *(const char *const *)f->value);
}

static void add_given(const struct up_check *u, const json_t *prefs, struct buf *out)
{
	const struct flag *given[64];
	size_t n = 0;
	for (size_t i = 0; i < u->set->n && n < ARRAY_LEN(given); i++)
		if (u->set->flags[i].given)
			given[n++] = &u->set->flags[i];
	qsort(given, n, sizeof(*given), by_name);
	for (size_t i = 0; i < n; i++) {
		const struct setting *s = setting_find(given[i]->name);
		char *text = s ? setting_flag(s, prefs, u->status) : plain_flag(given[i]);
		buf_fmt(out, " %s", text);
		free(text);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *refusal(const struct up_check *u, const json_t *prefs, char **missing, size_t n)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_add_str(&b,
		    "Error: changing settings via 'meshctl up' requires mentioning all\n"
		    "non-default flags. To proceed, either re-run your command with --reset or\n"
		    "use the command below to explicitly mention the current value of\n"
		    "all non-default settings:\n\n\tmeshctl up");
	add_given(u, prefs, &b);
	qsort(missing, n, sizeof(*missing), by_text);
	for (size_t i = 0; i < n; i++)
		buf_fmt(&b, " %s", missing[i]);
	buf_add_str(&b, "\n");
	char *s = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static void keep_operator(const struct up_check *u, json_t **prefs)
{
	const char *stored = prefs_str(u->cur, PF_OPERATOR_USER);
	if (!*u->user || strcmp(stored, u->user) != 0 || flags_given(u->set, "operator"))
		return;
	prefs_set(*prefs, PF_OPERATOR_USER, j_string(stored));
	json_t *ordered = prefs_ordered(*prefs);
	j_free(*prefs);
	*prefs = ordered;
}

char *up_revert_check(const struct up_check *u, json_t **prefs)
{
	char *missing[32];
	size_t n = 0;
	char *problem = NULL;
	_Static_assert(ARRAY_LEN(missing) > 24, "room for every setting");
	if (!*prefs_str(u->cur, PF_CONTROL_URL) || up_is_simple(u))
		return NULL;
	for (size_t i = 0; i < n_settings; i++) {
		char *flag = missing_flag(u, &settings[i], *prefs);
		if (flag)
			missing[n++] = flag;
	}
	if (n)
		problem = refusal(u, *prefs, missing, n);
	else
		keep_operator(u, prefs);
	for (size_t i = 0; i < n; i++)
		free(missing[i]);
	return problem;
}
