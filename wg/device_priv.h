/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device_priv.h: bodies of device and peer, shared by device.c, peer.c, handshake.c and timers.c.
 */
#ifndef WG_DEVICE_PRIV_H
#define WG_DEVICE_PRIV_H

#include "base/alloc.h"
#include "base/heap.h"
#include "base/map.h"
#include "wg/activity.h"
#include "wg/constants.h"
#include "wg/cookie.h"
#include "wg/gate.h"
#include "wg/knock.h"
#include "wg/noise.h"
#include "wg/peer.h"
#include "wg/session.h"

struct wg_device {
	struct rng *rng;
	bool have_key;
	struct wg_identity self;
	struct wg_gate *gate; /* of what comes here without having passed one */
	mono_t eager_until;
	uint64_t last_slot; /* newest whitened wall time seen: ours never runs backwards */
	struct map peers;   /* node key -> peer */
	struct map indices; /* local index -> peer, of pending initiations and sessions */
	struct heap due;    /* peers by deadline */
	struct wg_knocks knocks;
};

/* All MONO_NEVER when nothing is armed; the two timers that follow the worker are derived from the
 * peer's activity. */
struct wg_timers {
	mono_t retransmit_at;
	mono_t zero_at;
	unsigned attempts; /* retransmissions since something last asked for a session */
	/* When to look at a stamp of the activity that is watched; never: it is not. */
	mono_t keepalive_look, handshake_look;
	int64_t unanswered;    /* the stamp that the jitter below was drawn for */
	int64_t jitter_ns;     /* of the new-handshake timer */
	int64_t persistent_ns; /* interval, 0 = none */
	mono_t last_persistent;
};

enum wg_shared_state { WG_SHARED_UNKNOWN, WG_SHARED_OK, WG_SHARED_BAD };

struct wg_peer {
	struct wg_device *dev;
	struct heap_node due;
	struct node_key key;
	uint32_t id;
	void *user;
	uint8_t *psk;	      /* 32 bytes; NULL: none */
	uint8_t shared[32];   /* DH of the static keys, made when first needed */
	uint8_t shared_state; /* enum wg_shared_state */
	bool heard;	      /* something valid came from it */
	bool have_stamp;
	uint8_t stamp[WG_TAI64N_LEN]; /* of the last initiation accepted */
	mono_t stamp_at;
	uint64_t last_slot;	  /* of our own last initiation */
	mono_t last_handshake_tx; /* initiation or response; MONO_ZERO: none */
	mono_t last_handshake;
	struct wg_pending *pending; /* our initiation, NULL: none */
	struct wg_session *previous, *current, *next;
	struct wg_session *retired[WG_PEER_RETIRED]; /* the newest first */
	struct wg_cookie_jar jar;
	struct wg_activity *act;
	struct wg_timers timers;
};

/* ---- device.c */
/* A new random index that leads to p. */
uint32_t wg_index_new(struct wg_peer *p);
void wg_index_del(struct wg_device *d, uint32_t index);
struct wg_peer *wg_index_find(const struct wg_device *d, uint32_t index);

/* ---- peer.c */
/* Forget everything secret but the static keys. */
void wg_peer_zero(struct wg_peer *p);
void wg_peer_drop_pending(struct wg_peer *p);
/* Its index belongs to a session now. */
void wg_peer_finish_pending(struct wg_peer *p);
/* The device's key changed. */
void wg_peer_rekey(struct wg_peer *p);
void wg_peer_free(struct wg_peer *p);
/* Spec 2.3; s is taken. */
void wg_peer_install_initiator(struct wg_peer *p, struct wg_session *s);
void wg_peer_install_responder(struct wg_peer *p, struct wg_session *s);

/* ---- handshake.c */
/* Spec 2.4, try_initiate: begin is for something that asks anew, initiate for a retry. When too
 * early, the retransmit timer is set to when it is not. */
void wg_handshake_begin(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out);
void wg_handshake_initiate(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out);
bool wg_handshake_is_eager(const struct wg_peer *p, mono_t now);
/* admitted: it has passed a gate. */
enum wg_verdict wg_handshake_input(struct wg_device *d, mono_t now, const struct wg_from *from,
				   struct span datagram, bool admitted, const struct wg_out *out);

/* ---- timers.c */
void wg_timers_init(struct wg_timers *t);
void wg_timers_on_initiation(struct wg_peer *p, mono_t now, int64_t gap);
/* The limiter refused an initiation before `at`; one that is under way already is not disturbed. */
void wg_timers_on_too_early(struct wg_peer *p, mono_t at);
void wg_timers_on_sent(struct wg_peer *p, mono_t now);
void wg_timers_on_received(struct wg_peer *p, mono_t now);
void wg_timers_on_session(struct wg_peer *p, mono_t now);
void wg_timers_on_complete(struct wg_peer *p, mono_t now);
/* Put the peer where its next deadline belongs. After every event. */
void wg_timers_schedule(struct wg_peer *p);
void wg_timers_run(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out);

#endif
