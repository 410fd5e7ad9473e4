/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counters.h: what the packet path counts. Thread: any. */
#ifndef DAEMON_DATAPLANE_COUNTERS_H
#define DAEMON_DATAPLANE_COUNTERS_H

#include "base/counters.h"

enum dp_counter {
	DPC_TX_NO_SNAPSHOT, /* packets before there is a network */
	DPC_TX_NO_PEER,	    /* nobody has that address */
	DPC_TX_SERVICE,	    /* for service addresses, where nobody serves that */
	DPC_TX_REFUSED,	    /* likewise, TCP: answered with a reset */
	DPC_DNS_ANSWERED,   /* queries of this host, from what we know ourselves */
	DPC_DNS_FORWARDED,  /* given to the control thread */
	DPC_DNS_OVERLOAD,   /* more than the source's share of that */
	DPC_DNS_JUNK,	    /* no query at all */
	DPC_DNS_STRANGER,   /* not of this host: forwarded for somebody else */
	DPC_DNS_TCP,	    /* segments, both directions */
	DPC_TX_STAGED,	    /* waited for a session */
	DPC_TX_STAGED_DROP, /* and were dropped from the queue */
	DPC_TX_TOO_BIG,
	DPC_TX_BAD_FRAME, /* the kernel's description of a super-packet does not hold */
	DPC_TX_NO_PATH,	  /* neither direct address nor relay */
	DPC_RX_JUNK,	  /* neither STUN, disco nor WireGuard */
	DPC_RX_OVERLOAD,  /* one kind came faster than its share */
	DPC_RX_SHEDS,	  /* how often the kernel was asked to drop most of a flood */
	DPC_RX_NO_INDEX,
	DPC_RX_AUTH,
	DPC_RX_REPLAY,
	DPC_RX_EXPIRED,
	DPC_RX_WRONG_PEER, /* the relay names another sender than the session's */
	DPC_RX_INNER,	   /* what came out is no IP packet */
	DPC_RX_SOURCE,	   /* inner source that is not the peer's */
	DPC_RX_TUN,	   /* refused by the TUN */
	DPC_RING_FULL,	   /* record to the control thread lost */
	DPC_N
};

void dp_count(enum dp_counter c, uint64_t n);

#endif
