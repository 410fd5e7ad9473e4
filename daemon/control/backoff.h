/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backoff.h: waiting times between failed attempts (shared/spec/control.md 9.5), and a floor that
 * no answer of a server resets (shared/spec/security.md 4). Pure. */
#ifndef DAEMON_CONTROL_BACKOFF_H
#define DAEMON_CONTROL_BACKOFF_H

#include "base/mono.h"
#include "base/rng.h"

#define BACKOFF_MAX_MS 30000
#define BACKOFF_BURST 3 /* attempts that may follow each other at once */

struct backoff {
	unsigned failures; /* consecutive */
	mono_t paid_until; /* each attempt pays one second; up to BACKOFF_BURST may be ahead */
};

void backoff_reset(struct backoff *b);
/* Count a failure: how long to wait in ms, min(n*n*10 ms, 30 s) * random[0.5, 1.5). */
int64_t backoff_next(struct backoff *b, struct rng *rng);
/* Earliest time for the next attempt, whatever succeeded in between: BACKOFF_BURST attempts may
 * follow each other at once, then one a second. When it returns now, the attempt counts as made. */
mono_t backoff_allow(struct backoff *b, mono_t now);

#endif
