/* SPDX-License-Identifier: GPL-2.0-or-later */
/* up and login: shared/spec/cli-localapi.md 10.3. */
#include "base/alloc.h"
#include "base/fs.h"
#include "cli/health_lines.h"
#include "cli/localapi_client.h"
#include "cli/pref_args.h"
#include "cli/print.h"
#include "cli/ssh_session.h"
#include "cli/status_view.h"
#include "cli/text.h"
#include "cli/up_wait.h"
#include "cli/verbs.h"

#include <stdlib.h>

#define KEY_FILE_MAX 65536
#define FLAGS_MAX 48

struct up {
	struct cli *c;
	struct setting_values v;
	struct flag flags[FLAGS_MAX];
	struct flag_set set;
	const char *auth_key, *accept_risk, *qr_format;
	bool force_reauth, reset, json, qr, host_routes;
	int64_t timeout_ns;
	json_t *status, *cur, *prefs;
};

/* ---- flags --------------------------------------------------------------------------------------
 */

static void init_flags(struct up *u, bool login)
{
	const struct flag own[] = {
		FLAG(STRING, "accept-risk", &u->accept_risk,
		     "accept risk and skip confirmation for risk types: lose-ssh,all"),
		FLAG(STRING, "auth-key", &u->auth_key,
		     "node authorization key; if it begins with \"file:\", then it's a path "
		     "to a file "
		     "containing the authkey"),
		{ .name = "authkey", .same_as = "auth-key" },
		FLAG(BOOL, "force-reauth", &u->force_reauth,
		     "force reauthentication (WARNING: this may bring down the connection; "
		     "don't do this "
		     "over the mesh itself)"),
		{ .name = "host-routes", .kind = FLAG_BOOL, .value = &u->host_routes },
		FLAG(BOOL, "json", &u->json, "output in JSON format"),
		{ .name = "posture-checking", .same_as = "report-posture" },
		FLAG(BOOL, "qr", &u->qr, "show QR code for login URLs"),
		FLAG(STRING, "qr-format", &u->qr_format, "QR code formatting (small, large)"),
		FLAG(BOOL, "reset", &u->reset,
		     "reset unspecified settings to their default values"),
		FLAG_SHOWN(DURATION, "timeout", &u->timeout_ns, "0s",
			   "maximum amount of time to wait for meshd to enter a Running state; 0s "
			   "waits forever"),
	};
	size_t n = setting_flags(SETTING_UP | (login ? SETTING_LOGIN : 0), &u->v, u->flags);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!(login && strcmp(own[i].name, "reset") == 0))
			u->flags[n++] = own[i];
	u->set = (struct flag_set){
		.command = login ? CLI_PROG " login" : CLI_PROG " up",
		.summary = login ? "Log in to a Tailscale account"
				 : "Connect to Tailscale, logging in if needed",
		.args = "[flags]",
		.text =
		    login ? "\"" CLI_PROG " login\" logs this machine in to your network."
			  : "\"" CLI_PROG " up\" connects this machine to your network, triggering "
			    "authentication if necessary.\n\nThe flags passed to this command are "
			    "specific to "
			    "this machine. If you don't\nspecify any flags, options are not reset.",
		.flags = u->flags,
		.n = n,
		.words = WORDS_ANY,
	};
}

/* Asked for, but not there: said, never ignored. */
static const char *refused_flag(struct up *u)
{
	const char *name = setting_refused(&u->set, &u->v);
	if (name)
		return name;
	return u->qr ? "qr" : *u->qr_format ? "qr-format" : NULL;
}

/* CLI_OK to go on; else *code. */
static bool parse(struct up *u, int argc, char **argv, int *code)
{
	if (!cli_parse(u->c, &u->set, &argc, &argv, code))
		return false;
	if (!u->host_routes) {
		fprintf(u->c->err,
			"invalid boolean value \"false\" for -host-routes: unsupported value; only "
			"'true' is allowed\n");
		flags_usage(&u->set, u->c->err);
		*code = CLI_USAGE;
		return false;
	}
	*code = CLI_FAIL;
	if (argc > 0) {
		struct buf b;
		buf_init(&b, 1u << 20);
		for (int i = 0; i < argc; i++) {
			buf_add_str(&b, i ? " " : "");
			text_quote(&b, argv[i]);
		}
		cli_fail(u->c, "too many non-flag arguments: [%s]", buf_cstr(&b));
		buf_fini(&b);
		return false;
	}
	const char *refused = refused_flag(u);
	if (refused)
		cli_fail(u->c, "--%s is not supported by this version", refused);
	return !refused;
}

/* ---- steps ---- */

/* A key from a file, trimmed; or as given. New and secret, or NULL with *why. */
static char *read_key(const char *given, char **why)
{
	if (strncmp(given, "file:", 5) != 0)
		return xstrdup(given);
	struct buf b;
	buf_init(&b, KEY_FILE_MAX);
	b.secret = true;
	int rc = fs_read(given + 5, &b);
	char *key = NULL;
	if (rc) {
		*why =
		    xasprintf("could not read the auth key from %s: %s", given + 5, err_text(rc));
	} else {
		const char *s = buf_cstr(&b);
		size_t skip = strspn(s, " \t\r\n"), n = strlen(s);
		while (n > skip && strchr(" \t\r\n", s[n - 1]))
			n--;
		key = xstrndup(s + skip, n - skip);
	}
	buf_fini(&b);
	return key;
}

static void free_key(char *key)
{
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
}

/* What the machine itself should have switched on for routes to work. */
static int warn_about_forwarding(struct up *u)
{
	static const char *const checks[] = { LAPI "check-ip-forwarding",
					      LAPI "check-udp-gro-forwarding" };
	if (!j_len(prefs_get(u->prefs, PF_ADVERTISE_ROUTES)) && !u->v.advertise_connector)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		char *why = NULL;
		json_t *v = lapi_get(u->c, checks[i], &why);
		if (!v)
			return cli_fail_why(u->c, why);
		const char *warning = j_str(v, "Warning");
		if (warning && *warning) {
			fprintf(u->c->out, "Warning: ");
			print_clean(u->c->out, warning);
			fputc('\n', u->c->out);
		}
		j_free(v);
	}
	return 0;
}

static void print_warnings(struct up *u, struct buf *lines)
{
	char *copy = xstrdup(buf_cstr(lines)), *rest = copy;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && !u->json)
			fprintf(u->c->out, "Warning: %s\n", line);
	free(copy);
}

static int build_prefs(struct up *u)
{
	struct buf warnings;
	buf_init(&warnings, 65536);
	char *why = up_prefs_build(&u->v, u->status, &u->prefs, &warnings);
	print_warnings(u, &warnings);
	buf_fini(&warnings);
	return why ? cli_fail_why(u->c, why) : 0;
}

static int edit(struct up *u, const json_t *prefs, const struct prefs_mask *mask)
{
	char *why = NULL;
	json_t *body = prefs_masked(prefs, mask);
	int rc = lapi_send(u->c, "PATCH", LAPI "prefs", body, 200, NULL, &why);
	j_free(body);
	return rc ? cli_fail_why(u->c, why) : 0;
}

static int edit_given(struct up *u)
{
	struct prefs_mask mask;
	up_edit_mask(&u->set, &u->v, u->reset, &mask);
	return edit(u, u->prefs, &mask);
}

static int just_want_running(struct up *u)
{
	struct prefs_mask mask = { 0 };
	json_t *zero = prefs_zero();
	prefs_mask_add(&mask, PF_WANT_RUNNING);
	prefs_set(zero, PF_WANT_RUNNING, j_from_bool(true));
	int rc = edit(u, zero, &mask);
	j_free(zero);
	return rc;
}

static json_t *start_options(struct up *u, const char *key)
{
	json_t *o = j_object();
	j_set_str(o, "FrontendLogID", "");
	j_set(o, "UpdatePrefs", j_ref(u->prefs));
	j_set_str(o, "AuthKey", key);
	return o;
}

/* check-prefs, start, login-interactive */
static int start(struct up *u)
{
	char *why = NULL;
	if (lapi_send(u->c, "POST", LAPI "check-prefs", u->prefs, 200, NULL, &why))
		return cli_fail_why(u->c, why);
	char *key = read_key(u->auth_key, &why);
	if (!key)
		return cli_fail_why(u->c, why);
	json_t *options = start_options(u, key);
	free_key(key);
	int rc = lapi_send(u->c, "POST", LAPI "start", options, 204, NULL, &why);
	j_free(options);
	if (rc)
		return cli_fail_why(u->c, why);
	bool login = u->force_reauth || !j_bool(u->status, "HaveNodeKey", false);
	if (login && lapi_send(u->c, "POST", LAPI "login-interactive", NULL, 204, NULL, &why))
		return cli_fail_why(u->c, why);
	return 0;
}

/* ---- the whole ---- */

static bool edit_is_enough(const struct up *u)
{
	return status_is(u->status, "Running") && !u->force_reauth && !*u->auth_key &&
	       !tags_changed(u->cur, u->prefs);
}

/* The bus is open before anything is changed, so that no message is missed. */
static int start_and_wait(struct up *u, bool simple)
{
	char *why = NULL;
	struct lapi_stream *bus = lapi_stream_open(u->c, LAPI "watch-ipn-bus?mask=0", &why);
	if (!bus)
		return cli_fail_why(u->c, why);
	struct up_wait w = {
		.c = u->c,
		.json = u->json,
		.quiet_url = *u->auth_key != '\0',
		.force_reauth = u->force_reauth,
		.old_url = j_str(u->status, "AuthURL"),
		.old_key = j_str(j_get(u->status, "Self"), "PublicKey"),
		.control_url = prefs_str(u->prefs, PF_CONTROL_URL),
		.deadline = u->timeout_ns ? mono_add_ns(mono_now(), u->timeout_ns / u->c->hurry)
					  : MONO_NEVER,
	};
	int rc = simple ? just_want_running(u) : start(u);
	if (rc == 0)
		rc = up_wait_running(&w, bus);
	lapi_stream_free(bus);
	return rc;
}

static int check(struct up *u, bool *simple)
{
	const struct up_check chk = {
		.set = &u->set, .cur = u->cur, .status = u->status, .user = u->c->user
	};
	*simple = up_is_simple(&chk);
	char *why = u->reset ? NULL : up_revert_check(&chk, &u->prefs);
	if (why)
		return cli_fail_why(u->c, why);
	if (login_server_changed(u->cur, u->prefs) && status_is(u->status, "Running") &&
	    !u->force_reauth)
		return cli_fail(u->c, "can't change --login-server without --force-reauth");
	return 0;
}

static int go_up(struct up *u)
{
	char *why = NULL;
	bool simple;
	int rc;
	if (!(u->status = lapi_status(u->c, true, true, &why)))
		return cli_fail_why(u->c, why);
	if ((rc = build_prefs(u)) || (rc = warn_about_forwarding(u)))
		return rc;
	if (!(u->cur = lapi_get(u->c, LAPI "prefs", &why)))
		return cli_fail_why(u->c, why);
	if ((rc = check(u, &simple)))
		return rc;
	if (u->force_reauth && !ssh_risk_accepted(u->c, u->accept_risk, "reauthentication"))
		return CLI_FAIL;
	rc = edit_is_enough(u) ? edit_given(u) : start_and_wait(u, simple);
	if (rc == 0)
		health_print(u->c, HEALTH_OF_UP);
	return rc;
}

static int run(struct cli *c, int argc, char **argv, bool login)
{
	struct up *u = xcalloc(1, sizeof(*u));
	int code = CLI_FAIL;
	char *why = NULL;
	u->c = c;
	u->auth_key = u->accept_risk = u->qr_format = "";
	u->host_routes = true;
	setting_defaults(&u->v);
	u->v.accept_dns = !c->kubernetes;
	init_flags(u, login);
	if (parse(u, argc, argv, &code)) {
		if (login && lapi_send(c, "PUT", LAPI "profiles/", NULL, 201, NULL, &why))
			code = cli_fail_why(c, why);
		else
			code = go_up(u);
	}
	j_free(u->status);
	j_free(u->cur);
	j_free(u->prefs);
	free(u);
	return code;
}

int cmd_up(struct cli *c, int argc, char **argv)
{
	return run(c, argc, argv, false);
}

int cmd_login(struct cli *c, int argc, char **argv)
{
	return run(c, argc, argv, true);
}
