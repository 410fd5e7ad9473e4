/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/crypto/aead_impl.h"
#include "base/crypto/crypto.h"

static const uint8_t key[32] = { 42 };

static void choosing(void **state)
{
	(void)state;
	assert_int_equal(aead_batch_init("no-such"), -ERR_NOENT);
	assert_int_equal(aead_batch_init(""), -ERR_NOENT);
	assert_int_equal(aead_batch_init("sodium"), 0);
	assert_string_equal(aead_batch_name(), "sodium");
	assert_int_equal(aead_batch_init(NULL), 0);
	assert_non_null(aead_batch_name());
}

/* Each can be asked for by name, and is had unless the CPU cannot do it. */
static void each_by_name(void **state)
{
	(void)state;
	const struct aead_impl *impl;
	for (size_t i = 0; (impl = aead_impl_at(i)); i++) {
		int want = impl->usable() ? 0 : -ERR_UNSUPPORTED;
		assert_int_equal(aead_batch_init(impl->name), want);
		if (want == 0)
			assert_string_equal(aead_batch_name(), impl->name);
	}
	assert_int_equal(aead_batch_init(NULL), 0);
}

/* Counter 1 is the nonce 00000000 0100000000000000, the associated data is empty. */
static void same_as_one_packet(void **state)
{
	(void)state;
	uint8_t a[2][4 + TAG_LEN] = { "one", "two" }, want[4 + TAG_LEN];
	uint8_t nonce[12] = { [4] = 1 };
	struct aead_pkt v[2] = { { a[0], 4, false, 1 }, { a[1], 4, false, 2 } };
	aead_batch_seal(key, v, 2);
	aead_seal(want, key, nonce, span_of("one", 4), span_of(NULL, 0));
	assert_memory_equal(a[0], want, sizeof(want));
	a[0][0] ^= 1;
	aead_batch_open(key, v, 2);
	assert_false(v[0].ok);
	assert_true(v[1].ok);
	assert_string_equal((char *)a[1], "two");
}

/* The self-check must catch an implementation that is wrong in one way only. */
static const struct aead_impl *real = &aead_sodium;
static int flaw;

static bool usable(void)
{
	return true;
}

static void flawed_seal(const uint8_t k[static 32], struct aead_pkt *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (flaw == 1) /* counter of 32 bits */
			v[i].counter &= UINT32_MAX;
		real->seal(k, &v[i], 1);
		if (flaw == 2 && v[i].len == 1023)
			v[i].p[1022] ^= 1;
		if (flaw == 3 && v[i].len == 511) /* writes behind the tag */
			v[i].p[v[i].len + TAG_LEN] = 0;
	}
}

static void flawed_open(const uint8_t k[static 32], struct aead_pkt *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		real->open(k, &v[i], 1);
		if (flaw == 4) /* believes everything */
			v[i].ok = true;
		if (flaw == 5 && i == n - 1 && n > 1) /* forgets the last one */
			v[i].ok = false;
	}
}

static void selfcheck_finds_flaws(void **state)
{
	(void)state;
	const struct aead_impl impl = { "flawed", usable, flawed_seal, flawed_open };
	assert_true(aead_selfcheck(&aead_sodium));
	assert_true(aead_selfcheck(&impl));
	for (flaw = 1; flaw <= 5; flaw++)
		assert_false(aead_selfcheck(&impl));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choosing),
		cmocka_unit_test(each_by_name),
		cmocka_unit_test(same_as_one_packet),
		cmocka_unit_test(selfcheck_finds_flaws),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
