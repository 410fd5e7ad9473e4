/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wireguard.json: three handshakes in both roles with every intermediate value, the packets under
 * their keys, and padding. */
#include "tests/vectors/wg/kat.h"

#include "base/crypto/aead_batch.h"
#include "base/crypto/noise.h"
#include "wg/cookie.h"
#include "wg/noise.h"
#include "wg/session_priv.h"

#define ROOM (4096 + 64)

struct parties {
	struct wg_identity i, r;
	uint8_t psk[32];
	uint8_t ei[32], er[32];
	uint8_t ss[32];
};

static void load_parties(struct parties *p, const json_t *h)
{
	struct node_priv k;
	vec_hex_into(h, "initiator_static_private", k.b, 32);
	wg_identity_set(&p->i, &k);
	vec_hex_into(h, "responder_static_private", k.b, 32);
	wg_identity_set(&p->r, &k);
	kat_equal(p->i.pub.b, 32, h, "initiator_static_public");
	kat_equal(p->r.pub.b, 32, h, "responder_static_public");
	vec_hex_into(h, "preshared_key", p->psk, 32);
	vec_hex_into(h, "initiator_ephemeral_private", p->ei, 32);
	vec_hex_into(h, "responder_ephemeral_private", p->er, 32);
	assert_int_equal(wg_noise_static_shared(p->ss, &p->i, &p->r.pub), 0);
}

/* Value of the step whose name starts with the given text. */
static void step(const json_t *h, const char *name, const uint8_t got[static 32])
{
	const json_t *steps = j_get(h, "steps");
	for (size_t i = 0; i < j_len(steps); i++) {
		const char *n = j_str(j_at(steps, i), "name");
		if (strncmp(n, name, strlen(name)) == 0) {
			kat_equal(got, 32, j_at(steps, i), "value");
			return;
		}
	}
	fail_msg("no step %s", name);
}

static void stamp_of(const json_t *h, uint8_t stamp[static WG_TAI64N_LEN])
{
	wall_t t = { j_int(h, "timestamp_unix_seconds", 0),
		     (int32_t)j_int(h, "timestamp_nanoseconds", 0) };
	wall_tai64n(t, stamp);
	kat_equal(stamp, WG_TAI64N_LEN, h, "timestamp_tai64n");
}

static void check_initiator_sends(const json_t *h, const struct parties *p,
				  struct wg_pending *pending)
{
	struct rng_script rng;
	struct wg_initiation msg;
	uint8_t stamp[WG_TAI64N_LEN];
	stamp_of(h, stamp);
	rng_script_init(&rng, p->ei, 32);
	pending->index = (uint32_t)j_int(h, "initiator_index", 0);
	assert_int_equal(wg_noise_create_initiation(pending, &p->i, &p->r.pub, p->ss, stamp,
						    &rng.seeded.rng, &msg),
			 0);
	kat_equal(msg.ephemeral, 32, h, "initiator_ephemeral_public");
	kat_equal(msg.enc_static, sizeof(msg.enc_static), h, "initiation_encrypted_static");
	kat_equal(msg.enc_timestamp, sizeof(msg.enc_timestamp), h, "initiation_encrypted_tai64n");
	struct wg_cookie_jar jar = { .have_cookie = false };
	wg_cookie_add_macs(&jar, MONO_ZERO, &p->r.pub, mspan_of(&msg, sizeof(msg)));
	kat_equal(msg.mac1, sizeof(msg.mac1), h, "initiation_mac1");
	kat_equal(&msg, sizeof(msg), h, "initiation");
	step(h, "ck3 ", pending->sym.ck);
	step(h, "h4 ", pending->sym.h);
	step(h, "ss ", p->ss);
}

static void check_responder(const json_t *h, const struct parties *p, struct wg_keys *keys)
{
	struct wg_initiation in;
	vec_hex_into(h, "initiation", (uint8_t *)&in, sizeof(in));
	struct wg_cookie_checker checker;
	wg_cookie_checker_init(&checker, &p->r.pub);
	kat_equal(checker.mac1_key, 32, h, "mac1_key_for_responder");
	kat_equal(checker.cookie_key, 32, h, "cookie_key_for_responder");
	assert_true(wg_cookie_check_mac1(&checker, span_of(&in, sizeof(in))));

	struct wg_received r;
	struct node_key who;
	uint8_t stamp[WG_TAI64N_LEN];
	assert_int_equal(wg_noise_read_static(&r, &p->r, &in, &who), 0);
	assert_memory_equal(who.b, p->i.pub.b, 32);
	step(h, "ck2 ", r.sym.ck);
	step(h, "k_static", r.sym.k);
	step(h, "h3 ", r.sym.h);
	assert_int_equal(wg_noise_read_stamp(&r, p->ss, &in, stamp), 0);
	kat_equal(stamp, sizeof(stamp), h, "timestamp_tai64n");
	step(h, "ck3 ", r.sym.ck);
	step(h, "k_timestamp", r.sym.k);
	step(h, "h4 ", r.sym.h);
	assert_int_equal(r.sender, j_int(h, "initiator_index", 0));

	struct rng_script rng;
	struct wg_response out;
	rng_script_init(&rng, p->er, 32);
	assert_int_equal(wg_noise_create_response(&r, &p->i.pub, p->psk,
						  (uint32_t)j_int(h, "responder_index", 0),
						  &rng.seeded.rng, &out, keys),
			 0);
	kat_equal(out.ephemeral, 32, h, "responder_ephemeral_public");
	kat_equal(out.enc_empty, sizeof(out.enc_empty), h, "response_encrypted_empty");
	struct wg_cookie_jar jar = { .have_cookie = false };
	wg_cookie_add_macs(&jar, MONO_ZERO, &p->i.pub, mspan_of(&out, sizeof(out)));
	kat_equal(out.mac1, sizeof(out.mac1), h, "response_mac1");
	kat_equal(&out, sizeof(out), h, "response");
	kat_equal(keys->send, 32, h, "transport_key_responder_send");
	kat_equal(keys->recv, 32, h, "transport_key_initiator_send");
}

static void check_initiator_receives(const json_t *h, const struct parties *p,
				     const struct wg_pending *pending, struct wg_keys *keys)
{
	struct wg_response msg;
	vec_hex_into(h, "response", (uint8_t *)&msg, sizeof(msg));
	struct wg_cookie_checker checker;
	wg_cookie_checker_init(&checker, &p->i.pub);
	kat_equal(checker.mac1_key, 32, h, "mac1_key_for_initiator");
	kat_equal(checker.cookie_key, 32, h, "cookie_key_for_initiator");
	assert_true(wg_cookie_check_mac1(&checker, span_of(&msg, sizeof(msg))));
	/* a damaged one leaves the pending initiation able to take the good one */
	msg.enc_empty[3] ^= 1;
	assert_int_equal(wg_noise_consume_response(pending, &p->i, p->psk, &msg, keys), -ERR_AUTH);
	msg.enc_empty[3] ^= 1;
	assert_int_equal(wg_noise_consume_response(pending, &p->i, p->psk, &msg, keys), 0);
	kat_equal(keys->send, 32, h, "transport_key_initiator_send");
	kat_equal(keys->recv, 32, h, "transport_key_responder_send");
}

/* The transcript again from the primitives, so that each of the named steps is compared. */
static void check_steps(const json_t *h, const struct parties *p)
{
	struct noise_sym s;
	struct node_key ei, er;
	uint8_t dh[32], enc[48];
	node_priv_public((const struct node_priv *)p->ei, &ei);
	node_priv_public((const struct node_priv *)p->er, &er);
	noise_sym_init(&s, span_str("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"));
	step(h, "ck0 ", s.ck);
	noise_mix_hash(&s, span_str("WireGuard v1 zx2c4 Jason@zx2c4.com"));
	step(h, "h0 ", s.h);
	noise_mix_hash(&s, span_of(p->r.pub.b, 32));
	step(h, "h1 ", s.h);
	noise_mix_chain(&s, span_of(ei.b, 32));
	step(h, "ck1 ", s.ck);
	noise_mix_hash(&s, span_of(ei.b, 32));
	step(h, "h2 ", s.h);
	assert_int_equal(x25519(dh, p->ei, p->r.pub.b), 0);
	step(h, "es ", dh);
	noise_mix_key(&s, span_of(dh, 32));
	step(h, "ck2 ", s.ck);
	vec_hex_into(h, "initiation_encrypted_static", enc, 48);
	noise_mix_hash(&s, span_of(enc, 48));
	step(h, "h3 ", s.h);
	noise_mix_key(&s, span_of(p->ss, 32));
	vec_hex_into(h, "initiation_encrypted_tai64n", enc, 28);
	noise_mix_hash(&s, span_of(enc, 28));
	step(h, "h4 ", s.h);
	noise_mix_chain(&s, span_of(er.b, 32));
	step(h, "ck4 ", s.ck);
	noise_mix_hash(&s, span_of(er.b, 32));
	step(h, "h5 ", s.h);
	assert_int_equal(x25519(dh, p->er, ei.b), 0);
	step(h, "ee ", dh);
	noise_mix_chain(&s, span_of(dh, 32));
	step(h, "ck5 ", s.ck);
	assert_int_equal(x25519(dh, p->er, p->i.pub.b), 0);
	step(h, "se ", dh);
	noise_mix_chain(&s, span_of(dh, 32));
	step(h, "ck6 ", s.ck);
	uint8_t tau[32], ignored[32];
	kdf_blake2s(s.ck, span_of(p->psk, 32), ignored, tau, NULL);
	step(h, "tau ", tau);
	noise_mix_psk(&s, p->psk);
	step(h, "ck7 ", s.ck);
	step(h, "k_empty", s.k);
	step(h, "h6 ", s.h);
	vec_hex_into(h, "response_encrypted_empty", enc, 16);
	noise_mix_hash(&s, span_of(enc, 16));
	step(h, "h7 ", s.h);
	uint8_t t1[32], t2[32];
	noise_split(&s, t1, t2);
	step(h, "T_initiator_to_responder", t1);
	step(h, "T_responder_to_initiator", t2);
}

static void seal_one(const json_t *pkt, struct wg_session *s)
{
	static uint8_t room[ROOM];
	size_t len;
	uint8_t *plain = vec_hex(pkt, "plaintext", &len);
	memset(room, 0xa5, sizeof(room));
	memcpy(room + 16, plain, len);
	atomic_store(&s->next_counter, kat_u64(pkt, "counter"));
	struct wg_seal_item it = { room + 16, (uint32_t)len };
	uint32_t mtu = (uint32_t)j_int(pkt, "tun_mtu", 0);
	assert_int_equal(wg_session_seal(s, MONO_ZERO, mtu, &it, 1), 1);
	assert_ptr_equal(it.p, room + 16);
	kat_equal(room, it.len, pkt, "wire");
	assert_int_equal(room[it.len], 0xa5);
	free(plain);
}

static void open_one(const json_t *pkt, struct wg_session *s)
{
	size_t len;
	uint8_t *wire = vec_hex(pkt, "wire", &len);
	assert_int_equal(wg_classify(span_of(wire, len)), WG_KIND_TRANSPORT);
	assert_int_equal(wg_transport_receiver(span_of(wire, len)), wg_session_local_index(s));
	struct wg_open_item it = { .p = wire, .len = (uint32_t)len };
	assert_int_equal(wg_session_open(s, MONO_ZERO, &it, 1), 1);
	assert_int_equal(it.verdict, it.len ? WG_OPEN_DATA : WG_OPEN_KEEPALIVE);
	kat_equal(wire + 16, it.len, pkt, "padded_plaintext");
	free(wire);
}

static void check_transport(const json_t *h, const struct wg_keys *ik, const struct wg_keys *rk)
{
	uint32_t ii = (uint32_t)j_int(h, "initiator_index", 0);
	uint32_t ri = (uint32_t)j_int(h, "responder_index", 0);
	struct wg_session *i = wg_session_new(ik, ii, ri, true, MONO_ZERO);
	struct wg_session *r = wg_session_new(rk, ri, ii, false, MONO_ZERO);
	const json_t *pkts = j_get(h, "transport_packets");
	assert_true(j_len(pkts) > 0);
	for (size_t n = 0; n < j_len(pkts); n++) {
		const json_t *pkt = j_at(pkts, n);
		bool from_i = strcmp(j_str(pkt, "dir"), "initiator_to_responder") == 0;
		seal_one(pkt, from_i ? i : r);
		open_one(pkt, from_i ? r : i);
	}
	wg_session_unref(i);
	wg_session_unref(r);
}

static void test_handshakes(void **state)
{
	(void)state;
	const json_t *all = j_get(vec_load("wireguard.json"), "handshakes");
	assert_int_equal(j_len(all), 3);
	for (size_t n = 0; n < j_len(all); n++) {
		const json_t *h = j_at(all, n);
		struct parties p;
		struct wg_pending pending;
		struct wg_keys ik, rk;
		load_parties(&p, h);
		check_steps(h, &p);
		check_initiator_sends(h, &p, &pending);
		check_responder(h, &p, &rk);
		check_initiator_receives(h, &p, &pending, &ik);
		check_transport(h, &ik, &rk);
	}
}

static void test_constants(void **state)
{
	(void)state;
	const json_t *c = j_get(vec_load("wireguard.json"), "constants");
	assert_true(kat_u64(c, "reject_after_messages") == WG_REJECT_AFTER_MESSAGES);
	assert_true(kat_u64(c, "rekey_after_messages") == WG_REKEY_AFTER_MESSAGES);
}

static void test_padding(void **state)
{
	(void)state;
	const json_t *all = j_get(vec_load("wireguard.json"), "padding");
	assert_int_equal(j_len(all), 72);
	for (size_t n = 0; n < j_len(all); n++) {
		const json_t *c = j_at(all, n);
		uint32_t len = (uint32_t)j_int(c, "len", -1), mtu = (uint32_t)j_int(c, "mtu", -1);
		assert_int_equal(wg_padding(len, mtu), j_int(c, "pad", -1));
	}
}

int main(void)
{
	if (crypto_init() || aead_batch_init(NULL))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_padding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
