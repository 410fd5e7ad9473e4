/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp_client.h: the DERP connections of a node, one per region, on the loop: dial, TLS, reconnect,
 * home region, on-demand regions, routes learned from whom was heard where. Source: transport.md
 * 8, 9. Thread: the loop's. Callbacks never come from inside a call of this API. */
#ifndef MAGICSOCK_DERP_CLIENT_H
#define MAGICSOCK_DERP_CLIENT_H

#include "base/keys.h"
#include "base/net.h"
#include "magicsock/derpmap.h"

#define DERP_TEXT_MAX 160

struct derp_mgr;

struct derp_mgr_ops {
	/* A datagram from a peer (borrowed); src is what the relay says. False means that it is no
	 * peer of ours: then no route is remembered, and a relay cannot fill our memory with
	 * made-up keys. */
	bool (*on_packet)(void *arg, int region, const struct node_key *src, struct span datagram);
	/* All datagrams of one read were handed over. May be NULL. */
	void (*on_read_end)(void *arg);
	/* Connected (login complete), or an attempt or connection ended: text (borrowed, printable)
	 * says why. */
	void (*on_state)(void *arg, int region, bool connected, const char *text);
	/* The relay says the peer is not there; its route is forgotten already. */
	void (*on_peer_gone)(void *arg, int region, const struct node_key *peer, uint8_t reason);
	/* A frame of any kind came (at most one call per region and 5 s): netcheck's "heard from".
	 */
	void (*on_heard)(void *arg, int region, mono_t now);
	/* A connection broke: time to look at our addresses again. May be NULL. */
	void (*on_want_restun)(void *arg);
};

/* Returns new. net and rng are borrowed for its life. No connection before map, key and home or a
 * send. */
struct derp_mgr *derp_mgr_new(struct net *net, struct rng *rng, const struct derp_mgr_ops *ops,
			      void *arg);
/* Closes all, calls nothing back. Not from inside a callback. */
void derp_mgr_free(struct derp_mgr *m);

/* Copied. Regions whose definition changed are disconnected, the home is dialed anew if its was.
 * NULL: no map. */
void derp_mgr_set_map(struct derp_mgr *m, const struct derp_map *map);
/* Copied. Another key closes all and reconnects the home; NULL closes all and forgets the key. */
void derp_mgr_set_key(struct derp_mgr *m, const struct node_priv *key);
/* 0 = none. Tells open connections which one is preferred; the old one idles out. */
void derp_mgr_set_home(struct derp_mgr *m, int region);
int derp_mgr_home(const struct derp_mgr *m);
/* Whether the last netcheck had working IPv6: then IPv4 is dialed 200 ms later. */
void derp_mgr_set_have_v6(struct derp_mgr *m, bool have);

/* Queue one datagram (copied), connecting if need be. 0; -ERR_NOENT: no such region, or no key;
 * -ERR_TOOBIG. When the relay takes less than comes, the oldest go (derp_queue.h), and whatever has
 * waited for DERP_WAIT_MS on a connection that stands. */
#define DERP_WAIT_MS 100
MUST_CHECK int derp_mgr_send(struct derp_mgr *m, int region, const struct node_key *dst,
			     struct span datagram);
/* The region to reach a peer by: an open connection to its home; else an open connection it was
 * heard on; else its home (to be opened); 0 = none. */
int derp_mgr_route_for(const struct derp_mgr *m, const struct node_key *peer, int peer_home);
/* Peer left the netmap: forget where it was heard. */
void derp_mgr_forget_peer(struct derp_mgr *m, const struct node_key *peer);

/* Link change. major: connections whose local address is not in `local` (borrowed; n 0 = unknown,
 * none is judged) are closed, the others probed. down: close all until up. */
void derp_mgr_on_link_change(struct derp_mgr *m, const struct ip *local, size_t n);
void derp_mgr_set_network_up(struct derp_mgr *m, bool up);

struct derp_region_status {
	int region;
	bool home;
	bool connected; /* logged in */
	bool connecting;
	mono_t since;	   /* of the present state */
	mono_t last_frame; /* MONO_ZERO = never */
	struct ep remote;
	const char *text;   /* last error, "" if none; borrowed */
	const char *health; /* what the relay complains of, "" if nothing; borrowed, printable */
	uint64_t tx_dropped;
};
/* false if we hold no state for the region */
bool derp_mgr_status(const struct derp_mgr *m, int region, struct derp_region_status *out);
/* Region ids we hold a connection (attempt) for; returns how many there are. */
size_t derp_mgr_regions(const struct derp_mgr *m, int *ids, size_t max);

#endif
