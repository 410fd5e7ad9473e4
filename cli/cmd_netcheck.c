/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck: the daemon's report on the network it is in. shared/spec/transport.md 12. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/netcheck_text.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include <stdlib.h>

enum format { AS_TEXT, AS_JSON, AS_JSON_LINE };

static int print_report(struct cli *c, const json_t *report, const json_t *derp_map,
			enum format format)
{
	struct buf b;
	if (format != AS_TEXT) {
		print_json(c->out, report, format == AS_JSON ? J_INDENT_TAB : J_COMPACT, true);
		return CLI_OK;
	}
	buf_init(&b, PRINT_MAX);
	netcheck_text(report, derp_map, &b);
	print_buf(c->out, &b);
	buf_fini(&b);
	return CLI_OK;
}

static int check_once(struct cli *c, enum format format)
{
	char *why = NULL;
	json_t *map = lapi_get(c, LAPI "derpmap", &why), *report = NULL;
	int rc;
	if (!map)
		return cli_fail_why(c, why);
	if (j_is_nil(map))
		rc = cli_fail(c, "no DERP map yet: the node has not heard from its control server; "
				 "check with \"" CLI_PROG " status\"");
	else if (lapi_send(c, "POST", LAPI "debug?action=netcheck", NULL, 200, &report, &why))
		rc = cli_fail_why(c, why);
	else
		rc = print_report(c, report, map, format);
	j_free(report);
	j_free(map);
	fflush(c->out);
	return rc;
}

static bool format_of(const char *text, enum format *format)
{
	*format = strcmp(text, "json") == 0	   ? AS_JSON
		  : strcmp(text, "json-line") == 0 ? AS_JSON_LINE
						   : AS_TEXT;
	return !*text || *format != AS_TEXT;
}

int cmd_netcheck(struct cli *c, int argc, char **argv)
{
	const char *text = "";
	enum format format;
	int64_t every = 0;
	struct flag flags[] = {
		FLAG_SHOWN(DURATION, "every", &every, "0s",
			   "if non-zero, do an incremental report with the given frequency"),
		FLAG(STRING, "format", &text,
		     "output format; empty (for human-readable), \"json\" or \"json-line\""),
	};
	struct flag_set set = { .command = CLI_PROG " netcheck",
				.summary = "Print an analysis of local network conditions",
				.args = "",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (!format_of(text, &format))
		return cli_fail(c, "unknown output format \"%s\"", text);
	for (;;) {
		int rc = check_once(c, format);
		if (rc || every <= 0)
			return rc;
		cli_sleep_ms(c, every / NS_PER_MS);
	}
}
