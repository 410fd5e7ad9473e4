/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plain main for a fuzz target, for gcc and AFL: runs the target over its built-in seeds, over
 * FUZZ_RUNS (default 20000, or what fits into CPU_MAX_S) random mutations of them, and over the files named in argv. */
#include "tests/fuzz/fuzz.h"

#include "base/crypto/crypto.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INPUT_MAX (1u << 20)
#define CPU_MAX_S 15

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(INPUT_MAX);
	if (!f || !p) {
		perror(path);
		exit(1);
	}
	size_t n = fread(p, 1, INPUT_MAX, f);
	fclose(f);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
}

static void mutate(struct rng *rng, struct span seed)
{
	size_t room = seed.len + 64;
	uint8_t *p = malloc(room);
	if (!p)
		exit(1);
	memcpy(p, seed.p, seed.len);
	size_t len = seed.len;
	for (uint32_t i = rng_below(rng, 4) + 1; i > 0; i--) {
		switch (rng_below(rng, 5)) {
		case 0:
			if (len)
				p[rng_below(rng, (uint32_t)len)] ^= (uint8_t)(1u << rng_below(rng, 8));
			break;
		case 1:
			if (len)
				p[rng_below(rng, (uint32_t)len)] = (uint8_t)rng_u32(rng);
			break;
		case 2:
			if (len)
				len = rng_below(rng, (uint32_t)len);
			break;
		case 3:
			while (len < room && rng_below(rng, 4))
				p[len++] = (uint8_t)rng_u32(rng);
			break;
		case 4:
			if (len > 4)
				memset(p + rng_below(rng, (uint32_t)len - 3), rng_below(rng, 2) ? 0xff : 0, 3);
			break;
		}
	}
	/* An exact heap copy, so that a read past the end is seen. */
	uint8_t *exact = malloc(len ? len : 1);
	if (!exact)
		exit(1);
	memcpy(exact, p, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	free(p);
}

int main(int argc, char **argv)
{
	if (crypto_init())
		return 1;
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return 0;
	struct rng_seeded r;
	rng_seeded_init(&r, 1);
	const char *runs = getenv("FUZZ_RUNS");
	long n = runs ? atol(runs) : fuzz_runs ? fuzz_runs() : 20000;
	struct span seed;
	size_t n_seeds = 0;
	while (fuzz_seed(n_seeds, &seed)) {
		LLVMFuzzerTestOneInput(seed.p, seed.len);
		n_seeds++;
	}
	if (n_seeds == 0) {
		printf("the target has no seed\n");
		return 1;
	}
	long i = 0;
	for (; i < n && (runs || clock() < CPU_MAX_S * CLOCKS_PER_SEC); i++) {
		fuzz_seed((size_t)i % n_seeds, &seed);
		mutate(&r.rng, seed);
	}
	printf("%zu seeds, %ld mutations\n", n_seeds, i);
	return 0;
}
