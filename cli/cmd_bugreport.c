/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bugreport: a marker in the daemon's log. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

int cmd_bugreport(struct cli *c, int argc, char **argv)
{
	bool diagnose = false, record = false;
	struct flag flags[] = {
		FLAG(BOOL, "diagnose", &diagnose, "run additional in-depth checks"),
		FLAG(BOOL, "record", &record, "if true, pause and then write another bugreport"),
	};
	struct flag_set set = { .command = CLI_PROG " bugreport",
				.summary = "Print a shareable identifier to help diagnose issues",
				.args = "[note]",
				FLAGS(flags),
				.words = 1,
				.too_many = "unknown arguments" };
	int code;
	struct buf uri, b;
	struct lapi_error e;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (record || diagnose)
		return cli_fail(c, "--%s is not supported by this version",
				record ? "record" : "diagnose");
	buf_init(&uri, 65536);
	buf_init(&b, 1u << 20);
	buf_add_str(&uri, LAPI "bugreport?note=");
	lapi_escape(&uri, argc ? argv[0] : "");
	const struct lapi_call call = { .method = "POST", .uri = buf_cstr(&uri) };
	int rc = lapi_do(c, &call, &b, &e) ? cli_fail_why(c, e.text) : CLI_OK;
	if (rc == CLI_OK)
		print_buf(c->out, &b);
	buf_fini(&uri);
	buf_fini(&b);
	return rc;
}
