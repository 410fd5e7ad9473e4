/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h: what each fuzz target defines. The same file is a libFuzzer target (make fuzz) and, with
 * replay.c, a plain program run in `make check`. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"

/* Must not crash, leak, hang or read outside [p, p+len). Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
/* The i-th built-in seed (from the vectors where present, else built in code); false past the last.
 * At least one seed without the vectors. *out stays valid. */
bool fuzz_seed(size_t i, struct span *out);

/* How many mutations the plain replay runs; a slow target may define it (default 20000). */
long fuzz_runs(void) __attribute__((weak));

#endif
