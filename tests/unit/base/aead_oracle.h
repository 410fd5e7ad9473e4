/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_oracle.h: batches of packets that an implementation and libsodium's one-packet functions
 * must agree on. */
#ifndef TESTS_UNIT_BASE_AEAD_ORACLE_H
#define TESTS_UNIT_BASE_AEAD_ORACLE_H

#include "tests/lib/cm.h"

#include "base/crypto/aead_impl.h"
#include "base/crypto/crypto.h"

#define ORACLE_CANARY 0x5a

static const uint8_t oracle_key[32] = { 3, 1, 4, 1, 5, 9, 2, 6, [31] = 53 };

/* Text that differs from place to place; for all lengths an IP packet may have. */
static uint8_t oracle_texts[65536];
static inline const uint8_t *oracle_text(void)
{
	if (oracle_texts[1] == 0)
		for (size_t i = 0; i < sizeof(oracle_texts); i++)
			oracle_texts[i] = (uint8_t)(i * 167 + i / 251);
	return oracle_texts;
}

/* len bytes of text and the tag at out. */
static inline void oracle_seal(uint8_t *out, uint32_t len, uint64_t counter)
{
	uint8_t nonce[12];
	struct wr w = wr_init(mspan_of(nonce, sizeof(nonce)));
	wr_zero(&w, 4);
	wr_le64(&w, counter);
	memcpy(out, oracle_text(), len);
	aead_seal(out, oracle_key, nonce, span_of(out, len), span_of(NULL, 0));
}

/* The i-th implementation that this CPU runs and that protects; NULL behind the last. */
static inline const struct aead_impl *oracle_impl(size_t i)
{
	const struct aead_impl *impl;
	for (size_t k = 0; (impl = aead_impl_at(k)); k++)
		if (impl->usable() && aead_batch_protects(impl->name) && i-- == 0)
			return impl;
	return NULL;
}

/* A packet as it must be after sealing or opening, with its canary behind the tag. */
static inline void oracle_check_sealed(const struct aead_impl *impl, const struct aead_pkt *p,
				       const uint8_t *want)
{
	if (memcmp(p->p, want, p->len + TAG_LEN) == 0 && p->p[p->len + TAG_LEN] == ORACLE_CANARY)
		return;
	fail_msg("%s: length %u, counter %llu is sealed wrong", impl->name, p->len,
		 (unsigned long long)p->counter);
}

static inline void oracle_check_opened(const struct aead_impl *impl, const struct aead_pkt *p)
{
	if (p->ok && memcmp(p->p, oracle_text(), p->len) == 0 &&
	    p->p[p->len + TAG_LEN] == ORACLE_CANARY)
		return;
	fail_msg("%s: length %u, counter %llu is opened wrong", impl->name, p->len,
		 (unsigned long long)p->counter);
}

/* Seal and open n packets at v (whose buffers have one byte behind the tag) with every
 * implementation; want has room for the longest packet and its tag, n times. */
static inline void oracle_round_trip(struct aead_pkt *v, size_t n, uint8_t *want, size_t stride)
{
	const struct aead_impl *impl;
	for (size_t i = 0; i < n; i++)
		oracle_seal(want + i * stride, v[i].len, v[i].counter);
	for (size_t k = 0; (impl = oracle_impl(k)); k++) {
		for (size_t i = 0; i < n; i++) {
			memcpy(v[i].p, oracle_text(), v[i].len);
			memset(v[i].p + v[i].len, 0xee, TAG_LEN);
			v[i].p[v[i].len + TAG_LEN] = ORACLE_CANARY;
		}
		impl->seal(oracle_key, v, n);
		for (size_t i = 0; i < n; i++)
			oracle_check_sealed(impl, &v[i], want + i * stride);
		for (size_t i = 0; i < n; i++)
			v[i].ok = false;
		impl->open(oracle_key, v, n);
		for (size_t i = 0; i < n; i++)
			oracle_check_opened(impl, &v[i]);
	}
}

#endif
