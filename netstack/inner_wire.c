/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/inner_wire.h"

#include "netstack/ip_nat.h"

/* "TS" and a speech bubble: every disco packet begins so, then comes its sender's key. */
static const uint8_t disco_magic[6] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

bool inner_is_own_disco(const struct net_self *self, const struct pkt *p, struct span bytes)
{
	if (p->proto != IP_PROTO_UDP)
		return false;
	struct rd r = rd_init(pkt_udp_data(p, bytes));
	struct span magic = rd_take(&r, sizeof(disco_magic));
	struct disco_key key;
	rd_copy(&r, key.b, sizeof(key.b));
	return rd_ok(&r) && span_eq(magic, span_of(disco_magic, sizeof(disco_magic))) &&
	       disco_key_eq(&key, &self->disco);
}

void inner_masquerade(const struct net_self *self, const struct net_peer *peer, struct mspan bytes,
		      struct pkt *p)
{
	const struct ip *own = p->version == 6 ? &self->addr6 : &self->addr4;
	const struct ip *known = p->version == 6 ? &peer->masq6 : &peer->masq4;
	if (ip_is_set(*known) && ip_is_set(*own) && ip_eq(p->src.ip, *own))
		ip_nat_src(bytes, p, *known);
}
