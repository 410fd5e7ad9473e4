/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Status value: which fields, in which order, compared with localapi_status.json. */
#include "tests/vectors/engine/real_backend.h"

static json_t *recorded(const char *member)
{
	struct span text = j_span(vec_load("localapi_status.json"), member);
	json_t *j = j_parse(text, text.len, NULL);
	assert_non_null(j);
	return j;
}

/* Where a field comes in an object; -1: not there. */
static int place(json_t *o, const char *name)
{
	int n = 0;
	for (void *it = j_iter(o); it; it = j_iter_next(o, it), n++)
		if (strcmp(j_iter_key(it), name) == 0)
			return n;
	return -1;
}

static void assert_same_fields(json_t *ours, json_t *theirs)
{
	assert_int_equal(j_len(ours), j_len(theirs));
	void *a = j_iter(ours), *b = j_iter(theirs);
	for (; a; a = j_iter_next(ours, a), b = j_iter_next(theirs, b))
		assert_string_equal(j_iter_key(a), j_iter_key(b));
}

/* Each field of ours is in one of the recorded objects, and no two stand the other way round in any
 * of them. */
static void assert_order(json_t *ours, json_t **theirs, size_t n)
{
	for (void *a = j_iter(ours); a; a = j_iter_next(ours, a)) {
		bool known = false;
		for (size_t i = 0; i < n; i++)
			known |= place(theirs[i], j_iter_key(a)) >= 0;
		if (!known)
			fail_msg("field %s is not the reference's", j_iter_key(a));
		for (void *b = j_iter_next(ours, a); b; b = j_iter_next(ours, b))
			for (size_t i = 0; i < n; i++) {
				int pa = place(theirs[i], j_iter_key(a));
				int pb = place(theirs[i], j_iter_key(b));
				if (pa >= 0 && pb >= 0 && pa > pb)
					fail_msg("%s stands before %s", j_iter_key(a),
						 j_iter_key(b));
			}
	}
}

static void a_fresh_node(void **state)
{
	struct fixture *f = *state;
	json_t *want = recorded("needs_login_status_json_text"), *got = backend_status(f->b, true);
	json_t *self = j_get(got, "Self"), *self_want = j_get(want, "Self");
	assert_same_fields(got, want);
	assert_same_fields(self, self_want);
	/* What depends on the machine and version. */
	j_set_str(got, "Version", j_str(want, "Version"));
	j_set_bool(got, "TUN", true);
	j_set(got, "Health", j_copy(j_get(want, "Health")));
	j_set_str(self, "HostName", j_str(self_want, "HostName"));
	char *a = j_dump(got), *b = j_dump(want);
	assert_string_equal(a, b);
	free(a);
	free(b);
	j_free(got);
	j_free(want);
}

static void a_running_node(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	f->b->prefs.has_config = true;
	f->b->prefs.config.node.b[0] = 8;
	json_t *want = recorded("status_json_text"), *got = backend_status(f->b, true);
	json_t *peers = j_get(want, "Peer"), *all[64];
	static const char *const around_caps[] = { "NoFileSharingReason", "Capabilities", "CapMap",
						   "InNetworkMap" };
	size_t n = 0;
	assert_same_fields(got, want);
	for (void *it = j_iter(peers); it && n < 63; it = j_iter_next(peers, it))
		all[n++] = j_iter_value(it);
	all[n++] = j_get(want, "Self");
	json_t *caps = j_object(); /* the recorded nodes have no capabilities */
	for (size_t i = 0; i < ARRAY_LEN(around_caps); i++)
		j_set_null(caps, around_caps[i]);
	all[n++] = caps;
	assert_order(j_get(got, "Self"), all, n);
	json_t *ours = j_get(got, "Peer");
	assert_int_equal(j_len(ours), 2);
	for (void *it = j_iter(ours); it; it = j_iter_next(ours, it))
		assert_order(j_iter_value(it), all, n);
	assert_same_fields(j_get(got, "CurrentTailnet"), j_get(want, "CurrentTailnet"));
	assert_same_fields(j_get(j_get(got, "User"), "1"), j_get(j_get(want, "User"), "1"));
	assert_string_equal(j_str(got, "MagicDNSSuffix"), "tail.example.com");
	j_free(caps);
	j_free(got);
	j_free(want);
}

static void without_peers_only_our_own_user(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	json_t *got = backend_status(f->b, false);
	assert_true(j_is_null(got, "Peer"));
	assert_int_equal(j_len(j_get(got, "User")), 1);
	j_free(got);
}

static void what_is_known_of_a_peer(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	json_t *got = backend_status(f->b, true);
	json_t *two = j_get(j_get(got, "Peer"), A_NODE_KEY("02"));
	json_t *three = j_get(j_get(got, "Peer"), A_NODE_KEY("03"));
	assert_string_equal(j_str(two, "DNSName"), "two.tail.example.com.");
	assert_true(j_bool(two, "Online", false));
	assert_false(j_bool(two, "ExitNodeOption", true));
	assert_true(wall_is_zero(j_time(two, "LastSeen")));
	assert_false(j_has(two, "Expired"));
	assert_true(j_bool(three, "Expired", false));
	assert_true(j_bool(three, "ExitNodeOption", false));
	assert_true(j_bool(three, "ShareeNode", false));
	assert_false(wall_is_zero(j_time(three, "LastSeen")));
	assert_string_equal(j_text(j_at(j_get(three, "PeerAPIURL"), 0)), "http://100.64.0.3:4000");
	j_free(got);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	vec_load("localapi_status.json");
	const struct CMUnitTest tests[] = {
		T(a_fresh_node),
		T(a_running_node),
		T(without_peers_only_our_own_user),
		T(what_is_known_of_a_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
