/* SPDX-License-Identifier: GPL-2.0-or-later */
/* intake.h: what becomes of a datagram that is no transport data, decided on the receiving thread
 * so that a flood ends there. Handshakes pass a gate (wg/gate.h), which answers with cookies under
 * load; every other kind has its share of records a second; and nothing of all this may fill the
 * way to the control thread, where the worker's own records go as well.
 *
 * What comes from the proven address of a peer is judged apart, by a gate and shares of its own:
 * the rekeys and path checks of established peers do not notice a flood of strangers.
 *
 * Pure; allocates when it is made. Thread: its worker's. */
#ifndef DAEMON_DATAPLANE_INTAKE_H
#define DAEMON_DATAPLANE_INTAKE_H

#include "base/rng.h"
#include "daemon/dataplane/snapshot.h"
#include "wg/messages.h"

#define INTAKE_DISCO_PER_S 10000
#define INTAKE_COOKIES_PER_S 10000
#define INTAKE_STUN_PER_S 1000
#define INTAKE_WAY_FULL 256 /* of intake_judge's `waiting` */

enum intake_action {
	INTAKE_DROP,  /* counted */
	INTAKE_TELL,  /* to the control thread, as DP_EV_DATAGRAM */
	INTAKE_ADMIT, /* likewise, as DP_EV_HANDSHAKE */
	INTAKE_REPLY, /* send *reply back */
};

struct intake;

/* rng is borrowed. Returns new. */
struct intake *intake_new(struct rng *rng);
void intake_free(struct intake *i);
/* s NULL: no network. waiting: how full the way to the control thread is, 0 to INTAKE_WAY_FULL. */
enum intake_action intake_judge(struct intake *i, const struct dp_snapshot *s, mono_t now,
				unsigned waiting, struct ep from, struct span datagram,
				struct wg_cookie_reply *reply);

/* A transport datagram whose session is not ours. */
void intake_lost(struct intake *i, mono_t now);
/* n datagrams of sessions of ours that had come before. */
void intake_replayed(struct intake *i, mono_t now, unsigned n);
/* Of what more comes than is worth receiving: overload.h. */
struct intake_overload {
	bool handshakes; /* without a cookie */
	bool forged;	 /* with a wrong one, which only we can tell from a right one */
	bool transport;	 /* for no session of ours */
	bool replays;	 /* of what sessions of ours had before */
};
struct intake_overload intake_overload(struct intake *i, mono_t now);
static inline bool intake_overload_any(const struct intake_overload *o)
{
	return o->handshakes || o->forged || o->transport || o->replays;
}

#endif
