/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ratelimiter.h: a token bucket per source for handshakes under load: 20 a second, bursts of 5, a
 * source idle for a second is forgotten. Bounded: a full table refuses strangers. */
#ifndef WG_RATELIMITER_H
#define WG_RATELIMITER_H

#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"

#define WG_RATE_PER_S 20
#define WG_RATE_BURST 5
#define WG_RATE_SOURCES_MAX 4096
#define WG_RATE_KEY_LEN 16

struct wg_ratelimiter {
	struct map buckets;
	struct list by_age; /* oldest first */
};

void wg_ratelimiter_init(struct wg_ratelimiter *l);
void wg_ratelimiter_fini(struct wg_ratelimiter *l);
/* Whether this source may have one more handshake now. */
bool wg_ratelimiter_allow(struct wg_ratelimiter *l, mono_t now,
			  const uint8_t key[static WG_RATE_KEY_LEN]);
size_t wg_ratelimiter_len(const struct wg_ratelimiter *l);

#endif
