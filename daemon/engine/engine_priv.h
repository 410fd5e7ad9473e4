/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_priv.h: the engine's inside, shared by the engine*.c files only. */
#ifndef DAEMON_ENGINE_ENGINE_PRIV_H
#define DAEMON_ENGINE_ENGINE_PRIV_H

#include "base/bucket.h"
#include "base/list.h"
#include "daemon/engine/engine.h"
#include "wg/peer.h"

#define SLOT_QUARANTINE_S 30 /* longer than any record or batch names the old owner */
#define ACTIVE_KEEP_S 50
#define KNOCK_MAX 8 /* addresses of a peer that an initiation is sent to without a relay */

struct epeer {
	uint32_t slot;
	const struct nm_node *node; /* referenced */
	struct wg_peer *wg;	    /* NULL: not usable now (expired, never connected) */
	struct disco_peer *disco;   /* NULL likewise */
	struct dp_live *live;
	struct list active;	   /* in engine.active while traffic flows */
	int64_t told_tx_ns;	   /* activity the path machine knows of */
	struct ep shook;	   /* where its last handshake message came from by UDP */
	struct disco_key tsmp_key; /* learned in-band; zero: none */
	wall_t tsmp_at;
	struct disco_key server_key; /* what the server said when it came */
	bool seen;		     /* mark of a full reconciliation */
};

struct engine {
	const struct engine_ops *ops;
	void *arg;
	struct rng *rng;
	struct node_priv key;
	bool has_key;
	struct disco_priv disco_priv;

	struct wg_device *wg;
	struct wg_out out;
	struct disco *disco;
	mono_t now; /* of the call under way, for callbacks */
	wall_t wall;
	struct wg_from answering; /* where the handshake message under way came from; unset: none */

	struct map by_id;  /* int64_t -> epeer */
	struct map by_key; /* node_key -> epeer */
	struct epeer **slots;
	mono_t *freed_at; /* of an empty slot */
	uint32_t n_slots;
	struct list active;

	struct dp_tables *tables; /* NULL: no map */
	struct net_ports ports;
	struct dp_askers askers;
	struct dns_local *dns; /* NULL: none; referenced */
	bool dirty;		  /* the published snapshot is not what we want */
	uint16_t mtu;
	struct prefix *interfaces;
	size_t n_interfaces;

	/* what the tables were made from */
	struct ip *self_ips;
	size_t n_self;
	struct rt_peer *rt;
	uint32_t *rt_slot; /* slot of each */
	size_t n_rt;
	struct rt_choice choice;
	bool allow_lan;
	struct prefix_list own, only; /* of choice */
	struct bucket odd_told;
	enum rt_netfilter netfilter;
	bool snat, stateful, no_guard;

	bool filter_void;   /* its rules name unsigned peers, so none is used */
	bool narrowed;	    /* a filter took something away since the start: filter.h */
	bool jail_narrowed; /* a peer was put in jail */

	struct echo_waits waits;
	struct list pings;
};

/* engine.c: disco and handshakes; nothing while UDP is forbidden */
void engine_send_udp(struct engine *e, struct ep to, struct span d);

/* engine_routes.c: note what the map and the preferences say */
void engine_note_accepted(struct engine *e, const struct prefs *p);
void engine_note_firewall(struct engine *e, const struct nm_node *self, const struct prefs *p);
/* Log what of a new or changed peer's routes cannot be used. */
void engine_tell_odd_routes(struct engine *e, const struct nm_node *n);

/* engine_map.c */
struct epeer *engine_peer(const struct engine *e, const struct node_key *key);
void engine_remove_all(struct engine *e);
/* End the sessions of a peer that restarted. */
void engine_reset_sessions(struct engine *e, struct epeer *p);

/* engine_filter.c: the filters of t, made while e->tables are still those before it. */
void engine_build_filters(struct engine *e, struct dp_tables *t, const struct netmap *nm,
			  const struct prefs *p);

/* engine_publish.c */
void engine_init_out(struct engine *e);
void engine_command(struct engine *e, enum dp_msg_type type, const struct epeer *p, bool flag,
		    struct span bytes);

/* engine_ping.c */
void engine_pings_tick(struct engine *e, mono_t now);
mono_t engine_pings_deadline(const struct engine *e);
void engine_pings_forget(struct engine *e, const struct epeer *p);
void engine_on_cli_pong(struct engine *e, const struct path_cli_pong *pong);
void engine_on_tsmp_pong(struct engine *e, const struct epeer *p, const uint8_t data[static 8],
			 uint16_t port);
void engine_on_echo_reply(struct engine *e, const struct epeer *p, uint32_t token);

static inline struct epeer *slot_peer(const struct engine *e, uint32_t slot)
{
	return slot < e->n_slots ? e->slots[slot] : NULL;
}

static inline void engine_enter(struct engine *e, mono_t now, wall_t wall)
{
	e->now = now;
	e->wall = wall;
}

#endif
