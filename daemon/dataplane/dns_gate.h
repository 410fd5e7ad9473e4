/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_gate.h: which of this host's DNS queries may go to the control thread. While that keeps up,
 * all; when it falls behind, or has said that it cannot ask about more at once, each source its
 * share, so that a flood of one leaves the others theirs: a source is a port of an address, since
 * all programs of a host have one address, and in the end an address, since a program may use all
 * ports. The way is never filled beyond half. Pure. Thread: its worker's. */
#ifndef DAEMON_DATAPLANE_DNS_GATE_H
#define DAEMON_DATAPLANE_DNS_GATE_H

#include "base/bucket.h"
#include "base/ip.h"

#define DNS_GATE_SLOTS 1024
#define DNS_GATE_PORT_PER_S 50
#define DNS_GATE_PORT_BURST 32
#define DNS_GATE_ADDRESS_PER_S 2000
#define DNS_GATE_ADDRESS_BURST 512
/* How full the way may be, of INTAKE_WAY_FULL. */
#define DNS_GATE_BUSY 16 /* until here it keeps up */
#define DNS_GATE_FULL 128
#define DNS_GATE_HOLD_MS 200

/* All zero: as new. Sources that fall into one slot share it. */
struct dns_gate {
	struct bucket port[DNS_GATE_SLOTS], address[DNS_GATE_SLOTS];
	mono_t hold_until;
};

/* Whoever asks others has no room now: ration for DNS_GATE_HOLD_MS. */
void dns_gate_hold(struct dns_gate *g, mono_t now);

/* waiting: 0 to INTAKE_WAY_FULL. */
bool dns_gate_admit(struct dns_gate *g, mono_t now, unsigned waiting, struct ep from);

#endif
