/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knock.h: initiations of nodes that are not our peers. Who has just joined may call before control
 * has told us of it, and would call again only after REKEY_TIMEOUT (datapath.md, Traps). So the
 * last few are kept for as long, and taken up when their sender becomes a peer. A stranger who
 * knows our public key can push others' out, which leaves us where we would be without. Pure. */
#ifndef WG_KNOCK_H
#define WG_KNOCK_H

#include "base/keys.h"
#include "base/mono.h"
#include "wg/messages.h"
#include "wg/out.h"

#define WG_KNOCKS_MAX 16

struct wg_knock {
	struct node_key key; /* who sent it: the message or the relay says so */
	mono_t at;
	struct wg_from from;
	struct wg_initiation msg;
	bool open; /* its sender is a peer now */
};

struct wg_knocks {
	struct wg_knock v[WG_KNOCKS_MAX]; /* a ring; at MONO_ZERO: free */
	unsigned next;
	bool any_open;
};

/* The newest of each sender stays. */
void wg_knock_put(struct wg_knocks *k, const struct wg_knock *knock);
/* key has become a peer. */
void wg_knock_open(struct wg_knocks *k, const struct node_key *key);
/* In the past while there is something to take; else MONO_NEVER. */
mono_t wg_knock_deadline(const struct wg_knocks *k);
/* Take out one whose sender is a peer, and which is not too old. False: there is none. */
bool wg_knock_take(struct wg_knocks *k, mono_t now, struct wg_knock *out);
void wg_knock_forget(struct wg_knocks *k);

#endif
