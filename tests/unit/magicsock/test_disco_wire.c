/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/crypto/crypto.h"
#include "magicsock/demux.h"
#include "magicsock/disco_wire.h"

static struct disco_priv priv_a, priv_b;
static struct disco_key pub_a, pub_b;
static struct box_key box;
static struct rng_seeded rng;

static struct span seal(uint8_t *mem, size_t room, struct span plain)
{
	struct wr w = wr_init(mspan_of(mem, room));
	disco_seal(&w, &pub_a, &box, &rng.rng, plain);
	return wr_span_of(&w);
}

static void round_trip_and_scratch(void **state)
{
	uint8_t mem[256], scratch[64];
	struct span plain, text = span_str("hello");
	struct span pkt = seal(mem, sizeof(mem), text);
	struct disco_key sender;
	(void)state;
	assert_int_equal(pkt.len, text.len + DISCO_OVERHEAD);
	assert_int_equal(disco_sender(pkt, &sender), 0);
	assert_true(disco_key_eq(&sender, &pub_a));
	assert_int_equal(disco_open(pkt, &box, mspan_of(scratch, 4), &plain), -ERR_TOOBIG);
	assert_int_equal(disco_open(pkt, &box, mspan_of(scratch, 5), &plain), 0);
	assert_true(span_eq(plain, text));
	assert_int_equal(seal(mem, DISCO_OVERHEAD + 4, text).len, 0); /* no room */
}

/* Cut anywhere, or one bit flipped anywhere behind the magic: never opens. */
static void every_cut_and_flip_fails(void **state)
{
	uint8_t mem[256], scratch[256];
	struct span plain, pkt = seal(mem, sizeof(mem), span_str("0123456789"));
	(void)state;
	for (size_t n = 0; n < pkt.len; n++) {
		int rc = disco_open(span_of(mem, n), &box, mspan_of(scratch, 256), &plain);
		assert_int_equal(rc, n < DISCO_OVERHEAD ? -ERR_SHORT : -ERR_AUTH);
	}
	for (size_t i = 0; i < pkt.len; i++) {
		bool in_key = i >= DISCO_MAGIC_LEN && i < DISCO_MIN_LEN;
		mem[i] ^= 1;
		int rc = disco_open(pkt, &box, mspan_of(scratch, 256), &plain);
		/* the sender's key is checked by choosing the box, not inside it */
		assert_int_equal(rc, i < DISCO_MAGIC_LEN ? -ERR_TYPE : in_key ? 0 : -ERR_AUTH);
		mem[i] ^= 1;
	}
}

static void long_lists_are_cut(void **state)
{
	uint8_t mem[4096];
	struct disco_msg m;
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	struct ep ep = { ip_v4(192, 0, 2, 1), 1 };
	(void)state;
	wr_u8(&w, DISCO_CALL_ME_MAYBE);
	wr_u8(&w, 0);
	for (int i = 0; i < DISCO_CMM_MAX + 9; i++)
		wr_ap16(&w, ep);
	assert_int_equal(disco_parse(wr_span_of(&w), &m), 0);
	assert_int_equal(m.cmm.n, DISCO_CMM_MAX);
	w = wr_init(mspan_of(mem, sizeof(mem)));
	wr_u8(&w, DISCO_CALL_ME_MAYBE_VIA);
	wr_u8(&w, 0);
	wr_zero(&w, 124);
	for (int i = 0; i < DISCO_RELAY_ADDRS_MAX + 3; i++)
		wr_ap16(&w, ep);
	assert_int_equal(disco_parse(wr_span_of(&w), &m), 0);
	assert_int_equal(m.via.n_addrs, DISCO_RELAY_ADDRS_MAX);
}

static void failed_parse_writes_nothing(void **state)
{
	struct disco_msg m = { .type = DISCO_PONG, .version = 77 };
	(void)state;
	assert_int_equal(disco_parse(span_of("\x01\x00\x01", 3), &m), -ERR_SHORT);
	assert_int_equal(disco_parse(span_of("\x0a\x00\x01", 3), &m), -ERR_TYPE);
	assert_int_equal(m.type, DISCO_PONG);
	assert_int_equal(m.version, 77);
}

static void geneve_refuses(void **state)
{
	static const struct {
		uint8_t b[GENEVE_LEN];
		int rc;
	} cases[] = {
		{ { 0, 0, 0x7a, 0x12, 0, 0, 1, 0 }, 0 },
		{ { 0x40, 0, 0x7a, 0x12, 0, 0, 1, 0 }, -ERR_TYPE },
		{ { 0, 0x01, 0x7a, 0x12, 0, 0, 1, 0 }, -ERR_TYPE },
		{ { 0, 0, 0x65, 0x58, 0, 0, 1, 0 }, -ERR_TYPE },
		{ { 0, 0, 0x7a, 0x12, 0, 0, 1, 1 }, -ERR_TYPE },
	};
	struct geneve g;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(geneve_parse(span_of(cases[i].b, GENEVE_LEN), &g), cases[i].rc);
	assert_int_equal(geneve_parse(span_of(cases[0].b, 7), &g), -ERR_SHORT);
}

static int setup(void **state)
{
	(void)state;
	if (crypto_init())
		return -1;
	rng_seeded_init(&rng, 3);
	disco_priv_generate(&priv_a, &rng.rng);
	disco_priv_generate(&priv_b, &rng.rng);
	disco_priv_public(&priv_a, &pub_a);
	disco_priv_public(&priv_b, &pub_b);
	return box_precompute(&box, priv_a.b, pub_b.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_and_scratch),
		cmocka_unit_test(every_cut_and_flip_fails),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(failed_parse_writes_nothing),
		cmocka_unit_test(geneve_refuses),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
