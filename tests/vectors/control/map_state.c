/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_state.json and control_json.json: one map session, message by message, compared with the
 * reference's whole network map after each; the same through the framing in random pieces; and what
 * the reference says about malformed messages. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/map_session.h"
#include "daemon/control/map_wire.h"
#include "daemon/control/nm_node_json.h"
#include "magicsock/derpmap.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *state_file, *json_file;

static int load(void **state)
{
	(void)state;
	state_file = vec_load("control_state.json");
	json_file = vec_load("control_json.json");
	return crypto_init();
}

static int unload(void **state)
{
	(void)state;
	j_free(state_file);
	j_free(json_file);
	return 0;
}

static wall_t replay_time(void)
{
	wall_t now;
	assert_int_equal(wall_decode(span_str("2026-01-02T04:00:00Z"), &now), 0);
	return now;
}

static void expect(const char *step, const char *what, const json_t *want, json_t *got)
{
	bool same = j_is_nil(want) ? j_is_nil(got) : j_equal(want, got);
	if (!same) {
		char *w = j_dump(want), *g = got ? j_dump(got) : xstrdup("(none)");
		print_error("%s: %s\nwant %s\ngot  %s\n", step, what, w, g);
		free(w);
		free(g);
	}
	j_free(got);
	assert_true(same);
}

/* Forms the reference keeps apart and we do not. */
static json_t *canonical_node(const json_t *want)
{
	json_t *n = j_copy(want);
	j_del(n, "Capabilities"); /* merged into CapMap */
	return n;
}

static void expect_nodes(const char *step, const json_t *want, const struct netmap *nm)
{
	const json_t *peers = j_get(want, "peers");
	json_t *self = canonical_node(j_get(want, "self"));
	expect(step, "self", self, nm_node_to_json(nm->self));
	j_free(self);
	assert_int_equal(j_len(peers), nm->n_peers);
	for (size_t i = 0; i < nm->n_peers; i++) {
		const struct nm_node *p = nm->peers[i];
		json_t *one = canonical_node(j_at(peers, i));
		expect(step, "peer", one, nm_node_to_json(p));
		j_free(one);
		assert_ptr_equal(netmap_peer(nm, p->id), p);
		assert_ptr_equal(netmap_peer_by_key(nm, &p->key), p);
	}
	assert_int_equal(map_len(&nm->by_key), nm->n_peers);
}

static json_t *filter_names(const struct netmap *nm)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < nm->n_filters; i++)
		j_add_str(arr, nm->filters[i].name);
	return arr;
}

/* null and [] both mean that nothing may come in. */
static void expect_filter(const char *step, const json_t *want, const struct netmap *nm)
{
	json_t *none = j_array();
	const json_t *rules = j_get(want, "packet_filter_rules");
	const json_t *names = j_get(want, "packet_filter_names");
	expect(step, "filter rules", rules ? rules : none, netmap_filter_json(nm));
	expect(step, "filter names", names ? names : none, filter_names(nm));
	j_free(none);
}

/* The plain values must say the same as the merged JSON. */
static void expect_derp(const char *step, const json_t *want, const struct netmap *nm)
{
	const json_t *map = j_get(want, "derp_map");
	json_t *regions = j_get(map, "Regions");
	expect(step, "derp map", map, j_copy(nm->derp_json));
	assert_int_equal(j_len(regions), nm->derp->n_regions);
	for (void *it = j_iter(regions); it; it = j_iter_next(regions, it)) {
		const json_t *r = j_iter_value(it);
		const struct derp_region *got =
		    derp_map_find(nm->derp, (int)j_int(r, "RegionID", 0));
		assert_non_null(got);
		assert_string_equal(got->code, j_str(r, "RegionCode"));
		assert_int_equal(got->n_nodes, j_len(j_get(r, "Nodes")));
		assert_int_equal(got->no_measure_no_home, j_bool(r, "NoMeasureNoHome", false));
		json_t *scores = j_get(j_get(map, "HomeParams"), "RegionScore");
		assert_true(got->score == j_num(scores, j_iter_key(it), 0));
	}
}

static json_t *users(const struct netmap *nm)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < nm->n_users; i++) {
		json_t *u = j_object();
		j_set_int(u, "ID", nm->users[i].id);
		j_set_str(u, "LoginName", nm->users[i].login);
		j_set_str(u, "DisplayName", nm->users[i].display);
		j_add(arr, u);
	}
	return arr;
}

static void expect_rest(const char *step, const json_t *want, const struct netmap *nm)
{
	json_t *whole = netmap_to_json(nm);
	expect(step, "users", j_get(want, "user_profiles"), users(nm));
	expect(step, "messages", j_get(want, "display_messages"),
	       j_copy(j_get(whole, "DisplayMessages")));
	expect(step, "dns", j_get(want, "dns"), netmap_dns_json(nm));
	expect(step, "ssh policy", j_get(want, "ssh_policy"), j_copy(nm->ssh_policy));
	j_free(whole);
	assert_string_equal(nm->domain, j_str(want, "domain"));
	assert_int_equal(nm->tka_present, j_bool(want, "tka_enabled", false));
	assert_int_equal(nm->collect_services == J_TRUE, j_bool(want, "collect_services", false));
	json_t *dns = j_get(want, "dns");
	assert_int_equal(nm->dns.proxied, j_bool(dns, "Proxied", false));
	assert_int_equal(nm->dns.resolvers.n, j_len(j_get(dns, "Resolvers")));
	assert_int_equal(nm->dns.n_routes, j_len(j_get(dns, "Routes")));
	assert_int_equal(nm->dns.n_domains, j_len(j_get(dns, "Domains")));
	assert_int_equal(nm->dns.n_records, j_len(j_get(dns, "ExtraRecords")));
}

static void expect_state(const char *step, const json_t *want, const struct netmap *nm)
{
	expect_nodes(step, want, nm);
	expect_filter(step, want, nm);
	expect_derp(step, want, nm);
	expect_rest(step, want, nm);
}

static void test_replay(void **state)
{
	json_t *steps = j_get(state_file, "steps");
	struct map_session *s = map_session_new();
	(void)state;
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *step = j_at(steps, i);
		const char *name = j_str(step, "after"), *why;
		struct map_result res;
		char *text = j_dump(j_get(step, "message"));
		int err = map_session_apply(s, span_str(text), replay_time(), &res, &why);
		if (err)
			print_error("%s: %s: %s\n", name, err_text(err), why);
		assert_int_equal(err, 0);
		assert_int_equal(res.change.full, i == 0);
		expect_state(name, j_get(step, "state"), map_session_netmap(s));
		free(text);
	}
	map_session_free(s);
}

/* The recorded bytes, cut at random places, with a new session in the middle: it starts from
 * nothing, so the messages after it are refused until one brings a Node. */
static void replay_framed(const char *member, bool zstd, uint64_t seed)
{
	json_t *msgs = j_get(json_file, "map_messages"), *steps = j_get(state_file, "steps");
	struct rng_seeded rng;
	struct buf wire;
	rng_seeded_init(&rng, seed);
	buf_init(&wire, 4u << 20);
	for (size_t i = 0; i < j_len(msgs); i++) {
		size_t n;
		uint8_t *p = vec_hex(j_at(msgs, i), member, &n);
		buf_add(&wire, p, n);
		free(p);
	}
	struct map_reader *m = map_reader_new(zstd);
	struct map_session *s = map_session_new();
	size_t done = 0, keepalives = 0;
	for (size_t off = 0; off < wire.len;) {
		struct span in = span_from(buf_span(&wire), off), text;
		size_t n = 1 + rng_below(&rng.rng, 700);
		if (in.len > n)
			in.len = n;
		off += in.len;
		bool same;
		int got;
		while ((got = map_reader_next(m, &in, &text, &same)) == 1) {
			struct map_result res;
			const char *why;
			assert_int_equal(map_session_apply(s, text, replay_time(), &res, &why), 0);
			if (res.keepalive && !res.ping) {
				map_reader_mark_keepalive(m);
				keepalives++;
			}
			const json_t *step = j_at(steps, done++);
			expect_state(j_str(step, "after"), j_get(step, "state"),
				     map_session_netmap(s));
			map_reader_shrink(m);
		}
		assert_int_equal(got, 0);
	}
	assert_int_equal(done, j_len(steps));
	assert_true(keepalives > 0);
	map_session_free(s);
	map_reader_free(m);
	buf_fini(&wire);
}

static void test_framed_plain(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		replay_framed("framed_plain", false, seed);
}

static void test_framed_zstd(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		replay_framed("framed_zstd", true, seed);
}

static void test_new_session_is_empty(void **state)
{
	json_t *msgs = j_get(json_file, "map_messages");
	struct map_session *s = map_session_new();
	struct map_result res;
	const char *why;
	(void)state;
	/* message 3 is a patch: without a Node before it there is nothing to patch */
	assert_int_equal(
	    map_session_apply(s, j_span(j_at(msgs, 3), "json"), replay_time(), &res, &why),
	    -ERR_PROTO);
	assert_false(map_session_ready(s));
	assert_int_equal(
	    map_session_apply(s, j_span(j_at(msgs, 0), "json"), replay_time(), &res, &why), 0);
	assert_true(map_session_ready(s));
	map_session_free(s);
}

/* A map written to the cache and read back is the same map. */
static void test_cache_round_trip(void **state)
{
	json_t *msgs = j_get(json_file, "map_messages");
	struct map_session *a = map_session_new(), *b = map_session_new();
	struct map_result res;
	const char *why;
	(void)state;
	for (size_t i = 0; i < j_len(msgs); i++) {
		assert_int_equal(
		    map_session_apply(a, j_span(j_at(msgs, i), "json"), replay_time(), &res, &why),
		    0);
		json_t *one = netmap_to_json(map_session_netmap(a));
		char *text = j_dump(one);
		map_session_free(b);
		b = map_session_new();
		assert_int_equal(map_session_apply(b, span_str(text), replay_time(), &res, &why),
				 0);
		expect(j_str(j_at(msgs, i), "name"), "round trip", one,
		       netmap_to_json(map_session_netmap(b)));
		j_free(one);
		free(text);
	}
	map_session_free(a);
	map_session_free(b);
}

/* Stricter than the reference is allowed for nesting only; it is the one case we refuse. */
static bool may_refuse(const char *name)
{
	return strcmp(name, "deep nesting 9000") == 0;
}

static int read_malformed(const json_t *e)
{
	size_t n;
	uint8_t *p = vec_hex(e, "framed", &n);
	struct map_reader *m = map_reader_new(true);
	struct map_session *s = map_session_new();
	struct span in = span_of(p, n), text;
	struct map_result res;
	const char *why;
	bool same;
	/* most are no first messages: give the session a Node before */
	const char *node = "{\"Node\":{\"ID\":99}}";
	assert_int_equal(map_session_apply(s, span_str(node), replay_time(), &res, &why), 0);
	int got = map_reader_next(m, &in, &text, &same);
	if (got == 1)
		got = map_session_apply(s, text, replay_time(), &res, &why);
	else if (got == 0)
		got = -ERR_AGAIN;
	map_session_free(s);
	map_reader_free(m);
	free(p);
	return got;
}

static void test_malformed(void **state)
{
	json_t *list = j_get(json_file, "malformed");
	(void)state;
	assert_true(j_len(list) >= 35);
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *e = j_at(list, i);
		const char *name = j_str(e, "name");
		bool want_ok = j_bool(e, "ok", false) && !may_refuse(name);
		int err = read_malformed(e);
		if ((err == 0) != want_ok)
			print_error("%s: %d\n", name, err);
		assert_int_equal(err == 0, want_ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_framed_plain),
		cmocka_unit_test(test_framed_zstd),
		cmocka_unit_test(test_new_session_is_empty),
		cmocka_unit_test(test_cache_round_trip),
		cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
