/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disco.h: all peers' path machines together with their keys: who may send which disco message over
 * which carrier (transport.md 3), sealing and opening, and one deadline for all. Pure: sockets are
 * callbacks, which must not call back into the set. Thread: one (control).
 *
 * Order of the receive rules: sender's key must be a current peer's before any crypto is spent;
 * then open with the cached precomputed key; parse; dispatch. Each failure is a verdict, never a
 * log line. */
#ifndef MAGICSOCK_DISCO_H
#define MAGICSOCK_DISCO_H

#include "base/heap.h"
#include "base/map.h"
#include "magicsock/path.h"

struct disco; /* the set */

struct disco_peer {
	struct node_key node;
	struct disco_key key; /* zero = none known: the peer takes no part */
	struct path_peer *path;
	void *user; /* the engine's; set by disco_peer_add */
};

struct disco_ops {
	/* Sealed packets to send. EPERM and the like count as lost. */
	void (*send_udp)(void *arg, struct ep to, struct span datagram);
	void (*send_derp)(void *arg, int region, const struct node_key *to, struct span datagram);
	/* The current endpoint list, for a call-me-maybe: fill up to max, return how many. */
	size_t (*endpoints)(void *arg, struct ep *out, size_t max);
	void (*want_endpoints)(void *arg);
	void (*changed)(void *arg, struct disco_peer *p, bool addr, const char *why);
	void (*cli_pong)(void *arg, struct disco_peer *p, const struct path_cli_pong *pong);
	/* disco_deadline may be earlier than before: arm the timer anew. */
	void (*rearm)(void *arg);
};

/* Returns new; ops and rng borrowed. Options of the path machines: disco_node(). */
struct disco *disco_new(const struct disco_ops *ops, void *arg, struct rng *rng);
void disco_free(struct disco *d); /* frees all peers */
struct path_node *disco_node(struct disco *d);
/* Own keys; a new disco key forgets all precomputed keys. */
void disco_set_self(struct disco *d, const struct node_key *node, const struct disco_priv *priv);
const struct disco_key *disco_self(const struct disco *d); /* zero before disco_set_self */

/* Add or find. Borrowed until disco_peer_remove. */
struct disco_peer *disco_peer_add(struct disco *d, const struct node_key *node, void *user);
struct disco_peer *disco_peer_find(const struct disco *d, const struct node_key *node);
void disco_peer_remove(struct disco *d, struct disco_peer *p);
/* From the netmap or TSMP. Paths and candidates stay. True if it differs from a nonzero key before:
 * the peer restarted (the caller resets its WireGuard sessions unless TSMP brought the key). */
bool disco_peer_set_key(struct disco *d, struct disco_peer *p, const struct disco_key *key);
void disco_peer_set_netmap(struct disco *d, struct disco_peer *p, mono_t now,
			   const struct path_netmap *nm);
size_t disco_n_peers(const struct disco *d);
/* it 0 at first; NULL at the end. Removing the current one is allowed. */
struct disco_peer *disco_peer_next(const struct disco *d, size_t *it);

enum disco_verdict {
	DISCO_RX_OK,
	DISCO_RX_NO_KEY,  /* we have no key yet */
	DISCO_RX_SHORT,	  /* not disco, or too short */
	DISCO_RX_UNKNOWN, /* sender's key is no current peer's */
	DISCO_RX_BAD_BOX,
	DISCO_RX_BAD_BODY,
	DISCO_RX_IGNORED,    /* a type we do not act on, or the wrong carrier for it */
	DISCO_RX_WRONG_PEER, /* DERP source is not a peer, or its disco key is another */
	DISCO_RX_DUPLICATE,
	DISCO_RX_LIMITED,
	DISCO_RX_N
};
/* One datagram that ms_classify called disco (Geneve stripped). relayed: it had a Geneve header
 * (then it is opened and ignored: peer relays come later). */
enum disco_verdict disco_input_udp(struct disco *d, mono_t now, struct ep from, bool relayed,
				   struct span datagram);
enum disco_verdict disco_input_derp(struct disco *d, mono_t now, int region,
				    const struct node_key *src, struct span datagram);
/* Wrappers that keep the deadline right; see path.h. */
struct path_route disco_on_send(struct disco *d, struct disco_peer *p, mono_t now);
void disco_on_activity(struct disco *d, struct disco_peer *p, mono_t now);
void disco_on_heard(struct disco *d, struct disco_peer *p, mono_t now, struct ep from);
void disco_on_rebind(struct disco *d, mono_t now); /* all peers */
void disco_on_unreachable(struct disco *d, struct disco_peer *p, mono_t now, struct ep to);
void disco_on_endpoints(struct disco *d, mono_t now); /* gathered */
MUST_CHECK int disco_ping_start(struct disco *d, struct disco_peer *p, mono_t now, size_t size,
				void *token);
void disco_ping_stop(struct disco_peer *p, void *token);

mono_t disco_deadline(const struct disco *d);
void disco_tick(struct disco *d, mono_t now);

#endif
