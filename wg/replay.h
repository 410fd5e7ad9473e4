/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay.h: the sliding window over received counters (RFC 6479): 128 blocks of 64 bits in a ring,
 * of which 127 are the window: 8128 counters behind the highest are still told apart. Pure.
 * Anybody's counter may be looked at; only one of an authenticated packet may be marked. */
#ifndef WG_REPLAY_H
#define WG_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define WG_REPLAY_BLOCKS 128
#define WG_REPLAY_WINDOW ((WG_REPLAY_BLOCKS - 1) * 64)

/* All zero is an empty window. */
struct wg_replay {
	uint64_t last;
	uint64_t ring[WG_REPLAY_BLOCKS];
};

/* Counters below this are too old to be told apart. */
uint64_t wg_replay_floor(const struct wg_replay *w);
/* Whether the counter was never marked and is neither too old nor over the limit. */
bool wg_replay_is_new(const struct wg_replay *w, uint64_t counter);
/* The same, and if so the counter is marked. */
bool wg_replay_accept(struct wg_replay *w, uint64_t counter);

#endif
