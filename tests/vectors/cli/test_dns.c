/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_cli.json: the lists of `dns status`, and its JSON; what `dns query` prints. */
#include "tests/lib/vec.h"

#include "cli/dns_query_text.h"
#include "cli/dns_text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

/* The recorded output taken back to what the daemon would answer. */
static void build(const json_t *json, struct dns_view *v)
{
	static const char *const names[][2] = {
		{ "Resolvers", "Resolvers" },
		{ "SplitDNSRoutes", "Routes" },
		{ "FallbackResolvers", "FallbackResolvers" },
		{ "SearchDomains", "Domains" },
		{ "Nameservers", "Nameservers" },
		{ "CertDomains", "CertDomains" },
		{ "ExtraRecords", "ExtraRecords" },
		{ "ExitNodeFilteredSet", "ExitNodeFilteredSet" },
	};
	json_t *status = j_object(), *self = j_object(), *prefs = j_object(), *config = j_object();
	json_t *tailnet = j_get(json, "CurrentTailnet");
	j_set_bool(prefs, "CorpDNS", j_bool(json, "TailscaleDNS", false));
	if (tailnet) {
		j_set(status, "CurrentTailnet", j_copy(tailnet));
		j_set_str(self, "DNSName", j_str(tailnet, "SelfDNSName"));
	}
	j_set(status, "Self", self);
	for (size_t i = 0; i < 8; i++)
		if (j_get(json, names[i][0]))
			j_set(config, names[i][1], j_copy(j_get(json, names[i][0])));
	*v = (struct dns_view){ .status = status,
				.prefs = prefs,
				.config = config,
				.system = j_get(json, "SystemDNS"),
				.system_error = j_str(json, "SystemDNSError") };
}

static void release(struct dns_view *v)
{
	j_free((json_t *)(uintptr_t)v->status);
	j_free((json_t *)(uintptr_t)v->prefs);
	j_free((json_t *)(uintptr_t)v->config);
}

static bool is_list_line(const char *line)
{
	return strncmp(line, "  - ", 4) == 0 ||
	       (line[0] == ' ' && line[2] >= '0' && line[2] <= '9' && line[3] == ':');
}

static void check_lines(struct dns_view *v, const json_t *want, bool all)
{
	struct buf b;
	size_t n = 0;
	buf_init(&b, 1u << 20);
	v->all = all;
	dns_status_text(v, &b);
	char *text = strdup(buf_cstr(&b)), *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (is_list_line(line))
			assert_string_equal(line, j_text(j_at(want, n++)));
	assert_int_equal(n, j_len(want));
	free(text);
	buf_fini(&b);
}

static void test_status(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("dns_cli.json"), "status");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *test = j_at(cases, i);
		const char *text = j_str(test, "json");
		struct dns_view v;
		struct buf b;
		json_t *json = j_parse(span_str(text), 1u << 20, NULL);
		print_message("%s\n", j_str(test, "name"));
		build(json, &v);
		check_lines(&v, j_get(test, "list_lines"), false);
		check_lines(&v, j_get(test, "list_lines_all"), true);
		json_t *again = dns_status_json(&v);
		buf_init(&b, 1u << 20);
		j_write(again, J_INDENT_2, true, &b);
		buf_add_str(&b, "\n");
		assert_string_equal(buf_cstr(&b), text);
		buf_fini(&b);
		j_free(again);
		release(&v);
		j_free(json);
	}
	assert_true(j_len(cases) >= 4);
}

/* ---- query ---- */

/* The recorded answers as the message they were made of: names written out, or a pointer to the
 * question's. */
static void add_name(struct wr *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		wr_u8(w, (uint8_t)n);
		wr_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wr_u8(w, 0);
}

static void add_record(struct wr *w, unsigned type, unsigned ttl, const void *body, size_t len)
{
	wr_be16(w, 0xc00c);
	wr_be16(w, (uint16_t)type);
	wr_be16(w, 1);
	wr_be32(w, ttl);
	wr_be16(w, (uint16_t)len);
	wr_bytes(w, body, len);
}

static size_t message(const char *kase, const json_t *json, uint8_t *room, size_t size)
{
	struct wr w = wr_init(mspan_of(room, size));
	bool a = strcmp(kase, "a") == 0, one = strcmp(kase, "one_resolver") == 0;
	wr_be16(&w, 1);
	wr_be16(&w, strcmp(kase, "nxdomain") == 0 ? 0x8583 : 0x8580);
	wr_be16(&w, 1);
	wr_be16(&w, a ? 1 : one ? 4 : 0);
	wr_be32(&w, 0);
	add_name(&w, j_str(json, "Name"));
	wr_be32(&w, 0x00010001);
	if (a)
		add_record(&w, 1, 5, "\x64\x40\x00\x02", 4);
	if (one) {
		/* .example.com is at 12 + 4 */
		add_record(&w, 16, 300, "\x03" "a b" "\x03" "c\"d", 8);
		add_record(&w, 15, 300, "\x00\x0a\x02mx\xc0\x10", 7);
		add_record(&w, 33, 300, "\x00\x01\x00\x02\x00\x03\x01t\xc0\x10", 10);
		add_record(&w, 6, 300,
			   "\x02ns\xc0\x10\x01h\xc0\x10\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"
			   "\x03\x00\x00\x00\x04\x00\x00\x00\x05",
			   29);
	}
	assert_true(wr_ok(&w));
	return wr_len(&w);
}

static void test_query(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("dns_cli.json"), "query");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *test = j_at(cases, i);
		json_t *json = j_parse(j_span(test, "json"), 1u << 20, NULL);
		uint8_t room[1024];
		struct dns_reply reply;
		struct buf b;
		print_message("%s\n", j_str(test, "name"));
		size_t len = message(j_str(test, "name"), json, room, sizeof(room));
		assert_int_equal(dns_reply_parse(span_of(room, len), &reply), 0);
		const struct dns_query_view v = { j_str(json, "Name"), j_str(json, "QueryType"),
						  j_get(json, "Resolvers"), false, &reply };
		buf_init(&b, 1u << 20);
		dns_query_text(&v, &b);
		assert_string_equal(buf_cstr(&b), j_str(test, "text"));
		buf_reset(&b);
		json_t *again = dns_query_json(&v);
		j_write(again, J_INDENT_2, true, &b);
		buf_add_str(&b, "\n");
		assert_string_equal(buf_cstr(&b), j_str(test, "json"));
		buf_fini(&b);
		j_free(again);
		j_free(reply.answers);
		j_free(json);
	}
	assert_int_equal(j_len(cases), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_status),
					   cmocka_unit_test(test_query) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
