/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/state/prefs.h"

#include <stdlib.h>

static json_t *parse(const char *text)
{
	json_t *v = j_parse(span_str(text), 65536, NULL);
	assert_non_null(v);
	return v;
}

static int edit(struct prefs *p, const char *text, uint64_t *mask, char **why)
{
	json_t *v = parse(text);
	int err = prefs_edit(p, v, mask, why);
	j_free(v);
	return err;
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{\"Hostname\":7}",
		"{\"RouteAll\":\"yes\"}",
		"{\"ExitNodeIP\":\"1.2.3\"}",
		"{\"AdvertiseRoutes\":[\"10.0.0.0/33\"]}",
		"{\"AdvertiseRoutes\":7}",
		"{\"AdvertiseTags\":[7]}",
		"{\"NetfilterMode\":3}",
		"{\"RelayServerPort\":65536}",
		"{\"Sync\":\"true\"}",
		"{\"AcceptRoutesAuto\":\"auto\"}",
		"{\"AcceptRoutesOnly\":[\"10.0.0.0\"]}",
		"{\"ExitNodePriority\":\"fra\"}",
		"{\"ExitNodePriority\":[7]}",
		"{\"Config\":{\"PrivateNodeKey\":\"privkey:00\"}}",
		"{\"Config\":7}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct prefs p;
		char *why = NULL;
		json_t *v = parse(bad[i]);
		prefs_init(&p);
		assert_true(prefs_from_json(&p, v, &why) < 0);
		assert_non_null(why);
		free(why);
		j_free(v);
		prefs_fini(&p);
	}
}

static void test_edit_is_all_or_nothing(void **state)
{
	struct prefs p, before;
	char *why = NULL;
	(void)state;
	prefs_init(&p);
	prefs_init(&before);
	assert_true(edit(&p,
			 "{\"Hostname\":\"new\",\"HostnameSet\":true,\"NetfilterMode\":9,"
			 "\"NetfilterModeSet\":true}",
			 NULL, &why) < 0);
	assert_non_null(strstr(why, "NetfilterMode"));
	assert_true(prefs_equal(&p, &before));
	free(why);
	assert_int_equal(edit(&p, "{\"InternalExitNodePriorSet\":true}", NULL, &why), -ERR_PERM);
	assert_string_equal(why, "can't set Internal fields");
	free(why);
	prefs_fini(&p);
	prefs_fini(&before);
}

/* A desktop extension writes the Set flag with a small s. */
static void test_letter_case(void **state)
{
	struct prefs p;
	char *why;
	uint64_t mask;
	(void)state;
	prefs_init(&p);
	assert_int_equal(edit(&p, "{\"WantRunning\":true,\"WantRunningset\":true}", &mask, &why),
			 0);
	assert_true(p.want_running);
	assert_int_equal(mask, PREFS_BIT(PREFS_WANT_RUNNING));
	prefs_fini(&p);
}

static void test_exit_node_adjustments(void **state)
{
	struct prefs p;
	char *why;
	(void)state;
	prefs_init(&p);
	str_set(&p.auto_exit_node, "any");
	str_set(&p.internal_exit_node_prior, "n1");
	assert_int_equal(edit(&p, "{\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true}", NULL, &why), 0);
	assert_string_equal(p.auto_exit_node, "");
	assert_string_equal(p.internal_exit_node_prior, "n1");
	assert_int_equal(edit(&p, "{\"ExitNodeIDSet\":true}", NULL, &why), 0);
	assert_string_equal(p.internal_exit_node_prior, "");
	assert_int_equal(edit(&p,
			      "{\"ExitNodeIDSet\":true,\"AutoExitNode\":\"any\","
			      "\"AutoExitNodeSet\":true}",
			      NULL, &why),
			 0);
	assert_string_equal(p.auto_exit_node, "any");
	prefs_fini(&p);
}

/* Our own members are not there for a client that does not know them, and survive being stored. */
static void test_own_members(void **state)
{
	struct prefs p, back;
	char *why;
	(void)state;
	prefs_init(&p);
	prefs_init(&back);
	json_t *v = prefs_to_json(&p, true);
	assert_false(j_has(v, "AcceptRoutesAuto") || j_has(v, "AcceptRoutesOnly") ||
		     j_has(v, "ExitNodePriority"));
	j_free(v);
	assert_int_equal(edit(&p,
			      "{\"RouteAll\":true,\"RouteAllSet\":true,\"AcceptRoutesAuto\":true,"
			      "\"AcceptRoutesAutoSet\":true,\"AcceptRoutesOnly\":[\"10.0.0.0/8\"],"
			      "\"AcceptRoutesOnlySet\":true,\"ExitNodePriority\":[\"fra\",\"any\"],"
			      "\"ExitNodePrioritySet\":true}",
			      NULL, &why),
			 0);
	v = prefs_to_json(&p, false);
	assert_int_equal(prefs_from_json(&back, v, &why), 0);
	assert_true(prefs_equal(&p, &back));
	assert_null(back.extra);
	char *text = prefs_pretty(&back);
	assert_non_null(strstr(text, "ra=true auto-routes=true only-routes=[10.0.0.0/8] dns=true"));
	assert_non_null(strstr(text, "exits=fra,any routes=[]"));
	free(text);
	j_free(v);
	prefs_fini(&p);
	prefs_fini(&back);
}

static void expect_accept(const struct prefs *p, bool any, bool spare, size_t n)
{
	struct prefs_accept a = prefs_accept_routes(p);
	assert_int_equal(a.any, any);
	assert_int_equal(a.spare_attached, spare);
	assert_int_equal(a.n_only, n);
}

/* RouteAll alone, as any client sets it, means all or nothing. */
static void test_accepted_routes(void **state)
{
	struct prefs p;
	char *why;
	(void)state;
	prefs_init(&p);
	expect_accept(&p, false, false, 0);
	assert_int_equal(edit(&p,
			      "{\"RouteAll\":true,\"RouteAllSet\":true,\"AcceptRoutesOnly\":"
			      "[\"10.1.0.0/16\",\"fd00::/8\"],\"AcceptRoutesOnlySet\":true}",
			      NULL, &why),
			 0);
	expect_accept(&p, true, true, 2);
	assert_true(
	    prefix_eq(prefs_accept_routes(&p).only[0], (struct prefix){ ip_v4(10, 1, 0, 0), 16 }));
	assert_int_equal(edit(&p,
			      "{\"AcceptRoutesAuto\":true,\"AcceptRoutesAutoSet\":true,"
			      "\"AcceptRoutesOnlySet\":true}",
			      NULL, &why),
			 0);
	expect_accept(&p, true, true, 0);
	assert_int_equal(edit(&p, "{\"RouteAll\":true,\"RouteAllSet\":true}", NULL, &why), 0);
	expect_accept(&p, true, false, 0);
	assert_int_equal(edit(&p,
			      "{\"AcceptRoutesOnly\":[\"10.1.0.0/16\"],"
			      "\"AcceptRoutesOnlySet\":true}",
			      NULL, &why),
			 0);
	assert_int_equal(edit(&p, "{\"RouteAllSet\":true}", NULL, &why), 0);
	expect_accept(&p, false, false, 0);
	prefs_fini(&p);
}

/* Whoever chooses an exit node without knowing of the list means that one, or none. */
static void test_exit_node_list(void **state)
{
	static const char list[] = "{\"ExitNodeIDSet\":true,\"ExitNodeIPSet\":true,"
				   "\"ExitNodePriority\":[\"fra\",\"ams\"],"
				   "\"ExitNodePrioritySet\":true}";
	static const char *const choices[] = {
		"{\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true}",
		"{\"ExitNodeIP\":\"100.64.0.2\",\"ExitNodeIPSet\":true}",
		"{\"AutoExitNode\":\"any\",\"AutoExitNodeSet\":true}",
		"{\"ExitNodeIDSet\":true,\"ExitNodeIPSet\":true}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct prefs p;
		char *why;
		prefs_init(&p);
		assert_false(prefs_wants_exit_node(&p));
		assert_int_equal(edit(&p, list, NULL, &why), 0);
		assert_int_equal(p.exit_node_priority.n, 2);
		assert_true(prefs_wants_exit_node(&p));
		assert_int_equal(edit(&p, choices[i], NULL, &why), 0);
		assert_int_equal(p.exit_node_priority.n, 0);
		assert_int_equal(prefs_wants_exit_node(&p), i < 3);
		prefs_fini(&p);
	}
}

static void test_own_checks(void **state)
{
	struct prefs p;
	struct prefs_check c = { .funnel_on = false };
	char *why = NULL;
	(void)state;
	prefs_init(&p);
	assert_int_equal(edit(&p,
			      "{\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/0\"],"
			      "\"AdvertiseRoutesSet\":true,\"ExitNodePriority\":[\"any\",\"\",\"a,b\"],"
			      "\"ExitNodePrioritySet\":true,\"AcceptRoutesOnly\":[\"10.0.0.1/8\"],"
			      "\"AcceptRoutesOnlySet\":true}",
			      NULL, &why),
			 0);
	assert_int_equal(prefs_check(&p, &c, &why), -ERR_RANGE);
	assert_string_equal(why,
			    "Cannot advertise an exit node and use an exit node at the same time.\n"
			    "route 10.0.0.1/8 has non-address bits set; expected 10.0.0.0/8\n"
			    "\"any\" must be the last in a list of exit nodes\n"
			    "the list of exit nodes has an empty name\n"
			    "a name in the list of exit nodes has a comma in it");
	free(why);
	prefs_fini(&p);
}

static void test_long_exit_node_list(void **state)
{
	struct prefs p;
	struct prefs_check c = { .funnel_on = false };
	char *why = NULL;
	(void)state;
	prefs_init(&p);
	json_t *v = j_object(), *names = j_array();
	for (size_t i = 0; i <= PREFS_EXIT_NODES_MAX; i++)
		j_add_str(names, "fra");
	j_set(v, "ExitNodePriority", names);
	j_set_bool(v, "ExitNodePrioritySet", true);
	assert_int_equal(prefs_edit(&p, v, NULL, &why), 0);
	assert_int_equal(prefs_check(&p, &c, &why), -ERR_RANGE);
	assert_string_equal(why, "more than 16 exit nodes in the list");
	free(why);
	j_free(v);
	prefs_fini(&p);
}

static void test_checks(void **state)
{
	struct prefs p;
	struct prefs_check c = { .no_ssh_capability = true, .funnel_on = true };
	char *why = NULL;
	(void)state;
	prefs_init(&p);
	assert_int_equal(prefs_check(&p, &c, &why), 0);
	assert_int_equal(edit(&p,
			      "{\"AdvertiseRoutes\":[\"10.0.0.1/8\",\"0.0.0.0/0\",\"::/0\"],"
			      "\"AdvertiseRoutesSet\":true,\"RunSSH\":true,\"RunSSHSet\":true,"
			      "\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true,\"ShieldsUp\":true,"
			      "\"ShieldsUpSet\":true}",
			      NULL, &why),
			 0);
	assert_true(prefs_advertises_exit_node(&p));
	assert_int_equal(prefs_check(&p, &c, &why), -ERR_RANGE);
	assert_string_equal(why,
			    "Unable to enable local Tailscale SSH server; not enabled on Tailnet.\n"
			    "Cannot advertise an exit node and use an exit node at the same time.\n"
			    "Cannot enable shields-up when Funnel is enabled.\n"
			    "route 10.0.0.1/8 has non-address bits set; expected 10.0.0.0/8");
	free(why);
	prefs_fini(&p);
}

static void test_control_url(void **state)
{
	static const struct {
		const char *pref, *want;
	} cases[] = {
		{ "", "https://controlplane.tailscale.com" },
		{ "https://login.tailscale.com/", "https://controlplane.tailscale.com" },
		{ "https://hs.example.com///", "https://hs.example.com" },
		{ "http://127.0.0.1:8080", "http://127.0.0.1:8080" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefs p;
		prefs_init(&p);
		str_set(&p.control_url, cases[i].pref);
		char *url = prefs_control_url(&p);
		assert_string_equal(url, cases[i].want);
		free(url);
		prefs_fini(&p);
	}
}

static void test_redaction(void **state)
{
	struct prefs p;
	struct rng_seeded r;
	(void)state;
	rng_seeded_init(&r, 3);
	prefs_init(&p);
	p.has_config = true;
	node_priv_generate(&p.config.node, &r.rng);
	node_priv_generate(&p.config.old_node, &r.rng);
	nl_priv_generate(&p.config.nl, &r.rng);
	str_set(&p.config.user.login, "alice@example.com");
	json_t *open = prefs_to_json(&p, false), *shut = prefs_to_json(&p, true);
	const char *const keys[] = { "PrivateNodeKey", "OldPrivateNodeKey", "NetworkLockKey" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *secret = j_str(j_get(open, "Config"), keys[i]);
		const char *blank = j_str(j_get(shut, "Config"), keys[i]);
		assert_int_equal(strlen(secret), strlen(blank));
		const char *digits = strchr(blank, ':') + 1;
		assert_int_equal(strspn(digits, "0"), strlen(digits));
		assert_string_not_equal(secret, blank);
	}
	assert_string_equal(j_str(j_get(j_get(shut, "Config"), "UserProfile"), "LoginName"),
			    "alice@example.com");
	j_free(open);
	j_free(shut);
	prefs_fini(&p);
}

static void test_unknown_members_stay(void **state)
{
	struct prefs p;
	char *why;
	json_t *v = parse("{\"Hostname\":\"h\",\"FutureThing\":{\"a\":[1,2]},"
			  "\"Config\":{\"NodeID\":\"9\",\"AttestationKey\":null,\"New\":1}}");
	(void)state;
	prefs_init(&p);
	assert_int_equal(prefs_from_json(&p, v, &why), 0);
	json_t *out = prefs_to_json(&p, false);
	assert_true(j_equal(j_get(out, "FutureThing"), j_get(v, "FutureThing")));
	assert_int_equal(j_int(j_get(out, "Config"), "New", 0), 1);
	assert_true(j_has(j_get(out, "Config"), "AttestationKey"));
	j_free(out);
	j_free(v);
	prefs_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_edit_is_all_or_nothing),
		cmocka_unit_test(test_letter_case),
		cmocka_unit_test(test_exit_node_adjustments),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_control_url),
		cmocka_unit_test(test_redaction),
		cmocka_unit_test(test_unknown_members_stay),
		cmocka_unit_test(test_own_members),
		cmocka_unit_test(test_accepted_routes),
		cmocka_unit_test(test_exit_node_list),
		cmocka_unit_test(test_own_checks),
		cmocka_unit_test(test_long_exit_node_list),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
