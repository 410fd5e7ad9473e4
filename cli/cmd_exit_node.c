/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exit-node list, exit-node suggest */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/status_view.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <strings.h>

static const char *location(const json_t *peer, const char *what)
{
	const char *s = j_str(j_get(peer, "Location"), what);
	return s && *s ? s : "-";
}

static void add_status(const json_t *peer, wall_t now, struct buf *b)
{
	bool used = j_bool(peer, "ExitNode", false), active = j_bool(peer, "Active", false);
	if (used && !active) {
		buf_add_str(b, "selected but offline");
		peer_last_seen(peer, now, b);
	} else if (!active && !j_bool(peer, "Online", false)) {
		buf_add_str(b, "offline");
		peer_last_seen(peer, now, b);
	} else {
		buf_add_str(b, used ? "selected" : "-");
	}
}

static void add_row(const json_t *peer, wall_t now, struct buf *b)
{
	struct span name = peer_short_name(peer, "");
	char *host = xstrndup((const char *)name.p, name.len);
	buf_add_str(b, " ");
	text_clean(b, peer_first_ip(peer));
	buf_add_str(b, "\t");
	text_clean(b, host);
	buf_add_str(b, "\t");
	text_clean(b, location(peer, "Country"));
	buf_add_str(b, "\t");
	text_clean(b, location(peer, "City"));
	buf_add_str(b, "\t");
	add_status(peer, now, b);
	buf_add_str(b, "\t\n");
	free(host);
}

static size_t add_rows(struct cli *c, const json_t *status, const char *filter, struct buf *b)
{
	size_t n, rows = 0;
	json_t **peers = status_sorted_peers(status, &n);
	for (size_t i = 0; i < n; i++) {
		if (!j_bool(peers[i], "ExitNodeOption", false))
			continue;
		if (*filter && strcasecmp(location(peers[i], "Country"), filter) != 0)
			continue;
		add_row(peers[i], c->now(), b);
		rows++;
	}
	free(peers);
	return rows;
}

static int print_list(struct cli *c, const json_t *status, const char *filter)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	buf_add_str(&b, "\n IP\tHOSTNAME\tCOUNTRY\tCITY\tSTATUS\t\n");
	size_t rows = add_rows(c, status, filter, &b);
	if (rows)
		print_table(c->out, &b, 10, 5);
	buf_fini(&b);
	if (!rows && *filter)
		return cli_fail(c, "no exit nodes found for \"%s\"", filter);
	if (!rows)
		return cli_fail(c, "no exit nodes found");
	fprintf(c->out, "\n# To view the complete list of exit nodes for a country, use `" CLI_PROG
			" exit-node list --filter=` followed by the country name.\n"
			"# To use an exit node, use `" CLI_PROG
			" set --exit-node=` followed by the IP or hostname.\n");
	return CLI_OK;
}

static int list(struct cli *c, int argc, char **argv)
{
	const char *filter = "";
	struct flag flags[] = {
		FLAG(STRING, "filter", &filter, "filter exit nodes by country"),
	};
	struct flag_set set = { .command = CLI_PROG " exit-node list",
				.summary = "Show exit nodes",
				.args = "[flags]",
				FLAGS(flags),
				.too_many = "unexpected non-flag arguments to '" CLI_PROG
					    " exit-node list'" };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *status = cli_status(c, true, true);
	if (!status)
		return CLI_FAIL;
	int rc = print_list(c, status, filter);
	j_free(status);
	return rc;
}

static void print_suggestion(struct cli *c, const char *name)
{
	struct buf quoted;
	buf_init(&quoted, 65536);
	text_shell_quote(&quoted, name);
	fprintf(c->out, "Suggested exit node: ");
	print_clean(c->out, name);
	fprintf(c->out, "\nTo accept this suggestion, use `" CLI_PROG " set --exit-node=");
	print_clean(c->out, buf_cstr(&quoted));
	fprintf(c->out, "`.\n");
	buf_fini(&quoted);
}

static int suggest(struct cli *c, int argc, char **argv)
{
	struct flag_set set = { .command = CLI_PROG " exit-node suggest",
				.summary = "Suggest the best available exit node",
				.args = "" };
	int code;
	char *why = NULL;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *v = lapi_get(c, LAPI "suggest-exit-node", &why);
	if (!v) {
		code = cli_fail(c, "suggest exit node: %s", why ? why : "out of memory");
		free(why);
		return code;
	}
	const char *id = j_str(v, "ID"), *name = j_str(v, "Name");
	if (id && *id && name)
		print_suggestion(c, name);
	else
		fprintf(c->out, "No exit node suggestion is available.\n");
	j_free(v);
	return CLI_OK;
}

int cmd_exit_node(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb subs[] = {
		{ "list", "Show exit nodes", list },
		{ "suggest", "Suggest the best available exit node", suggest },
	};
	return cli_run_group(c, "exit-node",
			     "Show machines on your tailnet configured as exit nodes", subs,
			     ARRAY_LEN(subs), argc, argv);
}
