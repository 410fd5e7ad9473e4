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
		cmocka_unit_test(test_malformed),   cmocka_unit_test(test_edit_is_all_or_nothing),
		cmocka_unit_test(test_letter_case), cmocka_unit_test(test_exit_node_adjustments),
		cmocka_unit_test(test_checks),	    cmocka_unit_test(test_control_url),
		cmocka_unit_test(test_redaction),   cmocka_unit_test(test_unknown_members_stay),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
