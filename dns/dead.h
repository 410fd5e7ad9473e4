/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dead.h: upstreams that did not answer lately. One that has been silent DEAD_AFTER times in a row is
 * left out of races but for a probe now and then, so that it costs nobody its head start. Pure. */
#ifndef DNS_DEAD_H
#define DNS_DEAD_H

#include "base/mono.h"

enum {
	DEAD_AFTER = 3,
	DEAD_PROBE_MS = 5000, /* doubles with each probe that fails ... */
	DEAD_PROBE_MAX_MS = 60000,
	DEAD_KNOWN_MAX = 256, /* upstreams remembered; the longest unseen is forgotten */
};

struct dead_upstream {
	uint64_t key;
	mono_t seen;
	mono_t probe_at;
	int64_t pause_ms;
	unsigned misses;
};

/* Zeroed: nobody is. */
struct dead {
	struct dead_upstream v[DEAD_KNOWN_MAX];
	size_t n; /* those that missed something; mostly none */
};

void dead_clear(struct dead *d);
bool dead_is(const struct dead *d, uint64_t key);
/* A dead one whose probe is due: true once, then the next probe is later. */
bool dead_take_probe(struct dead *d, mono_t now, uint64_t key);
void dead_on_alive(struct dead *d, uint64_t key);
void dead_on_miss(struct dead *d, mono_t now, uint64_t key);

#endif
