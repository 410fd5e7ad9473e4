/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mono.h: typed monotonic time (CLOCK_BOOTTIME: goes on in suspend, so session keys age) and typed
 * wall time that cannot be mixed with it. The types are pure; only mono_now and wall_now (clock.c)
 * read a clock, and only the loop and tests call them: everybody else is handed `now`.
 * wall_t is for TAI64N, certificates, key expiry and texts, never for time-outs. */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	int64_t ns;
} mono_t;

#define MONO_NEVER ((mono_t){ INT64_MAX })
#define MONO_ZERO ((mono_t){ 0 }) /* "never happened" for stamps of past events */
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static inline bool mono_before(mono_t a, mono_t b)
{
	return a.ns < b.ns;
}

/* a has been reached at now */
static inline bool mono_due(mono_t a, mono_t now)
{
	return a.ns <= now.ns;
}

static inline bool mono_is_zero(mono_t a)
{
	return a.ns == 0;
}

static inline bool mono_is_never(mono_t a)
{
	return a.ns == INT64_MAX;
}

static inline mono_t mono_min(mono_t a, mono_t b)
{
	return a.ns < b.ns ? a : b;
}

static inline mono_t mono_max(mono_t a, mono_t b)
{
	return a.ns > b.ns ? a : b;
}

static inline mono_t mono_add_ns(mono_t a, int64_t ns)
{
	if (a.ns == INT64_MAX || (ns > 0 && a.ns > INT64_MAX - ns))
		return MONO_NEVER;
	return (mono_t){ a.ns + ns };
}

static inline mono_t mono_add_ms(mono_t a, int64_t ms)
{
	return mono_add_ns(a, ms * NS_PER_MS);
}

static inline mono_t mono_add_s(mono_t a, int64_t s)
{
	return mono_add_ns(a, s * NS_PER_S);
}

/* a - b in nanoseconds */
static inline int64_t mono_diff_ns(mono_t a, mono_t b)
{
	return a.ns - b.ns;
}

mono_t mono_now(void);

typedef struct {
	int64_t s; /* Unix seconds */
	int32_t ns;
} wall_t;

#define WALL_ZERO ((wall_t){ 0, 0 }) /* unset; texts show it as 0001-01-01T00:00:00Z */
#define RFC3339_MAX 40

static inline bool wall_is_zero(wall_t a)
{
	return a.s == 0 && a.ns == 0;
}

static inline bool wall_before(wall_t a, wall_t b)
{
	return a.s < b.s || (a.s == b.s && a.ns < b.ns);
}

wall_t wall_now(void);

/* RFC 3339 with 0..9 fraction digits and Z or an offset; year 1 decodes to WALL_ZERO.
 * 0, -ERR_SYNTAX or -ERR_RANGE. */
MUST_CHECK int wall_decode(struct span text, wall_t *out);
/* UTC, fraction only if not zero, trailing zeros of it dropped (as Go prints RFC3339Nano). */
void wall_encode(wall_t t, char out[static RFC3339_MAX]);
/* TAI64N as WireGuard wants it: 12 bytes, low 24 bits of the nanoseconds cleared. */
void wall_tai64n(wall_t t, uint8_t out[static 12]);

#endif
