/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "daemon/coordinator/register.h"

#include <stdio.h>

static struct registry reg;
static struct logins logins;
static struct rng_seeded rng;
static struct policy *policy;
static char key_text[AUTH_KEY_TEXT_MAX];
static struct register_outcome out;

static int setup(void **state)
{
	(void)state;
	rng_seeded_init(&rng, 7);
	registry_init(&reg, &rng.rng);
	logins_init(&logins);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	registry_fini(&reg);
	logins_fini(&logins);
	policy_free(policy);
	policy = NULL;
	return 0;
}

static struct register_env env(void)
{
	return (struct register_env){ &reg, &logins, policy, &rng.rng, NOW, { 1000 } };
}

static struct auth_key *new_key(const char *tags)
{
	struct auth_key *k = auth_key_create(&reg, &rng.rng, key_text);

	k->user = registry_user_add(&reg, "alice", NOW)->id;
	strv_split(&k->tags, tags);
	return k;
}

/* Ask as machine m with node key n; rest is further JSON members. */
static enum register_verdict ask(uint8_t m, uint8_t n, const char *rest)
{
	struct register_env e = env();
	struct register_request q;
	struct machine_key machine = mkey(m);
	struct node_key k = nkey(n);
	char key[KEY_TEXT_MAX], body[1024];

	snprintf(body, sizeof(body),
		 "{\"Version\":131,\"NodeKey\":\"%s\",\"Hostinfo\":{\"Hostname\":\"h%d\"}%s}",
		 node_key_encode(&k, key), m, rest);
	assert_int_equal(register_parse(span_str(body), NOW, &q), 0);
	register_decide(&e, &machine, &q, &out);
	register_request_fini(&q);
	return out.verdict;
}

static enum register_verdict ask_key(uint8_t m, uint8_t n)
{
	char rest[160];

	snprintf(rest, sizeof(rest), ",\"Auth\":{\"AuthKey\":\"%s\"}", key_text);
	return ask(m, n, rest);
}

static void a_key_lets_one_in_and_is_spent(void **state)
{
	(void)state;
	new_key("");
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_true(out.stored);
	assert_int_equal(ask_key(2, 2), REGISTER_ERROR);
	assert_string_equal(out.error, "authkey already used");
	assert_int_equal(reg.n_nodes, 1);
}

static void of_fifty_at_once_one_wins(void **state)
{
	int won = 0;

	(void)state;
	new_key("");
	for (uint8_t i = 1; i <= 50; i++)
		won += ask_key(i, i) == REGISTER_OK;
	assert_int_equal(won, 1);
	assert_int_equal(reg.n_nodes, 1);
}

static void a_spent_key_still_works_for_its_node(void **state)
{
	(void)state;
	new_key("");
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_int_equal(ask(1, 1, ""), REGISTER_OK);	 /* a restart sends none */
	assert_int_equal(ask_key(1, 2), REGISTER_ERROR); /* a new node key needs a valid one */
}

static void a_reusable_key_lets_many_in(void **state)
{
	(void)state;
	new_key("")->reusable = true;
	for (uint8_t i = 1; i <= 5; i++)
		assert_int_equal(ask_key(i, i), REGISTER_OK);
	assert_int_equal(ask_key(1, 9), REGISTER_OK); /* re-login */
	assert_int_equal(out.node->id, 1);
	assert_int_equal(reg.n_nodes, 5);
}

static void bad_keys_say_why(void **state)
{
	struct auth_key *k = new_key("");

	(void)state;
	k->expiry = NOW;
	assert_int_equal(ask_key(1, 1), REGISTER_ERROR);
	assert_string_equal(out.error, "authkey expired");
	k->expiry = WALL_ZERO;
	k->revoked = true;
	assert_int_equal(ask_key(1, 1), REGISTER_ERROR);
	assert_string_equal(out.error, "authkey revoked");
	k->revoked = false;
	key_text[strlen(key_text) - 1] ^= 1;
	assert_int_equal(ask_key(1, 1), REGISTER_ERROR);
	assert_string_equal(out.error, "invalid pre auth key");
	assert_int_equal(ask(1, 1, ",\"Auth\":{\"AuthKey\":\"meshkey-auth-\"}"), REGISTER_ERROR);
	assert_string_equal(out.error, "invalid pre auth key");
}

static void a_node_key_alone_proves_nothing(void **state)
{
	(void)state;
	new_key("")->reusable = true;
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_int_equal(ask(2, 1, ""), REGISTER_ERROR);
	assert_int_equal(ask_key(2, 1), REGISTER_ERROR);
	assert_int_equal(ask(2, 1, ",\"Expiry\":\"1970-01-01T00:02:03Z\""), REGISTER_ERROR);
	assert_false(node_expired(reg.nodes[0], NOW)); /* nobody else can log it out */
}

static void logout_expires_or_removes(void **state)
{
	(void)state;
	new_key("")->reusable = true;
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_int_equal(ask(1, 1, ",\"Expiry\":\"1970-01-01T00:02:03Z\""), REGISTER_KEY_EXPIRED);
	assert_true(node_expired(reg.nodes[0], NOW));
	assert_int_equal(ask(1, 1, ""), REGISTER_KEY_EXPIRED);
	assert_int_equal(ask_key(1, 1), REGISTER_OK); /* a valid key revives it */
	assert_false(node_expired(reg.nodes[0], NOW));
	reg.keys[0]->ephemeral = true;
	assert_int_equal(ask_key(2, 2), REGISTER_OK);
	assert_int_equal(reg.n_nodes, 2);
	assert_int_equal(ask(2, 2, ",\"Expiry\":\"1970-01-01T00:02:03Z\""), REGISTER_KEY_EXPIRED);
	assert_int_equal(reg.n_nodes, 1);
}

static void extending_is_refused(void **state)
{
	(void)state;
	new_key("");
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
	assert_int_equal(ask(1, 1, ",\"Expiry\":\"2100-01-01T00:00:00Z\""), REGISTER_ERROR);
	assert_string_equal(out.error, "extending key is not allowed");
}

static void tags_come_from_the_key(void **state)
{
	char rest[300];

	(void)state;
	new_key("tag:web");
	snprintf(rest, sizeof(rest),
		 ",\"Hostinfo\":{\"RequestTags\":[\"tag:db\"]},\"Auth\":{\"AuthKey\":\"%s\"}",
		 key_text);
	assert_int_equal(ask(1, 1, rest), REGISTER_ERROR);
	assert_non_null(strstr(out.error, "requested tags [tag:db] are invalid or not permitted"));
	assert_int_equal(ask_key(1, 1), REGISTER_OK); /* the refusal did not spend the key */
	assert_int_equal(out.node->user, USER_TAGGED);
	assert_true(strv_has(&out.node->tags, "tag:web"));
	assert_int_equal(ask_key(1, 1), REGISTER_OK);
}

static void a_person_approves(void **state)
{
	struct register_env e = env();
	struct node *n;
	char rest[160];
	json_t *answer;

	(void)state;
	assert_int_equal(ask(1, 1, ""), REGISTER_LOGIN);
	answer = register_answer(&out, "http://x:1");
	assert_non_null(strstr(j_str(answer, "AuthURL"), "http://x:1/register/"));
	assert_false(j_bool(answer, "MachineAuthorized", true));
	snprintf(rest, sizeof(rest), ",\"Followup\":\"%s\"", j_str(answer, "AuthURL"));
	j_free(answer);
	assert_int_equal(ask(1, 1, ""), REGISTER_LOGIN); /* the same one */
	assert_int_equal(logins.n, 1);
	assert_int_equal(ask(1, 1, rest), REGISTER_WAIT);
	assert_int_equal(ask(2, 2, rest), REGISTER_LOGIN); /* somebody else's URL: a fresh one */
	assert_int_equal(ask(1, 1, rest), REGISTER_WAIT);
	assert_int_equal(register_approve(&e, out.login, registry_user_add(&reg, "bob", NOW), &n),
			 0);
	login_remove(&logins, out.login);
	assert_int_equal(ask(1, 1, rest), REGISTER_OK);
	assert_string_equal(out.user->name, "bob");
	assert_int_equal(ask(3, 3, ",\"Followup\":\"http://x/register/000000000000000000000000\""),
			 REGISTER_LOGIN);
}

static void approving_tags_needs_an_owner(void **state)
{
	struct policy_error err;
	struct register_env e;
	struct node *n;

	(void)state;
	policy = policy_parse(span_str("{\"tagOwners\":{\"tag:web\":[\"bob@\"]}}"), &err);
	assert_non_null(policy);
	assert_int_equal(ask(1, 1, ",\"Hostinfo\":{\"RequestTags\":[\"tag:web\"]}"),
			 REGISTER_LOGIN);
	e = env();
	assert_int_equal(register_approve(&e, out.login, registry_user_add(&reg, "eve", NOW), &n),
			 -ERR_PERM);
	assert_int_equal(reg.n_nodes, 0);
	assert_int_equal(register_approve(&e, out.login, registry_user_add(&reg, "bob", NOW), &n),
			 0);
	assert_int_equal(n->user, USER_TAGGED);
}

static void logins_are_bounded_and_age(void **state)
{
	struct machine_key m = mkey(1);

	(void)state;
	for (int i = 0; i < LOGIN_MAX + 10; i++) {
		struct node_key k = { { 9, (uint8_t)i, (uint8_t)(i >> 8) } };

		login_add(&logins, &rng.rng, &m, &k, NULL, 131, (mono_t){ 1 });
	}
	assert_int_equal(logins.n, LOGIN_MAX);
	logins_expire(&logins, mono_add_s((mono_t){ 1 }, LOGIN_LIFE_S - 1));
	assert_int_equal(logins.n, LOGIN_MAX);
	logins_expire(&logins, mono_add_s((mono_t){ 1 }, LOGIN_LIFE_S));
	assert_int_equal(logins.n, 0);
}

static void bodies_that_do_not_parse(void **state)
{
	static const struct {
		const char *body;
		int rc;
	} cases[] = {
		{ "", -ERR_SYNTAX },
		{ "[]", -ERR_SYNTAX },
		{ "{", -ERR_SYNTAX },
		{ "{}", -ERR_RANGE },
		{ "{\"NodeKey\":5}", -ERR_RANGE },
		{ "{\"NodeKey\":\"nodekey:00\"}", -ERR_RANGE },
		{ "{\"NodeKey\":\"nodekey:"
		  "0000000000000000000000000000000000000000000000000000000000000000\"}",
		  -ERR_RANGE },
	};
	struct register_request q;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(register_parse(span_str(cases[i].body), NOW, &q), cases[i].rc);
		register_request_fini(&q);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_lets_one_in_and_is_spent),
		T(of_fifty_at_once_one_wins),
		T(a_spent_key_still_works_for_its_node),
		T(a_reusable_key_lets_many_in),
		T(bad_keys_say_why),
		T(a_node_key_alone_proves_nothing),
		T(logout_expires_or_removes),
		T(extending_is_refused),
		T(tags_come_from_the_key),
		T(a_person_approves),
		T(approving_tags_needs_an_owner),
		T(logins_are_bounded_and_age),
		T(bodies_that_do_not_parse),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
