/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/dead.h"

#include "base/alloc.h"

void dead_clear(struct dead *d)
{
	d->n = 0;
}

static struct dead_upstream *find(const struct dead *d, uint64_t key)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].key == key)
			return (struct dead_upstream *)&d->v[i];
	return NULL;
}

/* A new place, or that of the one heard of least lately. */
static struct dead_upstream *place(struct dead *d)
{
	struct dead_upstream *oldest = &d->v[0];

	if (d->n < ARRAY_LEN(d->v))
		return &d->v[d->n++];
	for (size_t i = 0; i < d->n; i++)
		if (mono_before(d->v[i].seen, oldest->seen))
			oldest = &d->v[i];
	return oldest;
}

bool dead_is(const struct dead *d, uint64_t key)
{
	const struct dead_upstream *u = find(d, key);

	return u && u->misses >= DEAD_AFTER;
}

bool dead_take_probe(struct dead *d, mono_t now, uint64_t key)
{
	struct dead_upstream *u = find(d, key);

	if (!u || !mono_due(u->probe_at, now))
		return false;
	u->probe_at = mono_add_ms(now, u->pause_ms);
	return true;
}

void dead_on_alive(struct dead *d, uint64_t key)
{
	struct dead_upstream *u = find(d, key);

	if (u)
		*u = d->v[--d->n];
}

static int64_t longer(int64_t pause_ms)
{
	return pause_ms * 2 < DEAD_PROBE_MAX_MS ? pause_ms * 2 : DEAD_PROBE_MAX_MS;
}

void dead_on_miss(struct dead *d, mono_t now, uint64_t key)
{
	struct dead_upstream *u = find(d, key);

	if (!u) {
		u = place(d);
		*u = (struct dead_upstream){ .key = key, .pause_ms = DEAD_PROBE_MS };
	} else if (u->misses >= DEAD_AFTER && mono_due(u->probe_at, now)) {
		/* nobody probed in between: a race in which all were dead */
		u->probe_at = mono_add_ms(now, u->pause_ms);
	} else if (u->misses >= DEAD_AFTER) {
		u->pause_ms = longer(u->pause_ms);
	}
	u->seen = now;
	if (++u->misses == DEAD_AFTER)
		u->probe_at = mono_add_ms(now, u->pause_ms);
}
