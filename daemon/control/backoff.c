/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/backoff.h"

#define FAILURES_MAX 100 /* beyond it n*n*10 ms is above the ceiling anyway */

void backoff_reset(struct backoff *b)
{
	b->failures = 0;
}

int64_t backoff_next(struct backoff *b, struct rng *rng)
{
	if (b->failures < FAILURES_MAX)
		b->failures++;
	int64_t ms = (int64_t)b->failures * b->failures * 10;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return ms * (500 + rng_below(rng, 1000)) / 1000;
}

mono_t backoff_allow(struct backoff *b, mono_t now)
{
	mono_t earliest = mono_add_s(b->paid_until, -(BACKOFF_BURST - 1));
	if (!mono_due(earliest, now))
		return earliest;
	mono_t from = mono_due(b->paid_until, now) ? now : b->paid_until;
	b->paid_until = mono_add_s(from, 1);
	return now;
}
