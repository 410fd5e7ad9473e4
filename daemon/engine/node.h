/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node.h: everything between the network map and the wire, with its sockets: TUN, UDP, relays,
 * netcheck, routes, the packet worker, around the pure core of engine.h. The backend tells it what
 * it should be; it tells the backend what the control server and people want to know.
 * Thread: control; callbacks never come from inside a call of this API. */
#ifndef DAEMON_ENGINE_NODE_H
#define DAEMON_ENGINE_NODE_H

#include "base/net.h"
#include "daemon/control/netmap.h"
#include "daemon/state/prefs.h"
#include "magicsock/endpoints.h"
#include "magicsock/netcheck.h"
#include "netstack/router_rivals_linux.h"

struct node;
struct dns_local;
struct link_snapshot; /* netstack/linkmon.h */

struct node_opts {
	struct net *net;
	const char *tun_name;
	uint16_t port; /* 0 = any */
	struct router_params routing;
	unsigned workers;    /* threads of the packet path, 1 or 2; 0 = 1 */
	uint32_t no_offload; /* set of base/offload.h that is switched off */
	int hands_fd;	     /* of hands_fork: iptables; -1: nftables */
	bool no_tun;	     /* no interface, no routes: tests */
};

struct node_ops {
	/* The endpoint list changed (borrowed). */
	void (*on_endpoints)(void *arg, const struct endpoint *eps, size_t n);
	/* A netcheck ended, or the home region changed; report may be NULL before the first one. */
	void (*on_netinfo)(void *arg, const struct nc_report *report, int home);
	/* The network under us changed (another uplink, other addresses). */
	void (*on_link_change)(void *arg);
	/* Addresses of this machine changed: node_apply with NM_CHANGED_SELF if it is up. */
	void (*on_interfaces)(void *arg);
	/* Something that status, health or the Starting -> Running step look at changed. */
	void (*on_change)(void *arg);
	/* A program of this host asked our resolver by UDP what the table of node_set_dns does not
	 * answer. to: the service address it asked; query: borrowed, hostile, already taken for a
	 * query by dns_query_parse. Answer by node_dns_reply, or not at all. A flood of one source
	 * is held back before. NULL: nobody answers. */
	void (*on_dns)(void *arg, struct ep from, struct ep to, struct span query);
};

/* Opens sockets and the TUN. NULL with *why new (for the user). Returns new. */
struct node *node_new(const struct node_opts *o, const struct node_ops *ops, void *arg, char **why);
/* Interface, routes, rules and sockets are gone afterwards, but for the leak guard if an exit node
 * is in use: the next start, or node_cleanup, takes that. */
void node_free(struct node *n);

/* The disco key of this process. */
const struct disco_key *node_disco_key(const struct node *n);
/* Login, rotation, or NULL at logout: sessions with the old key end. */
void node_set_key(struct node *n, const struct node_priv *key);
/* Whether control is reachable: without it an existing home region is never changed. */
void node_set_control_up(struct node *n, bool up);
/* Be what the map and the preferences say. Both borrowed during the call. ch NULL: compare all. */
void node_apply(struct node *n, const struct netmap *nm, const struct prefs *p,
		const struct nm_change *ch);
/* Applied and not down since. */
bool node_is_up(const struct node *n);
/* The address list to give out while there is no map. */
const struct endpoint *node_endpoints(const struct node *n, size_t *count);
/* Names that are answered without asking anybody. Referenced until the next call; NULL: none. */
void node_set_dns(struct node *n, struct dns_local *dns);
/* What listens on our own tailnet addresses; 0: nothing. Kept over node_down. */
struct node_ports {
	uint16_t peerapi4, peerapi6;
	uint16_t dns4, dns6; /* connections to port 53 of the service addresses arrive there */
};
void node_set_ports(struct node *n, const struct node_ports *p);
/* The reply to a query, both addresses as on_dns gave them: it goes to `from`. At most
 * NODE_DNS_REPLY_MAX bytes; a longer one is dropped. */
#define NODE_DNS_REPLY_MAX 4095
void node_dns_reply(struct node *n, struct ep from, struct ep to, struct span reply);
/* There was no room for a question of on_dns: for a while each source gets only its share. */
void node_dns_full(struct node *n);
/* Stopped or logged out: no addresses, routes, sessions or relays. keep_guard: as node_block. */
void node_down(struct node *n, bool keep_guard);
/* Take away rules and routes of an earlier run whose table or rule base were others; after what
 * this run wants first. */
void node_forget_numbers(struct node *n, const struct router_params *before);
/* An exit node is wanted and there is no map yet: nothing but our own packets leaves. */
void node_block(struct node *n);

/* ---- reading ----------------------------------------------------------------------------- */
/* Do our routes lead packets to this address into the tunnel (or, with an exit node that is not
 * there, nowhere)? */
bool node_in_tunnel(struct node *n, struct ip to);
/* Would the packet filter let a connection from src to dst in? */
bool node_allows_tcp(const struct node *n, struct ip src, struct ep dst);
/* At least one peer with a fresh session, or the home relay is connected. */
bool node_is_live(const struct node *n);

struct node_peer_status {
	bool in_engine; /* has a session or tries to get one */
	bool active;	/* something sent within 45 s */
	struct ep cur;	/* trusted direct address; unset otherwise */
	int64_t latency_ns;
	uint64_t rx_bytes, tx_bytes;
	wall_t last_handshake; /* WALL_ZERO = none */
	wall_t last_write;
	bool waiting; /* packets for it wait for a session */
};
bool node_peer_status(const struct node *n, const struct node_key *key,
		      struct node_peer_status *out);

struct node_status {
	int home; /* region, 0 = none */
	bool home_connected;
	bool home_connecting;
	mono_t home_since; /* of that state */
	mono_t home_last_frame;
	const char *home_text; /* last error of the home relay, borrowed */
	size_t n_live;	       /* peers with a session */
	size_t n_derp;	       /* open relay connections */
	uint64_t rx_bytes, tx_bytes;
	uint16_t port;
	bool have_udp4, have_udp6;
	bool tun_ok;
	bool filter_void;		    /* health item "invalid-packet-filter": engine.h */
	const char *router_problem;	    /* "" if routes and addresses are as wanted; borrowed */
	const struct router_rivals *rivals; /* who uses our marks and our table; borrowed */
	const char *firewall_problem;	    /* "" if it is as wanted; borrowed */
	bool firewall_missing;		    /* there is nothing to set rules with */
	const char *firewall_kind;	    /* NetInfo.FirewallMode; "" none */
};
void node_status(const struct node *n, struct node_status *out);
/* The machine's interfaces; borrowed until the next turn of the loop. NULL: not known. */
const struct link_snapshot *node_link(const struct node *n);
const struct nc_report *node_netcheck_last(const struct node *n); /* borrowed; NULL */

/* Prometheus text of the packet path, of all nodes in this process. */
void node_usermetrics(struct buf *out);
/* Debug views */
json_t *node_debug(struct node *n, const char *what); /* new; NULL: unknown */
json_t *node_debug_datapath(const struct node *n);    /* new */
json_t *node_debug_routes(struct node *n);	      /* desired against actual; new */
MUST_CHECK int node_debug_action(struct node *n, const char *action);

/* ---- asking -------------------------------------------------------------------------------- */
/* A fresh netcheck; done gets the report (borrowed; NULL: could not run) once. */
void node_netcheck(struct node *n, void (*done)(void *arg, const struct nc_report *r), void *arg);

enum node_ping_kind { NODE_PING_DISCO, NODE_PING_TSMP, NODE_PING_ICMP };
struct node_pong {
	const char *err; /* NULL on success; borrowed */
	int64_t latency_ns;
	struct ep ep;	       /* disco: direct address, or unset */
	int region;	       /* disco: by this relay, or 0 */
	uint16_t peerapi_port; /* TSMP */
};
struct node_ping;
/* The peer is named by its key, the packet goes to `to` (one of its addresses). done is called once
 * unless cancelled; TSMP and ICMP give up after 10 s, disco never. Returns new. */
struct node_ping *node_ping(struct node *n, const struct node_key *peer, struct ip to,
			    enum node_ping_kind kind, size_t size,
			    void (*done)(void *arg, const struct node_pong *r), void *arg);
void node_ping_cancel(struct node_ping *p);

/* Load what the kernel may lack; before the sandbox. */
void node_prepare(void);
/* Remove what a dead process of ours left: interface, rules, routes, firewall. NULL, or what could
 * not be removed and why (new, for the user); the rest is removed all the same. */
MUST_CHECK char *node_cleanup(const char *tun_name, const struct router_params *params);

#endif
