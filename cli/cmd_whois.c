/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whois and whoami: machine and user behind an address. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/status_view.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

/* Elements of an array from `from` to `to`, blank-separated in brackets. */
static void add_list(struct buf *b, const json_t *a, size_t from, size_t to)
{
	buf_add_str(b, "[");
	for (size_t i = from; i < j_len(a) && i < to; i++) {
		const char *s = j_text(j_at(a, i));
		buf_add_str(b, i > from ? " " : "");
		text_clean(b, s ? s : "");
	}
	buf_add_str(b, "]");
}

static void add_field(struct buf *b, const char *name, const char *value)
{
	buf_fmt(b, "  %s:\t", name);
	text_clean(b, value);
	buf_add_str(b, "\n");
}

static void add_machine(struct buf *b, const json_t *node)
{
	const json_t *addrs = j_get(node, "Addresses"), *allowed = j_get(node, "AllowedIPs");
	char *name = xstrdup(text_of(node, "Name"));
	size_t n = strlen(name);
	if (n && name[n - 1] == '.')
		name[n - 1] = '\0';
	buf_add_str(b, "Machine:\n");
	add_field(b, "Name", name);
	add_field(b, "ID", text_of(node, "StableID"));
	buf_add_str(b, "  Addresses:\t");
	add_list(b, addrs, 0, SIZE_MAX);
	buf_add_str(b, "\n");
	if (j_len(allowed) > 2) {
		buf_add_str(b, "  AllowedIPs:\t");
		add_list(b, allowed, 2, SIZE_MAX);
		buf_add_str(b, "\n");
	}
	free(name);
}

static void add_user(struct buf *b, const json_t *who)
{
	const json_t *tags = j_get(j_get(who, "Node"), "Tags"), *user = j_get(who, "UserProfile");
	if (j_len(tags)) {
		buf_add_str(b, "Tags:");
		for (size_t i = 0; i < j_len(tags); i++) {
			const char *s = j_text(j_at(tags, i));
			buf_add_str(b, i ? ", " : " ");
			text_clean(b, s ? s : "");
		}
		buf_add_str(b, "\n");
		return;
	}
	buf_add_str(b, "User:\n");
	add_field(b, "Name", text_of(user, "LoginName"));
	buf_fmt(b, "  ID:\t%" PRId64 "\n", j_int(user, "ID", 0));
}

static void add_tailnet(struct buf *b, const json_t *tailnet)
{
	if (!tailnet)
		return;
	buf_add_str(b, "Tailnet:\n");
	add_field(b, "Name", text_of(tailnet, "Name"));
	add_field(b, "MagicDNS Suffix", text_of(tailnet, "MagicDNSSuffix"));
}

static void add_capabilities(struct buf *b, json_t *caps)
{
	buf_add_str(b, "Capabilities:\n");
	for (void *it = j_is_object(caps) ? j_iter(caps) : NULL; it; it = j_iter_next(caps, it)) {
		buf_add_str(b, "  - ");
		text_clean(b, j_iter_key(it));
		json_t *values = j_iter_value(it);
		if (j_len(values)) {
			char *dump = j_dump(values);
			buf_add_str(b, ":\n    ");
			text_clean(b, dump);
			free(dump);
		}
		buf_add_str(b, "\n");
	}
}

static void print_who(struct cli *c, const json_t *who, const json_t *tailnet)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	add_machine(&b, j_get(who, "Node"));
	add_user(&b, who);
	add_tailnet(&b, tailnet);
	if (j_len(j_get(who, "CapMap")))
		add_capabilities(&b, j_get(who, "CapMap"));
	print_table(c->out, &b, 10, 5);
	buf_fini(&b);
}

static json_t *ask(struct cli *c, const char *addr, const char *proto, char **why)
{
	struct buf uri, body;
	struct lapi_error e;
	json_t *who = NULL;
	buf_init(&uri, 65536);
	buf_init(&body, LAPI_ANSWER_MAX);
	buf_add_str(&uri, LAPI "whois?proto=");
	lapi_escape(&uri, proto);
	buf_add_str(&uri, "&addr=");
	lapi_escape(&uri, addr);
	const struct lapi_call call = { .method = "GET", .uri = buf_cstr(&uri) };
	if (lapi_do(c, &call, &body, &e)) {
		*why = e.text;
		if (e.fault == LAPI_STATUS && e.status == 404)
			str_set(why, "peer not found");
	} else if (!(who = j_parse(buf_span(&body), LAPI_ANSWER_MAX, NULL))) {
		*why = xstrdup("invalid JSON from the daemon for whois");
	}
	buf_fini(&uri);
	buf_fini(&body);
	return who;
}

static int show(struct cli *c, const char *addr, const char *proto, bool json,
		const json_t *tailnet)
{
	char *why = NULL;
	json_t *who = ask(c, addr, proto, &why);
	if (!who)
		return cli_fail_why(c, why);
	if (json)
		print_json(c->out, who, J_INDENT_2, true);
	else
		print_who(c, who, tailnet);
	j_free(who);
	return CLI_OK;
}

int cmd_whois(struct cli *c, int argc, char **argv)
{
	bool json = false;
	const char *proto = "";
	struct flag flags[] = {
		FLAG(BOOL, "json", &json, "output in JSON format"),
		FLAG(STRING, "proto", &proto,
		     "protocol; one of \"tcp\" or \"udp\"; empty means both"),
	};
	struct flag_set set = {
		.command = CLI_PROG " whois",
		.summary = "Show the machine and user associated with a Tailscale IP (v4 or v6)",
		.args = "[--json] ip[:port]",
		FLAGS(flags),
		.words = 1,
		.too_many = "too many arguments, expected at most one peer"
	};
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (argc == 0)
		return cli_fail(c, "missing argument, expected one peer");
	return show(c, argv[0], proto, json, NULL);
}

int cmd_whoami(struct cli *c, int argc, char **argv)
{
	bool json = false;
	struct flag flags[] = {
		FLAG(BOOL, "json", &json, "output in JSON format"),
	};
	struct flag_set set = { .command = CLI_PROG " whoami",
				.summary =
				    "Show the machine and user identity of the current machine",
				.args = "[--json]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	json_t *status = cli_status(c, false, false);
	if (!status)
		return CLI_FAIL;
	const char *ip = j_text(j_at(j_get(status, "TailscaleIPs"), 0));
	int rc =
	    ip ? show(c, ip, "", json, j_get(status, "CurrentTailnet"))
	       : cli_fail(c, "no current Tailscale IPs; state: %s", j_str(status, "BackendState"));
	j_free(status);
	return rc;
}
