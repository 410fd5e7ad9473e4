/* SPDX-License-Identifier: GPL-2.0-or-later */
/* activity.h: what the worker tells a peer's timers, in relaxed atomics, without a message a
 * packet.
 *
 *   worker                                   control thread
 *   on_tx, on_rx: stamp  ── first stamp ──►  wg_peer_on_active: arm a deadline from the stamps
 *                           of a quiet peer   deadline: read the stamps again; act, re-arm, or
 *                           (WG_ACT_WATCH)    find them empty and stop watching
 *
 * A stamp is the time since which something waits for its answer; 0 = nothing waits. */
#ifndef WG_ACTIVITY_H
#define WG_ACTIVITY_H

#include "base/mono.h"

#include <stdatomic.h>

struct wg_session;

/* All zero is a quiet peer. Times in ns of mono_t. */
struct wg_activity {
	_Atomic int64_t rx_data_since; /* data came in, nothing went out since: passive keepalive */
	_Atomic int64_t tx_data_since; /* data went out, nothing came in since: new handshake */
	_Atomic int64_t last_tx;       /* last authenticated packet, transport or handshake */
	_Atomic int64_t last_rx;
	_Atomic bool rx_data_more; /* data came in while rx_data_since was set */
	_Atomic bool watched;	   /* control has a deadline for the stamps */
};

/* What the worker must do next; 0 mostly. */
enum wg_act {
	WG_ACT_WATCH =
	    1, /* tell control (wg_peer_on_active); if it cannot be told: wg_activity_untold */
	WG_ACT_REKEY =
	    2, /* ask control for a session (wg_peer_want_session); repeats every second */
};

/* After a batch was sealed on s and handed to the path. is_data: not only keepalives.
 * Thread: worker (any in tests). */
MUST_CHECK unsigned wg_activity_on_tx(struct wg_activity *a, struct wg_session *s, mono_t now,
				      bool is_data);
/* After a keepalive that WG_EV_KEEPALIVE asked for was sent, in place of on_tx. */
MUST_CHECK unsigned wg_activity_on_keepalive(struct wg_activity *a, struct wg_session *s,
					     mono_t now);
/* After wg_session_open returned > 0. is_data: at least one WG_OPEN_DATA. */
MUST_CHECK unsigned wg_activity_on_rx(struct wg_activity *a, struct wg_session *s, mono_t now,
				      bool is_data);
/* The message for WG_ACT_WATCH found no room: try again with the next packet. */
void wg_activity_untold(struct wg_activity *a);

#endif
