/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer that calls has no proven way to us: it has moved, or its path died, and then ours is dead
 * as well although it is trusted for seconds to come. So a call makes the best address prove itself
 * anew; if it stays silent, what answered meanwhile takes its place, and failing that the relay. */
#include "magicsock/path_priv.h"

#define DOUBT_MIN_MS 200
#define DOUBT_MAX_MS 1000
#define DOUBT_LATENCIES 3

void path_doubt(struct path_peer *p, mono_t now)
{
	int64_t ms = DOUBT_LATENCIES * p->best.latency_ns / NS_PER_MS;
	if (!path_trusted(p, now) || path_is_doubted(p))
		return;
	ms = ms < DOUBT_MIN_MS ? DOUBT_MIN_MS : ms > DOUBT_MAX_MS ? DOUBT_MAX_MS : ms;
	p->spare = (struct path_quality){ 0 };
	p->doubt_until = mono_add_ms(now, ms);
}

bool path_is_doubted(const struct path_peer *p)
{
	return !mono_is_never(p->doubt_until);
}

void path_doubt_clear(struct path_peer *p)
{
	p->doubt_until = MONO_NEVER;
}

void path_doubt_note(struct path_peer *p, const struct path_quality *q)
{
	if (path_is_doubted(p) && (!ep_is_set(p->spare.ep) || path_better(q, &p->spare)))
		p->spare = *q;
}

void path_doubt_tick(struct path_peer *p, mono_t now)
{
	if (!mono_due(p->doubt_until, now))
		return;
	path_doubt_clear(p);
	if (!ep_is_set(p->spare.ep) || !path_candidate_find(p, p->spare.ep)) {
		path_distrust(p, "no answer");
		return;
	}
	path_set_best(p, &p->spare, "no answer");
	path_trust(p, now);
}
