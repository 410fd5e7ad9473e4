/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp_client_priv.h: what derp_client.c (the manager) and derp_link_client.c (one connection)
 * share, with derp_dial_client.c (choice of relay). */
#ifndef MAGICSOCK_DERP_CLIENT_PRIV_H
#define MAGICSOCK_DERP_CLIENT_PRIV_H

#include "base/map.h"
#include "base/resolve.h"
#include "base/stream.h"
#include "magicsock/derp_client.h"
#include "magicsock/derp_queue.h"
#include "magicsock/derp_session.h"

enum derp_link_state {
	LINK_IDLE,	 /* nothing open; perhaps waiting for retry_at */
	LINK_RESOLVING,	 /* choosing a node, perhaps looking its name up */
	LINK_CONNECTING, /* TCP and TLS */
	LINK_OPEN,	 /* session running */
};

struct derp_link {
	struct derp_mgr *mgr;
	int region;
	enum derp_link_state state;
	struct resolve_req *resolve;
	struct stream *stream;
	struct derp_session *session;
	struct derp_session *dead; /* ended inside its own callback; freed in the next sweep */
	size_t node;		   /* being or been dialed */
	struct loop_timer timer;

	struct derp_queue *queue;

	mono_t dial_deadline;
	mono_t retry_at;
	mono_t last_use; /* a datagram was to go; MONO_ZERO = never */
	mono_t since;	 /* of the present state */
	mono_t up_at;
	mono_t last_frame;
	mono_t told_heard;
	unsigned fails;
	bool up;     /* logged in */
	bool news;   /* the owner is to be told in the next sweep */
	bool broken; /* a connection ended since the last sweep */
	uint64_t tx_dropped;
	char text[DERP_TEXT_MAX];
	char health[DERP_TEXT_MAX];
};

struct derp_mgr {
	struct net *net;
	struct loop *loop;
	struct rng *rng;
	const struct derp_mgr_ops *ops;
	void *arg;
	struct derp_map *map; /* may be NULL */
	struct node_priv key;
	bool has_key;
	bool network_up;
	bool have_v6;
	int home;
	struct derp_link **links;
	size_t n_links;
	struct map routes; /* node key -> region as pointer-sized integer */
	struct loop_defer sweep;
};

struct derp_link *derp_link_new(struct derp_mgr *m, int region);
void derp_link_free(struct derp_link *c);
/* Should there be a connection now? */
bool derp_link_wanted(const struct derp_link *c, mono_t now);
/* Open, close or wait as things stand, and arm the timer. */
void derp_link_settle(struct derp_link *c, mono_t now);
/* End whatever is going on; the next attempt may come at once. */
void derp_link_close(struct derp_link *c, const char *text);
void derp_link_push(struct derp_link *c, const struct node_key *dst, struct span datagram);
/* Queue to session to stream, as far as there is room. */
void derp_link_flush(struct derp_link *c);
/* What can be freed now, as no callback of its session is running. */
void derp_link_reap(struct derp_link *c);

const struct derp_region *derp_link_region(const struct derp_link *c); /* borrowed; NULL */
void derp_link_set_text(struct derp_link *c, const char *text);	       /* made printable */
void derp_link_set_state(struct derp_link *c, enum derp_link_state state);
/* End it, and wait before the next attempt. */
void derp_link_fail(struct derp_link *c, const char *text);
extern const struct stream_ops derp_link_stream_ops;

/* derp_dial_client.c: an attempt over all relays of the region, and the one at or behind index i.
 */
void derp_dial_start(struct derp_link *c, mono_t now);
void derp_dial_node(struct derp_link *c, size_t i);

void derp_mgr_sweep_later(struct derp_mgr *m);
void derp_mgr_learn_route(struct derp_mgr *m, const struct node_key *peer, int region);
void derp_mgr_forget_routes(struct derp_mgr *m, int region);

#endif
