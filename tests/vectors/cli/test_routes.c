/* SPDX-License-Identifier: GPL-2.0-or-later */
/* via6.json, calc_advertise_routes and map_via: from flag values to routes, and `debug via`. */
#include "tests/lib/vec.h"
#include "tests/vectors/cli/fake_daemon.h"

#include "base/alloc.h"
#include "cli/validate.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_advertise(void **state)
{
	json_t *cases = j_get(vec_load("via6.json"), "calc_advertise_routes");
	(void)state;
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		json_t *routes = NULL;
		char *problem = validate_routes(j_str(c, "advertise_routes"),
						j_bool(c, "advertise_exit_node", false), &routes);
		bool refused = j_bool(c, "error", false);
		if (refused != (problem != NULL))
			fail_msg("%s: %s", j_str(c, "advertise_routes"), problem ? problem : "");
		const json_t *want = j_get(c, "routes");
		assert_int_equal(j_len(routes), j_len(want));
		if (routes)
			assert_true(j_equal(routes, want));
		free(problem);
		j_free(routes);
	}
	assert_true(j_len(cases) >= 14);
}

static struct fake_answer nobody_asks(void *arg, const struct fake_request *r)
{
	(void)arg;
	(void)r;
	return (struct fake_answer){ .status = 500, .body = strdup("") };
}

static char *via(const char *a, const char *b, int *code)
{
	struct fake_daemon d;
	struct cli c = { .user = "", .ssh_client = "", .hurry = 100 };
	json_t *args = j_array();
	j_add_str(args, "debug");
	j_add_str(args, "via");
	j_add_str(args, a);
	if (b)
		j_add_str(args, b);
	fake_start(&d, nobody_asks, NULL);
	struct fake_run r = fake_cli(&d, &c, args);
	assert_int_equal(d.n, 0);
	fake_stop(&d);
	j_free(args);
	*code = r.code;
	free(r.err);
	r.out[strcspn(r.out, "\n")] = '\0';
	return r.out;
}

/* The site may be typed in any base; back comes what was put in. */
static void test_via(void **state)
{
	json_t *cases = j_get(vec_load("via6.json"), "map_via");
	size_t there = 0;
	(void)state;
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		uint32_t site = (uint32_t)j_int(c, "site_id", 0);
		struct prefix v4;
		int code;
		char number[16], back[96], text[PREFIX_TEXT_MAX];
		assert_int_equal(prefix_decode(span_str(j_str(c, "ipv4_prefix")), &v4), 0);
		snprintf(number, sizeof(number), i % 2 ? "%u" : "0x%x", site);
		char *out = via(number, j_str(c, "ipv4_prefix"), &code);
		assert_int_equal(code, site > 0xffff);
		if (code == 0) {
			assert_string_equal(out, j_str(c, "via_prefix"));
			there++;
		}
		free(out);
		out = via(j_str(c, "via_prefix"), NULL, &code);
		snprintf(back, sizeof(back), "site %u (0x%x), %s", site, site,
			 prefix_encode(v4, text));
		assert_int_equal(code, 0);
		assert_string_equal(out, back);
		free(out);
	}
	assert_true(there >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_advertise),
					    cmocka_unit_test(test_via) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
