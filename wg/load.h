/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h: whether handshakes come faster than we like to work: then cookies are asked for. Pure. */
#ifndef WG_LOAD_H
#define WG_LOAD_H

#include "base/mono.h"

#include <stddef.h>

#define WG_LOAD_PER_S 1000 /* about a sixth of a core */
#define WG_LOAD_LASTS (1 * NS_PER_S)

struct wg_load {
	mono_t until;	/* under load before this */
	mono_t window;	/* when counting began */
	unsigned count; /* messages since */
};

void wg_load_init(struct wg_load *l);
/* A message whose mac1 is right. */
void wg_load_on_arrival(struct wg_load *l, mono_t now);
/* So many wait in a queue of that capacity. */
void wg_load_on_backlog(struct wg_load *l, mono_t now, size_t waiting, size_t capacity);
bool wg_load_is_high(const struct wg_load *l, mono_t now);

#endif
