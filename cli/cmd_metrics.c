/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics: the daemon's figures for dashboards. */
#include "base/alloc.h"
#include "base/fs.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

/* 0 and the text in b. */
static int fetch(struct cli *c, struct buf *b)
{
	const struct lapi_call call = { .method = "GET", .uri = LAPI "usermetrics" };
	struct lapi_error e;
	return lapi_do(c, &call, b, &e) ? cli_fail_why(c, e.text) : 0;
}

static int print(struct cli *c, int argc, char **argv)
{
	struct buf b;
	if (argc)
		return cli_fail(c, "unexpected arguments: %s", argv[0]);
	buf_init(&b, LAPI_ANSWER_MAX);
	int rc = fetch(c, &b);
	if (rc == 0)
		print_buf(c->out, &b);
	buf_fini(&b);
	return rc;
}

/* For the text file collector of node_exporter: whole or not at all. */
static int write_file(struct cli *c, int argc, char **argv)
{
	struct buf b;
	if (argc != 1)
		return cli_fail(c, "usage: " CLI_PROG " metrics write <path>");
	buf_init(&b, LAPI_ANSWER_MAX);
	int rc = fetch(c, &b);
	if (rc == 0) {
		int err = fs_write_atomic(argv[0], buf_span(&b), 0644);
		if (err)
			rc = cli_fail(c, "could not write %s: %s", argv[0], err_text(err));
	}
	buf_fini(&b);
	return rc;
}

static const struct cli_verb subs[] = {
	{ "print", "Print the current metric values in Prometheus text format", print },
	{ "write", "Write the metric values to a file", write_file },
};

int cmd_metrics(struct cli *c, int argc, char **argv)
{
	if (argc == 0)
		return print(c, 0, NULL);
	return cli_run_group(c, "metrics", "Show Tailscale metrics", subs, ARRAY_LEN(subs), argc,
			     argv);
}
