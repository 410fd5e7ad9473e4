/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_flows.h: the flows the filter remembers: the FLT_FLOWS most recently used ones, without a
 * time limit. Pure. For filter.c. */
#ifndef NETSTACK_FILTER_FLOWS_H
#define NETSTACK_FILTER_FLOWS_H

#include "netstack/filter.h"

/* As its packets look when they come in; all bytes count, none is padding. */
struct flow_key {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint8_t proto, version;
	uint8_t zero[2];
};

struct flow_key flow_key_in(const struct pkt *p);
struct flow_key flow_key_out(const struct pkt *p); /* of the answers to p */

/* Both make the flow the most recent one. */
void flt_flows_note(struct flt_flows *s, const struct flow_key *k);
bool flt_flows_use(struct flt_flows *s, const struct flow_key *k); /* false: not known */
/* The filter in force is (not) a shields-up one. Flows of a normal filter end with shields up. */
void flt_flows_follow(struct flt_flows *s, bool shields);

#endif
