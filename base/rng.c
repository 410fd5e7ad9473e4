/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rng.h"

#include "base/alloc.h"

#include <sodium.h>

#include <assert.h>
#include <string.h>

static void system_fill(struct rng *r, void *out, size_t len)
{
	(void)r;
	randombytes_buf(out, len);
}

struct rng *rng_system(void)
{
	static struct rng r = { system_fill };
	return &r;
}

/* Each call is its own ChaCha20 stream: the counter is the nonce. */
static void seeded_fill(struct rng *rng, void *out, size_t len)
{
	struct rng_seeded *r = CONTAINER_OF(rng, struct rng_seeded, rng);
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	uint64_t n = r->counter++;
	for (size_t i = 0; i < sizeof(nonce); i++, n >>= 8)
		nonce[i] = (uint8_t)n;
	crypto_stream_chacha20(out, len, nonce, r->key);
}

void rng_seeded_init(struct rng_seeded *r, uint64_t seed)
{
	*r = (struct rng_seeded){ .rng = { seeded_fill } };
	for (size_t i = 0; i < 8; i++, seed >>= 8)
		r->key[i] = (uint8_t)seed;
}

static void script_fill(struct rng *rng, void *out, size_t len)
{
	struct rng_script *r = CONTAINER_OF(rng, struct rng_script, seeded.rng);
	size_t n = len < r->len ? len : r->len;
	if (n) {
		memcpy(out, r->bytes, n);
		r->bytes += n;
		r->len -= n;
	}
	if (n < len)
		seeded_fill(rng, (uint8_t *)out + n, len - n);
}

void rng_script_init(struct rng_script *r, const uint8_t *bytes, size_t len)
{
	rng_seeded_init(&r->seeded, 0);
	r->seeded.rng.fill = script_fill;
	r->bytes = bytes;
	r->len = len;
}

void rng_fill(struct rng *r, void *out, size_t len)
{
	if (len)
		r->fill(r, out, len);
}

uint32_t rng_u32(struct rng *r)
{
	uint32_t v;
	rng_fill(r, &v, sizeof(v));
	return v;
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t v;
	rng_fill(r, &v, sizeof(v));
	return v;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	assert(n > 0);
	/* values under 2^32 mod n would make the small results likelier */
	uint32_t skip = -n % n, v;
	do {
		v = rng_u32(r);
	} while (v < skip);
	return v % n;
}
