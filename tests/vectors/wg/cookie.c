/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wireguard.json: the cookie exchange, byte for byte from both ends, and the fourteen sequences of
 * initiations that a responder takes or refuses. */
#include "tests/vectors/wg/kat.h"

#include "base/crypto/crypto.h"
#include "wg/cookie.h"
#include "wg/noise.h"
#include "wg/peer.h"

static struct wg_identity identity(const json_t *obj, const char *member)
{
	struct node_priv k;
	struct wg_identity id;
	vec_hex_into(obj, member, k.b, 32);
	wg_identity_set(&id, &k);
	return id;
}

/* The recorded initiation again, from its ephemeral key; the stamp is read from the recording. */
static void rebuild(const json_t *c, const char *wire, const char *ephemeral,
		    struct wg_cookie_jar *jar, mono_t now, struct wg_initiation *out)
{
	struct wg_identity i = identity(c, "initiator_static_private");
	struct wg_identity r = identity(c, "responder_static_private");
	struct wg_initiation recorded;
	uint8_t ss[32], e[32], stamp[WG_TAI64N_LEN];
	vec_hex_into(c, wire, (uint8_t *)&recorded, sizeof(recorded));
	vec_hex_into(c, ephemeral, e, 32);
	struct wg_received rx;
	struct node_key who;
	assert_int_equal(wg_noise_static_shared(ss, &i, &r.pub), 0);
	assert_int_equal(wg_noise_read_static(&rx, &r, &recorded, &who), 0);
	assert_true(node_key_eq(&who, &i.pub));
	assert_int_equal(wg_noise_read_stamp(&rx, ss, &recorded, stamp), 0);

	struct rng_script rng;
	struct wg_pending pending = { .index = wg_le32(recorded.sender) };
	rng_script_init(&rng, e, 32);
	assert_int_equal(
	    wg_noise_create_initiation(&pending, &i, &r.pub, ss, stamp, &rng.seeded.rng, out), 0);
	wg_cookie_add_macs(jar, now, &r.pub, mspan_of(out, sizeof(*out)));
	kat_equal(out, sizeof(*out), c, wire);
}

static void test_cookie_exchange(void **state)
{
	(void)state;
	const json_t *c = j_get(vec_load("wireguard.json"), "cookie");
	struct wg_identity r = identity(c, "responder_static_private");
	mono_t now = { 1000 * NS_PER_S };
	struct wg_cookie_jar jar = { .have_mac1 = false };
	struct wg_initiation first, second;
	rebuild(c, "first_initiation", "first_initiation_ephemeral_private", &jar, now, &first);
	kat_equal(jar.last_mac1, 16, c, "reply_aad_mac1");

	struct wg_cookie_checker checker;
	struct wg_cookie_reply reply;
	uint8_t random[56];
	size_t src_len, other_len;
	uint8_t *src = vec_hex(c, "source_bytes", &src_len);
	uint8_t *other = vec_hex(c, "source_bytes_other", &other_len);
	wg_cookie_checker_init(&checker, &r.pub);
	kat_equal(checker.cookie_key, 32, c, "cookie_encryption_key");
	vec_hex_into(c, "responder_cookie_secret", random, 32);
	vec_hex_into(c, "reply_nonce", random + 32, 24);
	struct rng_script rng;
	rng_script_init(&rng, random, sizeof(random));
	struct span m1 = span_of(&first, sizeof(first)), m2 = span_of(&second, sizeof(second));
	wg_cookie_make_reply(&checker, now, &rng.seeded.rng, m1, span_of(src, src_len), &reply);
	kat_equal(&reply, sizeof(reply), c, "cookie_reply");

	assert_int_equal(wg_cookie_consume(&jar, now, &r.pub, &reply), 0);
	kat_equal(jar.cookie, 16, c, "cookie");
	rebuild(c, "second_initiation_with_mac2", "second_initiation_ephemeral_private", &jar, now,
		&second);
	kat_equal(second.mac1, 16, c, "second_initiation_mac1");
	kat_equal(second.mac2, 16, c, "second_initiation_mac2");
	assert_true(wg_cookie_check_mac1(&checker, m2));
	assert_int_equal(wg_cookie_check_mac2(&checker, now, m2, span_of(src, src_len)),
			 j_bool(c, "mac2_accepted_from_source_bytes", false));
	assert_int_equal(wg_cookie_check_mac2(&checker, now, m2, span_of(other, other_len)),
			 j_bool(c, "mac2_accepted_from_source_bytes_other", true));
	assert_false(wg_cookie_check_mac2(&checker, now, m1, span_of(src, src_len)));
	free(src);
	free(other);
}

static void on_send(void *arg, struct wg_peer *p, struct span d)
{
	(void)p;
	*(size_t *)arg += d.len == WG_RESPONSE_LEN;
}

static void on_reply(void *arg, const struct wg_from *to, struct span d)
{
	(void)arg;
	(void)to;
	(void)d;
	fail_msg("a cookie reply without load");
}

static void on_event(void *arg, struct wg_peer *p, enum wg_event ev)
{
	(void)arg;
	(void)p;
	assert_int_equal(ev, WG_EV_SESSIONS);
}

static void check_verdict(const char *expect, enum wg_verdict v)
{
	if (strcmp(expect, "accept") == 0)
		assert_int_equal(v, WG_PASS);
	else if (strcmp(expect, "reject-mac1") == 0)
		assert_int_equal(v, WG_DROP_MAC1);
	else if (strcmp(expect, "reject-size-or-type") == 0)
		assert_int_equal(v, WG_DROP_KIND);
	else if (strcmp(expect, "reject-noise-or-replay-or-flood") == 0)
		assert_true(v == WG_DROP_NOISE || v == WG_DROP_REPLAY || v == WG_DROP_FLOOD);
	else
		fail_msg("unknown expectation %s", expect);
}

static void run_sequence(const json_t *all, const json_t *seq)
{
	struct wg_identity self = identity(all, "responder_static_private");
	struct node_key initiator;
	struct rng_seeded rng;
	size_t answers = 0, accepted = 0;
	struct wg_out out = { &answers, on_send, on_reply, on_event };
	vec_hex_into(all, "initiator_static_public", initiator.b, 32);
	rng_seeded_init(&rng, 1);
	struct wg_device *d = wg_device_new(&rng.rng);
	wg_device_set_key(d, &self.priv, &out);
	assert_non_null(wg_peer_add(d, &initiator, 0, NULL));
	struct wg_from from = { .ep = { ip_v4(192, 0, 2, 1), 41641 } };
	mono_t now = { 5000 * NS_PER_S };
	const json_t *msgs = j_get(seq, "messages");
	for (size_t i = 0; i < j_len(msgs); i++) {
		size_t len;
		uint8_t *wire = vec_hex(j_at(msgs, i), "wire", &len);
		const char *expect = j_str(j_at(msgs, i), "expect");
		check_verdict(expect, wg_device_input(d, now, &from, span_of(wire, len), &out));
		accepted += strcmp(expect, "accept") == 0;
		now = mono_add_ms(now, j_int(seq, "delay_between_ms", 0));
		free(wire);
	}
	assert_int_equal(answers, accepted);
	wg_device_free(d);
}

static void test_acceptance(void **state)
{
	(void)state;
	const json_t *all = j_get(vec_load("wireguard.json"), "initiation_acceptance");
	const json_t *seqs = j_get(all, "entries");
	assert_int_equal(j_len(seqs), 14);
	for (size_t i = 0; i < j_len(seqs); i++)
		run_sequence(all, j_at(seqs, i));
}

int main(void)
{
	if (crypto_init())
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookie_exchange),
		cmocka_unit_test(test_acceptance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
