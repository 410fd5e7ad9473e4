/* SPDX-License-Identifier: GPL-2.0-or-later */
/* constants.h: the numbers of the WireGuard paper, under its names. */
#ifndef WG_CONSTANTS_H
#define WG_CONSTANTS_H

#include "base/mono.h"

#define WG_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define WG_REJECT_AFTER_MESSAGES                                                                   \
	(UINT64_MAX - (UINT64_C(1) << 13)) /* first counter not allowed                            \
					    */

#define WG_REKEY_AFTER_TIME (120 * NS_PER_S)
#define WG_REJECT_AFTER_TIME (180 * NS_PER_S)
#define WG_REKEY_TIMEOUT (5 * NS_PER_S)
#define WG_KEEPALIVE_TIMEOUT (10 * NS_PER_S)
#define WG_MAX_RETRIES 18 /* REKEY_ATTEMPT_TIME / REKEY_TIMEOUT: 20 initiations in all */
#define WG_JITTER_MAX_MS 333
#define WG_NEW_HANDSHAKE_TIME (WG_KEEPALIVE_TIMEOUT + WG_REKEY_TIMEOUT)
#define WG_REKEY_WHEN_RECEIVING_TIME                                                               \
	(WG_REJECT_AFTER_TIME - WG_KEEPALIVE_TIMEOUT - WG_REKEY_TIMEOUT)
#define WG_ZERO_KEYS_TIME (3 * WG_REJECT_AFTER_TIME)
#define WG_COOKIE_REFRESH_TIME (120 * NS_PER_S)
#define WG_FLOOD_TIME (20 * NS_PER_MS) /* least gap between initiations accepted from one peer */

/* Towards a peer never heard from, shortly after we joined (its map may not name us yet). */
#define WG_EAGER_TIMEOUT (250 * NS_PER_MS)

#define WG_PADDING 16
#define WG_PEERS_MAX 65536

#endif
