/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs.json: default texts to the byte, masked edits, every preference object in it read and
 * written back; the one-line form of cli_calls.json. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/crypto/crypto.h"
#include "daemon/state/prefs.h"

#include <stdlib.h>

static json_t *file;

static int load(void **state)
{
	(void)state;
	file = vec_load("prefs.json");
	return crypto_init();
}

static int unload(void **state)
{
	(void)state;
	j_free(file);
	return 0;
}

static void expect_text(const struct prefs *p, const char *want)
{
	struct buf out;
	buf_init(&out, 1u << 20);
	prefs_text(p, &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_fini(&out);
}

static void test_defaults(void **state)
{
	struct prefs p;
	(void)state;
	prefs_init(&p);
	expect_text(&p, j_str(file, "default_prefs_text"));
	prefs_fini(&p);
}

/* What a daemon without state answers, read and written back. */
static void test_fresh_profile(void **state)
{
	struct prefs p;
	char *why;
	const char *text = j_str(file, "fresh_profile_prefs_text");
	json_t *v = j_parse(span_str(text), 1u << 20, NULL);
	(void)state;
	prefs_init(&p);
	assert_int_equal(prefs_from_json(&p, v, &why), 0);
	assert_true(p.logged_out);
	expect_text(&p, text);
	j_free(v);
	prefs_fini(&p);
}

static void read_base(struct prefs *p)
{
	char *why;
	prefs_init(p);
	assert_int_equal(prefs_from_json(p, j_get(file, "edit_base"), &why), 0);
}

static void test_edits(void **state)
{
	json_t *edits = j_get(file, "edits");
	(void)state;
	assert_true(j_len(edits) >= 14);
	for (size_t i = 0; i < j_len(edits); i++) {
		const json_t *e = j_at(edits, i);
		struct prefs p;
		char *why;
		uint64_t mask;
		read_base(&p);
		assert_string_equal(j_str(e, "Base"), "base");
		assert_int_equal(prefs_edit(&p, j_get(e, "Patch"), &mask, &why), 0);
		json_t *got = prefs_to_json(&p, false);
		char *g = j_dump(got), *w = j_dump(j_get(e, "Result"));
		assert_string_equal(g, w);
		free(g);
		free(w);
		j_free(got);
		prefs_fini(&p);
	}
}

/* Whole preference objects of the `up` cases: nothing is lost or changed by reading them. */
static void test_round_trips(void **state)
{
	json_t *cases = j_get(file, "up");
	static const char *const members[] = { "CurPrefs", "NewPrefs" };
	size_t n = 0;
	(void)state;
	for (size_t i = 0; i < 2 * j_len(cases); i++) {
		const json_t *v = j_get(j_at(cases, i / 2), members[i % 2]);
		struct prefs p, copy;
		char *why;
		if (!v)
			continue;
		prefs_init(&p);
		prefs_init(&copy);
		assert_int_equal(prefs_from_json(&p, v, &why), 0);
		prefs_copy(&copy, &p);
		assert_true(prefs_equal(&p, &copy));
		json_t *got = prefs_to_json(&copy, false);
		char *g = j_dump(got), *w = j_dump(v);
		assert_string_equal(g, w);
		free(g);
		free(w);
		j_free(got);
		prefs_fini(&p);
		prefs_fini(&copy);
		n++;
	}
	assert_true(n >= 43);
}

/* The one line of `debug prefs --pretty`; cli_calls.json holds the reference's for these. */
static void test_pretty(void **state)
{
	struct prefs p;
	(void)state;
	read_base(&p);
	p.has_config = true;
	free(p.config.user.login);
	p.config.user.login = strdup("alice@example.com");
	char *text = prefs_pretty(&p);
	assert_string_equal(text,
			    "Prefs{ra=false dns=true want=true routes=[10.0.0.0/24] snat=true "
			    "statefulFiltering=false nf=on url=\"https://hs.example.com\" "
			    "host=\"old\" update=check Persist{o=, n= u=\"alice@example.com\" "
			    "ak=-}}");
	free(text);
	prefs_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_fresh_profile),
		cmocka_unit_test(test_edits),	 cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_pretty),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
