/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/crypto/crypto.h"
#include "base/keys.h"

static void generated_keys_are_clamped(void **state)
{
	(void)state;
	struct rng_seeded r;
	rng_seeded_init(&r, 1);
	for (int i = 0; i < 64; i++) {
		struct node_priv k;
		node_priv_generate(&k, &r.rng);
		assert_int_equal(k.b[0] & 7, 0);
		assert_int_equal(k.b[31] & 0xc0, 0x40);
		assert_false(node_priv_is_zero(&k));
		node_priv_wipe(&k);
		assert_true(node_priv_is_zero(&k));
	}
}

static void kinds_do_not_mix(void **state)
{
	(void)state;
	char text[KEY_TEXT_MAX];
	struct node_key n = { { 1, 2, 3 } };
	struct machine_key m;
	struct disco_key d;
	struct chal_key c;
	struct nl_key l;
	struct node_priv p;
	node_key_encode(&n, text);
	assert_int_equal(machine_key_decode(span_str(text), &m), -ERR_SYNTAX);
	assert_int_equal(disco_key_decode(span_str(text), &d), -ERR_SYNTAX);
	assert_int_equal(chal_key_decode(span_str(text), &c), -ERR_SYNTAX);
	assert_int_equal(nl_key_decode(span_str(text), &l), -ERR_SYNTAX);
	assert_int_equal(node_priv_decode(span_str(text), &p), -ERR_SYNTAX);
}

/* Every shorter text, and one longer, is refused; the output stays. */
static void exact_length(void **state)
{
	(void)state;
	char text[KEY_TEXT_MAX + 1];
	struct node_key n = { { 0xaa } }, out = { { 0x55 } };
	node_key_encode(&n, text);
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(node_key_decode(span_of(text, i), &out), -ERR_SYNTAX);
	text[len] = '0';
	assert_int_equal(node_key_decode(span_of(text, len + 1), &out), -ERR_SYNTAX);
	assert_int_equal(out.b[0], 0x55);
	assert_int_equal(node_key_decode(span_of(text, len), &out), 0);
	assert_true(node_key_eq(&n, &out));
}

static void private_round_trip(void **state)
{
	(void)state;
	struct rng_seeded r;
	struct disco_priv d, d2;
	struct machine_priv m, m2;
	struct nl_priv l, l2;
	char text[KEY_TEXT_MAX], wide[NLPRIV_TEXT_MAX];
	rng_seeded_init(&r, 2);
	disco_priv_generate(&d, &r.rng);
	disco_priv_encode_secret(&d, text);
	assert_int_equal(disco_priv_decode(span_str(text), &d2), 0);
	assert_memory_equal(&d, &d2, sizeof(d));
	machine_priv_generate(&m, &r.rng);
	machine_priv_encode_secret(&m, text);
	assert_int_equal(machine_priv_decode(span_str(text), &m2), 0);
	assert_memory_equal(&m, &m2, sizeof(m));
	nl_priv_generate(&l, &r.rng);
	nl_priv_encode_secret(&l, wide);
	assert_int_equal(strlen(wide), 135);
	assert_int_equal(nl_priv_decode(span_str(wide), &l2), 0);
	assert_memory_equal(&l, &l2, sizeof(l));
	assert_int_equal(nl_priv_decode(span_str(text), &l2), -ERR_SYNTAX);
	nl_priv_wipe(&l2);
	static const struct nl_priv zero;
	assert_memory_equal(&l2, &zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_keys_are_clamped),
		cmocka_unit_test(kinds_do_not_mix),
		cmocka_unit_test(exact_length),
		cmocka_unit_test(private_round_trip),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
