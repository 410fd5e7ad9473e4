/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_cli.json, `status`: the lists of `dns status`, and its JSON. */
#include "tests/lib/vec.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_status) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
