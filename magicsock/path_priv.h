/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_priv.h: what path.c, path_candidates.c and path_pings.c share. */
#ifndef MAGICSOCK_PATH_PRIV_H
#define MAGICSOCK_PATH_PRIV_H

#include "magicsock/path.h"

/* A candidate lives while the netmap or the last call-me-maybe names it, or for PATH_ACTIVE_S after
 * the last ping from it. */
struct candidate {
	struct ep ep;
	bool in_netmap;
	bool in_cmm;
	bool has_got_txid;
	struct disco_txid got_txid; /* of the last ping from it */
	mono_t last_ping;	    /* discovery or heartbeat ping to it; MONO_ZERO = never */
	mono_t last_got;	    /* ping from it; MONO_ZERO = never */
	mono_t pinged_back;	    /* last ping that answered one from it */
};

/* An outstanding ping of ours. */
struct ping {
	struct disco_txid txid;
	struct path_dest to;
	enum path_purpose purpose;
	mono_t sent;
	void *token; /* CLI */
};

struct path_peer {
	struct path_node *node;
	void *owner;
	struct list waiting; /* in node->waiting: a call-me-maybe waits for endpoints */
	struct path_quality best;
	mono_t trusted_until;
	mono_t doubt_until;	   /* the best address has to answer; MONO_NEVER = not doubted */
	struct path_quality spare; /* what answered while it was doubted; unset: nothing */
	int home;
	bool expired;
	bool heard;	    /* anything authentic came from it */
	uint8_t cmm_budget; /* PATH_CMM_BURST at most */
	mono_t cmm_refilled;
	mono_t last_full; /* discovery over all candidates; MONO_ZERO = never */
	mono_t last_send;
	mono_t heartbeat_at; /* MONO_NEVER = not running */
	struct candidate *candidates;
	size_t n_candidates, cap_candidates;
	struct ping *pings; /* oldest first */
	size_t n_pings, cap_pings;
};

/* path.c */
void path_set_best(struct path_peer *p, const struct path_quality *q, const char *why);
void path_clear_best(struct path_peer *p, const char *why);
bool path_trusted(const struct path_peer *p, mono_t now);
void path_trust(struct path_peer *p, mono_t now);
void path_distrust(struct path_peer *p, const char *why);

/* path_doubt.c */
void path_doubt(struct path_peer *p, mono_t now);
bool path_is_doubted(const struct path_peer *p);
void path_doubt_clear(struct path_peer *p);
/* Another address than the best one answered. */
void path_doubt_note(struct path_peer *p, const struct path_quality *q);
void path_doubt_tick(struct path_peer *p, mono_t now);

/* path_candidates.c */
struct candidate *path_candidate_find(const struct path_peer *p, struct ep ep);
/* Found or added; NULL if all places are taken by ones that matter more. The address must be
 * allowed. */
struct candidate *path_candidate_add(struct path_peer *p, mono_t now, struct ep ep);
void path_candidates_drop_dead(struct path_peer *p, mono_t now);
void path_candidates_set_netmap(struct path_peer *p, mono_t now, const struct ep *eps, size_t n);
void path_candidates_set_cmm(struct path_peer *p, mono_t now, const struct ep *eps, size_t n);

/* path_pings.c */
/* False if too many are outstanding. c (may be NULL) is stamped unless the purpose is CLI. */
bool path_ping_send(struct path_peer *p, mono_t now, const struct path_dest *to,
		    struct candidate *c, enum path_purpose purpose, size_t size, void *token);
/* Take out the ping of this txid; false if there is none. */
bool path_ping_take(struct path_peer *p, const struct disco_txid *txid, struct ping *out);
/* Take out the oldest one if it has timed out. */
bool path_ping_take_expired(struct path_peer *p, mono_t now, struct ping *out);
mono_t path_pings_deadline(const struct path_peer *p);
/* Forget all but those of the CLI. */
void path_pings_forget(struct path_peer *p);
void path_pings_shrink(struct path_peer *p);

#endif
