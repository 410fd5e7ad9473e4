/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debug: what the daemon knows, as it is. */
#include "base/alloc.h"
#include "cli/datapath_text.h"
#include "cli/dns_mode_text.h"
#include "cli/localapi_client.h"
#include "cli/prefs_pretty.h"
#include "cli/print.h"
#include "cli/routes_text.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

#define WATCH_MASK (8192 + 4096 + 32768)
#define WATCH_INITIAL (2 + 4)
#define METRICS_PAUSE_MS 1000

static bool parse_no_flags(struct cli *c, const char *name, int argc, char **argv, int *code)
{
	char *command = xasprintf(CLI_PROG " debug %s", name);
	struct flag_set set = { .command = command, .args = "" };
	bool ok = cli_parse(c, &set, &argc, &argv, code);
	free(command);
	return ok;
}

/* ---- questions ---- */

static int prefs(struct cli *c, int argc, char **argv)
{
	bool pretty = false;
	struct flag flags[] = { FLAG(BOOL, "pretty", &pretty, "If true, pretty-print output") };
	struct flag_set set = { .command = CLI_PROG " debug prefs",
				.summary = "Print prefs",
				.args = "[--pretty]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *p = cli_get(c, LAPI "prefs");
	if (!p)
		return CLI_FAIL;
	if (pretty) {
		struct buf b;
		buf_init(&b, PRINT_MAX);
		prefs_pretty(p, &b);
		fprintf(c->out, "%s\n", buf_cstr(&b));
		buf_fini(&b);
	} else {
		print_json(c->out, p, J_INDENT_TAB, true);
	}
	j_free(p);
	return CLI_OK;
}

/* debug?action=..., whose answer is JSON: new; NULL: the user has been told why. */
static json_t *answer_to(struct cli *c, const char *action)
{
	char *uri = xasprintf(LAPI "debug?action=%s", action), *why = NULL;
	json_t *v = NULL;
	int rc = lapi_send(c, "POST", uri, NULL, 200, &v, &why);
	free(uri);
	if (rc)
		cli_fail_why(c, why);
	return v;
}

static int ask(struct cli *c, const char *action)
{
	json_t *v = answer_to(c, action);
	if (!v)
		return CLI_FAIL;
	if (j_is_string(v)) {
		print_clean(c->out, j_text(v));
		fputc('\n', c->out);
	} else {
		print_json(c->out, v, J_INDENT_TAB, true);
	}
	j_free(v);
	return CLI_OK;
}

#define QUESTION(fn, name, action)                                                                 \
	static int fn(struct cli *c, int argc, char **argv)                                        \
	{                                                                                          \
		int code;                                                                          \
		return parse_no_flags(c, name, argc, argv, &code) ? ask(c, action) : code;         \
	}
QUESTION(netmap, "netmap", "current-netmap")
QUESTION(statedir, "statedir", "statedir")
QUESTION(peers, "peers", "peers")
QUESTION(derp, "derp", "derp")

/* A view that is a table for people. */
struct view {
	const char *name;    /* of the command, and what the daemon is asked for */
	const char *command; /* in full */
	const char *summary;
	void (*text)(const json_t *answer, struct buf *cells);
	void (*end)(const json_t *answer, FILE *out); /* below the table; NULL: nothing */
};

static void print_view(struct cli *c, const struct view *v, const json_t *answer)
{
	struct buf cells;
	buf_init(&cells, PRINT_MAX);
	v->text(answer, &cells);
	print_table(c->out, &cells, 0, 2);
	buf_fini(&cells);
	if (v->end)
		v->end(answer, c->out);
}

static int show(struct cli *c, const struct view *v, int argc, char **argv)
{
	bool json = false;
	struct flag flags[] = { FLAG(BOOL, "json", &json, "output in JSON format") };
	struct flag_set set = {
		.command = v->command, .summary = v->summary, .args = "[--json]", FLAGS(flags)
	};
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *answer = answer_to(c, v->name);
	if (!answer)
		return CLI_FAIL;
	if (json)
		print_json(c->out, answer, J_INDENT_TAB, true);
	else
		print_view(c, v, answer);
	j_free(answer);
	return CLI_OK;
}

#define DATAPATH_SUMMARY "Print how packets are moved on this machine"

static int datapath(struct cli *c, int argc, char **argv)
{
	static const struct view view = { "datapath", CLI_PROG " debug datapath", DATAPATH_SUMMARY,
					  datapath_text, NULL };
	return show(c, &view, argc, argv);
}

#define ROUTES_SUMMARY "Print routes, rules and firewall: wanted against there"

static void print_wrong(const json_t *answer, FILE *out)
{
	size_t wrong = routes_wrong(answer);
	if (wrong)
		fprintf(out,
			"\n# %zu not as wanted. meshd repairs what others remove within a "
			"second; if this stays, its log says why.\n",
			wrong);
}

static int routes(struct cli *c, int argc, char **argv)
{
	static const struct view view = { "routes", CLI_PROG " debug routes", ROUTES_SUMMARY,
					  routes_text, print_wrong };
	return show(c, &view, argc, argv);
}

#define DNS_SUMMARY "Print how this machine resolves names, and why so"

static int dns(struct cli *c, int argc, char **argv)
{
	bool json = false;
	struct flag flags[] = { FLAG(BOOL, "json", &json, "output in JSON format") };
	struct flag_set set = { .command = CLI_PROG " debug dns",
				.summary = DNS_SUMMARY,
				.args = "[--json]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *answer = answer_to(c, "dns");
	if (!answer)
		return CLI_FAIL;
	if (json) {
		print_json(c->out, answer, J_INDENT_TAB, true);
	} else {
		const struct dns_mode_view v = { .dns = answer, .all = true };
		struct buf b;
		buf_init(&b, PRINT_MAX);
		dns_mode_text(&v, &b);
		print_buf(c->out, &b);
		buf_fini(&b);
	}
	j_free(answer);
	return CLI_OK;
}

static int derp_map(struct cli *c, int argc, char **argv)
{
	int code;
	if (!parse_no_flags(c, "derp-map", argc, argv, &code))
		return code;
	json_t *map = cli_get(c, LAPI "derpmap");
	if (!map)
		return CLI_FAIL;
	print_json(c->out, map, J_INDENT_TAB, true);
	j_free(map);
	return CLI_OK;
}

static int print_metrics(struct cli *c)
{
	const struct lapi_call call = { .method = "GET", .uri = LAPI "metrics" };
	struct lapi_error e;
	struct buf b;
	buf_init(&b, LAPI_ANSWER_MAX);
	int rc = lapi_do(c, &call, &b, &e) ? cli_fail_why(c, e.text) : CLI_OK;
	print_buf(c->out, &b);
	fflush(c->out);
	buf_fini(&b);
	return rc;
}

static int metrics(struct cli *c, int argc, char **argv)
{
	bool watch = false;
	struct flag flags[] = { FLAG(BOOL, "watch", &watch, "print the metrics every second") };
	struct flag_set set = { .command = CLI_PROG " debug metrics",
				.summary = "Print the daemon's counters",
				.args = "[--watch]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	for (;;) {
		int rc = print_metrics(c);
		if (rc || !watch)
			return rc;
		cli_sleep_ms(c, METRICS_PAUSE_MS);
		fputc('\n', c->out);
	}
}

/* ---- the bus ---- */

static int watch(struct cli *c, const char *uri, int64_t count)
{
	char *why = NULL;
	struct lapi_stream *bus = lapi_stream_open(c, uri, &why);
	int rc = CLI_OK;
	if (!bus)
		return cli_fail_why(c, why);
	fprintf(c->err, "Connected.\n");
	for (int64_t n = 0; (count == 0 || n < count) && rc == CLI_OK; n++) {
		struct lapi_error e;
		json_t *m = lapi_stream_next(bus, MONO_NEVER, &e);
		if (m)
			print_json(c->out, m, J_INDENT_TAB, true);
		else
			rc = cli_fail_why(c, e.text);
		fflush(c->out);
		j_free(m);
	}
	lapi_stream_free(bus);
	return rc;
}

static int watch_ipn(struct cli *c, int argc, char **argv)
{
	bool initial = false;
	int64_t count = 0, mask = WATCH_MASK;
	struct flag flags[] = {
		FLAG_SHOWN(INT, "count", &count, "0",
			   "exit after printing this many messages, or 0 to keep going forever"),
		FLAG(BOOL, "initial", &initial, "include initial status"),
		FLAG(INT, "mask", &mask, "watch mask bits"),
	};
	struct flag_set set = { .command = CLI_PROG " debug watch-ipn",
				.summary = "Subscribe to IPN message bus",
				.args = "[flags]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	char *uri =
	    xasprintf(LAPI "watch-ipn-bus?mask=%" PRId64, initial ? mask | WATCH_INITIAL : mask);
	int rc = watch(c, uri, count);
	free(uri);
	return rc;
}

/* ---- actions ---- */

static int act(struct cli *c, const char *action, int argc, char **argv)
{
	int code;
	char *why = NULL;
	if (!parse_no_flags(c, action, argc, argv, &code))
		return code;
	char *uri = xasprintf(LAPI "debug?action=%s", action);
	int rc = lapi_send(c, "POST", uri, NULL, 200, NULL, &why);
	free(uri);
	return rc ? cli_fail_why(c, why) : CLI_OK;
}

#define ACTION(fn, name)                                                                           \
	static int fn(struct cli *c, int argc, char **argv)                                        \
	{                                                                                          \
		return act(c, name, argc, argv);                                                   \
	}
ACTION(restun, "restun")
ACTION(rebind, "rebind")
ACTION(force_netmap_update, "force-netmap-update")
ACTION(break_derp_conns, "break-derp-conns")
ACTION(clear_netmap_cache, "clear-netmap-cache")

int cmd_debug(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb subs[] = {
		{ "prefs", "Print prefs", prefs },
		{ "netmap", "Print the current network map", netmap },
		{ "metrics", "Print the daemon's counters", metrics },
		{ "derp-map", "Print DERP map", derp_map },
		{ "watch-ipn", "Subscribe to IPN message bus", watch_ipn },
		{ "statedir", "Print the location of the daemon's state", statedir },
		{ "peers", "Print how each peer is reached and why", peers },
		{ "derp", "Print the relay connections", derp },
		{ "datapath", "Print how packets are moved on this machine", datapath },
		{ "routes", ROUTES_SUMMARY, routes },
		{ "dns", DNS_SUMMARY, dns },
		{ "via", "Convert between site-specific IPv4 CIDRs and IPv6 'via' routes",
		  cmd_debug_via },
		{ "restun", "Force a magicsock restun", restun },
		{ "rebind", "Force a magicsock rebind", rebind },
		{ "force-netmap-update", "Force a full no-op netmap update", force_netmap_update },
		{ "break-derp-conns", "Break any open DERP connections from the daemon",
		  break_derp_conns },
		{ "clear-netmap-cache", "Remove the stored network map", clear_netmap_cache },
	};
	return cli_run_group(c, "debug", "Debug commands", subs, ARRAY_LEN(subs), argc, argv);
}
