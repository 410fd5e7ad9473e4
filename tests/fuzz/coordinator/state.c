/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State files: refused with a text, or read into a registry that writes the same text again and
 * again. */
#include "tests/fuzz/fuzz.h"

#include "daemon/coordinator/registry_file.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void encode(const struct coord_state *s, struct buf *out)
{
	buf_init(out, STATE_FILE_MAX);
	coord_state_encode(s, out);
	must(buf_ok(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rng_seeded rng;
	struct coord_state s, t;
	struct j_error err = { "" };
	struct buf one, two;

	rng_seeded_init(&rng, 1);
	coord_state_init(&s, &rng.rng);
	coord_state_init(&t, &rng.rng);
	if (coord_state_decode(&s, span_of(p, len), &err) == 0) {
		encode(&s, &one);
		must(coord_state_decode(&t, buf_span(&one), &err) == 0);
		encode(&t, &two);
		must(span_eq(buf_span(&one), buf_span(&two)));
		buf_fini(&one);
		buf_fini(&two);
	} else {
		must(*err.text != 0);
	}
	coord_state_fini(&s);
	coord_state_fini(&t);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static struct buf text;
	struct rng_seeded rng;
	struct coord_state s;
	struct join j = { .machine = { { 1 } }, .key = { { 2 } }, .cap = 131 };

	rng_seeded_init(&rng, 1);
	coord_state_init(&s, &rng.rng);
	if (i > 0) {
		j.user = registry_user_add(&s.reg, "alice", (wall_t){ 1, 0 })->id;
		registry_join(&s.reg, &j, (wall_t){ 1, 0 });
	}
	buf_fini(&text);
	encode(&s, &text);
	*out = buf_span(&text);
	coord_state_fini(&s);
	return i < 2;
}
