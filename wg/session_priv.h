/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_priv.h: the body of a session, for session.c, activity.c and tests. */
#ifndef WG_SESSION_PRIV_H
#define WG_SESSION_PRIV_H

#include "wg/replay.h"
#include "wg/session.h"

#include <stdatomic.h>

struct wg_session {
	unsigned refs; /* control */
	uint32_t local, remote;
	bool we_initiated;
	mono_t created;
	_Atomic uint64_t next_counter;	    /* worker; control only raises it to the limit */
	_Atomic int64_t rekey_asked;	    /* worker: when it last asked for a successor */
	_Atomic bool rekey_asked_receiving; /* worker: the 165 s rule has fired */
	_Atomic bool heard;		    /* worker */
	struct wg_keys keys;
	struct wg_replay replay; /* worker */
};

#endif
