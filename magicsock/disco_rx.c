/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receive rules of transport.md 3. */
#include "magicsock/disco_priv.h"

#include "base/alloc.h"

#include <stdlib.h>

struct rx {
	mono_t now;
	struct path_dest from;
	struct disco_member *peer; /* DERP: the source; UDP: first of those with the key */
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

static enum disco_verdict ping_one(struct disco *d, const struct rx *rx, struct disco_member *p)
{
	enum path_verdict v = path_on_ping(p->pub.path, rx->now, &rx->from, &rx->msg->ping.txid);
	disco_settle(d, p);
	return verdict_of(v);
}

/* The node key in the ping picks one of several peers with this disco key, if it is one of them. */
static struct disco_member *named_peer(const struct rx *rx)
{
	for (struct disco_member *p = rx->peer; p; p = p->same_key)
		if (rx->msg->ping.has_node && node_key_eq(&p->pub.node, &rx->msg->ping.node))
			return p;
	return NULL;
}

static enum disco_verdict on_ping(struct disco *d, const struct rx *rx)
{
	struct disco_member *named = ep_is_set(rx->from.ep) ? named_peer(rx) : rx->peer;
	d->ponged = false;
	if (named)
		return ping_one(d, rx, named);
	enum disco_verdict v = DISCO_RX_UNKNOWN;
	for (struct disco_member *p = rx->peer; p; p = p->same_key)
		v = ping_one(d, rx, p);
	return v;
}

static enum disco_verdict on_pong(struct disco *d, const struct rx *rx)
{
	for (struct disco_member *p = rx->peer; p; p = p->same_key) {
		enum path_verdict v =
		    path_on_pong(p->pub.path, rx->now, &rx->from, &rx->msg->pong.txid);
		disco_settle(d, p);
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
	disco_settle(d, rx->peer);
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

static enum disco_verdict open_in(struct disco_member *p, struct span pkt, struct mspan scratch,
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

static enum disco_verdict open_msg(struct disco_member *p, struct span pkt, struct disco_msg *msg)
{
	uint8_t small[DISCO_SMALL];
	if (!disco_ensure_box(p))
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
	struct disco_member *p = map_get(&d->by_key, sender.b);
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
	struct disco_member *p = map_get(&d->by_node, src->b);
	if (!p || !disco_key_eq(&p->pub.key, &sender))
		return DISCO_RX_WRONG_PEER;
	struct disco_msg msg;
	enum disco_verdict v = open_msg(p, datagram, &msg);
	if (v != DISCO_RX_OK)
		return v;
	struct rx rx = { .now = now, .from = { .region = region }, .peer = p, .msg = &msg };
	return dispatch(d, &rx);
}
