/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/outbound.h"

#include "netstack/icmp.h"
#include "netstack/inner_wire.h"

static enum out_action drop(struct net_result *res, enum flt_verdict why)
{
	res->verdict = why;
	return OUT_DROP;
}

enum out_action outbound_classify(const struct net_self *self, struct span bytes, struct pkt *pkt,
				  struct mspan answer, struct net_result *res)
{
	*res = (struct net_result){ .verdict = FLT_PASS };
	pkt_decode(bytes, pkt);
	if (pkt->proto == IP_PROTO_UNKNOWN)
		return drop(res,
			    bytes.len < IP4_HDR_LEN ? FLT_DROP_TOO_SHORT : FLT_DROP_UNKNOWN_PROTO);
	bool service = ip_is_service(pkt->dst.ip);
	if (service && pkt_is_echo_request(pkt)) {
		res->answer_len = icmp_echo_reply_build(answer, pkt, bytes);
		return OUT_ANSWER;
	}
	if (pkt->proto == IP_PROTO_TSMP || inner_is_own_disco(self, pkt, bytes))
		return drop(res, FLT_DROP_OWN);
	if (service)
		return OUT_SERVICE;
	enum flt_verdict v = flt_check(pkt, bytes.len);
	return v == FLT_PASS ? OUT_PEER : drop(res, v);
}

void outbound_rewrite(const struct net_self *self, const struct net_peer *peer, struct mspan bytes)
{
	struct pkt p;
	if (!ip_is_set(peer->masq4) && !ip_is_set(peer->masq6))
		return;
	pkt_decode(span_const(bytes), &p);
	inner_masquerade(self, peer, bytes, &p);
}

void outbound_own(const struct net_self *self, const struct net_peer *peer,
		  const struct flt *filter, struct flt_flows *flows, struct mspan bytes)
{
	struct pkt p;
	pkt_decode(span_const(bytes), &p);
	flt_note_out(filter, flows, &p);
	outbound_rewrite(self, peer, bytes);
}
