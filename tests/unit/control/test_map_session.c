/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hostile or careless server may send: the map stays sound and bounded. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/expiry.h"
#include "daemon/control/json_scan.h"
#include "daemon/control/map_session.h"
#include "daemon/control/map_wire.h"

#include <stdio.h>
#include <stdlib.h>

static const wall_t NOW = { 1800000000, 0 };

struct fixture {
	struct map_session *s;
	struct map_result res;
	const char *why;
};

static int apply(struct fixture *m, const char *json)
{
	return map_session_apply(m->s, span_str(json), NOW, &m->res, &m->why);
}

static const struct netmap *nm(const struct fixture *m)
{
	return map_session_netmap(m->s);
}

#define K(b) "nodekey:" b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b

static void begin(struct fixture *m)
{
	m->s = map_session_new();
	assert_int_equal(apply(m, "{\"Node\":{\"ID\":1,\"Key\":\"" K(
				      "01") "\"},\"Peers\":["
					    "{\"ID\":2,\"Key\":\"" K("02") "\"},"
									   "{\"ID\":3,\"Key\":\"" K(
									       "03") "\"}]}"),
			 0);
	assert_int_equal(nm(m)->n_peers, 2);
}

static void test_own_id_and_key(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	assert_int_equal(apply(&m, "{\"PeersChanged\":[{\"ID\":1,\"Key\":\"" K(
				       "09") "\"},"
					     "{\"ID\":4,\"Key\":\"" K("01") "\"}]}"),
			 0);
	assert_int_equal(nm(&m)->n_peers, 2);
	assert_int_equal(map_session_refused(m.s).self_as_peer, 2);
	/* a peer's key becomes our own */
	assert_int_equal(apply(&m, "{\"Node\":{\"ID\":1,\"Key\":\"" K("02") "\"}}"), 0);
	assert_int_equal(nm(&m)->n_peers, 1);
	assert_int_equal(nm(&m)->peers[0]->id, 3);
	map_session_free(m.s);
}

static void test_shared_key(void **state)
{
	struct fixture m;
	struct node_key k;
	(void)state;
	begin(&m);
	assert_int_equal(node_key_decode(span_str(K("02")), &k), 0);
	assert_int_equal(apply(&m, "{\"PeersChanged\":[{\"ID\":9,\"Key\":\"" K("02") "\"}]}"), 0);
	assert_int_equal(netmap_peer_by_key(nm(&m), &k)->id, 2); /* who came first has it */
	assert_null(netmap_peer(nm(&m), 9));
	/* by a patch too: the thief is out */
	assert_int_equal(
	    apply(&m, "{\"PeersChangedPatch\":[{\"NodeID\":3,\"Key\":\"" K("02") "\"}]}"), 0);
	assert_int_equal(netmap_peer_by_key(nm(&m), &k)->id, 2);
	assert_null(netmap_peer(nm(&m), 3));
	assert_int_equal(map_session_refused(m.s).same_key, 2);
	/* one leaves, another may take its key, in one message */
	assert_int_equal(apply(&m, "{\"PeersRemoved\":[2],\"PeersChanged\":[{\"ID\":9,\"Key\":\"" K(
				       "02") "\"}]}"),
			 0);
	assert_int_equal(netmap_peer_by_key(nm(&m), &k)->id, 9);
	/* and a full list may hand keys round */
	assert_int_equal(apply(&m, "{\"Peers\":[{\"ID\":10,\"Key\":\"" K("02") "\"}]}"), 0);
	assert_int_equal(netmap_peer_by_key(nm(&m), &k)->id, 10);
	map_session_free(m.s);
}

static void test_low_order_keys(void **state)
{
	struct fixture m;
	uint8_t key[32];
	char msg[256], hex[65];
	static const uint8_t tops[] = { 0x00, 0x80 };
	(void)state;
	begin(&m);
	assert_int_equal(
	    hex_decode(span_str("ecffffffffffffffffffffffffffffffffffffffffffffffffffff"
				"ffffffff7f"),
		       key, 32),
	    0);
	for (size_t i = 0; i < 2; i++) {
		key[31] = 0x7f | tops[i];
		hex_encode(span_of(key, 32), hex);
		snprintf(msg, sizeof(msg), "{\"PeersChanged\":[{\"ID\":5,\"Key\":\"nodekey:%s\"}]}",
			 hex);
		assert_int_equal(apply(&m, msg), 0);
	}
	assert_int_equal(apply(&m, "{\"PeersChanged\":[{\"ID\":5}]}"), 0); /* the zero key */
	assert_int_equal(map_session_refused(m.s).low_order, 3);
	assert_null(netmap_peer(nm(&m), 5));
	/* every key our X25519 refuses is on the list, and ordinary ones are not */
	struct rng_seeded r;
	rng_seeded_init(&r, 2);
	for (int i = 0; i < 200; i++) {
		uint8_t scalar[32], out[32];
		rng_fill(&r.rng, key, 32);
		rng_fill(&r.rng, scalar, 32);
		if (i < 2)
			memset(key, 0, 32);
		if (i == 1)
			key[0] = 1;
		bool refused = x25519(out, scalar, key) != 0;
		assert_int_equal(nm_key_is_low_order(key), refused);
	}
	map_session_free(m.s);
}

static void test_duplicate_ids(void **state)
{
	struct fixture m;
	(void)state;
	m.s = map_session_new();
	assert_int_equal(apply(&m, "{\"Node\":{\"ID\":1},\"Peers\":["
				   "{\"ID\":2,\"Key\":\"" K("02") "\",\"Name\":\"a\"},"
								  "{\"ID\":2,\"Key\":\"" K(
								      "03") "\",\"Name\":\"b\"}]}"),
			 0);
	assert_int_equal(nm(&m)->n_peers, 1);
	assert_int_equal(map_len(&nm(&m)->by_key), 1);
	map_session_free(m.s);
}

static void add_item(struct buf *b, const char *item, size_t i)
{
	buf_fmt(b, "%s\"%s%zu\"", i ? "," : "", item, i);
}

/* A node with n elements of a list. */
static int with_list(struct fixture *m, const char *member, const char *item, size_t n)
{
	struct buf b;
	buf_init(&b, 16u << 20);
	buf_fmt(&b, "{\"PeersChanged\":[{\"ID\":5,\"Key\":\"" K("05") "\",\"%s\":[", member);
	for (size_t i = 0; i < n; i++)
		add_item(&b, item, i);
	buf_add_str(&b, "]}]}");
	int err = apply(m, buf_cstr(&b));
	buf_fini(&b);
	return err;
}

static void test_list_caps(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	/* further endpoints are left out: we never spray at hundreds */
	assert_int_equal(with_list(&m, "Endpoints", "192.0.2.1:1", 500), 0);
	assert_int_equal(netmap_peer(nm(&m), 5)->n_endpoints, NM_ENDPOINTS_MAX);
	assert_int_equal(with_list(&m, "Tags", "tag:", NM_TAGS_MAX), 0);
	assert_int_equal(with_list(&m, "Tags", "tag:", NM_TAGS_MAX + 1), -ERR_TOOBIG);
	assert_int_equal(with_list(&m, "AllowedIPs", "10.0.0.1/3", NM_PREFIXES_MAX + 1),
			 -ERR_TOOBIG);
	map_session_free(m.s);
}

/* One router of a great many networks. */
static void test_many_routes(void **state)
{
	const int n = 100000;
	struct fixture m;
	struct buf b;
	(void)state;
	begin(&m);
	buf_init(&b, 16u << 20);
	buf_add_str(&b, "{\"PeersChanged\":[{\"ID\":5,\"Key\":\"" K("05") "\",\"AllowedIPs\":[");
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%s\"%d.%d.%d.0/24\"", i ? "," : "", 20 + i / 65536, i / 256 % 256,
			i % 256);
	buf_add_str(&b, "]}]}");
	assert_int_equal(apply(&m, buf_cstr(&b)), 0);
	assert_non_null(netmap_peer(nm(&m), 5));
	assert_int_equal(netmap_peer(nm(&m), 5)->n_allowed_ips, n);
	buf_fini(&b);
	map_session_free(m.s);
}

/* The nodes together may not take more than their number allows. */
static void test_memory_cap(void **state)
{
	struct fixture m;
	struct buf b;
	(void)state;
	begin(&m);
	buf_init(&b, 64u << 20);
	for (int id = 10; id < 400; id++) {
		buf_reset(&b);
		buf_fmt(&b, "{\"PeersChanged\":[{\"ID\":%d,\"Key\":\"nodekey:", id);
		for (int i = 0; i < 16; i++)
			buf_fmt(&b, "%04x", id);
		buf_add_str(&b, "\",\"AllowedIPs\":[");
		for (int i = 0; i < 8000; i++)
			buf_fmt(&b, "%s\"10.%d.%d.0/24\"", i ? "," : "", i / 256, i % 256);
		buf_add_str(&b, "]}]}");
		assert_int_equal(apply(&m, buf_cstr(&b)), 0);
	}
	buf_fini(&b);
	assert_true(map_session_refused(m.s).too_many > 0);
	assert_true(nm(&m)->bytes <= NM_BYTES_BASE + NM_BYTES_PER_PEER * (nm(&m)->n_peers + 1));
	map_session_free(m.s);
}

static void test_bad_message_changes_nothing(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	assert_true(
	    apply(&m,
		  "{\"PeersRemoved\":[2],\"PacketFilters\":{\"base\":[{\"SrcIPs\":[\"*\"],"
		  "\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":99999}}]}]}}") < 0);
	assert_int_equal(nm(&m)->n_peers, 2);
	assert_int_equal(nm(&m)->n_filters, 0);
	assert_true(apply(&m, "{\"PeersRemoved\":[2],\"DERPMap\":{\"Regions\":{\"x\":{}}}}") < 0);
	assert_int_equal(nm(&m)->n_peers, 2);
	assert_true(apply(&m, "{\"PeersRemoved\":[2],\"DNSConfig\":{\"Routes\":7}}") < 0);
	assert_true(apply(&m, "{\"PeersRemoved\":[2],\"PeersChangedPatch\":[{\"NodeID\":3,"
			      "\"Endpoints\":[7]}]}") < 0);
	assert_true(apply(&m, "{\"PeersRemoved\":[2]") < 0);
	assert_int_equal(nm(&m)->n_peers, 2);
	map_session_free(m.s);
}

static void test_messages(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	assert_int_equal(apply(&m,
			       "{\"DisplayMessages\":{\"a\":{\"Title\":\"t\",\"Severity\":\"high\","
			       "\"PrimaryAction\":{\"URL\":\"javascript:x\",\"Label\":\"go\"}}}}"),
			 0);
	assert_int_equal(nm(&m)->n_messages, 1);
	assert_string_equal(nm(&m)->messages[0].action_url, ""); /* no such scheme */
	assert_int_equal(nm(&m)->messages[0].severity, NM_HIGH);
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, "{\"DisplayMessages\":{");
	for (int i = 0; i < 500; i++)
		buf_fmt(&b, "%s\"m%d\":{\"Text\":\"x\"}", i ? "," : "", i);
	buf_add_str(&b, "}}");
	assert_int_equal(apply(&m, buf_cstr(&b)), 0);
	assert_int_equal(nm(&m)->n_messages, NM_MESSAGES_MAX);
	assert_int_equal(apply(&m, "{\"Health\":[\"old\"],\"DisplayMessages\":{\"*\":null}}"), 0);
	assert_int_equal(nm(&m)->n_messages, 0);
	buf_fini(&b);
	map_session_free(m.s);
}

static void test_browser_url(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	assert_int_equal(apply(&m, "{\"PopBrowserURL\":\"https://x/1\"}"), 0);
	assert_string_equal(m.res.pop_browser_url, "https://x/1");
	assert_int_equal(apply(&m, "{\"PopBrowserURL\":\"https://x/1\"}"), 0);
	assert_null(m.res.pop_browser_url); /* once */
	assert_int_equal(apply(&m, "{\"PopBrowserURL\":\"file:///etc/passwd\"}"), 0);
	assert_null(m.res.pop_browser_url);
	map_session_free(m.s);
}

static void test_nul_in_strings(void **state)
{
	struct fixture m;
	(void)state;
	begin(&m);
	assert_int_equal(apply(&m, "{\"Domain\":\"good\\u0000evil\"}"), 0);
	assert_string_equal(nm(&m)->domain, "good");
	map_session_free(m.s);
}

/* ---- expiry ---- */

static void test_expiry(void **state)
{
	struct fixture m;
	struct nm_change ch;
	wall_t next;
	(void)state;
	begin(&m);
	/* 08:00:00 is now; peer 2 is out, 3 has an hour */
	assert_int_equal(apply(&m, "{\"PeersChangedPatch\":["
				   "{\"NodeID\":2,\"KeyExpiry\":\"2027-01-15T07:59:00Z\"},"
				   "{\"NodeID\":3,\"KeyExpiry\":\"2027-01-15T09:00:00Z\"}]}"),
			 0);
	assert_true(map_session_expire(m.s, NOW, &ch, &next));
	assert_int_equal(ch.n_ids, 1);
	assert_int_equal(ch.ids[0], 2);
	assert_true(nm_node_is_expired(netmap_peer(nm(&m), 2)));
	assert_int_equal(next.s, NOW.s + 3600 + EXPIRY_RECHECK_S);
	assert_false(map_session_expire(m.s, NOW, &ch, &next)); /* nothing new */
	/* the server's clock is two hours ahead: by it, 3 is out as well */
	assert_int_equal(apply(&m, "{\"ControlTime\":\"2027-01-15T10:00:00Z\"}"), 0);
	assert_true(m.res.change.mask & NM_CHANGED_CLOCK);
	assert_true(map_session_expire(m.s, NOW, &ch, &next));
	assert_int_equal(ch.ids[0], 3);
	/* year 1 in a patch means never */
	assert_int_equal(apply(&m, "{\"PeersChangedPatch\":[{\"NodeID\":2,"
				   "\"KeyExpiry\":\"0001-01-01T00:00:00Z\"}]}"),
			 0);
	assert_false(nm_node_is_expired(netmap_peer(nm(&m), 2)));
	map_session_free(m.s);
}

static void test_clock_rules(void **state)
{
	struct nm_node n = { .key_expiry = { 1000, 0 } };
	(void)state;
	assert_int_equal(expiry_clock_offset((wall_t){ 1059, 0 }, (wall_t){ 1000, 0 }), 0);
	assert_int_equal(expiry_clock_offset((wall_t){ 1061, 0 }, (wall_t){ 1000, 0 }), 61);
	assert_int_equal(expiry_clock_offset((wall_t){ 100, 0 }, (wall_t){ 1000, 0 }), -900);
	assert_int_equal(expiry_clock_offset(WALL_ZERO, NOW), 0);
	assert_false(expiry_peer(&n, (wall_t){ 2000, 0 }, 0)); /* a clock before 2023 */
	assert_true(expiry_peer(&n, NOW, 0));
	assert_true(expiry_self(&n, NOW));
	n.key_expiry = WALL_ZERO;
	assert_false(expiry_self(&n, NOW));
	n.flags = NM_EXPIRED;
	assert_true(expiry_self(&n, NOW));
}

/* ---- framing ---- */

static int read_frame(struct span in, bool zstd)
{
	struct map_reader *r = map_reader_new(zstd);
	struct span text;
	bool same;
	int got = map_reader_next(r, &in, &text, &same);
	map_reader_free(r);
	return got;
}

static void test_frame_caps(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3 };
	static const uint8_t zero[] = { 0, 0, 0, 0 };
	static const uint8_t most[] = { 0, 0, 0, 1, 1 }; /* 16 MiB announced, one byte came */
	(void)state;
	assert_int_equal(read_frame(span_of(huge, sizeof(huge)), true), -ERR_TOOBIG);
	assert_int_equal(read_frame(span_of(zero, sizeof(zero)), true), -ERR_PROTO);
	assert_int_equal(read_frame(span_of(most, sizeof(most)), true), 0);
	assert_int_equal(read_frame(span_of(zero, 3), true), 0);
	assert_int_equal(read_frame(span_of(zero, 4), false), -ERR_PROTO);
}

/* A small message that would become a huge one. */
static void test_bomb(void **state)
{
	struct buf text, frame;
	(void)state;
	buf_init(&text, 128u << 20);
	buf_init(&frame, 128u << 20);
	size_t n = MAP_TEXT_MAX + 1;
	uint8_t *p = buf_reserve(&text, n);
	memset(p, ' ', n);
	buf_commit(&text, n);
	assert_int_equal(map_frame_build(buf_span(&text), true, &frame), 0);
	assert_true(frame.len < 65536);
	assert_int_equal(read_frame(buf_span(&frame), true), -ERR_TOOBIG);
	buf_fini(&text);
	buf_fini(&frame);
}

static void test_frame_round_trip(void **state)
{
	static const bool forms[] = { true, false };
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct buf b;
		struct map_reader *r = map_reader_new(forms[f]);
		struct span in, text;
		bool same;
		buf_init(&b, 1u << 20);
		assert_int_equal(map_frame_build(span_str("{\"KeepAlive\":true}"), forms[f], &b),
				 0);
		for (int i = 0; i < 3; i++) {
			in = buf_span(&b);
			assert_int_equal(map_reader_next(r, &in, &text, &same), 1);
			assert_true(span_eq_str(text, "{\"KeepAlive\":true}"));
			assert_int_equal(same, i > 0);
			map_reader_mark_keepalive(r);
		}
		map_reader_free(r);
		buf_fini(&b);
	}
}

/* ---- the scanner ---- */

static void test_json_check(void **state)
{
	static const char *const good[] = {
		"null",
		" true ",
		"-0",
		"1.5e-3",
		"\"a\\u00e9\\n\"",
		"[]",
		"[1,[2,{\"a\":[]}]]",
		"{\"a\":{},\"b\":[null]}",
		"[[[]]]",
	};
	static const char *const bad[] = {
		"",	 "nul",	       "01",	    "1.",   "+1",	"1e",
		"\"a",	 "\"\\x\"",    "\"\\u12\"", "[1,]", "[,1]",	"{\"a\"}",
		"{a:1}", "{\"a\":1,}", "[1 2]",	    "[}",   "{]",	"[",
		"1 2",	 "\"\n\"",     "]",	    "-",    "{\"a\":}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(json_check(span_str(good[i])), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(json_check(span_str(bad[i])), -ERR_SYNTAX);
	char deep[2 * J_DEPTH_MAX + 4];
	memset(deep, '[', J_DEPTH_MAX);
	memset(deep + J_DEPTH_MAX, ']', J_DEPTH_MAX);
	assert_int_equal(json_check(span_of(deep, 2 * J_DEPTH_MAX)), 0);
	memset(deep, '[', J_DEPTH_MAX + 1);
	assert_int_equal(json_check(span_of(deep, J_DEPTH_MAX + 1)), -ERR_TOOBIG);
}

static void test_json_scan(void **state)
{
	struct json_scan s;
	struct span key, value;
	(void)state;
	assert_int_equal(json_scan_start(&s, span_str(" { \"a\" : [1, 2] ,\"b\":null}"), '{'), 0);
	assert_true(json_scan_next(&s, &key, &value));
	assert_true(span_eq_str(key, "a"));
	assert_true(span_eq_str(value, "[1, 2]"));
	assert_true(json_scan_next(&s, &key, &value));
	assert_true(span_eq_str(key, "b"));
	assert_true(json_scan_is_null(value));
	assert_false(json_scan_next(&s, &key, &value));
	assert_int_equal(json_scan_start(&s, span_str("[]"), '{'), -ERR_TYPE);
	assert_int_equal(json_scan_start(&s, span_str("[]"), '['), 0);
	assert_false(json_scan_next(&s, &key, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_id_and_key),
		cmocka_unit_test(test_shared_key),
		cmocka_unit_test(test_low_order_keys),
		cmocka_unit_test(test_duplicate_ids),
		cmocka_unit_test(test_list_caps),
		cmocka_unit_test(test_many_routes),
		cmocka_unit_test(test_memory_cap),
		cmocka_unit_test(test_bad_message_changes_nothing),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_browser_url),
		cmocka_unit_test(test_nul_in_strings),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_clock_rules),
		cmocka_unit_test(test_frame_caps),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_frame_round_trip),
		cmocka_unit_test(test_json_check),
		cmocka_unit_test(test_json_scan),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
