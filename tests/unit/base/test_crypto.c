/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crypto.h and noise.h: what must be refused, aliasing, and that both ends of a handshake agree.
 * The known answers are in tests/vectors. */
#include "tests/lib/cm.h"

#include "base/crypto/noise.h"

static const uint8_t key[32] = { 1, 2, 3 };
static const uint8_t nonce[24] = { 9, 8, 7 };

/* RFC 7693, appendix B */
static void blake2s_abc(void **state)
{
	(void)state;
	uint8_t out[32], want[32];
	assert_int_equal(hex_decode(span_str("508c5e8c327c14e2e1a72ba34eeb452f"
					     "37458b209ed63a294d999b4c86675982"),
				    want, 32),
			 0);
	blake2s_hash(out, span_str("abc"), span_of(NULL, 0));
	assert_memory_equal(out, want, 32);
	blake2s_hash(out, span_of(NULL, 0), span_str("abc"));
	assert_memory_equal(out, want, 32);
}

/* A long HMAC key is hashed first (RFC 2104) */
static void hmac_long_key(void **state)
{
	(void)state;
	uint8_t longer[65] = { 5 }, hashed[32], a[32], b[32];
	blake2s_hash(hashed, span_of(longer, 65), span_of(NULL, 0));
	hmac_blake2s(a, span_of(longer, 65), span_str("x"), span_str("y"));
	hmac_blake2s(b, span_of(hashed, 32), span_str("xy"), span_of(NULL, 0));
	assert_memory_equal(a, b, 32);
	hmac_blake2s(b, span_of(longer, 64), span_str("xy"), span_of(NULL, 0));
	assert_memory_not_equal(a, b, 32);
}

static void mac32_is_not_mac16(void **state)
{
	(void)state;
	uint8_t a[32], b[16];
	blake2s_mac32(a, span_of(key, 32), span_str("x"));
	blake2s_mac16(b, span_of(key, 32), span_str("x"));
	assert_memory_not_equal(a, b, 16);
}

/* Points of small order and their non-canonical forms */
static void low_order_points(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zero[32];
	struct box_key box;
	struct noise_sym s;
	noise_sym_init(&s, span_str("x"));
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint8_t p[32], out[32] = { 1 };
		struct noise_sym before = s;
		assert_int_equal(hex_decode(span_str(points[i]), p, 32), 0);
		assert_int_equal(x25519(out, key, p), -ERR_AUTH);
		assert_memory_equal(out, zero, 32);
		assert_int_equal(box_precompute(&box, key, p), -ERR_AUTH);
		assert_memory_equal(box.b, zero, 32);
		assert_int_equal(noise_mix_dh(&s, key, p), -ERR_AUTH);
		assert_memory_equal(&s, &before, sizeof(s));
	}
}

typedef void seal_fn(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		     struct span ad);
typedef int open_fn(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		    struct span ad);

static void seal12(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		   struct span ad)
{
	aead_seal(out, k, n, in, ad);
}

static int open12(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		  struct span ad)
{
	return aead_open(out, k, n, in, ad);
}

static void seal24(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		   struct span ad)
{
	xaead_seal(out, k, n, in, ad);
}

static int open24(uint8_t *out, const uint8_t k[static 32], const uint8_t *n, struct span in,
		  struct span ad)
{
	return xaead_open(out, k, n, in, ad);
}

/* Every bit of text, tag and associated data counts, and a failure leaves the input as it was. */
static void refuses_each_flip(seal_fn *seal, open_fn *open)
{
	uint8_t text[33], sealed[49], copy[49], ad[5] = { 1, 2, 3, 4, 5 };
	memset(text, 0x77, sizeof(text));
	seal(sealed, key, nonce, span_of(text, 33), span_of(ad, 5));
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memcpy(copy, sealed, sizeof(copy));
		assert_int_equal(open(copy, key, nonce, span_of(copy, 49), span_of(ad, 5)),
				 -ERR_AUTH);
		assert_memory_equal(copy, sealed, sizeof(copy));
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < sizeof(ad) * 8; bit++) {
		ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open(copy, key, nonce, span_of(sealed, 49), span_of(ad, 5)),
				 -ERR_AUTH);
		ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_int_equal(open(copy, key, nonce, span_of(sealed, len), span_of(ad, 5)),
				 -ERR_AUTH);
	assert_int_equal(open(copy, key, nonce, span_of(NULL, 0), span_of(NULL, 0)), -ERR_AUTH);
	memcpy(copy, sealed, sizeof(copy)); /* and in place it works */
	assert_int_equal(open(copy, key, nonce, span_of(copy, 49), span_of(ad, 5)), 0);
	assert_memory_equal(copy, text, 33);
}

static void aead_refuses(void **state)
{
	(void)state;
	refuses_each_flip(seal12, open12);
	refuses_each_flip(seal24, open24);
}

static void aead_empty_text(void **state)
{
	(void)state;
	uint8_t tag[16], none[1];
	aead_seal(tag, key, nonce, span_of(NULL, 0), span_of(NULL, 0));
	assert_int_equal(aead_open(none, key, nonce, span_of(tag, 16), span_of(NULL, 0)), 0);
	tag[0] ^= 1;
	assert_int_equal(aead_open(none, key, nonce, span_of(tag, 16), span_of(NULL, 0)),
			 -ERR_AUTH);
}

/* RFC 8439, 2.8.2 */
static void aead_rfc8439(void **state)
{
	(void)state;
	const char *text =
	    "Ladies and Gentlemen of the class of '99: If I could offer you only one "
	    "tip for the future, sunscreen would be it.";
	uint8_t k[32], n[12], ad[12], out[130], tag[16];
	for (int i = 0; i < 32; i++)
		k[i] = (uint8_t)(0x80 + i);
	assert_int_equal(hex_decode(span_str("070000004041424344454647"), n, 12), 0);
	assert_int_equal(hex_decode(span_str("50515253c0c1c2c3c4c5c6c7"), ad, 12), 0);
	assert_int_equal(hex_decode(span_str("1ae10b594f09e26a7e902ecbd0600691"), tag, 16), 0);
	aead_seal(out, k, n, span_str(text), span_of(ad, 12));
	assert_memory_equal(out, "\xd3\x1a\x8d\x34\x64\x8e\x60\xdb", 8);
	assert_memory_equal(out + 114, tag, 16);
}

static void boxes(void **state)
{
	(void)state;
	struct rng_seeded r;
	struct disco_priv a, b;
	struct disco_key pa, pb;
	struct box_key ab, ba;
	uint8_t sealed[21], out[5];
	rng_seeded_init(&r, 1);
	disco_priv_generate(&a, &r.rng);
	disco_priv_generate(&b, &r.rng);
	disco_priv_public(&a, &pa);
	disco_priv_public(&b, &pb);
	assert_int_equal(box_precompute(&ab, a.b, pb.b), 0);
	assert_int_equal(box_precompute(&ba, b.b, pa.b), 0);
	assert_true(secret_eq(&ab, &ba, sizeof(ab)));
	box_seal(sealed, &ab, nonce, span_str("hello"));
	assert_int_equal(box_open(out, &ba, nonce, span_of(sealed, 21)), 0);
	assert_memory_equal(out, "hello", 5);
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(box_open(out, &ba, nonce, span_of(sealed, 21)), -ERR_AUTH);
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_int_equal(box_open(out, &ba, nonce, span_of(sealed, len)), -ERR_AUTH);
}

static void secrets(void **state)
{
	(void)state;
	uint8_t a[4] = { 1, 2, 3, 4 }, b[4] = { 1, 2, 3, 4 };
	assert_true(secret_eq(a, b, 4));
	b[3] ^= 0x80;
	assert_false(secret_eq(a, b, 4));
	wipe(a, 4);
	assert_memory_equal(a, "\0\0\0\0", 4);
}

static void noise_names(void **state)
{
	(void)state;
	struct noise_sym s;
	uint8_t want[32] = "short name";
	noise_sym_init(&s, span_str("short name"));
	assert_memory_equal(s.h, want, 32);
	assert_memory_equal(s.ck, want, 32);
	noise_sym_init(&s, span_str("a name of more than thirty-two bytes"));
	blake2s_hash(want, span_str("a name of more than thirty-two bytes"), span_of(NULL, 0));
	assert_memory_equal(s.h, want, 32);
}

/* Both sides walk the same steps; a forged ciphertext changes nothing. */
static void noise_both_sides(void **state)
{
	(void)state;
	struct noise_sym a, b;
	uint8_t psk[32] = { 3 }, ct[21], back[5], k[4][32];
	noise_sym_init(&a, span_str("n"));
	noise_mix_hash(&a, span_str("prologue"));
	noise_mix_chain(&a, span_str("e"));
	noise_mix_key(&a, span_str("dh"));
	noise_mix_psk(&a, psk);
	b = a;
	noise_encrypt(&a, ct, span_str("hello"));
	ct[3] ^= 1;
	struct noise_sym before = b;
	assert_int_equal(noise_decrypt(&b, back, span_of(ct, 21)), -ERR_AUTH);
	assert_memory_equal(&before, &b, sizeof(b));
	ct[3] ^= 1;
	assert_int_equal(noise_decrypt(&b, ct, span_of(ct, 21)), 0); /* in place */
	assert_memory_equal(ct, "hello", 5);
	assert_memory_equal(a.h, b.h, 32);
	noise_split(&a, k[0], k[1]);
	noise_split(&b, k[2], k[3]);
	assert_memory_equal(k[0], k[2], 32);
	assert_memory_equal(k[1], k[3], 32);
	assert_memory_not_equal(k[0], k[1], 32);
	static const struct noise_sym zero;
	assert_memory_equal(&a, &zero, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blake2s_abc),
		cmocka_unit_test(hmac_long_key),
		cmocka_unit_test(mac32_is_not_mac16),
		cmocka_unit_test(low_order_points),
		cmocka_unit_test(aead_refuses),
		cmocka_unit_test(aead_empty_text),
		cmocka_unit_test(aead_rfc8439),
		cmocka_unit_test(boxes),
		cmocka_unit_test(secrets),
		cmocka_unit_test(noise_names),
		cmocka_unit_test(noise_both_sides),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
