/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/dns_gate.h"

#include "base/map.h"

#define PORT_PERIOD (NS_PER_S / DNS_GATE_PORT_PER_S)
#define ADDRESS_PERIOD (NS_PER_S / DNS_GATE_ADDRESS_PER_S)

static struct bucket *slot(struct bucket *v, struct ip ip, uint16_t port)
{
	uint8_t key[sizeof(ip) + sizeof(port)];
	memcpy(key, &ip, sizeof(ip));
	memcpy(key + sizeof(ip), &port, sizeof(port));
	return &v[map_hash(key, sizeof(key)) % DNS_GATE_SLOTS];
}

void dns_gate_hold(struct dns_gate *g, mono_t now)
{
	g->hold_until = mono_add_ms(now, DNS_GATE_HOLD_MS);
}

bool dns_gate_admit(struct dns_gate *g, mono_t now, unsigned waiting, struct ep from)
{
	if (waiting <= DNS_GATE_BUSY && mono_due(g->hold_until, now))
		return true;
	if (waiting > DNS_GATE_FULL)
		return false;
	struct bucket *port = slot(g->port, from.ip, from.port);
	struct bucket *address = slot(g->address, from.ip, 0);
	/* Both or neither: a flood that ends at one takes nothing from those who share the other.
	 */
	return bucket_has(port, now, PORT_PERIOD, DNS_GATE_PORT_BURST) &&
	       bucket_take(address, now, ADDRESS_PERIOD, DNS_GATE_ADDRESS_BURST) &&
	       bucket_take(port, now, PORT_PERIOD, DNS_GATE_PORT_BURST);
}
