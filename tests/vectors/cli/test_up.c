/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs.json, `up`: from flags and stored preferences to new ones, edits, or the reference's
 * refusal. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/pref_args.h"
#include "cli/status_view.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

struct up {
	struct setting_values v;
	struct flag flags[48];
	struct flag_set set;
	const char *auth_key;
	bool force_reauth, reset, host_routes;
	int argc;
	char *argv[16];
};

static void init(struct up *u, const json_t *args)
{
	const struct flag own[] = {
		{ .name = "auth-key", .kind = FLAG_STRING, .value = &u->auth_key, .help = "" },
		{ .name = "authkey", .same_as = "auth-key" },
		{ .name = "force-reauth",
		  .kind = FLAG_BOOL,
		  .value = &u->force_reauth,
		  .help = "" },
		{ .name = "reset", .kind = FLAG_BOOL, .value = &u->reset, .help = "" },
	};
	setting_defaults(&u->v);
	size_t n = setting_flags(SETTING_UP, &u->v, u->flags);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		u->flags[n++] = own[i];
	u->auth_key = "";
	u->set =
	    (struct flag_set){ .command = "meshctl up", .args = "", .flags = u->flags, .n = n };
	for (size_t i = 0; i < j_len(args); i++)
		u->argv[u->argc++] = strdup(j_text(j_at(args, i)));
}

static json_t *status_in(const char *state)
{
	json_t *s = j_parse(span_str(j_str(vec_load("localapi_status.json"), "status_json_text")),
			    1u << 20, NULL);
	j_set_str(s, "BackendState", state);
	return s;
}

static int same(const char *name, const char *what, const char *got, const char *want)
{
	if (str_cmp(got, want) == 0)
		return 0;
	print_error("%s: %s\n--- got\n%s\n--- want\n%s\n", name, what, got ? got : "(none)",
		    want ? want : "(none)");
	return 1;
}

static int same_json(const char *name, const char *what, const json_t *got, const json_t *want)
{
	char *g = got ? j_dump(got) : NULL, *w = want ? j_dump(want) : NULL;
	int bad = same(name, what, g, w);
	free(g);
	free(w);
	return bad;
}

/* The reference's text with the name of our program in the command to copy, one newline at its end.
 */
static char *error_of(const json_t *test)
{
	const char *s = j_str(test, "Error");
	if (!s)
		return NULL;
	struct buf b;
	buf_init(&b, 65536);
	for (const char *hit; (hit = strstr(s, "tailscale up")); s = hit + 12) {
		buf_add(&b, s, (size_t)(hit - s));
		buf_add_str(&b, "meshctl up");
	}
	buf_add_str(&b, s);
	if (b.len > 1 && b.p[b.len - 1] == '\n' && b.p[b.len - 2] == '\n')
		b.len--;
	char *copy = strdup(buf_cstr(&b));
	buf_fini(&b);
	return copy;
}

static char *warnings_of(const json_t *test)
{
	struct buf b;
	const json_t *list = j_get(test, "Warnings");
	buf_init(&b, 65536);
	for (size_t i = 0; i < j_len(list); i++)
		buf_fmt(&b, "%s\n", j_text(j_at(list, i)));
	char *copy = strdup(buf_cstr(&b));
	buf_fini(&b);
	return copy;
}

/* NULL, or the refusal. */
static char *check(struct up *u, const struct up_check *chk, json_t **prefs)
{
	char *why = u->reset ? NULL : up_revert_check(chk, prefs);
	if (!why && login_server_changed(chk->cur, *prefs) && status_is(chk->status, "Running") &&
	    !u->force_reauth)
		why = strdup("can't change --login-server without --force-reauth");
	return why;
}

static int compare(struct up *u, const json_t *test, const struct up_check *chk, json_t *prefs)
{
	const char *name = j_str(test, "Name");
	struct prefs_mask mask;
	bool edit = status_is(chk->status, "Running") && !u->force_reauth && !*u->auth_key &&
		    !tags_changed(chk->cur, prefs);
	up_edit_mask(&u->set, &u->v, u->reset, &mask);
	json_t *masked = edit ? prefs_masked(prefs, &mask) : NULL;
	int bad = same_json(name, "preferences", prefs, j_get(test, "NewPrefs"));
	bad += same_json(name, "edit", masked, j_get(test, "JustEdit"));
	if (up_is_simple(chk) != j_bool(test, "SimpleUp", false)) {
		print_error("%s: simple\n", name);
		bad++;
	}
	j_free(masked);
	return bad;
}

static int run(const json_t *test)
{
	struct up u = { .argc = 0 };
	struct buf warnings;
	json_t *status = status_in(j_str(test, "State")), *prefs = NULL;
	const char *name = j_str(test, "Name");
	init(&u, j_get(test, "Args"));
	buf_init(&warnings, 65536);
	int argc = u.argc, bad = 0;
	char **argv = u.argv;
	assert_int_equal(flags_parse(&u.set, &argc, &argv, stderr), FLAGS_OK);
	const struct up_check chk = { &u.set, j_get(test, "CurPrefs"), status,
				      j_str(test, "User") };
	char *want = error_of(test), *want_warnings = warnings_of(test);
	char *why = up_prefs_build(&u.v, status, &prefs, &warnings);
	if (!why)
		why = check(&u, &chk, &prefs);
	bad += same(name, "error", why, want);
	if (!want)
		bad += same(name, "warnings", buf_cstr(&warnings), want_warnings);
	if (!why && !want)
		bad += compare(&u, test, &chk, prefs);
	free(why);
	free(want);
	free(want_warnings);
	buf_fini(&warnings);
	j_free(status);
	j_free(prefs);
	for (int i = 0; i < u.argc; i++)
		free(u.argv[i]);
	return bad != 0;
}

static bool is_flag_error(const json_t *test)
{
	const char *e = j_str(test, "Error");
	return e && (strstr(e, "flag provided but") || strstr(e, "invalid boolean value"));
}

/* Refused before the daemon is asked: exit 2, the text and the usage. */
static int run_flag_error(const json_t *test)
{
	char *err = NULL, *argv[3] = { strdup("meshctl"), strdup("up"),
				       strdup(j_text(j_at(j_get(test, "Args"), 0))) };
	size_t n;
	struct cli c = {
		.user = "root", .ssh_client = "", .hurry = 1, .now = wall_now, .out = stdout
	};
	c.err = open_memstream(&err, &n);
	int code = cli_run(&c, 3, argv);
	fclose(c.err);
	char *first = strndup(err, strcspn(err, "\n"));
	int bad = same(j_str(test, "Name"), "error", first, j_str(test, "Error"));
	bad += code != 2 || !strstr(err, "USAGE\n  meshctl up [flags]\n");
	for (size_t i = 0; i < 3; i++)
		free(argv[i]);
	free(first);
	free(err);
	return bad != 0;
}

static void test_up(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("prefs.json"), "up");
	int bad = 0;
	for (size_t i = 0; i < j_len(cases); i++)
		bad += is_flag_error(j_at(cases, i)) ? run_flag_error(j_at(cases, i))
						     : run(j_at(cases, i));
	assert_true(j_len(cases) >= 43);
	assert_int_equal(bad, 0);
}

static void test_defaults(void **state)
{
	(void)state;
	json_t *all = vec_load("prefs.json"), *mine = prefs_default();
	struct buf b;
	buf_init(&b, 65536);
	j_write(mine, J_INDENT_TAB, true, &b);
	assert_string_equal(buf_cstr(&b), j_str(all, "default_prefs_text"));
	buf_fini(&b);
	j_free(mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_defaults),
					    cmocka_unit_test(test_up) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
