/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/replay.h"

#include "wg/constants.h"

#define BLOCK_MASK (WG_REPLAY_BLOCKS - 1)

/* Forget what slides out when the highest counter becomes `counter`. */
static void slide(struct wg_replay *w, uint64_t counter)
{
	uint64_t from = w->last / 64;
	uint64_t steps = counter / 64 - from;
	if (steps > WG_REPLAY_BLOCKS)
		steps = WG_REPLAY_BLOCKS;
	for (uint64_t i = 1; i <= steps; i++)
		w->ring[(from + i) & BLOCK_MASK] = 0;
	w->last = counter;
}

static uint64_t block_of(uint64_t counter)
{
	return (counter / 64) & BLOCK_MASK;
}

static uint64_t bit_of(uint64_t counter)
{
	return UINT64_C(1) << (counter % 64);
}

uint64_t wg_replay_floor(const struct wg_replay *w)
{
	return w->last > WG_REPLAY_WINDOW ? w->last - WG_REPLAY_WINDOW : 0;
}

bool wg_replay_is_new(const struct wg_replay *w, uint64_t counter)
{
	if (counter >= WG_REJECT_AFTER_MESSAGES)
		return false;
	if (counter > w->last)
		return true;
	return counter >= wg_replay_floor(w) &&
	       !(w->ring[block_of(counter)] & bit_of(counter));
}

bool wg_replay_accept(struct wg_replay *w, uint64_t counter)
{
	if (!wg_replay_is_new(w, counter))
		return false;
	if (counter > w->last)
		slide(w, counter);
	w->ring[block_of(counter)] |= bit_of(counter);
	return true;
}
