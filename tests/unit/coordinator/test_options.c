/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/coordinator/commands.h"
#include "daemon/coordinator/options.h"
#include "daemon/coordinator/serve.h"

static const char *why, *what;

static bool parse(struct options *o, const char *a, const char *b, const char *c, const char *d)
{
	char *argv[] = { (char *)(uintptr_t) "meshcoord", (char *)(uintptr_t)a,
			 (char *)(uintptr_t)b, (char *)(uintptr_t)c, (char *)(uintptr_t)d };
	int argc = 1;

	while (argc < 5 && argv[argc])
		argc++;
	return options_parse(argc, argv, o, &why, &what);
}

static void options_and_words_in_any_order(void **state)
{
	struct options o;

	(void)state;
	assert_true(parse(&o, "--state", "/x", "node", "list"));
	assert_string_equal(o.value[OPT_STATE], "/x");
	assert_int_equal(o.n_words, 2);
	assert_true(parse(&o, "node", "--json", "--state=/y", "list"));
	assert_string_equal(o.value[OPT_STATE], "/y");
	assert_string_equal(o.words[1], "list");
	assert_true(parse(&o, "--", "--json", NULL, NULL));
	assert_null(o.value[OPT_JSON]);
	assert_string_equal(o.words[0], "--json");
	assert_true(parse(&o, "-h", NULL, NULL, NULL));
	assert_true(o.help);
}

static void mistakes_are_named(void **state)
{
	struct options o;

	(void)state;
	assert_false(parse(&o, "--sate", "/x", NULL, NULL));
	assert_string_equal(why, "unknown option");
	assert_string_equal(what, "--sate");
	assert_false(parse(&o, "node", "--state", NULL, NULL));
	assert_string_equal(why, "needs a value");
	assert_false(parse(&o, "--json=1", NULL, NULL, NULL));
	assert_string_equal(why, "takes no value");
	assert_true(parse(&o, "--tags", "tag:a", "--json", NULL));
	assert_string_equal(options_foreign(&o, OPT_BIT(OPT_JSON)), "tags");
	assert_null(options_foreign(&o, OPT_BIT(OPT_JSON) | OPT_BIT(OPT_TAGS)));
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "0", 0 },	  { "90s", 90 },     { "15m", 900 },	  { "24h", 86400 },
		{ "7d", 604800 }, { "2w", 1209600 }, { "", -1 },	  { "h", -1 },
		{ "24", -1 },	  { "-1h", -1 },     { "1.5h", -1 },	  { "24hours", -1 },
		{ " 1h", -1 },	  { "1y", -1 },	     { "99999999h", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (duration_seconds(cases[i].text) != cases[i].seconds)
			fail_msg("%s", cases[i].text);
}

static void urls(void **state)
{
	static const struct {
		const char *url, *host;
		uint16_t port;
	} cases[] = {
		{ "http://10.0.0.1:8080", "10.0.0.1", 8080 },
		{ "http://h", "h", 80 },
		{ "https://h.example", "h.example", 443 },
		{ "https://[fd00::1]:8443", "fd00::1", 8443 },
		{ "ftp://h", NULL, 0 },
		{ "http://", NULL, 0 },
		{ "http://:80", NULL, 0 },
		{ "http://h:0", NULL, 0 },
		{ "http://h:99999", NULL, 0 },
		{ "http://h/x", NULL, 0 },
		{ "http://u@h", NULL, 0 },
		{ "http://[fd00::1", NULL, 0 },
		{ "http://h?x", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *host = NULL;
		uint16_t port = 0;
		bool ok = url_split(cases[i].url, &host, &port);

		if (ok != (cases[i].host != NULL) ||
		    (ok && (strcmp(host, cases[i].host) != 0 || port != cases[i].port)))
			fail_msg("%s", cases[i].url);
		free(host);
	}
}

static void verbs_are_found(void **state)
{
	struct options o;
	size_t used;

	(void)state;
	assert_true(parse(&o, "node", "rename", "a", "b"));
	assert_string_equal(command_find(&o, &used)->verb, "node rename");
	assert_int_equal(used, 2);
	assert_true(parse(&o, "node", NULL, NULL, NULL));
	assert_null(command_find(&o, &used));
	assert_true(parse(&o, "node", "explode", NULL, NULL));
	assert_null(command_find(&o, &used));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_in_any_order),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(durations),
		cmocka_unit_test(urls),
		cmocka_unit_test(verbs_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
