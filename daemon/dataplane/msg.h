/* SPDX-License-Identifier: GPL-2.0-or-later */
/* msg.h: what crosses between the control thread and a worker, as records on two SPSC rings.
 * Each record is a struct dp_msg followed by `len` bytes. A full ring drops the record and counts
 * it: every one of these is repeated or repaired by its protocol. */
#ifndef DAEMON_DATAPLANE_MSG_H
#define DAEMON_DATAPLANE_MSG_H

#include "base/ip.h"
#include "base/ring.h"

enum dp_msg_type {
	/* worker -> control */
	DP_EV_DATAGRAM = 1, /* disco, STUN or cookie that came from `ep`; bytes: the datagram */
	DP_EV_HANDSHAKE,    /* likewise: an initiation or response that has passed the gate */
	DP_EV_DERP_OUT,	    /* bytes: sealed datagram for `peer` by relay */
	DP_EV_WANT_SESSION, /* `peer` has packets staged and no usable key */
	DP_EV_WANT_PATH,    /* data goes to `peer` and its path is not proven */
	DP_EV_CONFIRMED,    /* first authentic packet of `peer` on the next session `index` */
	DP_EV_ACTIVE,	    /* a stamp of `peer` was set after a quiet time: start its timers */
	DP_EV_INNER, /* bytes: inner packet of `peer` for ourselves (TSMP, awaited echo reply) */
	DP_EV_UNREACHABLE, /* the system refused to send to `ep` of `peer` */
	DP_EV_DNS, /* bytes: a DNS query that `ep` of this host sent to the service address of its
		      family, which others must answer */
	DP_EV_NO_SESSION, /* transport data came from `ep` for a session we do not have: did we
			     restart? */

	/* control -> worker */
	DP_CMD_SESSION =
	    32, /* `peer` has a new current session: flush what is staged, or a keepalive */
	DP_CMD_SEND_INNER,  /* bytes: inner packet to seal for `peer`, ahead of staged ones; not
			       staged */
	DP_CMD_KEEPALIVE,   /* to `peer` */
	DP_CMD_DROP_STAGED, /* of `peer`: the handshake gave up */
	DP_CMD_DERP_IN,	    /* bytes: transport datagram that came by relay; `peer` sent it */
	DP_CMD_TUN_WRITE,   /* bytes: packet for this host */
	DP_CMD_DNS_FULL,    /* as many DP_EV_DNS are being dealt with as may be: dns_gate_hold */
};

struct dp_msg {
	uint8_t type;
	bool flag; /* DP_CMD_SESSION: send a keepalive when nothing is staged */
	uint16_t len;
	uint16_t segment; /* DP_EV_DERP_OUT, DP_CMD_DERP_IN: bytes of each datagram but the last; 0:
			     one datagram */
	uint32_t peer;	  /* slot, DP_NO_PEER if none */
	uint32_t index;
	struct ep ep;
};

/* Producer side: false if the ring was full. *wake is set when the consumer may be asleep. */
bool dp_msg_put(struct ring *r, const struct dp_msg *m, struct span bytes, bool *wake);
/* Consumer side: false if empty. bytes are borrowed until ring_pop. */
bool dp_msg_peek(struct ring *r, struct dp_msg *m, struct mspan *bytes);

#endif
