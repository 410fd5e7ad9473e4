/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay.json: twelve sequences of counters through the window. */
#include "tests/vectors/wg/kat.h"

#include "wg/constants.h"
#include "wg/replay.h"

static void test_sequences(void **state)
{
	(void)state;
	const json_t *file = vec_load("replay.json");
	assert_int_equal(j_int(file, "ring_blocks", 0), WG_REPLAY_BLOCKS);
	assert_int_equal(j_int(file, "window", 0), WG_REPLAY_WINDOW);
	assert_true(kat_u64(file, "limit") == WG_REJECT_AFTER_MESSAGES);
	const json_t *seqs = j_get(file, "sequences");
	assert_int_equal(j_len(seqs), 12);
	for (size_t i = 0; i < j_len(seqs); i++) {
		struct wg_replay w = { 0 };
		const json_t *steps = j_get(j_at(seqs, i), "steps");
		assert_true(j_len(steps) > 0);
		for (size_t n = 0; n < j_len(steps); n++) {
			const json_t *s = j_at(steps, n);
			bool ok = wg_replay_accept(&w, kat_u64(s, "counter"));
			if (ok != j_bool(s, "accept", !ok))
				fail_msg("%s, step %zu", j_str(j_at(seqs, i), "name"), n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sequences) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
