/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outbound.h: what happens to a packet read from the TUN, in the order of spec/routing.md 7.5, with
 * the look-up of the peer, which is not ours, after the first step. What is decided about a
 * super-packet holds for all its segments; only the rewriting is done on each. Pure.
 * Thread: worker. */
#ifndef NETSTACK_OUTBOUND_H
#define NETSTACK_OUTBOUND_H

#include "netstack/inbound.h"
#include "netstack/service.h"

enum out_action {
	OUT_PEER, /* look up the peer of pkt->dst, then flt_note_out and outbound_rewrite */
	OUT_DROP,
	OUT_ANSWER,  /* write `answer` back to the TUN */
	OUT_SERVICE, /* for our own services on the service addresses; never goes to a peer */
};

/* bytes: one packet as read. pkt gets the decoded packet. answer: at least bytes.len bytes. */
enum out_action outbound_classify(const struct net_self *self, struct span bytes, struct pkt *pkt,
				  struct mspan answer, struct net_result *res);
/* The source address as this peer knows it, in a whole packet with its final checksum. */
void outbound_rewrite(const struct net_self *self, const struct net_peer *peer, struct mspan bytes);
/* The same for a packet we made: no verdict, flow remembered, source rewritten. */
void outbound_own(const struct net_self *self, const struct net_peer *peer,
		  const struct flt *filter, struct flt_flows *flows, struct mspan bytes);

#endif
