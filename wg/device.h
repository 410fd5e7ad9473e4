/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device.h: our end of all tunnels: the key, the peers, the index table, and the handshake
 * messages. Transport data never comes here (session.h). Pure: time and randomness are arguments.
 * Spec: datapath.md 1, 2, 5. Thread: control. */
#ifndef WG_DEVICE_H
#define WG_DEVICE_H

#include "base/keys.h"
#include "base/mono.h"
#include "base/rng.h"
#include "wg/knock.h"
#include "wg/out.h"
#include "wg/verdict.h"

struct wg_device;

/* rng is borrowed for the life of the device. Without a key it drops all it gets. Returns new. */
struct wg_device *wg_device_new(struct rng *rng);
void wg_device_free(struct wg_device *d); /* and its peers */

/* Set or rotate our key; NULL: none. Present sessions may be received on until they expire but not
 * sent on; handshakes under way are forgotten; a peer with the same key is removed. */
void wg_device_set_key(struct wg_device *d, const struct node_priv *key, const struct wg_out *out);
/* NULL if there is none; borrowed. */
const struct node_key *wg_device_public(const struct wg_device *d);

/* One initiation, response or cookie reply from outside; counted by its verdict. */
enum wg_verdict wg_device_input(struct wg_device *d, mono_t now, const struct wg_from *from,
				struct span datagram, const struct wg_out *out);
/* The same, of an initiation or response that has passed a gate of the caller (gate.h). */
enum wg_verdict wg_device_admitted(struct wg_device *d, mono_t now, const struct wg_from *from,
				   struct span datagram, const struct wg_out *out);
/* What a relay brought from somebody who is not a peer: an initiation is kept (knock.h), and nothing
 * is computed for it. */
void wg_device_knock(struct wg_device *d, mono_t now, const struct wg_from *from,
		     struct span datagram);
/* One whose sender is a peer now, for wg_device_admitted. False: there is none. */
bool wg_device_take_knock(struct wg_device *d, mono_t now, struct wg_knock *out);

/* The device's own gate, for what wg_device_input gets: gate.h. */
void wg_device_on_backlog(struct wg_device *d, mono_t now, size_t waiting, size_t capacity);
bool wg_device_under_load(const struct wg_device *d, mono_t now);

/* Until then (10 s after joining), repeat initiations to peers never heard from every quarter
 * second. */
void wg_device_set_eager(struct wg_device *d, mono_t until);

/* MONO_NEVER if nothing is due; in the past while there are knocks to be taken. */
mono_t wg_device_deadline(const struct wg_device *d);
void wg_device_tick(struct wg_device *d, mono_t now, wall_t wall, const struct wg_out *out);

#endif
