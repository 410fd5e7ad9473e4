/* SPDX-License-Identifier: GPL-2.0-or-later */
/* out.h: what the handshake machine wants done. Its calls take a `struct wg_out` and call it back
 * before they return; a callback must not call the device or its peers again, but for getters
 * (wg_peer_current, wg_peer_id, ...). Bytes are borrowed for the call. Thread: control. */
#ifndef WG_OUT_H
#define WG_OUT_H

#include "base/ip.h"
#include "base/keys.h"

struct wg_peer;

/* Where a datagram came from: a UDP source, or a relay and the sender that the relay names. */
struct wg_from {
	struct ep ep; /* unset if by relay */
	int region;   /* 0 if not by relay */
	struct node_key relay_key;
};

enum wg_event {
	/* previous, current or next of the peer is another session: publish them again, before
	 * anything that follows */
	WG_EV_SESSIONS,
	/* wg_peer_current is fresh and may be sent on: send the advertisement and what is staged
	 * now; if nothing is staged and wg_session_we_initiated, a keepalive, without which the
	 * other side may never send */
	WG_EV_READY,
	WG_EV_KEEPALIVE, /* send one on the current session, unless data is about to be sent */
	WG_EV_GAVE_UP,	 /* 20 initiations without answer: drop what is staged */
	WG_EV_ZEROED,	 /* silent for 540 s: all keys are gone; drop what is staged */
	WG_EV_IS_SELF,	 /* the peer has our own key and is freed after this call */
};

struct wg_out {
	void *arg;
	/* A handshake message for a peer, by the path that others choose. */
	void (*send)(void *arg, struct wg_peer *p, struct span datagram);
	/* A cookie reply, back to where the question came from. */
	void (*reply)(void *arg, const struct wg_from *to, struct span datagram);
	void (*event)(void *arg, struct wg_peer *p, enum wg_event ev);
};

#endif
