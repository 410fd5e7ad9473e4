/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bucket.h: a token bucket as one number: when it will be full again. All zero is a full one. A
 * token comes every `period_ns`; `burst` of them fit. Pure. */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include "base/mono.h"

struct bucket {
	int64_t full_ns;
};

static inline bool bucket_has(const struct bucket *b, mono_t now, int64_t period_ns, unsigned burst)
{
	return b->full_ns - now.ns <= (burst - 1) * period_ns;
}

/* When there is one: now, or later. */
static inline mono_t bucket_when(const struct bucket *b, mono_t now, int64_t period_ns,
				 unsigned burst)
{
	return mono_max(now, (mono_t){ b->full_ns - (burst - 1) * period_ns });
}

/* Take the next one, which may come later than now. Returns when it does. */
static inline mono_t bucket_reserve(struct bucket *b, mono_t now, int64_t period_ns, unsigned burst)
{
	mono_t at = bucket_when(b, now, period_ns, burst);
	b->full_ns = mono_max(at, (mono_t){ b->full_ns }).ns + period_ns;
	return at;
}

/* Take one, or false. */
static inline bool bucket_take(struct bucket *b, mono_t now, int64_t period_ns, unsigned burst)
{
	if (!bucket_has(b, now, period_ns, burst))
		return false;
	b->full_ns = (b->full_ns > now.ns ? b->full_ns : now.ns) + period_ns;
	return true;
}

#endif
