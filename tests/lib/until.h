/* SPDX-License-Identifier: GPL-2.0-or-later */
/* until.h: turn the loop of a test until something is so. Tests only; include behind cmocka.h.
 * There must be a `struct loop *loop`. */
#ifndef TESTS_LIB_UNTIL_H
#define TESTS_LIB_UNTIL_H

#include "base/loop.h"

/* Turn the loop until cond holds; fail when a busy machine would have got there, too. */
#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		mono_t limit_ = mono_add_s(mono_now(), 60);                                        \
		while (!(cond)) {                                                                  \
			if (mono_due(limit_, mono_now()))                                          \
				fail_msg("never came true: %s", #cond);                            \
			loop_turn(loop, 10);                                                       \
		}                                                                                  \
	} while (0)

/* Let what is under way happen. */
#define settle(ms) settle_loop(loop, ms)
static inline void settle_loop(struct loop *l, int ms)
{
	mono_t end = mono_add_ms(mono_now(), ms);

	while (!mono_due(end, mono_now()))
		loop_turn(l, 5);
}

#endif
