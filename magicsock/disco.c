/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/disco.h"

#include "base/alloc.h"

#include <stdlib.h>

/* Every message but a padded ping fits; larger ones take heap for the moment. */
#define SMALL 2048

struct peer {
	struct disco_peer pub;
	struct disco *set;
	struct heap_node timer;
	struct peer *same_key; /* next with this disco key */
	struct box_key box;    /* of (own disco key, pub.key) */
	bool has_box;
};

struct disco {
	const struct disco_ops *ops;
	void *arg;
	struct rng *rng;
	struct path_node node;
	struct node_key self_node;
	struct disco_key self;
	struct disco_priv priv;
	struct map by_node; /* node key -> peer */
	struct map by_key;  /* disco key -> first peer of the chain */
	struct heap timers;
	mono_t announced; /* deadline the owner knows of */
	bool ponged;	  /* the message being handled has been answered */
};

static struct peer *peer_of(const struct path_peer *p)
{
	return path_owner(p);
}

/* ---- deadlines --------------------------------------------------------------------------- */

mono_t disco_deadline(const struct disco *d)
{
	struct heap_node *min = heap_min(&d->timers);
	return min ? min->at : MONO_NEVER;
}

/* After anything that may have moved p's deadline. */
static void settle(struct disco *d, struct peer *p)
{
	mono_t at = path_deadline(p->pub.path);
	if (mono_is_never(at))
		heap_remove(&d->timers, &p->timer);
	else
		heap_set(&d->timers, &p->timer, at);
	mono_t first = disco_deadline(d);
	bool earlier = mono_before(first, d->announced);
	d->announced = first;
	if (earlier)
		d->ops->rearm(d->arg);
}

void disco_tick(struct disco *d, mono_t now)
{
	struct heap_node *min;
	while ((min = heap_min(&d->timers)) && mono_due(min->at, now)) {
		struct peer *p = CONTAINER_OF(min, struct peer, timer);
		path_tick(p->pub.path, now);
		settle(d, p);
	}
}

/* ---- keys ---------------------------------------------------------------------------------- */

static bool ensure_box(struct peer *p)
{
	if (!p->has_box && !disco_key_is_zero(&p->pub.key) && !disco_priv_is_zero(&p->set->priv))
		p->has_box = box_precompute(&p->box, p->set->priv.b, p->pub.key.b) == 0;
	return p->has_box;
}

static void drop_box(struct peer *p)
{
	wipe(&p->box, sizeof(p->box));
	p->has_box = false;
}

static void link_key(struct disco *d, struct peer *p)
{
	if (disco_key_is_zero(&p->pub.key))
		return;
	p->same_key = map_put(&d->by_key, p->pub.key.b, p);
}

static void unlink_key(struct disco *d, struct peer *p)
{
	struct peer *first = map_get(&d->by_key, p->pub.key.b);
	if (first == p) {
		if (p->same_key)
			map_put(&d->by_key, p->pub.key.b, p->same_key);
		else
			map_del(&d->by_key, p->pub.key.b);
	}
	for (struct peer *it = first; it && it != p; it = it->same_key)
		if (it->same_key == p)
			it->same_key = p->same_key;
	p->same_key = NULL;
}

void disco_set_self(struct disco *d, const struct node_key *node, const struct disco_priv *priv)
{
	d->self_node = *node;
	d->priv = *priv;
	disco_priv_public(priv, &d->self);
	size_t it = 0;
	struct peer *p;
	while ((p = map_next(&d->by_node, &it, NULL)))
		drop_box(p);
}

const struct disco_key *disco_self(const struct disco *d)
{
	return &d->self;
}

/* ---- what the path machines want sent -------------------------------------------------------- */

static void put(struct disco *d, struct peer *p, const struct path_dest *to, struct span packet)
{
	if (ep_is_set(to->ep))
		d->ops->send_udp(d->arg, to->ep, packet);
	else if (to->region)
		d->ops->send_derp(d->arg, to->region, &p->pub.node, packet);
}

/* mem holds plaintext and packet one behind the other. */
static void seal_in(struct disco *d, struct peer *p, const struct path_dest *to,
		    const struct disco_msg *msg, struct mspan mem)
{
	struct wr plain = wr_init(mspan_of(mem.p, mem.len / 2));
	disco_build(&plain, msg);
	struct wr packet = wr_init(mspan_of(mem.p + mem.len / 2, mem.len / 2));
	disco_seal(&packet, &d->self, &p->box, d->rng, wr_span_of(&plain));
	if (wr_ok(&plain) && wr_ok(&packet))
		put(d, p, to, wr_span_of(&packet));
}

static void send_msg(struct disco *d, struct peer *p, const struct path_dest *to,
		     const struct disco_msg *msg)
{
	if (!ensure_box(p))
		return;
	size_t padding = msg->type == DISCO_PING ? msg->ping.padding : 0;
	uint8_t small[2 * SMALL];
	if (padding + DISCO_PING_LEN <= SMALL) {
		seal_in(d, p, to, msg, mspan_of(small, sizeof(small)));
		return;
	}
	size_t room = 2 * (padding + DISCO_PING_LEN);
	uint8_t *big = try_calloc(1, room);
	if (big)
		seal_in(d, p, to, msg, mspan_of(big, room));
	free(big);
}

static void send_ping(void *arg, struct path_peer *pp, const struct path_ping *ping)
{
	struct disco *d = arg;
	struct disco_msg msg = { .type = DISCO_PING };
	msg.ping =
	    (struct disco_ping){ .txid = ping->txid, .has_node = true, .node = d->self_node };
	if (ping->size > DISCO_PING_LEN)
		msg.ping.padding = ping->size - DISCO_PING_LEN;
	send_msg(d, peer_of(pp), &ping->to, &msg);
}

/* Peers that share a disco key all learn from a ping; one of them answers. */
static void send_pong(void *arg, struct path_peer *pp, const struct path_dest *to,
		      const struct disco_txid *txid, struct ep src)
{
	struct disco *d = arg;
	if (d->ponged)
		return;
	d->ponged = true;
	struct disco_msg msg = { .type = DISCO_PONG };
	msg.pong = (struct disco_pong){ .txid = *txid, .src = src };
	send_msg(d, peer_of(pp), to, &msg);
}

static void send_cmm(void *arg, struct path_peer *pp, int region)
{
	struct disco *d = arg;
	struct disco_msg msg = { .type = DISCO_CALL_ME_MAYBE };
	struct path_dest to = { .region = region };
	msg.cmm.n = d->ops->endpoints(d->arg, msg.cmm.eps, DISCO_CMM_MAX);
	send_msg(d, peer_of(pp), &to, &msg);
}

static void want_endpoints(void *arg)
{
	struct disco *d = arg;
	d->ops->want_endpoints(d->arg);
}

static void changed(void *arg, struct path_peer *pp, bool addr, const char *why)
{
	struct disco *d = arg;
	d->ops->changed(d->arg, &peer_of(pp)->pub, addr, why);
}

static void cli_pong(void *arg, struct path_peer *pp, const struct path_cli_pong *pong)
{
	struct disco *d = arg;
	d->ops->cli_pong(d->arg, &peer_of(pp)->pub, pong);
}

static const struct path_ops path_ops = {
	.send_ping = send_ping,
	.send_pong = send_pong,
	.send_cmm = send_cmm,
	.want_endpoints = want_endpoints,
	.changed = changed,
	.cli_pong = cli_pong,
};

/* ---- the set ------------------------------------------------------------------------------------
 */

struct disco *disco_new(const struct disco_ops *ops, void *arg, struct rng *rng)
{
	struct disco *d = xcalloc(1, sizeof(*d));
	d->ops = ops;
	d->arg = arg;
	d->rng = rng;
	d->announced = MONO_NEVER;
	path_node_init(&d->node, &path_ops, d, rng);
	map_init(&d->by_node, sizeof(struct node_key));
	map_init(&d->by_key, sizeof(struct disco_key));
	heap_init(&d->timers);
	return d;
}

static void peer_free(struct disco *d, struct peer *p)
{
	heap_remove(&d->timers, &p->timer);
	path_free(p->pub.path);
	drop_box(p);
	free(p);
}

void disco_free(struct disco *d)
{
	if (!d)
		return;
	size_t it = 0;
	struct peer *p;
	while ((p = map_next(&d->by_node, &it, NULL)))
		peer_free(d, p);
	map_fini(&d->by_node);
	map_fini(&d->by_key);
	heap_fini(&d->timers);
	disco_priv_wipe(&d->priv);
	free(d);
}

struct path_node *disco_node(struct disco *d)
{
	return &d->node;
}

struct disco_peer *disco_peer_find(const struct disco *d, const struct node_key *node)
{
	struct peer *p = map_get(&d->by_node, node->b);
	return p ? &p->pub : NULL;
}

struct disco_peer *disco_peer_add(struct disco *d, const struct node_key *node, void *user)
{
	struct disco_peer *old = disco_peer_find(d, node);
	if (old)
		return old;
	struct peer *p = xcalloc(1, sizeof(*p));
	p->set = d;
	p->pub.node = *node;
	p->pub.user = user;
	p->pub.path = path_new(&d->node, p);
	map_put(&d->by_node, node->b, p);
	return &p->pub;
}

static struct peer *inner(struct disco_peer *p)
{
	return CONTAINER_OF(p, struct peer, pub);
}

void disco_peer_remove(struct disco *d, struct disco_peer *pub)
{
	struct peer *p = inner(pub);
	unlink_key(d, p);
	map_del(&d->by_node, pub->node.b);
	peer_free(d, p);
}

bool disco_peer_set_key(struct disco *d, struct disco_peer *pub, const struct disco_key *key)
{
	struct peer *p = inner(pub);
	if (disco_key_eq(&pub->key, key))
		return false;
	bool had = !disco_key_is_zero(&pub->key);
	if (had)
		unlink_key(d, p);
	drop_box(p);
	pub->key = *key;
	link_key(d, p);
	return had && !disco_key_is_zero(key);
}

void disco_peer_set_netmap(struct disco *d, struct disco_peer *p, mono_t now,
			   const struct path_netmap *nm)
{
	path_on_netmap(p->path, now, nm);
	settle(d, inner(p));
}

size_t disco_n_peers(const struct disco *d)
{
	return map_len(&d->by_node);
}

struct disco_peer *disco_peer_next(const struct disco *d, size_t *it)
{
	struct peer *p = map_next(&d->by_node, it, NULL);
	return p ? &p->pub : NULL;
}

/* ---- receive rules
 * --------------------------------------------------------------------------------- */

struct rx {
	mono_t now;
	struct path_dest from;
	struct peer *peer; /* DERP: the source; UDP: first of those with the key */
	const struct disco_msg *msg;
};

static enum disco_verdict verdict_of(enum path_verdict v)
{
	switch (v) {
	case PATH_OK:
		return DISCO_RX_OK;
	case PATH_DUPLICATE:
		return DISCO_RX_DUPLICATE;
	case PATH_LIMITED:
		return DISCO_RX_LIMITED;
	case PATH_FORBIDDEN:
	case PATH_UNKNOWN_TXID:
	case PATH_STALE:
		break;
	}
	return DISCO_RX_IGNORED;
}

static enum disco_verdict ping_one(struct disco *d, const struct rx *rx, struct peer *p)
{
	enum path_verdict v = path_on_ping(p->pub.path, rx->now, &rx->from, &rx->msg->ping.txid);
	settle(d, p);
	return verdict_of(v);
}

/* The node key in the ping picks one of several peers with this disco key, if it is one of them. */
static struct peer *named_peer(const struct rx *rx)
{
	for (struct peer *p = rx->peer; p; p = p->same_key)
		if (rx->msg->ping.has_node && node_key_eq(&p->pub.node, &rx->msg->ping.node))
			return p;
	return NULL;
}

static enum disco_verdict on_ping(struct disco *d, const struct rx *rx)
{
	struct peer *named = ep_is_set(rx->from.ep) ? named_peer(rx) : rx->peer;
	d->ponged = false;
	if (named)
		return ping_one(d, rx, named);
	enum disco_verdict v = DISCO_RX_UNKNOWN;
	for (struct peer *p = rx->peer; p; p = p->same_key)
		v = ping_one(d, rx, p);
	return v;
}

static enum disco_verdict on_pong(struct disco *d, const struct rx *rx)
{
	for (struct peer *p = rx->peer; p; p = p->same_key) {
		enum path_verdict v =
		    path_on_pong(p->pub.path, rx->now, &rx->from, &rx->msg->pong.txid);
		settle(d, p);
		if (v != PATH_UNKNOWN_TXID)
			return verdict_of(v);
	}
	return DISCO_RX_IGNORED;
}

static enum disco_verdict on_cmm(struct disco *d, const struct rx *rx)
{
	if (ep_is_set(rx->from.ep))
		return DISCO_RX_IGNORED; /* only over DERP, where the relay names the sender */
	enum path_verdict v =
	    path_on_cmm(rx->peer->pub.path, rx->now, rx->msg->cmm.eps, rx->msg->cmm.n);
	settle(d, rx->peer);
	return verdict_of(v);
}

static enum disco_verdict dispatch(struct disco *d, const struct rx *rx)
{
	switch (rx->msg->type) {
	case DISCO_PING:
		return on_ping(d, rx);
	case DISCO_PONG:
		return on_pong(d, rx);
	case DISCO_CALL_ME_MAYBE:
		return on_cmm(d, rx);
	case DISCO_BIND: /* peer relays: understood, not used */
	case DISCO_CHALLENGE:
	case DISCO_ANSWER:
	case DISCO_CALL_ME_MAYBE_VIA:
	case DISCO_ALLOC_REQUEST:
	case DISCO_ALLOC_RESPONSE:
		break;
	}
	return DISCO_RX_IGNORED;
}

static enum disco_verdict open_in(struct peer *p, struct span pkt, struct mspan scratch,
				  struct disco_msg *msg)
{
	struct span plain;
	int rc = disco_open(pkt, &p->box, scratch, &plain);
	if (rc)
		return rc == -ERR_AUTH ? DISCO_RX_BAD_BOX : DISCO_RX_SHORT;
	rc = disco_parse(plain, msg);
	if (rc)
		return rc == -ERR_TYPE ? DISCO_RX_IGNORED : DISCO_RX_BAD_BODY;
	return DISCO_RX_OK;
}

static enum disco_verdict open_msg(struct peer *p, struct span pkt, struct disco_msg *msg)
{
	uint8_t small[SMALL];
	if (!ensure_box(p))
		return DISCO_RX_UNKNOWN;
	if (pkt.len <= sizeof(small))
		return open_in(p, pkt, mspan_of(small, sizeof(small)), msg);
	if (pkt.len > DISCO_PACKET_MAX)
		return DISCO_RX_IGNORED;
	uint8_t *big = try_calloc(1, pkt.len);
	if (!big)
		return DISCO_RX_IGNORED;
	enum disco_verdict v = open_in(p, pkt, mspan_of(big, pkt.len), msg);
	free(big);
	return v;
}

enum disco_verdict disco_input_udp(struct disco *d, mono_t now, struct ep from, bool relayed,
				   struct span datagram)
{
	struct disco_key sender;
	if (disco_key_is_zero(&d->self))
		return DISCO_RX_NO_KEY;
	if (disco_sender(datagram, &sender))
		return DISCO_RX_SHORT;
	struct peer *p = map_get(&d->by_key, sender.b);
	if (!p)
		return DISCO_RX_UNKNOWN;
	struct disco_msg msg;
	enum disco_verdict v = open_msg(p, datagram, &msg);
	if (v != DISCO_RX_OK)
		return v;
	if (relayed)
		return DISCO_RX_IGNORED;
	struct rx rx = { .now = now, .from = { .ep = from }, .peer = p, .msg = &msg };
	return dispatch(d, &rx);
}

enum disco_verdict disco_input_derp(struct disco *d, mono_t now, int region,
				    const struct node_key *src, struct span datagram)
{
	struct disco_key sender;
	if (disco_key_is_zero(&d->self))
		return DISCO_RX_NO_KEY;
	if (disco_sender(datagram, &sender))
		return DISCO_RX_SHORT;
	if (!map_get(&d->by_key, sender.b))
		return DISCO_RX_UNKNOWN;
	struct peer *p = map_get(&d->by_node, src->b);
	if (!p || !disco_key_eq(&p->pub.key, &sender))
		return DISCO_RX_WRONG_PEER;
	struct disco_msg msg;
	enum disco_verdict v = open_msg(p, datagram, &msg);
	if (v != DISCO_RX_OK)
		return v;
	struct rx rx = { .now = now, .from = { .region = region }, .peer = p, .msg = &msg };
	return dispatch(d, &rx);
}

/* ---- events
 * ------------------------------------------------------------------------------------------- */

struct path_route disco_on_send(struct disco *d, struct disco_peer *p, mono_t now)
{
	struct path_route r = path_on_send(p->path, now);
	settle(d, inner(p));
	return r;
}

void disco_on_activity(struct disco *d, struct disco_peer *p, mono_t now)
{
	path_on_activity(p->path, now);
	settle(d, inner(p));
}

void disco_on_heard(struct disco *d, struct disco_peer *p, mono_t now, struct ep from)
{
	path_on_heard(p->path, now, from);
	settle(d, inner(p));
}

void disco_on_rebind(struct disco *d, mono_t now)
{
	size_t it = 0;
	struct peer *p;
	while ((p = map_next(&d->by_node, &it, NULL))) {
		path_on_rebind(p->pub.path, now);
		settle(d, p);
	}
}

void disco_on_unreachable(struct disco *d, struct disco_peer *p, mono_t now, struct ep to)
{
	path_on_unreachable(p->path, now, to);
	settle(d, inner(p));
}

void disco_on_endpoints(struct disco *d, mono_t now)
{
	path_node_endpoints_fresh(&d->node, now);
}

int disco_ping_start(struct disco *d, struct disco_peer *p, mono_t now, size_t size, void *token)
{
	int rc = path_ping_start(p->path, now, size, token);
	settle(d, inner(p));
	return rc;
}

void disco_ping_stop(struct disco_peer *p, void *token)
{
	path_ping_stop(p->path, token);
}
