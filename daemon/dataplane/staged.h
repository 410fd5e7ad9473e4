/* SPDX-License-Identifier: GPL-2.0-or-later */
/* staged.h: packets that wait for their peer's session: a fixed pool, a queue for each of a bounded
 * number of peers. When anything is full the oldest packet goes, never the new one. Pure; allocates
 * only at creation. Thread: worker. */
#ifndef DAEMON_DATAPLANE_STAGED_H
#define DAEMON_DATAPLANE_STAGED_H

#include "base/bytes.h"

#define STAGED_PACKETS 1024
#define STAGED_PER_PEER 128
#define STAGED_PEERS 256
#define STAGED_LEN_MAX 1600 /* longer packets are not staged */

struct staged;

/* headroom and tailroom bytes are left free around each packet. Returns new. */
struct staged *staged_new(size_t headroom, size_t tailroom);
void staged_free(struct staged *s); /* wipes */
/* Copy a packet in. Returns how many others were dropped for it, or -ERR_TOOBIG. */
MUST_CHECK int staged_put(struct staged *s, uint32_t peer, struct span packet);
/* Take up to n packets of the peer, oldest first; borrowed until the next call. */
size_t staged_take(struct staged *s, uint32_t peer, struct mspan *out, size_t n);
size_t staged_drop(struct staged *s, uint32_t peer); /* returns how many */
size_t staged_count(const struct staged *s, uint32_t peer);
bool staged_is_empty(const struct staged *s); /* of all peers; costs nothing */

#endif
