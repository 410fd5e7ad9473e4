/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: the table, or the daemon's JSON. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/status_text.h"
#include "cli/status_view.h"
#include "cli/verbs.h"

#include <stdlib.h>

static void drop_inactive(json_t *status)
{
	json_t *peers = j_get(status, "Peer"), *kept = j_object();
	if (!j_is_object(peers)) {
		j_free(kept);
		return;
	}
	for (void *it = j_iter(peers); it; it = j_iter_next(peers, it))
		if (j_bool(j_iter_value(it), "Active", false))
			j_set(kept, j_iter_key(it), j_ref(j_iter_value(it)));
	j_set(status, "Peer", kept);
}

/* Why a login does not come about is said nowhere else: `up` waits meanwhile. Nor is why a machine
 * that is logged out has no network, or one that is down no names. */
static bool must_be_read(const json_t *status)
{
	const json_t *health = j_get(status, "Health");
	for (size_t i = 0; i < j_len(health); i++) {
		const char *text = j_text(j_at(health, i));
		if (text && (strstr(text, "The last login error was: ") ||
			     strstr(text, "Traffic to the Internet is dropped") ||
			     strstr(text, "configuration could not be put back")))
			return true;
	}
	return false;
}

static int print_not_running(struct cli *c, const json_t *status, char *why)
{
	if (status_is(status, "NoState") || must_be_read(status)) {
		struct buf b;
		buf_init(&b, PRINT_MAX);
		status_health_text(status, &b);
		print_buf(c->out, &b);
		buf_fini(&b);
	}
	for (const char *p = why; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		char *line = xstrndup(p, strcspn(p, "\n"));
		print_clean(c->out, line);
		fputc('\n', c->out);
		free(line);
	}
	free(why);
	return CLI_FAIL;
}

static int print_text(struct cli *c, const json_t *status, const struct status_view_opts *o)
{
	char *why = NULL;
	struct buf b;
	if (!status_usable(status, &why))
		return print_not_running(c, status, why);
	json_t *serve = lapi_get(c, LAPI "serve-config", &why);
	buf_init(&b, PRINT_MAX);
	status_text(status, serve, o, &b);
	print_buf(c->out, &b);
	buf_fini(&b);
	if (why) {
		fprintf(c->out,
			"\n# Funnel:\n#     - Unable to get Funnel status: getting serve config: ");
		print_clean(c->out, why);
		fputc('\n', c->out);
	}
	free(why);
	j_free(serve);
	return CLI_OK;
}

int cmd_status(struct cli *c, int argc, char **argv)
{
	struct status_view_opts o = { .self = true, .peers = true, .now = c->now() };
	bool json = false;
	struct flag flags[] = {
		FLAG(BOOL, "active", &o.active,
		     "filter output to only peers with active sessions (not applicable to web "
		     "mode)"),
		FLAG(BOOL, "header", &o.header, "show column headers in table format"),
		FLAG(BOOL, "json", &json, "output in JSON format"),
		FLAG_SHOWN(BOOL, "peers", &o.peers, "true", "show status of peers"),
		FLAG_SHOWN(BOOL, "self", &o.self, "true", "show status of local machine"),
	};
	struct flag_set set = { .command = CLI_PROG " status",
				.summary = "Show state of meshd and its connections",
				.args =
				    "[--active] [--header] [--json] [--peers=false] [--self=false]",
				FLAGS(flags),
				.too_many =
				    "unexpected non-flag arguments to '" CLI_PROG " status'" };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *status = cli_status(c, o.peers, true);
	if (!status)
		return CLI_FAIL;
	int rc = CLI_OK;
	if (json && o.active)
		drop_inactive(status);
	if (json)
		print_json(c->out, status, J_INDENT_2, false);
	else
		rc = print_text(c, status, &o);
	j_free(status);
	return rc;
}
