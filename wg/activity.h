/* SPDX-License-Identifier: GPL-2.0-or-later */
/* activity.h: what the worker tells a peer's timers, in relaxed atomics, without a message a
 * packet.
 *
 *   worker                                   control thread
 *   on_tx, on_rx: stamp  ── first stamp ──►  wg_peer_on_active: arm a deadline from the stamps
 *                           of a quiet peer   deadline: read the stamps again; act, re-arm, or
 *                           (WG_ACT_WATCH)    find them empty and stop watching
 *
 * Watching goes on till the deadline though a stamp is cleared meanwhile: under traffic both are
 * set and cleared with every packet, and nobody is to be told of that.
 *
 * A stamp is the time since which something waits for its answer; 0 = nothing waits. */
#ifndef WG_ACTIVITY_H
#define WG_ACTIVITY_H

#include "base/mono.h"

#include <stdatomic.h>

struct wg_session;

/* Since when something waits, and whether control has a deadline for it. Each stamp has its own
 * flag: their timers differ, and a deadline for one may come too late for the other. */
struct wg_stamp {
	_Atomic int64_t since; /* ns of mono_t */
	_Atomic bool watched;
};

/* All zero is a quiet peer. */
struct wg_activity {
	struct wg_stamp rx_data; /* data came in, nothing went out since: passive keepalive */
	struct wg_stamp tx_data; /* data went out, nothing came in since: new handshake */
	_Atomic int64_t last_tx; /* last authenticated packet, transport or handshake */
	_Atomic int64_t last_rx;
	_Atomic bool rx_data_more; /* data came in while rx_data was set */
};

/* What the worker must do next; 0 mostly. */
enum wg_act {
	WG_ACT_WATCH =
	    1, /* tell control (wg_peer_on_active); if it cannot be told: wg_activity_untold */
	WG_ACT_REKEY =
	    2, /* ask control for a session (wg_peer_want_session); repeats every second */
};

/* In all of these s is the peer's current session (NULL: none), whichever a packet was opened with.
 */

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
/* The same stamps for handshake messages, which are authenticated packets too. Thread: control. */
void wg_activity_on_control_tx(struct wg_activity *a, mono_t now);
void wg_activity_on_control_rx(struct wg_activity *a, mono_t now);

/* Read a stamp. Not 0: the worker says no more about it until control looks again. 0: when it is
 * set next, WG_ACT_WATCH comes. Thread: control, as below. */
int64_t wg_stamp_watch(struct wg_stamp *s);
/* Control was told of it, or will be in a moment. */
bool wg_stamp_is_watched(const struct wg_stamp *s);
int64_t wg_stamp_since(const struct wg_stamp *s);
/* What came in needs no keepalive any more. */
void wg_activity_cancel_keepalive(struct wg_activity *a);
/* The timer of a stamp that was read before fires, unless its answer came meanwhile (false). */
bool wg_activity_take_keepalive(struct wg_activity *a, int64_t since, mono_t now);
bool wg_activity_take_unanswered(struct wg_activity *a, int64_t since);
/* Of the last authenticated packet in either direction; MONO_ZERO: none. */
mono_t wg_activity_last(const struct wg_activity *a);

/* The message for WG_ACT_WATCH found no room: the next packet tries again. Thread: worker. */
void wg_activity_untold(struct wg_activity *a);

#endif
