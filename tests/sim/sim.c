/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/sim.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct sim_event {
	struct heap_node node;
	sim_fn *fn;
	void *arg;
};

void sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	printf("seed %llu, %.3f s: ", (unsigned long long)s->seed, (double)s->now.ns / 1e9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	s->failures++;
}

wall_t sim_wall(const struct sim *s)
{
	int64_t ns = INT64_C(1700000000) * NS_PER_S + s->now.ns;
	return (wall_t){ ns / NS_PER_S, (int32_t)(ns % NS_PER_S) };
}

void sim_init(struct sim *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->now = (mono_t){ 1000 * NS_PER_S };
	rng_seeded_init(&s->rng, seed);
	heap_init(&s->heap);
}

void sim_after(struct sim *s, int64_t ms, sim_fn *fn, void *arg)
{
	struct sim_event *e = xcalloc(1, sizeof(*e));
	e->fn = fn;
	e->arg = arg;
	/* A nanosecond apart, so that what was scheduled first comes first. */
	static const int64_t step = 1;
	mono_t at = mono_add_ms(s->now, ms);
	at.ns += step * (int64_t)(s->heap.n % 1000);
	heap_set(&s->heap, &e->node, at);
}

static mono_t next_deadline(struct sim *s, struct sim_node **who)
{
	mono_t at = MONO_NEVER;
	*who = NULL;
	for (int i = 1; i <= s->n_nodes; i++) {
		struct sim_node *n = s->nodes[i];
		mono_t d = n->running ? engine_deadline(n->engine) : MONO_NEVER;
		if (mono_before(d, at)) {
			at = d;
			*who = n;
		}
	}
	return at;
}

static void step(struct sim *s, mono_t end)
{
	struct sim_node *who;
	mono_t timer = next_deadline(s, &who);
	struct heap_node *first = heap_min(&s->heap);
	mono_t event = first ? first->at : MONO_NEVER;
	if (mono_before(end, mono_min(timer, event))) {
		s->now = end;
		return;
	}
	if (mono_before(timer, event)) {
		if (mono_before(s->now, timer))
			s->now = timer;
		sim_node_timer(who);
		return;
	}
	struct sim_event *e = CONTAINER_OF(first, struct sim_event, node);
	heap_remove(&s->heap, first);
	if (mono_before(s->now, e->node.at))
		s->now = e->node.at;
	e->fn(s, e->arg);
	free(e);
}

void sim_run(struct sim *s, int64_t ms)
{
	mono_t end = mono_add_ms(s->now, ms);
	while (mono_before(s->now, end))
		step(s, end);
}

void sim_fini(struct sim *s)
{
	for (int i = 1; i <= s->n_nodes; i++)
		sim_node_free(s->nodes[i]);
	/* Events own their arguments only while they run; free them by running the clock out. */
	s->n_nodes = 0;
	for (struct heap_node *h; (h = heap_min(&s->heap));) {
		struct sim_event *e = CONTAINER_OF(h, struct sim_event, node);
		heap_remove(&s->heap, h);
		e->fn(s, e->arg);
		free(e);
	}
	heap_fini(&s->heap);
}
