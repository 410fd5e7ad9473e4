/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version: ours, and the daemon's. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

static void print_version_json(struct cli *c, const char *daemon)
{
	json_t *o = j_object();
	j_set_str(o, "majorMinorPatch", CLI_VERSION);
	j_set_str(o, "short", CLI_VERSION);
	j_set_str(o, "long", CLI_VERSION);
	if (daemon)
		j_set_str(o, "daemonLong", daemon);
	print_json(c->out, o, J_INDENT_TAB, true);
	j_free(o);
}

static void print_version(struct cli *c, const char *daemon)
{
	if (!daemon) {
		fprintf(c->out, "%s\n", CLI_VERSION);
		return;
	}
	fprintf(c->out, "Client: %s\nDaemon: ", CLI_VERSION);
	print_clean(c->out, daemon);
	fputc('\n', c->out);
}

int cmd_version(struct cli *c, int argc, char **argv)
{
	bool daemon = false, json = false;
	struct flag flags[] = {
		FLAG(BOOL, "daemon", &daemon, "also print local node's daemon version"),
		FLAG(BOOL, "json", &json, "output in JSON format"),
	};
	struct flag_set set = { .command = CLI_PROG " version",
				.summary = "Print the version",
				.args = "[flags]",
				FLAGS(flags) };
	int code;
	char *why = NULL;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *status = daemon ? lapi_status(c, false, false, &why) : NULL;
	if (daemon && !status)
		return cli_fail_why(c, why);
	const char *long_version = j_str(status, "Version");
	if (daemon && !long_version)
		long_version = "";
	if (json)
		print_version_json(c, long_version);
	else
		print_version(c, long_version);
	j_free(status);
	return CLI_OK;
}
