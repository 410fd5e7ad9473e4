/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer.h: one peer of a device: its sessions in their slots and its handshakes.
 *
 *   previous   the session before; still received on
 *   current    sent on; and received on
 *   next       we answered an initiation; sent on only after the first packet came in on it
 *   retired    were previous or current and are young enough to be received on: after handshakes
 *              that crossed the other side sends on one that the chapter's rules have dropped
 *
 * A pending initiation of ours and their initiations are independent of each other, so that
 * crossing handshakes both complete. Spec: datapath.md 2.3-2.5. Thread: control. */
#ifndef WG_PEER_H
#define WG_PEER_H

#include "wg/device.h"

struct wg_activity;
struct wg_session;

/* id and user are the caller's and come back from the getters. NULL: our own key, already there, or
 * WG_PEERS_MAX reached. The device owns the peer. */
struct wg_peer *wg_peer_add(struct wg_device *d, const struct node_key *key, uint32_t id,
			    void *user);
/* Its sessions end (those that a snapshot holds live until it is gone). */
void wg_peer_remove(struct wg_peer *p);
struct wg_peer *wg_peer_find(const struct wg_device *d, const struct node_key *key);
size_t wg_peer_count(const struct wg_device *d);

const struct node_key *wg_peer_key(const struct wg_peer *p);
uint32_t wg_peer_id(const struct wg_peer *p);
void wg_peer_set_id(struct wg_peer *p, uint32_t id);
void *wg_peer_user(const struct wg_peer *p);

/* The stamps that the worker writes for this peer; borrowed until replaced (NULL: none). Without
 * them there is no passive keepalive and no new-handshake timer. */
void wg_peer_set_activity(struct wg_peer *p, struct wg_activity *a);
/* 32 bytes, copied; NULL: none. */
void wg_peer_set_psk(struct wg_peer *p, const uint8_t *psk);
/* 0: none */
void wg_peer_set_persistent_keepalive(struct wg_peer *p, mono_t now, unsigned seconds);

/* Borrowed; NULL: empty slot. */
struct wg_session *wg_peer_previous(const struct wg_peer *p);
struct wg_session *wg_peer_current(const struct wg_peer *p);
struct wg_session *wg_peer_next(const struct wg_peer *p);
#define WG_PEER_RETIRED 2
struct wg_session *wg_peer_retired(const struct wg_peer *p, unsigned i); /* i < WG_PEER_RETIRED */
/* When a handshake last completed; MONO_ZERO: never. */
mono_t wg_peer_last_handshake(const struct wg_peer *p);
/* An initiation of ours is under way. */
bool wg_peer_is_handshaking(const struct wg_peer *p);

/* The worker has packets and no key, or a key that wants replacing (WG_ACT_REKEY). Initiates unless
 * a usable session has appeared meanwhile; if our last handshake message is younger than 5 s, does
 * so when it is not. Call it as often as asked. */
void wg_peer_want_session(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out);
/* The worker opened a packet on the session with this local index while it was `next`. */
void wg_peer_on_confirmed(struct wg_peer *p, mono_t now, uint32_t local_index,
			  const struct wg_out *out);
/* WG_ACT_WATCH came from the worker. */
void wg_peer_on_active(struct wg_peer *p);
/* Something else proved that the peer knows us (a disco message): no need to be eager. */
void wg_peer_on_heard(struct wg_peer *p);

#endif
