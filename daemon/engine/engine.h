/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine.h: the node's core, without a socket or a clock: it keeps WireGuard peers, paths and the
 * packet worker's snapshot in step with the network map. Everything it does to the world goes
 * through engine_ops, everything the world does to it comes in with `now`; so a simulator can run
 * many of them in one process. node.c puts real sockets around it. Thread: control.
 *
 *    control server ──► engine_set_map ─┐                  ┌─► publish(snapshot), command ─► worker
 *    UDP, relay ──────► engine_input_* ─┤ wg_device, disco ├─► send_udp, send_derp
 *    worker ──────────► engine_event ───┘                  └─► rearm, changed, want_endpoints
 *
 * A peer has a slot: a small number that is its name in snapshots and messages. A slot is given
 * again only after the snapshot that named its old owner is gone. */
#ifndef DAEMON_ENGINE_ENGINE_H
#define DAEMON_ENGINE_ENGINE_H

#include "daemon/control/netmap.h"
#include "daemon/dataplane/msg.h"
#include "daemon/dataplane/snapshot.h"
#include "daemon/state/prefs.h"
#include "magicsock/disco.h"
#include "netstack/firewall.h"

struct engine;
struct dns_local;

struct engine_ops {
	/* Disco and handshake datagrams; failures count as loss. */
	void (*send_udp)(void *arg, struct ep to, struct span datagram);
	void (*send_derp)(void *arg, int region, const struct node_key *to, struct span datagram);
	/* The region to reach a peer by, given its home; 0 = none. */
	int (*derp_route)(void *arg, const struct node_key *peer, int home);
	bool (*derp_up)(void *arg, int region); /* connected now; false for 0 */
	void (*derp_forget)(void *arg, const struct node_key *peer);
	/* Own endpoints for a call-me-maybe: fill up to max, return how many. */
	size_t (*endpoints)(void *arg, struct ep *out, size_t max);
	void (*want_endpoints)(void *arg); /* gather now, then engine_on_endpoints */
	/* To the worker: a new snapshot (taken); a message. */
	void (*publish)(void *arg, struct dp_snapshot *s);
	void (*command)(void *arg, const struct dp_msg *m, struct span bytes);
	void (*rearm)(void *arg);   /* engine_deadline may be earlier now */
	void (*changed)(void *arg); /* something that status shows */
};

struct engine_opts {
	const struct engine_ops *ops; /* borrowed */
	void *arg;
	struct rng *rng; /* borrowed */
	mono_t now;
	const struct prefix *interfaces; /* see engine_set_interfaces */
	size_t n_interfaces;
	uint16_t mtu;
};

/* Returns new. */
struct engine *engine_new(const struct engine_opts *o);
void engine_free(struct engine *e);

const struct disco_key *engine_disco_key(const struct engine *e);
/* The network forbids UDP (only-tcp-443): nothing is to be sent but by relay. */
bool engine_no_udp(const struct engine *e);
/* What the worker must hand up; for dp_worker_new. */
const struct echo_waits *engine_echo_waits(const struct engine *e);
/* NULL: forget the key, all peers and sessions. */
void engine_set_key(struct engine *e, mono_t now, const struct node_priv *key);
/* Make peers, allowed addresses and filter what map and preferences say. Sessions of peers that
 * stay are kept. ch NULL or full: compare all. */
void engine_set_map(struct engine *e, mono_t now, wall_t wall, const struct netmap *nm,
		    const struct prefs *p, const struct nm_change *ch);
/* No peers and no filter any more; keys stay. */
void engine_clear(struct engine *e, mono_t now);
/* Addresses of this machine's other interfaces, for the local set of an exit node and for accepted
 * routes. Copied. True if they changed: then engine_set_map with NM_CHANGED_SELF. */
bool engine_set_interfaces(struct engine *e, const struct prefix *p, size_t n);
/* What listens on our own addresses. Kept without a map, too. */
void engine_set_ports(struct engine *e, const struct net_ports *p);
/* Addresses and networks of this machine whose programs and containers may ask us for names, besides
 * our own addresses: dp_askers. Copied; kept without a map, too. */
void engine_set_askers(struct engine *e, const struct prefix *p, size_t n);
/* The names that the packet path answers itself; referenced, no longer that of before. NULL: none
 * is known. Kept without a map, too. */
void engine_set_dns(struct engine *e, struct dns_local *dns);
/* The packet filter of the present map names peers that may only use the peer API, so that all its
 * rules are dropped: health item "invalid-packet-filter". */
bool engine_filter_void(const struct engine *e);
/* Would that filter let a connection from src to dst in? */
bool engine_allows_tcp(const struct engine *e, struct ip src, struct ep dst);
/* Router input that goes with the present map: valid until the next engine_set_map; false if none.
 */
bool engine_router_in(const struct engine *e, struct router_in *out);
/* The firewall that goes with these routes, all but the ports. out: fini or zeroed before. */
void engine_firewall(const struct engine *e, const struct router_config *routes,
		     struct fw_config *out);

/* One datagram that is not STUN. */
void engine_input_udp(struct engine *e, mono_t now, wall_t wall, struct ep from,
		      struct span datagram);
/* False: the sender is no peer of ours. */
bool engine_input_derp(struct engine *e, mono_t now, wall_t wall, int region,
		       const struct node_key *src, struct span datagram);
bool engine_is_peer(const struct engine *e, const struct node_key *key);
/* Transport datagrams of one peer that came by relay: a run as msg.h has it. */
void engine_input_derp_run(struct engine *e, mono_t now, wall_t wall, const struct node_key *src,
			   struct span run, size_t segment);
/* A record from the worker. */
void engine_event(struct engine *e, mono_t now, wall_t wall, const struct dp_msg *m,
		  struct span bytes);
void engine_on_endpoints(struct engine *e, mono_t now); /* gathered, or confirmed */
void engine_on_relay(struct engine *e, mono_t now);	/* one came up or went down */
void engine_on_rebind(struct engine *e, mono_t now);	/* sockets or network changed */

mono_t engine_deadline(const struct engine *e);
void engine_tick(struct engine *e, mono_t now, wall_t wall);
/* Build and publish the snapshot now if anything it shows changed; the shell calls it at the end of
 * a turn, so that many changes cost one snapshot. */
void engine_flush(struct engine *e, mono_t now);

/* ---- reading ----------------------------------------------------------------------------- */
struct engine_peer_status {
	bool in_engine;
	bool active;
	struct ep cur;
	int64_t latency_ns;
	uint64_t rx_bytes, tx_bytes;
	mono_t last_handshake; /* MONO_ZERO = never */
	mono_t last_send;
	bool waiting; /* packets for it wait for a session */
};
bool engine_peer_status(const struct engine *e, const struct node_key *key, mono_t now,
			struct engine_peer_status *out);
/* Something was sent to a peer within PATH_ACTIVE_S. */
bool engine_in_use(const struct engine *e, mono_t now);
/* Peers with a session that may send now; sum of bytes. */
size_t engine_live(const struct engine *e, mono_t now, uint64_t *rx_bytes, uint64_t *tx_bytes);
json_t *engine_debug_peers(const struct engine *e, mono_t now); /* new */

/* ---- ping ----------------------------------------------------------------------------------- */
enum engine_ping_kind { ENGINE_PING_DISCO, ENGINE_PING_TSMP, ENGINE_PING_ICMP };
struct engine_pong {
	const char *err; /* NULL on success; borrowed */
	int64_t latency_ns;
	struct ep ep;
	int region;
	uint16_t peerapi_port;
};
typedef void engine_pong_fn(void *arg, const struct engine_pong *r);
struct engine_ping;
/* fn is called once unless stopped, never from inside this call. TSMP and ICMP give up after 10 s.
 */
struct engine_ping *engine_ping_start(struct engine *e, mono_t now, wall_t wall,
				      const struct node_key *peer, struct ip to,
				      enum engine_ping_kind kind, size_t size, engine_pong_fn *fn,
				      void *arg);
void engine_ping_stop(struct engine_ping *p);

#endif
