/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot.h: the one thing the control thread and the packet path share. The engine builds a
 * snapshot, publishes its address, and never changes it again; a worker takes it once per batch.
 *
 *   engine (control thread)                       each worker
 *   dp_publish(s) ── swaps `current` ──►  dp_acquire: hazard = current
 *   dp_reclaim frees retired ones         dp_release: hazard = NULL, before it sleeps
 *   that no hazard names
 *
 * What changes too often for a new snapshot (byte counts, timer stamps, how long a path is trusted)
 * lives in `struct dp_live`, one per peer, in relaxed atomics; a snapshot only points to it. */
#ifndef DAEMON_DATAPLANE_SNAPSHOT_H
#define DAEMON_DATAPLANE_SNAPSHOT_H

#include "base/ip.h"
#include "base/keys.h"
#include "base/mono.h"
#include "netstack/inbound.h"
#include "wg/activity.h"

#include <stdatomic.h>

struct wg_session;
struct wg_allowedips;
struct dns_local;

#define DP_WORKERS_MAX 2
#define DP_NO_PEER UINT32_MAX

/* Live values of one peer. Writer in brackets. */
struct dp_live {
	struct wg_activity act;		     /* worker; the engine clears what it has handled */
	_Atomic uint64_t rx_bytes, tx_bytes; /* worker: whole datagrams */
	_Atomic int64_t trust_until_ns;	     /* engine: the best path is proven until then */
	_Atomic int64_t path_want_ns;	     /* worker: when it last asked for path discovery */
	_Atomic int64_t last_tx_ns;	     /* worker: last external packet towards the peer */
	_Atomic bool session_wanted; /* worker sets with its request, engine clears on answer */
	unsigned refs;		     /* engine only */
};

struct dp_live *dp_live_new(void);
void dp_live_ref(struct dp_live *l);
void dp_live_unref(struct dp_live *l); /* NULL is fine */

/* How packets reach a peer now. */
struct dp_peer {
	struct wg_session *current; /* NULL: none; ref held by the snapshot */
	struct wg_session *next;    /* NULL: none; ref held by the index */
	struct dp_live *live;	    /* ref held by the snapshot */
	struct ep best;		    /* direct address; unset: none */
	struct ep last_resort;	    /* used while there is neither a best address nor a relay */
	bool jailed;		    /* only answers come in from it */
	struct net_peer net;
};

struct dp_index {
	uint32_t index; /* our receiver index, random */
	uint32_t peer;
	struct wg_session *session; /* NULL: empty slot; ref held by the snapshot */
	bool is_next;		    /* first packet on it must be told to the engine */
};

/* What changes only with the network map or the preferences; shared by many snapshots. */
struct dp_tables {
	struct wg_allowedips *allowed; /* prefix -> peer slot; owned */
	struct flt *filter;	       /* NULL: nothing comes in; owned */
	struct flt *jail;	       /* shields-up twin for jailed peers; owned */
	struct net_self self;	       /* but for the ports */
	uint16_t mtu;
	unsigned refs; /* control thread only */
};

/* Sources besides our own addresses whose DNS queries are answered: what lives on this machine. More
 * than that are left out. */
#define DP_ASKERS_MAX 64
struct dp_askers {
	struct prefix v[DP_ASKERS_MAX];
	size_t n;
};

struct dp_snapshot {
	struct dp_tables *tables;
	struct net_self own;   /* of tables, and the ports of what listens now */
	struct dns_local *dns; /* names we answer ourselves; NULL: all are asked elsewhere; ref held
				  by the snapshot */
	struct dp_askers askers;
	struct dp_peer *peers; /* by peer slot; unused slots are all zero */
	uint32_t n_peers;
	struct dp_index *index; /* open addressing, index_mask + 1 entries */
	uint32_t index_mask;
	struct ep *known; /* best addresses, likewise; unset: empty slot */
	uint32_t known_mask;
	struct node_key self; /* ours, which handshakes are for; zero: none */
	uint64_t number;      /* in the order of publication, from 1 */
	struct dp_snapshot *next_retired;
};

void dp_tables_unref(struct dp_tables *t); /* frees what it owns with the last reference */

/* n_sessions bounds the dp_snapshot_add_session calls to come; a peer is set once. References
 * tables. The caller sets self. Returns new. */
struct dp_snapshot *dp_snapshot_new(struct dp_tables *tables, uint32_t n_peers,
				    uint32_t n_sessions);
/* These take references on what they are given. */
void dp_snapshot_set_dns(struct dp_snapshot *s, struct dns_local *dns); /* once; NULL is fine */
void dp_snapshot_set_peer(struct dp_snapshot *s, uint32_t peer, const struct dp_peer *p);
void dp_snapshot_add_session(struct dp_snapshot *s, uint32_t index, uint32_t peer,
			     struct wg_session *session, bool is_next);
/* Whether it is the best address of a peer, so that the peer has proven it. Thread: worker. */
bool dp_snapshot_knows(const struct dp_snapshot *s, struct ep ep);
/* NULL if no session has that index. Thread: worker. */
const struct dp_index *dp_snapshot_find(const struct dp_snapshot *s, uint32_t index);
/* What to send on; NULL: none. The next session takes its place with the first packet that comes on
 * it, before the control thread knows: a peer that was restarted has no other, and would lose the
 * answer to that packet. Thread: worker. */
struct wg_session *dp_peer_session(const struct dp_peer *p);
void dp_snapshot_free(struct dp_snapshot *s);

/* The published pointer and the workers' hazards. */
struct dp_exchange;
struct dp_exchange *dp_exchange_new(void);
void dp_exchange_free(struct dp_exchange *x); /* no worker may be running */
/* Thread: control. s is taken; what it replaces is freed once no worker holds it. */
void dp_publish(struct dp_exchange *x, struct dp_snapshot *s);
void dp_reclaim(struct dp_exchange *x);
/* Thread: worker. Valid until dp_release or the next dp_acquire; NULL before the first publish. */
const struct dp_snapshot *dp_acquire(struct dp_exchange *x, unsigned worker);
void dp_release(struct dp_exchange *x, unsigned worker);

#endif
