/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/state/profiles.h"

#include <stdlib.h>

struct fixture {
	struct state *s;
	struct rng_seeded rng;
	struct profiles *p;
};

static struct fixture *setup(void)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const char *why;
	f->s = state_new();
	rng_seeded_init(&f->rng, 7);
	assert_int_equal(profiles_load(f->s, &f->rng.rng, &f->p, &why), 0);
	return f;
}

static void teardown(struct fixture *f)
{
	profiles_free(f->p);
	state_free(f->s);
	free(f);
}

/* Log in as name: the profile becomes a stored one. */
static void login(struct fixture *f, const char *name, int64_t id)
{
	struct prefs p;
	struct profile_network net = { .magic_dns_name = "tail.example.com" };
	prefs_init(&p);
	prefs_copy(&p, profiles_prefs(f->p));
	p.has_config = true;
	p.config.user.id = id;
	str_set(&p.config.user.login, name);
	p.logged_out = false;
	p.want_running = true;
	assert_true(profiles_set_prefs(f->p, &p, &net, (wall_t){ 1700000000, 0 }));
	prefs_fini(&p);
}

static void test_unstored_at_first(void **state)
{
	struct fixture *f = setup();
	struct prefs p;
	(void)state;
	assert_string_equal(profiles_current(f->p)->id, "");
	assert_true(profiles_prefs(f->p)->logged_out);
	prefs_init(&p);
	str_set(&p.hostname, "x");
	assert_false(profiles_set_prefs(f->p, &p, NULL, WALL_ZERO));
	assert_string_equal(profiles_prefs(f->p)->hostname, "x");
	assert_int_equal(profiles_count(f->p), 0);
	assert_null(state_key_at(f->s, 0));
	prefs_fini(&p);
	teardown(f);
}

static void test_login_stores(void **state)
{
	struct fixture *f = setup();
	struct profiles *again;
	const char *why;
	(void)state;
	login(f, "alice@example.com", 1);
	const struct login_profile *lp = profiles_current(f->p);
	assert_int_equal(strlen(lp->id), 4);
	assert_string_equal(lp->name, "alice@example.com");
	assert_true(state_get(f->s, lp->key).len > 0);
	assert_int_equal(profiles_load(f->s, &f->rng.rng, &again, &why), 0);
	assert_string_equal(profiles_current(again)->id, lp->id);
	assert_true(prefs_equal(profiles_prefs(again), profiles_prefs(f->p)));
	profiles_free(again);
	teardown(f);
}

static void test_switch_and_delete(void **state)
{
	struct fixture *f = setup();
	char first[PROFILE_ID_MAX], second[PROFILE_ID_MAX];
	(void)state;
	login(f, "zoe@example.com", 2);
	memcpy(first, profiles_current(f->p)->id, sizeof(first));
	profiles_new(f->p);
	assert_string_equal(profiles_current(f->p)->id, "");
	assert_true(profiles_prefs(f->p)->logged_out);
	login(f, "alice@example.com", 1);
	memcpy(second, profiles_current(f->p)->id, sizeof(second));
	assert_string_not_equal(first, second);
	assert_int_equal(profiles_count(f->p), 2);
	assert_string_equal(profiles_at(f->p, 0)->name, "alice@example.com");
	assert_string_equal(profiles_at(f->p, 1)->name, "zoe@example.com");
	assert_null(profiles_at(f->p, 2));
	assert_true(profiles_name_taken(f->p, "zoe@example.com"));
	assert_false(profiles_name_taken(f->p, "alice@example.com"));

	assert_int_equal(profiles_switch(f->p, "nope"), -ERR_NOENT);
	assert_int_equal(profiles_switch(f->p, first), 0);
	assert_string_equal(profiles_prefs(f->p)->config.user.login, "zoe@example.com");
	assert_int_equal(profiles_delete(f->p, "nope"), -ERR_NOENT);
	assert_int_equal(profiles_delete(f->p, first), 0);
	assert_int_equal(profiles_count(f->p), 1);
	assert_string_equal(profiles_current(f->p)->id, "");
	assert_null(profiles_find(f->p, first));
	assert_non_null(profiles_find(f->p, second));
	teardown(f);
}

static void test_unreadable(void **state)
{
	struct state *s = state_new();
	struct profiles *p = NULL;
	struct rng_seeded r;
	const char *why;
	(void)state;
	rng_seeded_init(&r, 1);
	state_put(s, STATE_PROFILES, span_str("[]"));
	assert_int_equal(profiles_load(s, &r.rng, &p, &why), -ERR_SYNTAX);
	assert_non_null(why);
	state_put(s, STATE_PROFILES,
		  span_str("{\"ab12\":{\"ID\":\"ab12\",\"Key\":\"profile-ab12\"}}"));
	state_put(s, STATE_CURRENT_PROFILE, span_str("profile-ab12"));
	state_put(s, "profile-ab12", span_str("{\"ControlURL\":7}"));
	assert_int_equal(profiles_load(s, &r.rng, &p, &why), -ERR_SYNTAX);
	assert_null(p);
	state_free(s);
}

static void test_single_profile_import(void **state)
{
	struct state *s = state_new();
	struct profiles *p;
	struct rng_seeded r;
	const char *why;
	(void)state;
	rng_seeded_init(&r, 1);
	state_put(s, STATE_DAEMON,
		  span_str("{\"ControlURL\":\"https://login.tailscale.com\",\"WantRunning\":true,"
			   "\"Config\":{\"UserProfile\":{\"ID\":5,\"LoginName\":\"old@x\"}}}"));
	assert_int_equal(profiles_load(s, &r.rng, &p, &why), 0);
	assert_string_equal(profiles_current(p)->name, "old@x");
	assert_string_equal(profiles_prefs(p)->control_url, "");
	assert_true(profiles_prefs(p)->want_running);
	assert_true(profiles_prefs(p)->corp_dns); /* default under what is stored */
	profiles_free(p);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unstored_at_first),     cmocka_unit_test(test_login_stores),
		cmocka_unit_test(test_switch_and_delete),     cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_single_profile_import),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
