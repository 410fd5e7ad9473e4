/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counters.h: named counters, relaxed atomics, registered once at start so that `metrics` can list
 * them. Names are lower_case with the room first: "disco_rx_bad_key". Thread: any. */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct counter {
	const char *name;
	_Atomic uint64_t v;
};

static inline void counter_add(struct counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(&c->v, n, memory_order_relaxed);
}
static inline void counter_inc(struct counter *c)
{
	counter_add(c, 1);
}
static inline uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&((struct counter *)(uintptr_t)c)->v, memory_order_relaxed);
}

/* A room keeps a static array of counters and registers it (idempotent). */
void counters_register(struct counter *set, size_t n);
/* fn is called for each registered counter, in name order. */
void counters_each(void (*fn)(void *arg, const char *name, uint64_t v), void *arg);

#endif
