/* SPDX-License-Identifier: GPL-2.0-or-later */
/* allowedips.h: from address to peer by longest prefix. Built by inserting, then published and
 * never changed again: look-ups are safe from any thread while nobody inserts. A hash table over
 * (prefix, length) per family, probed once for each length in use, the longest first, so that a
 * node's own address costs one probe. About 40 bytes a prefix. */
#ifndef WG_ALLOWEDIPS_H
#define WG_ALLOWEDIPS_H

#include "base/ip.h"

#define WG_NO_PEER UINT32_MAX

struct wg_allowedips;

/* seed: random, so that nobody can aim for collisions. Returns new. */
struct wg_allowedips *wg_allowedips_new(uint64_t seed);
void wg_allowedips_free(struct wg_allowedips *t); /* NULL is fine */

/* Host bits are ignored; a prefix that is there already moves to this peer.
 * -ERR_RANGE: no prefix, or peer is WG_NO_PEER; -ERR_NOMEM. */
MUST_CHECK int wg_allowedips_insert(struct wg_allowedips *t, struct prefix prefix, uint32_t peer);
/* Its prefixes go; earlier owners do not come back. */
void wg_allowedips_remove_peer(struct wg_allowedips *t, uint32_t peer);
size_t wg_allowedips_len(const struct wg_allowedips *t);

/* Owner of the longest prefix that holds ip, or WG_NO_PEER. Where an outbound packet goes. */
uint32_t wg_allowedips_lookup(const struct wg_allowedips *t, struct ip ip);
/* Whether any prefix of this peer holds ip, whoever owns longer ones. */
bool wg_allowedips_contains(const struct wg_allowedips *t, uint32_t peer, struct ip ip);
/* Whether a packet that peer sent may come from ip: a prefix of the peer holds it, and if it is the
 * very address of some node, that node is the peer (an exit node cannot speak for other nodes). */
bool wg_allowedips_source_ok(const struct wg_allowedips *t, uint32_t peer, struct ip ip);

#endif
