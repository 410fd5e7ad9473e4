/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/load.h"

#define WINDOW (NS_PER_S / 4)

void wg_load_init(struct wg_load *l)
{
	*l = (struct wg_load){ .until = MONO_ZERO };
}

void wg_load_on_arrival(struct wg_load *l, mono_t now)
{
	if (mono_diff_ns(now, l->window) >= WINDOW) {
		l->window = now;
		l->count = 0;
	}
	if (++l->count > WG_LOAD_PER_S / 4)
		l->until = mono_add_ns(now, WG_LOAD_LASTS);
}

void wg_load_on_backlog(struct wg_load *l, mono_t now, size_t waiting, size_t capacity)
{
	if (capacity && waiting >= (capacity + 7) / 8)
		l->until = mono_add_ns(now, WG_LOAD_LASTS);
}

bool wg_load_is_high(const struct wg_load *l, mono_t now)
{
	return mono_before(now, l->until);
}
