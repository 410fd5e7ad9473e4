/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: Noise_IKpsk2 as WireGuard speaks it: the two messages, built and consumed, without their
 * macs and without any state of peers. Pure. Spec: datapath.md 1.1-1.3.
 * A failure never says which check failed: -ERR_AUTH. */
#ifndef WG_NOISE_H
#define WG_NOISE_H

#include "base/crypto/noise.h"
#include "base/keys.h"
#include "wg/messages.h"

struct wg_identity {
	struct node_priv priv;
	struct node_key pub;
};

/* An initiation of ours that waits for its response. Secret; wg_pending_wipe. */
struct wg_pending {
	struct noise_sym sym;
	struct node_priv ephemeral;
	uint32_t index;
};

/* Their initiation while it is read. Secret; noise_wipe(&r->sym). */
struct wg_received {
	struct noise_sym sym;
	struct node_key ephemeral;
	uint32_t sender;
};

struct wg_keys {
	uint8_t send[32];
	uint8_t recv[32];
};

void wg_identity_set(struct wg_identity *id, const struct node_priv *priv);
void wg_identity_wipe(struct wg_identity *id);
void wg_pending_wipe(struct wg_pending *p);

/* DH of the two static keys; -ERR_AUTH for a low-order key: such a peer can never have a session.
 */
MUST_CHECK int wg_noise_static_shared(uint8_t ss[static 32], const struct wg_identity *self,
				      const struct node_key *peer);

/* msg is complete but for mac1 and mac2. p->index is the caller's choice, set before the call. */
MUST_CHECK int wg_noise_create_initiation(struct wg_pending *p, const struct wg_identity *self,
					  const struct node_key *peer, const uint8_t ss[static 32],
					  const uint8_t stamp[static WG_TAI64N_LEN],
					  struct rng *rng, struct wg_initiation *msg);

/* First half of reading an initiation: who sent it (claimed until the second half succeeds). */
MUST_CHECK int wg_noise_read_static(struct wg_received *r, const struct wg_identity *self,
				    const struct wg_initiation *msg, struct node_key *peer);
/* Second half: proves it, and gives the time stamp for the caller to compare. */
MUST_CHECK int wg_noise_read_stamp(struct wg_received *r, const uint8_t ss[static 32],
				   const struct wg_initiation *msg,
				   uint8_t stamp[static WG_TAI64N_LEN]);

/* Answer what was read; r is wiped on every return. keys as seen by the responder. */
MUST_CHECK int wg_noise_create_response(struct wg_received *r, const struct node_key *peer,
					const uint8_t psk[static 32], uint32_t sender,
					struct rng *rng, struct wg_response *msg,
					struct wg_keys *keys);

/* keys as seen by the initiator. p is not changed: after -ERR_AUTH it can still be answered. */
MUST_CHECK int wg_noise_consume_response(const struct wg_pending *p, const struct wg_identity *self,
					 const uint8_t psk[static 32],
					 const struct wg_response *msg, struct wg_keys *keys);

#endif
