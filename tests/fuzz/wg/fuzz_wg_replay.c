/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The window against a list of all counters accepted so far. Input: steps of three bytes, each a
 * jump from the highest counter, forwards or back, small, near the window's edge, or huge. */
#include "tests/fuzz/fuzz.h"

#include "wg/constants.h"
#include "wg/replay.h"

#include "base/rng.h"

#include <stdlib.h>

#define STEPS_MAX 700

struct model {
	uint64_t seen[STEPS_MAX];
	size_t n;
	uint64_t last;
};

static bool model_accept(struct model *m, uint64_t c)
{
	if (c >= WG_REJECT_AFTER_MESSAGES || (c < m->last && m->last - c > 8128))
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (m->seen[i] == c)
			return false;
	m->seen[m->n++] = c;
	if (c > m->last)
		m->last = c;
	return true;
}

static uint64_t next_counter(const struct model *m, struct rd *r)
{
	uint8_t how = rd_u8(r);
	uint64_t by = rd_be16(r);
	switch (how % 8) {
	case 0:
		return m->last + by % 3;
	case 1:
		return m->last + by;
	case 2:
		return m->last - by % 70;
	case 3:
		return m->last - 8128 + by % 5 - 2;
	case 4:
		return m->last - by;
	case 5:
		return m->last + 8128 + by % 130 - 65;
	case 6:
		return m->n ? m->seen[by % m->n] : 0;
	default:
		return how == 255 ? WG_REJECT_AFTER_MESSAGES - by : m->last + (by << 20);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct model m;
	m.n = 0;
	m.last = 0;
	struct wg_replay w = { 0 };
	struct rd r = rd_init(span_of(p, len));
	while (rd_left(&r) >= 3 && m.n < STEPS_MAX) {
		uint64_t c = next_counter(&m, &r);
		bool looked = wg_replay_is_new(&w, c), marked = wg_replay_accept(&w, c);
		if (marked != model_accept(&m, c) || looked != marked || wg_replay_is_new(&w, c))
			abort();
	}
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t seeds[8][1800];
	if (i >= 8)
		return false;
	struct rng_seeded rng;
	rng_seeded_init(&rng, i);
	rng_fill(&rng.rng, seeds[i], sizeof(seeds[i]));
	*out = span_of(seeds[i], sizeof(seeds[i]));
	return true;
}
