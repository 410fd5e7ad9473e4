/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/show.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

struct cell {
	struct log_esc_buf esc;
};

static const char *text_of(const json_t *o, const char *name, struct cell *c)
{
	const char *s = j_str(o, name);

	return log_esc(span_str(s ? s : ""), &c->esc);
}

/* A list as "a,b", or "-" */
static char *joined(const json_t *arr)
{
	struct buf b;
	struct cell c;
	char *text;

	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < j_len(arr); i++)
		buf_fmt(&b, "%s%s", i ? "," : "", log_esc(j_text_span(j_at(arr, i)), &c.esc));
	text = xstrdup(b.len ? buf_cstr(&b) : "-");
	buf_fini(&b);
	return text;
}

void show_key(const json_t *result)
{
	printf("%s\n", j_str(result, "key") ? j_str(result, "key") : "");
}

void show_keys(const json_t *result)
{
	struct cell a, b, c;

	printf("%-12s  %-8s  %-12s  %-8s  %-9s  %-20s  %s\n", "ID", "STATE", "USER", "REUSABLE",
	       "EPHEMERAL", "EXPIRES", "TAGS");
	for (size_t i = 0; i < j_len(result); i++) {
		const json_t *k = j_at(result, i);
		const char *expiry = j_str(k, "expiry");
		char *tags = joined(j_get(k, "tags"));

		printf("%-12s  %-8s  %-12s  %-8s  %-9s  %-20.20s  %s\n", text_of(k, "id", &a),
		       text_of(k, "state", &b), text_of(k, "user", &c),
		       j_bool(k, "reusable", false) ? "yes" : "no",
		       j_bool(k, "ephemeral", false) ? "yes" : "no", expiry ? expiry : "never",
		       tags);
		free(tags);
	}
}

static const char *node_state(const json_t *n)
{
	if (j_bool(n, "expired", false))
		return "expired";
	return j_bool(n, "online", false) ? "online" : "offline";
}

static void node_line(const json_t *n)
{
	struct cell a, b, c, d;
	char *tags = joined(j_get(n, "tags"));

	printf("%-5lld  %-24s  %-15s  %-26s  %-8s  %-12s  %s\n", (long long)j_int(n, "id", 0),
	       text_of(n, "name", &a), text_of(n, "ipv4", &b), text_of(n, "ipv6", &c),
	       node_state(n), text_of(n, "user", &d), tags);
	free(tags);
}

static void node_header(void)
{
	printf("%-5s  %-24s  %-15s  %-26s  %-8s  %-12s  %s\n", "ID", "NAME", "IPV4", "IPV6",
	       "STATE", "USER", "TAGS");
}

void show_node(const json_t *result)
{
	node_header();
	node_line(result);
}

void show_nodes(const json_t *result)
{
	const json_t *nodes = j_get(result, "nodes"), *logins = j_get(result, "logins");
	struct cell a, b;

	node_header();
	for (size_t i = 0; i < j_len(nodes); i++)
		node_line(j_at(nodes, i));
	for (size_t i = 0; i < j_len(logins); i++)
		printf("waiting: %s wants to join; to allow it: meshcoord node approve-login %s\n",
		       text_of(j_at(logins, i), "hostname", &a),
		       text_of(j_at(logins, i), "id", &b));
}

static void route_line(const json_t *n)
{
	struct cell a;
	char *announced = joined(j_get(n, "announced")), *approved = joined(j_get(n, "approved"));
	char *serving = joined(j_get(n, "serving"));

	printf("%-5lld  %-24s  announced %s  approved %s  serving %s\n",
	       (long long)j_int(n, "id", 0), text_of(n, "name", &a), announced, approved, serving);
	free(announced);
	free(approved);
	free(serving);
}

void show_route(const json_t *result)
{
	route_line(result);
}

void show_routes(const json_t *result)
{
	for (size_t i = 0; i < j_len(result); i++)
		route_line(j_at(result, i));
}

void show_policy(const json_t *result)
{
	const char *text = j_str(result, "text");

	printf("%s", text && *text ? text : "// no policy: everybody may reach everybody\n");
}

void show_dns(const json_t *result)
{
	const char *text = j_str(result, "text");

	printf("%s", text && *text ? text : "{}\n");
}

/* What a node answered, line by line, without what could steer the terminal. */
static void show_foreign_text(struct span text)
{
	struct log_esc_buf esc;

	while (text.len) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) : text.len;
		size_t cr = n && text.p[n - 1] == '\r';

		printf("%s\n", log_esc(span_of(text.p, n - cr), &esc));
		text = span_from(text, n + 1);
	}
}

void show_ping(const json_t *result)
{
	printf("answer after %.2f ms\n", j_num(result, "ms", 0));
	show_foreign_text(j_span(result, "body"));
}

void show_json(const json_t *result)
{
	struct buf b;

	buf_init(&b, 64u << 20);
	j_write(result, J_INDENT_2, false, &b);
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}
