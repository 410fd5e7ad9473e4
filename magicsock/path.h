/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.h: which way to reach one peer: candidates, pings, best address, trust, DERP beside it.
 * Pure: time is an argument, outputs are callbacks. Source: transport.md 4; traces:
 * path_trace.json.
 *
 * A peer is in one of three situations, told by (best, trusted_until) against now:
 *   no best           DERP only; candidates are pinged while there is traffic
 *   best, untrusted   both best and DERP get a copy; ditto
 *   best, trusted     UDP only; best is pinged every 3 s (heartbeat) for 45 s after the last packet
 * Only a pong to our own ping makes an address best; a ping received only makes it a candidate. */
#ifndef MAGICSOCK_PATH_H
#define MAGICSOCK_PATH_H

#include "base/ip.h"
#include "base/list.h"
#include "base/mono.h"
#include "base/rng.h"
#include "magicsock/disco_wire.h"

#define PATH_HEARTBEAT_S 3
#define PATH_ACTIVE_S 45
#define PATH_TRUST_MS 6500
#define PATH_PING_TIMEOUT_S 5
#define PATH_PING_GAP_S 5
#define PATH_GOOD_ENOUGH_NS (5 * NS_PER_MS)
#define PATH_UPGRADE_S 60
#define PATH_ENDPOINTS_FRESH_S 27
#define PATH_CANDIDATES_MAX 100
#define PATH_PINGS_MAX 256
#define PATH_WIRE_MTU 1360
#define PATH_CLI_SIZE_MAX 65467
#define PATH_JOIN_WINDOW_S 10
/* call-me-maybes obeyed at once, and then one every PATH_PING_GAP_S: a peer shall not aim us */
#define PATH_CMM_BURST 8

struct path_peer;

enum path_purpose { PATH_PING_DISCOVERY, PATH_PING_HEARTBEAT, PATH_PING_CLI };

/* Where a ping or pong goes: UDP if ep is set, else DERP region. */
struct path_dest {
	struct ep ep;
	int region;
};

struct path_ping {
	struct path_dest to;
	struct disco_txid txid;
	enum path_purpose purpose;
	size_t size; /* of the disco packet in bytes; 0 = plain */
};

/* Answer to a CLI ping. */
struct path_cli_pong {
	struct path_dest via;
	int64_t latency_ns;
	void *token; /* as given to path_ping_start */
};

struct path_ops {
	void (*send_ping)(void *arg, struct path_peer *p, const struct path_ping *ping);
	/* Pong: to `to`, telling the peer that its ping was seen from src. */
	void (*send_pong)(void *arg, struct path_peer *p, const struct path_dest *to,
			  const struct disco_txid *txid, struct ep src);
	/* Send our endpoints to the peer through its home region. */
	void (*send_cmm)(void *arg, struct path_peer *p, int region);
	/* Our endpoints are too old for a call-me-maybe: gather, then path_node_endpoints_fresh. */
	void (*want_endpoints)(void *arg);
	/* path_view changed: another address (why: static text for the log), or (addr false) only
	 * another end of trust or another region. May be called several times in one call. */
	void (*changed)(void *arg, struct path_peer *p, bool addr, const char *why);
	void (*cli_pong)(void *arg, struct path_peer *p, const struct path_cli_pong *pong);
};

/* What the machines of all peers of one node share. Plain struct, caller's storage; fields marked
 * (set) may be written at any time. */
struct path_node {
	const struct path_ops *ops; /* borrowed */
	void *arg;
	struct rng *rng; /* CSPRNG: txids authenticate pongs */
	bool ping_back; /* (set) ping the source of an incoming ping at once when nothing is trusted
			 */
	bool eager_join; /* (set) 1 s retries towards unheard peers in the first 10 s after joining
			  */
	bool eager_rebind;   /* (set) after a rebind, peers in use are looked for at once, not when
			      * the next packet goes */
	bool silent_disco;   /* (set) no heartbeats */
	bool no_udp;	     /* (set) only-tcp-443: DERP only */
	mono_t joined_at;    /* (set) MONO_NEVER = long ago */
	mono_t endpoints_at; /* when our endpoints were gathered; MONO_ZERO = never */
	struct list waiting; /* peers whose call-me-maybe waits for endpoints */
};

void path_node_init(struct path_node *n, const struct path_ops *ops, void *arg, struct rng *rng);
/* Our endpoint list is new (or confirmed) at now: sends the call-me-maybes that waited. */
void path_node_endpoints_fresh(struct path_node *n, mono_t now);

/* Returns new. n must outlive it. owner: for the callbacks (path_owner). */
struct path_peer *path_new(struct path_node *n, void *owner);
void path_free(struct path_peer *p); /* NULL is fine */
void *path_owner(const struct path_peer *p);

/* What the netmap says. Forbidden addresses are left out; at most PATH_CANDIDATES_MAX are taken. */
struct path_netmap {
	const struct ep *eps; /* borrowed */
	size_t n_eps;
	int home;     /* DERP region, 0 = none */
	bool expired; /* key expired: nothing is sent */
};
void path_on_netmap(struct path_peer *p, mono_t now, const struct path_netmap *nm);

/* Where a datagram goes now. Both unset: nowhere (look for a region it was heard on). */
struct path_route {
	struct ep udp;
	int region; /* 0 = no copy to DERP */
	bool expired;
};

/* One WireGuard packet (data, handshake or keepalive) wants to go: route it, and look for a better
 * way if it deserves one. For the control thread, and for the worker's reports "sent without
 * trust". */
struct path_route path_on_send(struct path_peer *p, mono_t now);
/* The worker sent packets on the trusted path at about now. */
void path_on_activity(struct path_peer *p, mono_t now);

enum path_verdict {
	PATH_OK,
	PATH_DUPLICATE,	   /* ping seen already: not answered */
	PATH_FORBIDDEN,	   /* address nobody may make us talk to */
	PATH_UNKNOWN_TXID, /* pong to no ping of ours */
	PATH_STALE,	   /* pong for a candidate that is gone */
	PATH_LIMITED,	   /* too many call-me-maybes */
};
/* An authenticated disco message of this peer. A call-me-maybe says that it has no proven way to
 * us: the best address has to answer soon, or another takes its place (path_doubt.c). */
enum path_verdict path_on_ping(struct path_peer *p, mono_t now, const struct path_dest *from,
			       const struct disco_txid *txid);
enum path_verdict path_on_pong(struct path_peer *p, mono_t now, const struct path_dest *from,
			       const struct disco_txid *txid);
enum path_verdict path_on_cmm(struct path_peer *p, mono_t now, const struct ep *eps, size_t n);
/* An authenticated WireGuard packet of this peer; from unset = DERP. Never moves the path. */
void path_on_heard(struct path_peer *p, mono_t now, struct ep from);
/* Link change or rebound sockets: no path is believed any more. */
void path_on_rebind(struct path_peer *p, mono_t now);
/* The kernel said EHOSTUNREACH/ENETUNREACH for this address. */
void path_on_unreachable(struct path_peer *p, mono_t now, struct ep to);

mono_t path_deadline(const struct path_peer *p);
void path_tick(struct path_peer *p, mono_t now);

/* `ping` of the CLI: 0, -ERR_TOOBIG (size above PATH_CLI_SIZE_MAX), -ERR_NOENT (nowhere to send),
 * -ERR_FULL. Each answer comes as cli_pong until path_ping_stop(token); the first one counts. */
MUST_CHECK int path_ping_start(struct path_peer *p, mono_t now, size_t size, void *token);
void path_ping_stop(struct path_peer *p, void *token);

/* For the data path: valid until `changed`. The worker applies it with path_view_route. */
struct path_view {
	struct ep best;	      /* unset = none */
	mono_t trusted_until; /* inclusive */
	int region;	      /* peer's home, 0 = none */
	bool expired;
};
struct path_view path_view(const struct path_peer *p);

static inline bool path_view_trusted(const struct path_view *v, mono_t now)
{
	return ep_is_set(v->best) && now.ns <= v->trusted_until.ns;
}

static inline struct path_route path_view_route(const struct path_view *v, mono_t now)
{
	if (v->expired)
		return (struct path_route){ .expired = true };
	return (struct path_route){ .udp = v->best,
				    .region = path_view_trusted(v, now) ? 0 : v->region };
}

struct path_status {
	bool active;	    /* sent to within 45 s */
	struct ep cur;	    /* the trusted address; unset while DERP gets a copy */
	int64_t latency_ns; /* of best; 0 = unknown */
	int home;
	size_t n_candidates;
	mono_t last_send; /* MONO_ZERO = never */
};
void path_status(const struct path_peer *p, mono_t now, struct path_status *out);

/* May we send to it on somebody's word? No: port 0, unspecified, multicast, broadcast, IPv6
 * link-local (no scope), tailnet ranges. */
bool path_addr_allowed(struct ep e);

/* ---- comparison (path_better.c) ------------------------------------------------------------- */

struct path_quality {
	struct ep ep;	    /* unset = empty */
	uint32_t vni;	    /* 0 = direct, else through a peer relay */
	int64_t latency_ns; /* 0 = unknown */
	uint16_t wire_mtu;
};
/* Should a replace b? */
bool path_better(const struct path_quality *a, const struct path_quality *b);

#endif
