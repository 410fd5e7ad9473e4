/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rng.h: the one randomness door. Protocol code gets a `struct rng *`; the daemon passes
 * rng_system() (libsodium), tests and the simulator a seeded one. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void (*fill)(struct rng *r, void *out, size_t len);
};

/* Deterministic generator (ChaCha20 keyed by the seed). Embed and pass &s.rng. */
struct rng_seeded {
	struct rng rng;
	uint8_t key[32];
	uint64_t counter;
};

/* Plays back given bytes and then continues as a seeded generator: for known answers. */
struct rng_script {
	struct rng_seeded seeded;
	const uint8_t *bytes;
	size_t len;
};

struct rng *rng_system(void);
void rng_seeded_init(struct rng_seeded *r, uint64_t seed);
/* bytes are borrowed for the life of r */
void rng_script_init(struct rng_script *r, const uint8_t *bytes, size_t len);

void rng_fill(struct rng *r, void *out, size_t len);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n); n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);

#endif
