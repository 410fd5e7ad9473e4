/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of the home region, with memory against flapping. */
#include "magicsock/netcheck.h"

#include "base/alloc.h"

#include <stdlib.h>

#define HISTORY_MAX 64
#define HEARD_ACCESSIBLE_S 8
#define HEARD_KEEP_S 120
#define SWITCH_MIN_NS (10 * NS_PER_MS)

struct past {
	mono_t at;
	struct nc_report *report;
};

struct nc_history {
	struct past past[HISTORY_MAX]; /* oldest first; the last one is the last report */
	size_t n;
	mono_t last_full; /* MONO_ZERO = never */
};

struct nc_history *nc_history_new(void)
{
	return xcalloc(1, sizeof(struct nc_history));
}

void nc_history_reset(struct nc_history *h)
{
	for (size_t i = 0; i < h->n; i++)
		nc_report_free(h->past[i].report);
	h->n = 0;
	h->last_full = MONO_ZERO;
}

void nc_history_free(struct nc_history *h)
{
	if (!h)
		return;
	nc_history_reset(h);
	free(h);
}

const struct nc_report *nc_history_last(const struct nc_history *h)
{
	return h->n ? h->past[h->n - 1].report : NULL;
}

bool nc_history_want_full(const struct nc_history *h, mono_t now)
{
	const struct nc_report *last = nc_history_last(h);
	if (!last || mono_is_zero(h->last_full))
		return true;
	if (mono_diff_ns(now, h->last_full) > NETCHECK_FULL_S * NS_PER_S)
		return true;
	return !last->udp && last->captive_portal == NC_TRUE;
}

static void drop_first(struct nc_history *h)
{
	nc_report_free(h->past[0].report);
	h->n--;
	memmove(&h->past[0], &h->past[1], h->n * sizeof(*h->past));
}

/* The last report stays, however old: it says what the home was. */
static void expire(struct nc_history *h, mono_t now)
{
	while (h->n > 1 && mono_diff_ns(now, h->past[0].at) > NETCHECK_HISTORY_S * NS_PER_S)
		drop_first(h);
	if (h->n == HISTORY_MAX)
		drop_first(h);
}

static int64_t best_recent(const struct nc_history *h, mono_t now, const struct nc_region *r)
{
	int64_t best = r->latency_ns;
	for (size_t i = 0; i < h->n; i++) {
		const struct nc_region *p = nc_report_region(h->past[i].report, r->id);
		bool recent = mono_diff_ns(now, h->past[i].at) <= NETCHECK_HISTORY_S * NS_PER_S;
		if (recent && p && p->latency_ns < best)
			best = p->latency_ns;
	}
	return best;
}

static int64_t scored(const struct derp_map *map, int id, int64_t ns)
{
	const struct derp_region *r = derp_map_find(map, id);
	return r && r->score > 0 ? (int64_t)((double)ns * r->score) : ns;
}

/* Without a map all regions exist. */
static bool exists(const struct derp_map *map, int id)
{
	return !map || derp_map_find(map, id);
}

static bool may_be_home(const struct derp_map *map, int id)
{
	const struct derp_region *r = derp_map_find(map, id);
	return exists(map, id) && (!r || !r->no_measure_no_home);
}

struct choice {
	int region;
	int64_t ns;
};

static struct choice nearest(const struct nc_history *h, mono_t now, const struct nc_report *r,
			     const struct nc_home_in *in)
{
	struct choice c = { 0, 0 };
	for (size_t i = 0; i < r->n_regions; i++) {
		int id = r->regions[i].id;
		int64_t ns = scored(in->map, id, best_recent(h, now, &r->regions[i]));
		if (may_be_home(in->map, id) && (!c.region || ns < c.ns))
			c = (struct choice){ id, ns };
	}
	return c;
}

static mono_t heard_at(const struct nc_home_in *in, int region)
{
	return in->heard ? in->heard(in->arg, region) : MONO_ZERO;
}

static bool heard_within(const struct nc_home_in *in, mono_t now, int region, int64_t s)
{
	mono_t at = heard_at(in, region);
	return !mono_is_zero(at) && mono_diff_ns(now, at) <= s * NS_PER_S;
}

static bool accessible(const struct nc_report *r, const struct nc_home_in *in, mono_t now,
		       int region)
{
	if (nc_report_region(r, region))
		return true;
	mono_t at = heard_at(in, region);
	bool during = !mono_is_zero(at) && !mono_before(at, in->started);
	return during || heard_within(in, now, region, HEARD_ACCESSIBLE_S);
}

/* Is the better one so much better that moving is worth it? */
static bool worth_it(const struct nc_report *r, int old, int64_t best_ns)
{
	const struct nc_region *now = nc_report_region(r, old);
	int64_t old_ns = now ? now->latency_ns : 0; /* 0: only heard from, so it is kept */
	return old_ns - best_ns >= SWITCH_MIN_NS && best_ns <= old_ns / 3 * 2;
}

static int choose(const struct nc_history *h, mono_t now, const struct nc_report *r,
		  const struct nc_home_in *in)
{
	const struct nc_report *last = nc_history_last(h);
	/* A region that left the map was still heard a moment ago: it is no home all the same. */
	int old = last && exists(in->map, last->preferred_derp) ? last->preferred_derp : 0;
	struct choice c = nearest(h, now, r, in);
	if (in->forced && exists(in->map, in->forced) && accessible(r, in, now, in->forced))
		return in->forced;
	if (!c.region)
		return old && heard_within(in, now, old, HEARD_KEEP_S) ? old : 0;
	if (old && old != c.region && accessible(r, in, now, old) && !worth_it(r, old, c.ns))
		return old;
	return c.region;
}

void nc_history_add(struct nc_history *h, mono_t now, struct nc_report *r,
		    const struct nc_home_in *in)
{
	r->preferred_derp = choose(h, now, r, in);
	expire(h, now);
	h->past[h->n++] = (struct past){ now, nc_report_copy(r) };
	if (in->full)
		h->last_full = now;
}
