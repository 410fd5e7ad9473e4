/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/commands.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "daemon/coordinator/dns_conf.h"
#include "daemon/coordinator/policy.h"
#include "daemon/coordinator/show.h"

#include <stdlib.h>

#define DEFAULT_EXPIRY "24h"

static void set_option(json_t *request, const char *name, const struct options *o,
		       enum option_id id)
{
	if (o->value[id])
		j_set_str(request, name, o->value[id]);
}

static bool fill_key_create(json_t *request, const char *const *argv, int n,
			    const struct options *o, const char **why)
{
	const char *expiry = o->value[OPT_EXPIRY] ? o->value[OPT_EXPIRY] : DEFAULT_EXPIRY;
	int64_t seconds = duration_seconds(expiry);

	(void)argv;
	(void)n;
	*why = "--expiry needs a time like 30m, 24h or 7d; 0 = never";
	if (seconds < 0)
		return false;
	j_set_int(request, "expiry_s", seconds);
	j_set_bool(request, "reusable", o->value[OPT_REUSABLE] != NULL);
	j_set_bool(request, "ephemeral", o->value[OPT_EPHEMERAL] != NULL);
	set_option(request, "tags", o, OPT_TAGS);
	set_option(request, "user", o, OPT_USER);
	return true;
}

/* Verbs whose arguments are just named: "id", "node name", ... */
static bool fill_names(json_t *request, const char *const *names, const char *const *argv, int n)
{
	for (int i = 0; i < n; i++)
		j_set_str(request, names[i], argv[i]);
	return true;
}

#define FILL(fn, ...)                                                                              \
	static bool fn(json_t *request, const char *const *argv, int n, const struct options *o,   \
		       const char **why)                                                           \
	{                                                                                          \
		static const char *const names[] = { __VA_ARGS__ };                                \
		(void)o;                                                                           \
		(void)why;                                                                         \
		return fill_names(request, names, argv, n);                                        \
	}

FILL(fill_id, "id")
FILL(fill_node, "node")
FILL(fill_node_name, "node", "name")
FILL(fill_node_routes, "node", "routes")
FILL(fill_node_caps, "node", "caps")
FILL(fill_value, "value")

static bool fill_login(json_t *request, const char *const *argv, int n, const struct options *o,
		       const char **why)
{
	(void)n;
	(void)why;
	j_set_str(request, "login", argv[0]);
	set_option(request, "user", o, OPT_USER);
	return true;
}

/* A file's text, "-" = standard input. */
static bool set_file(json_t *request, const char *name, const char *path, size_t max,
		     const char **why)
{
	struct buf b;
	int rc;

	buf_init(&b, max);
	rc = fs_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &b);
	*why = rc == -ERR_NOENT ? "there is no such file" : err_text(rc);
	if (rc == 0)
		j_set(request, name, j_string_span(buf_span(&b)));
	buf_fini(&b);
	return rc == 0;
}

static bool fill_policy(json_t *request, const char *const *argv, int n, const struct options *o,
			const char **why)
{
	(void)n;
	(void)o;
	return set_file(request, "text", argv[0], POLICY_TEXT_MAX, why);
}

static bool fill_dns(json_t *request, const char *const *argv, int n, const struct options *o,
		     const char **why)
{
	(void)o;
	if (n)
		return set_file(request, "text", argv[0], DNS_CONF_MAX, why);
	j_set_str(request, "text", "");
	return true;
}

static bool set_number(json_t *request, const char *name, const char *text, const char **why)
{
	uint64_t v;

	*why = "needs a number";
	if (u64_decode(span_str(text), UINT32_MAX, &v) < 0)
		return false;
	j_set_int(request, name, (int64_t)v);
	return true;
}

static bool fill_ms(json_t *request, const char *const *argv, int n, const struct options *o,
		    const char **why)
{
	(void)n;
	(void)o;
	return set_number(request, "ms", argv[0], why);
}

static bool fill_node_ms(json_t *request, const char *const *argv, int n, const struct options *o,
			 const char **why)
{
	(void)n;
	(void)o;
	j_set_str(request, "node", argv[0]);
	return set_number(request, "ms", argv[1], why);
}

static bool fill_inject(json_t *request, const char *const *argv, int n, const struct options *o,
			const char **why)
{
	(void)n;
	(void)o;
	(void)why;
	j_set_str(request, "node", argv[0]);
	j_set_str(request, "json", argv[1]);
	return true;
}

static bool fill_filter(json_t *request, const char *const *argv, int n, const struct options *o,
			const char **why)
{
	(void)o;
	(void)why;
	j_set_str(request, "json", n ? argv[0] : "");
	return true;
}

static bool fill_c2n(json_t *request, const char *const *argv, int n, const struct options *o,
		     const char **why)
{
	char *text;

	(void)o;
	(void)n;
	*why = "say a method and a path, such as: GET /echo";
	if (argv[1][0] == 0 || argv[2][0] != '/')
		return false;
	text = xasprintf("%s %s HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\n\r\n", argv[1],
			 argv[2]);
	j_set_str(request, "node", argv[0]);
	j_set_str(request, "request", text);
	free(text);
	return true;
}

static bool fill_register(json_t *request, const char *const *argv, int n, const struct options *o,
			  const char **why)
{
	(void)o;
	if (!set_number(request, "status", argv[0], why) ||
	    (n > 1 && !set_number(request, "times", argv[1], why)))
		return false;
	if (n > 2)
		j_set_str(request, "retry_after", argv[2]);
	return true;
}

const struct command commands[] = {
	{ "authkey create", "",
	  "make a key that lets a machine join; printed alone on the last line", 0, 0,
	  OPT_BIT(OPT_REUSABLE) | OPT_BIT(OPT_EPHEMERAL) | OPT_BIT(OPT_TAGS) | OPT_BIT(OPT_EXPIRY) |
	      OPT_BIT(OPT_USER),
	  fill_key_create, show_key },
	{ "authkey list", "", "keys that exist, without their secrets", 0, 0, 0, NULL, show_keys },
	{ "authkey expire", "ID", "make a key useless", 1, 1, 0, fill_id, NULL },
	{ "node list", "", "nodes, and logins that wait for approval", 0, 0, 0, NULL, show_nodes },
	{ "node approve-login", "ID|URL", "let a waiting machine in", 1, 1, OPT_BIT(OPT_USER),
	  fill_login, show_node },
	{ "node expire", "NODE", "make a node log in again", 1, 1, 0, fill_node, NULL },
	{ "node delete", "NODE", "remove a node", 1, 1, 0, fill_node, NULL },
	{ "node rename", "NODE NAME", "give a node another name", 2, 2, 0, fill_node_name, NULL },
	{ "node routes", "[NODE]", "announced, approved and served routes", 0, 1, 0, fill_node,
	  show_routes },
	{ "node approve-routes", "NODE ROUTES|\"\"", "replace a node's approved routes", 2, 2, 0,
	  fill_node_routes, show_route },
	{ "policy set", "FILE|-", "replace the policy", 1, 1, 0, fill_policy, NULL },
	{ "policy get", "", "print the policy", 0, 0, 0, NULL, show_policy },
	{ "dns set", "FILE|-", "replace the DNS settings", 1, 1, 0, fill_dns, NULL },
	{ "dns get", "", "print the DNS settings", 0, 0, 0, NULL, show_dns },
	{ "debug stats", "", "counters", 0, 0, 0, NULL, show_json },
	{ "debug ping", "NODE", "have a node answer on the outer server", 1, 1, 0, fill_node,
	  show_ping },
	{ "debug c2n", "NODE METHOD PATH", "ask a node's c2n handler", 3, 3, 0, fill_c2n,
	  show_ping },
	{ "debug drop-map", "NODE", "cut a node's map streams", 1, 1, 0, fill_node, NULL },
	{ "debug drop-conns", "", "cut all control connections", 0, 0, 0, NULL, NULL },
	{ "debug delay", "NODE MS", "hold back the next map messages", 2, 2, 0, fill_node_ms,
	  NULL },
	{ "debug corrupt", "NODE", "flip bits in the next map message", 1, 1, 0, fill_node, NULL },
	{ "debug inject", "NODE JSON", "send a map message as it is", 2, 2, 0, fill_inject, NULL },
	{ "debug filter", "[JSON]", "these filter rules for everybody; none = the policy's", 0, 1,
	  0, fill_filter, NULL },
	{ "debug dns", "[FILE|-]", "send this DNSConfig as it is; none = the settings again", 0, 1,
	  0, fill_dns, NULL },
	{ "debug caps", "NODE CAPS|\"\"", "give a node capabilities", 2, 2, 0, fill_node_caps,
	  NULL },
	{ "debug keep-alive", "on|off", "send keep-alives", 1, 1, 0, fill_value, NULL },
	{ "debug early", "on|off", "send the early payload", 1, 1, 0, fill_value, NULL },
	{ "debug zstd", "on|off", "compress for clients that ask for it", 1, 1, 0, fill_value,
	  NULL },
	{ "debug relay", "on|off", "take relay connections", 1, 1, 0, fill_value, NULL },
	{ "debug stun", "on|off", "answer STUN", 1, 1, 0, fill_value, NULL },
	{ "debug handshake", "normal|close|silent|error", "what follows the 101", 1, 1, 0,
	  fill_value, NULL },
	{ "debug register", "STATUS [TIMES [RETRY-AFTER]]", "refuse the next registrations", 1, 3,
	  0, fill_register, NULL },
	{ "debug ephemeral", "MS", "life of an ephemeral node after its stream", 1, 1, 0, fill_ms,
	  NULL },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};

const struct command *command_find(const struct options *o, size_t *used)
{
	char verb[64] = "";
	struct wr w = wr_init(mspan_of(verb, sizeof(verb) - 1));

	if (o->n_words < 2)
		return NULL;
	wr_fmt(&w, "%s %s", o->words[0], o->words[1]);
	if (!wr_ok(&w))
		return NULL;
	verb[wr_len(&w)] = 0;
	*used = 2;
	for (const struct command *c = commands; c->verb; c++)
		if (strcmp(c->verb, verb) == 0)
			return c;
	return NULL;
}
