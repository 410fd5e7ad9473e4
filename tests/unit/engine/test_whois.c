/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WhoIs and the capabilities that the policy grants to traffic to us. */
#include "tests/vectors/engine/real_backend.h"

#define DSTS "\"Dsts\":[\"100.64.0.1/32\",\"fd7a:115c:a1e0::1/128\"]"

/* In rule order: by list, by range, for others, for another destination, old style. */
#define GRANTS                                                                                     \
	"[{\"SrcIPs\":[\"100.64.0.2\"],\"CapGrant\":[{" DSTS ",\"CapMap\":{\"a\":[1,{\"x\":2}],"   \
	"\"b\":null}}]},"                                                                          \
	"{\"SrcIPs\":[\"100.64.0.1-100.64.0.9\"],\"CapGrant\":[{" DSTS ",\"CapMap\":{\"a\":["      \
	"\"three\"]}},{" DSTS ",\"Caps\":[\"old\",\"a\"]}]},"                                      \
	"{\"SrcIPs\":[\"100.64.0.3\"],\"CapGrant\":[{" DSTS ",\"CapMap\":{\"c\":[4]}}]},"          \
	"{\"SrcIPs\":[\"*\"],\"CapGrant\":[{\"Dsts\":[\"100.64.0.7/"                               \
	"32\"],\"CapMap\":{\"d\":[5]}}]},"                                                         \
	"{\"SrcIPs\":[\"*\"],\"DstPorts\":[]}]"

static void more(struct fixture *f, const char *message)
{
	struct map_result res;
	const char *why = "";
	if (map_session_apply(f->b->cached, span_str(message), wall_now(), &res, &why) != 0)
		fail_msg("%s", why);
	f->b->nm = map_session_netmap(f->b->cached);
}

static void caps_are(struct fixture *f, const char *addr, const char *want)
{
	json_t *o = backend_whois(f->b, addr, "tcp");
	assert_non_null(o);
	json_t *expected = j_parse(span_str(want), 4096, NULL);
	assert_true(j_has(o, "CapMap"));
	if (j_is_nil(expected))
		assert_null(j_get(o, "CapMap")); /* null */
	else
		assert_true(j_equal(j_get(o, "CapMap"), expected));
	j_free(expected);
	j_free(o);
}

static void grants_are_joined_in_rule_order(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	caps_are(f, "100.64.0.2", "null");
	more(f, "{\"PacketFilter\":" GRANTS "}");
	caps_are(f, "100.64.0.2", "{\"a\":[1,{\"x\":2},\"three\"],\"b\":null,\"old\":null}");
	caps_are(f, "100.64.0.2:999", "{\"a\":[1,{\"x\":2},\"three\"],\"b\":null,\"old\":null}");
	caps_are(f, "100.64.0.3", "{\"a\":[\"three\"],\"old\":null,\"c\":[4]}");
	caps_are(f, "100.64.0.1", "{\"a\":[\"three\"],\"old\":null}");
	more(f, "{\"PacketFilter\":[]}");
	caps_are(f, "100.64.0.2", "null");
}

static void unsigned_peers_are_granted_nothing(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	more(f, "{\"PacketFilter\":" GRANTS ",\"PeersChanged\":[{\"ID\":2,\"StableID\":\"n2\","
		"\"Name\":\"two.tail.example.com.\",\"User\":1,\"Key\":\"" A_NODE_KEY(
		    "02") "\",\"Addresses\":[\"100.64.0.2/32\"],\"UnsignedPeerAPIOnly\":true}]}");
	caps_are(f, "100.64.0.2", "null");
	caps_are(f, "100.64.0.3", "{\"a\":[\"three\"],\"old\":null,\"c\":[4]}");
}

static void strangers_are_nobody(void **state)
{
	struct fixture *f = *state;
	assert_null(backend_whois(f->b, "100.64.0.2", "tcp"));
	give_map(f);
	assert_null(backend_whois(f->b, "100.64.0.99", "tcp"));
	assert_null(backend_whois(f->b, "10.1.2.3", "tcp"));
	assert_null(backend_whois(f->b, "nonsense", "tcp"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(grants_are_joined_in_rule_order),
		T(unsigned_peers_are_granted_nothing),
		T(strangers_are_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
