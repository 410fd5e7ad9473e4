/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inbound.h: what happens to a decrypted packet of a peer, in the order of spec/routing.md 7.5.
 * Pure. Thread: worker. */
#ifndef NETSTACK_INBOUND_H
#define NETSTACK_INBOUND_H

#include "base/keys.h"
#include "netstack/filter.h"
#include "netstack/tsmp.h"

#include <stdatomic.h>

/* Echo requests we wait for: control thread writes, worker reads. A token is the identifier and
 * sequence number as a big-endian number, never 0. */
#define ECHO_WAITS 16
struct echo_waits {
	_Atomic uint32_t token[ECHO_WAITS];
};
/* Both: control thread. Add is false when all places are taken. */
bool echo_waits_add(struct echo_waits *w, uint32_t token);
void echo_waits_del(struct echo_waits *w, uint32_t token);
bool echo_waits_has(const struct echo_waits *w, uint32_t token);

/* What listens on our own addresses; 0: nothing. */
struct net_ports {
	uint16_t peerapi4, peerapi6; /* the peer API, which every peer may reach */
	uint16_t dns4, dns6;	     /* DNS by TCP, which no peer may reach: service_tcp.h */
};

/* About ourselves; immutable, part of what is published. */
struct net_self {
	struct ip addr4, addr6; /* unset: none */
	struct net_ports ports;
	struct disco_key disco; /* our own */
};

/* About the peer a packet came from or goes to: the address it knows us by. */
struct net_peer {
	struct ip masq4, masq6; /* unset: our own */
};

struct inbound {
	const struct net_self *self;
	const struct flt *filter;	/* for this peer: the jail if it is jailed; NULL: drop */
	struct flt_flows *flows;	/* that go with it */
	const struct echo_waits *waits; /* may be NULL */
};

enum in_action {
	IN_DELIVER, /* write to the TUN */
	IN_DROP,
	IN_ANSWER,  /* drop, and send the bytes in `answer` to the same peer */
	IN_CONTROL, /* swallow, and hand the packet to the control thread: TSMP or an awaited echo
		       reply */
};

struct net_result {
	enum flt_verdict verdict; /* to be counted; FLT_PASS if the filter was not asked */
	size_t answer_len;
};

/* bytes: one packet, at least 1 byte; its destination may be rewritten. pkt: gets the decoded
 * packet. answer: room for TSMP_PACKET_MAX bytes. All TSMP is swallowed, since the kernel would
 * answer it with "protocol unreachable". */
enum in_action inbound_packet(const struct inbound *in, const struct net_peer *peer,
			      struct mspan bytes, struct pkt *pkt, struct mspan answer,
			      struct net_result *res);

#endif
