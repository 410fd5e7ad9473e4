/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate.h: what an initiation or a response must pass before it costs a curve operation. WireGuard
 * paper 5.3 and 5.4.7; spec: datapath.md 1.4.
 *
 *   no load      mac1
 *   under load   mac1; mac2, or a cookie goes back; the source's 20 a second; WG_GATE_PER_S for all
 *
 * A flood must cost less than it brings: cookies are made for at most WG_GATE_COOKIES_PER_S
 * messages a second of each of WG_GATE_SHARES groups of sources, and what has no mac2 and comes
 * from a group that has had its own is dropped unread. Sources fall into groups by a secret hash.
 *
 * Each kind of source has a gate of its own, so that load among the ones asks nothing of the
 * others. A gate is one thread's. Pure; allocates when it is made and never after. */
#ifndef WG_GATE_H
#define WG_GATE_H

#include "base/mono.h"
#include "base/rng.h"
#include "wg/messages.h"
#include "wg/out.h"
#include "wg/verdict.h"

#define WG_GATE_PER_S 4000 /* under load: of strangers 0.2 of a core, of peers 0.6 */
#define WG_GATE_SHARES 1024
#define WG_GATE_COOKIES_PER_S 4
#define WG_GATE_COOKIES_BURST 4

struct wg_gate;

/* rng is borrowed for the life of the gate. Drops all while it has no key. Returns new. */
struct wg_gate *wg_gate_new(struct rng *rng);
void wg_gate_free(struct wg_gate *g);
/* Whose messages these are; NULL or zero: nobody's. Cheap if it is the same. */
void wg_gate_set_self(struct wg_gate *g, const struct node_key *self);

/* msg is of kind initiation or response. WG_PASS: give it to wg_device_admitted. WG_DROP_COOKIE:
 * send *reply to where msg came from. Anything else: dropped. Counts nothing. */
enum wg_verdict wg_gate_admit(struct wg_gate *g, mono_t now, const struct wg_from *from,
			      struct span msg, struct wg_cookie_reply *reply);

/* So much waits where admitted messages go: from 1/8 of its capacity on, and for a second after, we
 * are under load. So are we when more than WG_LOAD_PER_S arrive. */
void wg_gate_on_backlog(struct wg_gate *g, mono_t now, size_t waiting, size_t capacity);
bool wg_gate_under_load(const struct wg_gate *g, mono_t now);

#endif
