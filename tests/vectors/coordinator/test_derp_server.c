/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp.json: what the reference server does with each login and each frame, and its own frames byte
 * for byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/coordinator/relay.h"
#include "tests/lib/vec.h"

static json_t *doc;
static struct relay *relay;
static struct rng_seeded rng;
static const mono_t now = { 1000 };

static bool on_admit(void *arg, const struct node_key *key)
{
	(void)arg;
	(void)key;
	return true;
}

static void nothing(void *arg)
{
	(void)arg;
}

static const struct relay_ops ops = { on_admit, nothing, nothing };

static int setup(void **state)
{
	struct node_priv key;

	(void)state;
	rng_seeded_init(&rng, 3);
	vec_hex_into(j_get(j_get(doc, "keys"), "server"), "private", key.b, 32);
	relay = relay_new(&key, &rng.rng, &ops, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay_free(relay);
	return 0;
}

static int feed(struct relay_client *c, const json_t *o, const char *name)
{
	size_t len;
	uint8_t *p = vec_hex(o, name, &len);
	int rc = relay_client_input(c, span_of(p, len), now);

	free(p);
	return rc;
}

static uint8_t next_type(struct relay_client *c)
{
	struct span s = relay_client_next(c);

	return s.len ? s.p[0] : 0;
}

static const json_t *named(const char *list, const char *name)
{
	const json_t *arr = j_get(doc, list);

	for (size_t i = 0; i < j_len(arr); i++)
		if (strcmp(j_str(j_at(arr, i), "name"), name) == 0)
			return j_at(arr, i);
	fail_msg("no %s in %s", name, list);
	return NULL;
}

static struct relay_client *connect_new(void)
{
	struct relay_client *c = relay_client_new(relay, NULL, now);

	assert_int_equal(next_type(c), DERP_SERVER_KEY);
	relay_client_sent(c);
	return c;
}

static struct relay_client *login(const char *transcript)
{
	struct relay_client *c = connect_new();

	assert_int_equal(feed(c, named(transcript, "client info"), "bytes"), 0);
	assert_int_equal(next_type(c), DERP_SERVER_INFO);
	relay_client_sent(c);
	return c;
}

static void logins(void **state)
{
	const json_t *arr = j_get(doc, "server_verdicts_login");

	(void)state;
	assert_true(j_len(arr) >= 10);
	for (size_t i = 0; i < j_len(arr); i++) {
		const json_t *v = j_at(arr, i);
		struct relay_client *c = connect_new();
		int rc = feed(c, v, "client_bytes");
		bool good = strcmp(j_str(v, "verdict"), "frame type 0x03") == 0;

		if (good != (rc == 0) || good != (next_type(c) == DERP_SERVER_INFO))
			fail_msg("%s: %d", j_str(v, "name"), rc);
		relay_client_free(c);
	}
}

/* Long inputs are given as a prefix and a length, filled up with 01. */
static int feed_case(struct relay_client *c, const json_t *v)
{
	size_t total = (size_t)j_int(v, "client_bytes_len", 0), len;
	uint8_t *head, *all;
	int rc;

	if (!total)
		return feed(c, v, "client_bytes");
	head = vec_hex(v, "client_bytes_prefix", &len);
	all = xcalloc(total, 1);
	memset(all, 1, total);
	memcpy(all, head, len);
	rc = relay_client_input(c, span_of(all, total), now);
	free(head);
	free(all);
	return rc;
}

static void after_login(void **state)
{
	const json_t *arr = j_get(doc, "server_verdicts_after_login");

	(void)state;
	assert_true(j_len(arr) >= 14);
	for (size_t i = 0; i < j_len(arr); i++) {
		const json_t *v = j_at(arr, i);
		struct relay_client *c = login("transcript_alice");
		bool open = strcmp(j_str(v, "verdict"), "kept-open") == 0;

		if (open != (feed_case(c, v) == 0))
			fail_msg("%s", j_str(v, "name"));
		relay_client_free(c);
	}
}

static void expect(struct relay_client *c, const json_t *entry)
{
	size_t len;
	uint8_t *want = vec_hex(entry, "bytes", &len);
	struct span got = relay_client_next(c);

	assert_int_equal(got.len, len);
	assert_memory_equal(got.p, want, len);
	relay_client_sent(c);
	free(want);
}

static void transcript(void **state)
{
	struct relay_client *a = relay_client_new(relay, NULL, now), *b;

	(void)state;
	expect(a, named("transcript_alice", "server key"));
	relay_client_free(a);
	a = login("transcript_alice");
	b = login("transcript_bob");
	assert_int_equal(feed(a, named("transcript_alice", "note preferred = true"), "bytes"), 0);
	assert_int_equal(feed(a, named("transcript_alice", "send packet to bob"), "bytes"), 0);
	expect(b, named("transcript_bob", "recv packet from alice"));
	assert_int_equal(
	    feed(b, named("transcript_bob", "send disco-looking packet to alice"), "bytes"), 0);
	expect(a, named("transcript_alice", "recv packet from bob (disco)"));
	assert_int_equal(
	    feed(a, named("transcript_alice", "send disco-looking packet to ghost"), "bytes"), 0);
	expect(a, named("transcript_alice", "peer gone, not here"));
	assert_int_equal(
	    feed(a, named("transcript_alice", "send non-disco packet to ghost (no reply at all)"),
		 "bytes"),
	    0);
	assert_int_equal(next_type(a), 0);
	assert_int_equal(feed(a, named("transcript_alice", "ping"), "bytes"), 0);
	expect(a, named("transcript_alice", "pong"));
	assert_int_equal(feed(a, named("transcript_alice", "pong to server"), "bytes"), 0);
	assert_int_equal(relay_client_tick(a, mono_add_ms(now, 70000)), 0);
	expect(a, named("transcript_alice", "keepalive"));
	relay_client_free(b);
	expect(a, named("transcript_alice",
			"peer gone, disconnected (bob left after having sent to alice)"));
	assert_int_equal(feed(a, named("transcript_alice", "note preferred = false"), "bytes"), 0);
	relay_client_free(a);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(logins), T(after_login), T(transcript) };

	if (crypto_init() < 0)
		return 1;
	doc = vec_load("derp.json");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
