/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ratelimiter.h: a token bucket per source for handshakes under load: 20 a second, bursts of 5, a
 * source idle for a second is forgotten. Bounded: a full table refuses strangers. Allocates when it
 * is made and never after. */
#ifndef WG_RATELIMITER_H
#define WG_RATELIMITER_H

#include "base/mono.h"

#include <stddef.h>
#include <stdint.h>

#define WG_RATE_PER_S 20
#define WG_RATE_BURST 5
#define WG_RATE_SOURCES_MAX 4096
#define WG_RATE_KEY_LEN 16

struct wg_ratelimiter;

struct wg_ratelimiter *wg_ratelimiter_new(void); /* new */
void wg_ratelimiter_free(struct wg_ratelimiter *l);
/* Whether this source may have one more handshake now. */
bool wg_ratelimiter_allow(struct wg_ratelimiter *l, mono_t now,
			  const uint8_t key[static WG_RATE_KEY_LEN]);
size_t wg_ratelimiter_len(const struct wg_ratelimiter *l);

#endif
