/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tsmp.h: parse and build TSMP messages (IP protocol 99, only inside the tunnel). Pure.
 * Layout: spec/routing.md 8. Lengths are minima: what follows is ignored. */
#ifndef NETSTACK_TSMP_H
#define NETSTACK_TSMP_H

#include "base/keys.h"
#include "netstack/ip_wire.h"

enum tsmp_type { TSMP_PING = 'p', TSMP_PONG = 'o', TSMP_REJECT = '!', TSMP_DISCO = 'a' };

enum tsmp_reason {
	TSMP_ACL = 'A',
	TSMP_SHIELDS = 'S',
	TSMP_IP_FORWARD = 'F',
	TSMP_HOST_FIREWALL = 'W',
	TSMP_UNKNOWN_TRANSIT = 'T',
};

/* The largest packet a builder makes: IPv6 header and disco advertisement. */
#define TSMP_PACKET_MAX (IP6_HDR_LEN + 33)

struct tsmp_reject {
	uint8_t proto;	    /* of the refused flow */
	uint8_t reason;	    /* enum tsmp_reason, or one we do not know */
	bool maybe_broken;  /* the refuser is not sure */
	struct ep src, dst; /* of the refused flow: the packet itself travels from dst to src */
};

struct tsmp {
	enum tsmp_type type;
	union {
		uint8_t data[8]; /* ping */
		struct {
			uint8_t data[8];
			uint16_t peerapi_port; /* 0: none */
		} pong;
		struct tsmp_reject reject;
		struct disco_key disco; /* never zero */
	};
};

/* p: decoded from bytes. 0; -ERR_TYPE if it is not TSMP or a type we do not know, -ERR_SHORT,
 * -ERR_RANGE for a zero disco key; out untouched then. */
MUST_CHECK int tsmp_parse(const struct pkt *p, struct span bytes, struct tsmp *out);

/* Whole IP packets; each returns the length, 0 if out is too small or the families differ. */
size_t tsmp_ping_build(struct mspan out, struct ip src, struct ip dst,
		       const uint8_t data[static 8]);
/* The answer to `ping`: addresses swapped, identification inverted. */
size_t tsmp_pong_build(struct mspan out, const struct pkt *ping, const uint8_t data[static 8],
		       uint16_t peerapi_port);
size_t tsmp_reject_build(struct mspan out, const struct tsmp_reject *r);
size_t tsmp_disco_build(struct mspan out, struct ip src, struct ip dst,
			const struct disco_key *key);

#endif
