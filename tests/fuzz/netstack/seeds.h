/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seeds.h: packets to begin with: three built here, and those of packetfilter.json and tsmp.json
 * where the vectors are present. */
#ifndef TESTS_FUZZ_NETSTACK_SEEDS_H
#define TESTS_FUZZ_NETSTACK_SEEDS_H

#include "tests/fuzz/fuzz.h"
#include "tests/lib/vec.h"

#include "netstack/icmp.h"
#include "netstack/tsmp.h"

#include <stdlib.h>
#include <unistd.h>

#define SEEDS_MAX 512

struct seeds {
	struct span v[SEEDS_MAX];
	size_t n;
};

static inline void seeds_add(struct seeds *s, const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy || s->n == SEEDS_MAX)
		abort();
	memcpy(copy, p, len);
	s->v[s->n++] = span_of(copy, len);
}

static inline void seeds_built_in(struct seeds *s)
{
	static const uint8_t bytes[8] = "abcdefgh";
	uint8_t b[128];
	struct ip a = ip_v4(100, 64, 0, 2), d = ip_v4(100, 64, 0, 1);
	struct ip a6 = { IP_V6, { 0xfd, [15] = 2 } }, d6 = { IP_V6, { 0xfd, [15] = 1 } };
	struct mspan m = mspan_of(b, sizeof(b));
	seeds_add(s, b, icmp_echo_request_build(m, a, d, bytes, span_of(bytes, 8)));
	seeds_add(s, b, icmp_echo_request_build(m, a6, d6, bytes, span_of(bytes, 8)));
	seeds_add(s, b, tsmp_ping_build(m, a6, d6, bytes));
}

static inline void seeds_from_steps(struct seeds *s, const json_t *steps)
{
	for (size_t i = 0; i < j_len(steps) && s->n < SEEDS_MAX; i++) {
		size_t len;
		if (!j_has(j_at(steps, i), "packet"))
			continue;
		uint8_t *b = vec_hex(j_at(steps, i), "packet", &len);
		seeds_add(s, b, len);
		free(b);
	}
}

static inline bool seeds_have_vectors(void)
{
	const char *dir = getenv("MESH_VECTORS");
	return access(dir && *dir ? dir : "../shared/vectors", R_OK) == 0;
}

/* Stays in memory to the end of the process. */
static inline const struct seeds *seeds_packets(void)
{
	static struct seeds s;
	if (s.n)
		return &s;
	seeds_built_in(&s);
	if (!seeds_have_vectors())
		return &s;
	json_t *f = vec_load("packetfilter.json"), *t = vec_load("tsmp.json");
	for (size_t i = 0; i < j_len(j_get(f, "cases")); i++)
		seeds_from_steps(&s, j_get(j_at(j_get(f, "cases"), i), "steps"));
	seeds_from_steps(&s, j_get(t, "codec"));
	seeds_from_steps(&s, j_get(t, "decode"));
	seeds_from_steps(&s, j_get(t, "wrapper"));
	j_free(f);
	j_free(t);
	return &s;
}

#endif
