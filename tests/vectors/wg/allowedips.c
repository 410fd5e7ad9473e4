/* SPDX-License-Identifier: GPL-2.0-or-later */
/* allowedips.json: four sequences of inserts, removals and look-ups. Peers are named by letters and
 * words there; a peer's number is its place in `names`. */
#include "tests/vectors/wg/kat.h"

#include "wg/allowedips.h"

#include <stdio.h>

#define NAMES_MAX 32

struct table {
	struct wg_allowedips *t;
	char names[NAMES_MAX][16];
	uint32_t n_names;
	bool owner_rule; /* source_ok is plain WireGuard's: longest prefix */
};

static uint32_t peer_of(struct table *t, const char *name)
{
	if (!*name)
		return WG_NO_PEER;
	for (uint32_t i = 0; i < t->n_names; i++)
		if (strcmp(t->names[i], name) == 0)
			return i;
	assert_true(t->n_names < NAMES_MAX);
	snprintf(t->names[t->n_names], sizeof(t->names[0]), "%s", name);
	return t->n_names++;
}

static struct ip addr_of(const json_t *op)
{
	struct ip ip;
	assert_int_equal(ip_decode(j_span(op, "addr"), &ip), 0);
	return ip;
}

static void insert(struct table *t, uint32_t peer, struct span text)
{
	struct prefix p;
	assert_int_equal(prefix_decode(text, &p), 0);
	assert_int_equal(wg_allowedips_insert(t->t, p, peer), 0);
}

static void check_source(const struct table *t, const json_t *op, uint32_t peer)
{
	struct ip ip = addr_of(op);
	bool want = j_bool(op, "allowed", false);
	if (t->owner_rule)
		assert_int_equal(wg_allowedips_lookup(t->t, ip) == peer, want);
	else
		assert_int_equal(wg_allowedips_contains(t->t, peer, ip), want);
	/* ours is at most as permissive as either rule */
	if (!want)
		assert_false(wg_allowedips_source_ok(t->t, peer, ip));
}

static void run_op(struct table *t, const json_t *op)
{
	const char *verb = j_str(op, "op");
	uint32_t peer = j_str(op, "peer") ? peer_of(t, j_str(op, "peer")) : WG_NO_PEER;
	if (strcmp(verb, "insert") == 0) {
		insert(t, peer, j_span(op, "prefix"));
	} else if (strcmp(verb, "set_peer") == 0) {
		wg_allowedips_remove_peer(t->t, peer);
		const json_t *all = j_get(op, "prefixes");
		for (size_t i = 0; i < j_len(all); i++)
			insert(t, peer, j_text_span(j_at(all, i)));
	} else if (strcmp(verb, "remove_peer") == 0) {
		wg_allowedips_remove_peer(t->t, peer);
	} else if (strcmp(verb, "lookup") == 0) {
		assert_int_equal(wg_allowedips_lookup(t->t, addr_of(op)),
				 peer_of(t, j_str(op, "expect")));
	} else if (strcmp(verb, "source_ok") == 0) {
		check_source(t, op, peer);
	} else {
		fail_msg("unknown op %s", verb);
	}
}

static void test_sequences(void **state)
{
	(void)state;
	const json_t *seqs = j_get(vec_load("allowedips.json"), "sequences");
	assert_int_equal(j_len(seqs), 4);
	for (size_t i = 0; i < j_len(seqs); i++) {
		struct table t = { .t = wg_allowedips_new(i * 77) };
		t.owner_rule = strstr(j_str(j_at(seqs, i), "name"), "trie-owner") != NULL;
		const json_t *ops = j_get(j_at(seqs, i), "ops");
		assert_true(j_len(ops) > 0);
		for (size_t n = 0; n < j_len(ops); n++)
			run_op(&t, j_at(ops, n));
		wg_allowedips_free(t.t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sequences) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
