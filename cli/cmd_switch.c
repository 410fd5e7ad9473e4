/* SPDX-License-Identifier: GPL-2.0-or-later */
/* switch: between accounts, each with its own login. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/status_view.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <stdlib.h>

#define START_TRIES 40
#define START_PAUSE_MS 250

struct accounts {
	json_t *current, *all;
};

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

static const char *tailnet(const json_t *p)
{
	const json_t *n = j_get(p, "NetworkProfile");
	return *text_of(n, "DisplayName") ? text_of(n, "DisplayName") : text_of(n, "DomainName");
}

static const char *account(const json_t *p)
{
	return text_of(j_get(p, "UserProfile"), "LoginName");
}

static int load(struct cli *c, struct accounts *a)
{
	char *why = NULL;
	*a = (struct accounts){ .current = lapi_get(c, LAPI "profiles/current", &why) };
	if (a->current)
		a->all = lapi_get(c, LAPI "profiles/", &why);
	return a->all ? 0 : cli_fail_why(c, why);
}

static void unload(struct accounts *a)
{
	j_free(a->current);
	j_free(a->all);
}

static bool is_current(const struct accounts *a, const json_t *p)
{
	return strcmp(text_of(a->current, "ID"), text_of(p, "ID")) == 0;
}

/* By id first, then by tailnet, account and nickname. */
static const json_t *find(const struct accounts *a, const char *name)
{
	for (size_t i = 0; i < j_len(a->all); i++)
		if (strcmp(text_of(j_at(a->all, i), "ID"), name) == 0)
			return j_at(a->all, i);
	for (size_t i = 0; i < j_len(a->all); i++) {
		const json_t *p = j_at(a->all, i);
		if (strcmp(tailnet(p), name) == 0 || strcmp(account(p), name) == 0 ||
		    strcmp(text_of(p, "Name"), name) == 0)
			return p;
	}
	return NULL;
}

/* ---- list ---- */

static void print_list(struct cli *c, const struct accounts *a)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	buf_add_str(&b, "ID\tTailnet\tAccount\n");
	for (size_t i = 0; i < j_len(a->all); i++) {
		const json_t *p = j_at(a->all, i);
		text_clean(&b, text_of(p, "ID"));
		buf_add_str(&b, "\t");
		text_clean(&b, tailnet(p));
		buf_add_str(&b, "\t");
		text_clean(&b, text_of(p, "Name"));
		buf_add_str(&b, is_current(a, p) ? "*\n" : "\n");
	}
	print_table(c->out, &b, 2, 2);
	buf_fini(&b);
}

static void print_list_json(struct cli *c, const struct accounts *a)
{
	json_t *list = j_array();
	for (size_t i = 0; i < j_len(a->all); i++) {
		const json_t *p = j_at(a->all, i);
		json_t *o = j_object();
		j_set_str(o, "id", text_of(p, "ID"));
		j_set_str(o, "nickname", text_of(p, "Name"));
		j_set_str(o, "tailnet", tailnet(p));
		j_set_str(o, "account", account(p));
		j_set_bool(o, "selected", is_current(a, p));
		j_add(list, o);
	}
	print_json(c->out, list, J_INDENT_2, true);
	j_free(list);
}

static int list(struct cli *c, bool json)
{
	struct accounts a;
	int rc = load(c, &a);
	if (rc == 0 && json)
		print_list_json(c, &a);
	else if (rc == 0)
		print_list(c, &a);
	unload(&a);
	return rc;
}

/* ---- switch ---- */

/* Until the state says how it ended. */
static int wait_for_account(struct cli *c)
{
	for (int i = 0; i < START_TRIES; i++) {
		char *why = NULL;
		json_t *status = lapi_status(c, false, false, &why);
		if (!status)
			return cli_fail_why(c, why);
		bool pending = status_is(status, "NoState") || status_is(status, "Starting");
		bool login = status_is(status, "NeedsLogin");
		j_free(status);
		if (login)
			return cli_fail(c, "Logged out.\nTo log in, run:\n  " CLI_PROG " up");
		if (!pending) {
			fprintf(c->out, "Success.\n");
			return CLI_OK;
		}
		cli_sleep_ms(c, START_PAUSE_MS);
	}
	return cli_fail(c, "Timed out waiting for switch to complete.");
}

static int act_on(struct cli *c, const json_t *p, const char *method, char **why)
{
	struct buf uri;
	buf_init(&uri, 4096);
	buf_add_str(&uri, LAPI "profiles/");
	lapi_escape(&uri, text_of(p, "ID"));
	int rc = lapi_send(c, method, buf_cstr(&uri), NULL, 204, NULL, why);
	buf_fini(&uri);
	return rc;
}

static int switch_to(struct cli *c, const struct accounts *a, const char *name)
{
	const json_t *p = find(a, name);
	char *why = NULL;
	if (!p)
		return cli_fail(c, "No profile named \"%s\"", name);
	if (is_current(a, p)) {
		fprintf(c->out, "Already on account \"%s\"\n", name);
		return CLI_OK;
	}
	fprintf(c->out, "Switching to account \"%s\"\n", name);
	fflush(c->out);
	if (act_on(c, p, "POST", &why)) {
		fprintf(c->err, "Failed to switch to account: ");
		return cli_fail_why(c, why);
	}
	return wait_for_account(c);
}

static int remove_account(struct cli *c, const struct accounts *a, const char *name)
{
	const json_t *p = find(a, name);
	char *why = NULL;
	if (!p)
		return cli_fail(c, "No profile named \"%s\"", name);
	if (act_on(c, p, "DELETE", &why)) {
		fprintf(c->err, "Failed to remove account: ");
		return cli_fail_why(c, why);
	}
	return CLI_OK;
}

static int with_accounts(struct cli *c, const char *name,
			 int (*fn)(struct cli *c, const struct accounts *a, const char *name))
{
	struct accounts a;
	int rc = load(c, &a);
	if (rc == 0)
		rc = fn(c, &a, name);
	unload(&a);
	return rc;
}

int cmd_switch(struct cli *c, int argc, char **argv)
{
	bool want_list = false, json = false;
	struct flag flags[] = {
		FLAG(BOOL, "json", &json, "list available accounts as JSON"),
		FLAG(BOOL, "list", &want_list, "list available accounts"),
	};
	struct flag_set set = {
		.command = CLI_PROG " switch",
		.summary = "Switch to a different Tailscale account",
		.args = "<id> | remove <id> | --list",
		.text = "The id may also be the tailnet, account or nickname it belongs to.",
		FLAGS(flags),
		.words = WORDS_ANY
	};
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (want_list)
		return list(c, json);
	if (argc == 2 && strcmp(argv[0], "remove") == 0)
		return with_accounts(c, argv[1], remove_account);
	if (argc == 1 && strcmp(argv[0], "remove") != 0)
		return with_accounts(c, argv[0], switch_to);
	flags_usage(&set, c->err);
	return CLI_USAGE;
}
