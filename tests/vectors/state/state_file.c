/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_file.json: the official daemon's file read, changed by nothing, and written back to the
 * byte; its profile and preferences understood. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/crypto/crypto.h"
#include "daemon/state/profiles.h"

#include <stdlib.h>

static json_t *file;

static int load(void **state)
{
	(void)state;
	file = vec_load("state_file.json");
	return crypto_init();
}

static int unload(void **state)
{
	(void)state;
	j_free(file);
	return 0;
}

static struct state *parsed(const char *member)
{
	struct state *s = state_new();
	const char *why;
	assert_int_equal(state_parse(s, j_span(file, member), &why), 0);
	return s;
}

static void expect_text(const struct state *s, const char *member)
{
	struct buf out;
	buf_init(&out, 1u << 20);
	state_text(s, &out);
	assert_string_equal(buf_cstr(&out), j_str(file, member));
	buf_fini(&out);
}

static void test_round_trip(void **state)
{
	static const char *const texts[] = { "file_text_new", "file_text_machine_key",
					     "file_text_logged_in" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct state *s = parsed(texts[i]);
		expect_text(s, texts[i]);
		state_free(s);
	}
}

static void test_values(void **state)
{
	json_t *decoded = j_get(file, "decoded"), *keys = j_get(file, "keys");
	struct state *s = parsed("file_text_logged_in");
	(void)state;
	for (size_t i = 0; i < j_len(keys); i++) {
		const char *key = j_text(j_at(keys, i));
		assert_string_equal(state_key_at(s, i), key);
		assert_true(span_eq(state_get(s, key), j_span(decoded, key)));
	}
	assert_null(state_key_at(s, j_len(keys)));
	state_free(s);
}

static void test_machine_key(void **state)
{
	struct state *s = parsed("file_text_machine_key"), *empty = state_new();
	struct machine_priv k;
	struct rng_seeded r;
	bool made;
	char text[KEY_TEXT_MAX];
	(void)state;
	rng_seeded_init(&r, 1);
	assert_int_equal(state_machine_key(s, &r.rng, &k, &made), 0);
	assert_false(made);
	machine_priv_encode_secret(&k, text);
	assert_string_equal(text, j_str(j_get(file, "decoded"), "_machinekey"));
	assert_int_equal(state_machine_key(empty, &r.rng, &k, &made), 0);
	assert_true(made);
	assert_true(state_get(empty, "_machinekey").len == strlen(text));
	state_free(s);
	state_free(empty);
}

/* Profile and preferences as the official daemon left them; storing the same changes no byte. */
static void test_profile(void **state)
{
	struct state *s = parsed("file_text_logged_in");
	struct profiles *p;
	struct rng_seeded r;
	struct node_key key;
	char text[KEY_TEXT_MAX];
	const char *why;
	(void)state;
	rng_seeded_init(&r, 1);
	assert_int_equal(profiles_load(s, &r.rng, &p, &why), 0);
	const struct login_profile *lp = profiles_current(p);
	const struct prefs *prefs = profiles_prefs(p);
	assert_string_equal(lp->id, "20de");
	assert_string_equal(lp->name, "alice@example.com");
	assert_string_equal(lp->magic_dns_name, "tail.example.com");
	assert_string_equal(prefs->control_url, "https://hs.example.com");
	assert_string_equal(prefs->hostname, "node1");
	assert_true(prefs->want_running);
	assert_int_equal(prefs->advertise_routes.n, 1);
	assert_string_equal(prefs->config.user.login, "alice@example.com");
	assert_string_equal(prefs->config.node_id, "1");
	node_priv_public(&prefs->config.node, &key);
	assert_string_equal(node_key_encode(&key, text), j_str(file, "node_public_key"));

	struct prefs copy;
	prefs_init(&copy);
	prefs_copy(&copy, prefs);
	assert_false(profiles_set_prefs(p, &copy, NULL, WALL_ZERO));
	expect_text(s, "file_text_logged_in");
	prefs_fini(&copy);
	profiles_free(p);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_machine_key),
		cmocka_unit_test(test_profile),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
