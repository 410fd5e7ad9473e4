/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns query */
#include "base/alloc.h"
#include "cli/dns_query_text.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include <stdlib.h>

#define REPLY_MAX 65535

static json_t *ask(struct cli *c, const char *name, const char *type)
{
	struct buf uri;
	char *why = NULL;
	buf_init(&uri, 1u << 20);
	buf_add_str(&uri, LAPI "dns-query?name=");
	lapi_escape(&uri, name);
	buf_add_str(&uri, "&type=");
	lapi_escape(&uri, type);
	json_t *answer = lapi_get(c, buf_cstr(&uri), &why);
	buf_fini(&uri);
	if (!answer)
		cli_fail(c, "failed to query DNS: %s", why ? why : "");
	free(why);
	return answer;
}

/* 0, or what dns_reply_parse says of the message in Bytes. */
static int parse(const json_t *answer, struct dns_reply *out)
{
	struct span text = j_span(answer, "Bytes");
	uint8_t *msg = xcalloc(1, REPLY_MAX);
	size_t len = REPLY_MAX;
	int rc = base64_decode(text, msg, &len) ? -ERR_SHORT : 0;
	if (rc == 0)
		rc = dns_reply_parse(span_of(msg, len), out);
	free(msg);
	return rc;
}

static void print(struct cli *c, const struct dns_query_view *v, bool json)
{
	if (json) {
		json_t *o = dns_query_json(v);
		print_json(c->out, o, J_INDENT_2, true);
		j_free(o);
		return;
	}
	struct buf b;
	buf_init(&b, PRINT_MAX);
	dns_query_text(v, &b);
	print_buf(c->out, &b);
	buf_fini(&b);
}

static int query(struct cli *c, const char *name, const char *type, bool json)
{
	json_t *answer = ask(c, name, type);
	struct dns_reply reply = { .answers = NULL };
	if (!answer)
		return CLI_FAIL;
	int rc = parse(answer, &reply);
	if (rc)
		cli_fail(c, "failed to parse DNS %s",
			 rc == -ERR_SYNTAX ? "answers" : "response");
	else
		print(c,
		      &(struct dns_query_view){ name, type, j_get(answer, "Resolvers"),
						j_bool(answer, "Local", false), &reply },
		      json);
	j_free(reply.answers);
	j_free(answer);
	return rc ? CLI_FAIL : CLI_OK;
}

/* Behind the name. */
static bool words_ok(struct cli *c, int argc, char **argv)
{
	struct buf flags;
	buf_init(&flags, 1u << 20);
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-')
			buf_fmt(&flags, "%s%s", flags.len ? ", " : "", argv[i]);
	bool ok = !flags.len && argc <= 2;
	if (flags.len)
		cli_fail(c,
			 "unexpected flags after query name: %s; see '" CLI_PROG
			 " dns query --help'",
			 buf_cstr(&flags));
	else if (!ok)
		cli_fail(c, "unexpected extra arguments: %s", argv[2]);
	buf_fini(&flags);
	return ok;
}

int cmd_dns_query(struct cli *c, int argc, char **argv)
{
	bool json = false;
	struct flag flags[] = { FLAG(BOOL, "json", &json, "output in JSON format") };
	struct flag_set set = {
		.command = CLI_PROG " dns query",
		.summary = "Perform a DNS query",
		.args = "[--json] <name> [type]",
		.text = "The 'meshctl dns query' subcommand performs a DNS query for the specified "
			"name\nusing the internal DNS forwarder (100.100.100.100).\n\n"
			"By default, the DNS query will request an A record. Specify the record "
			"type as\na second argument after the name (e.g. AAAA, CNAME, MX, NS, PTR, "
			"SRV, TXT).\n\n"
			"The output also provides information about the resolver(s) used to "
			"resolve the\nquery.",
		FLAGS(flags),
		.words = WORDS_ANY
	};
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (argc == 0)
		return cli_fail(c, "missing required argument: name");
	if (!words_ok(c, argc, argv))
		return CLI_FAIL;
	char *type = xstrdup(argc > 1 ? argv[1] : "A");
	for (char *p = type; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	int rc = query(c, argv[0], type, json);
	free(type);
	return rc;
}
