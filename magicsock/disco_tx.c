/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the path machines want sent: built, sealed, handed to the carrier. */
#include "magicsock/disco_priv.h"

#include "base/alloc.h"

#include <stdlib.h>

static struct disco_member *peer_of(const struct path_peer *p)
{
	return path_owner(p);
}

static void put(struct disco *d, struct disco_member *p, const struct path_dest *to,
		struct span packet)
{
	if (ep_is_set(to->ep))
		d->ops->send_udp(d->arg, to->ep, packet);
	else if (to->region)
		d->ops->send_derp(d->arg, to->region, &p->pub.node, packet);
}

/* mem holds plaintext and packet one behind the other. */
static void seal_in(struct disco *d, struct disco_member *p, const struct path_dest *to,
		    const struct disco_msg *msg, struct mspan mem)
{
	struct wr plain = wr_init(mspan_of(mem.p, mem.len / 2));
	disco_build(&plain, msg);
	struct wr packet = wr_init(mspan_of(mem.p + mem.len / 2, mem.len / 2));
	disco_seal(&packet, &d->self, &p->box, d->rng, wr_span_of(&plain));
	if (wr_ok(&plain) && wr_ok(&packet))
		put(d, p, to, wr_span_of(&packet));
}

static void send_msg(struct disco *d, struct disco_member *p, const struct path_dest *to,
		     const struct disco_msg *msg)
{
	if (!disco_ensure_box(p))
		return;
	size_t padding = msg->type == DISCO_PING ? msg->ping.padding : 0;
	uint8_t small[2 * DISCO_SMALL];
	if (padding + DISCO_PING_LEN <= DISCO_SMALL) {
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
	if (msg.cmm.n == 0)
		return; /* an empty list would take away what the peer knows */
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

const struct path_ops disco_path_ops = {
	.send_ping = send_ping,
	.send_pong = send_pong,
	.send_cmm = send_cmm,
	.want_endpoints = want_endpoints,
	.changed = changed,
	.cli_pong = cli_pong,
};
