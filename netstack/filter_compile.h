/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_compile.h: the inside of a compiled filter; for filter_compile.c, which makes it, and
 * filter.c, which asks it. */
#ifndef NETSTACK_FILTER_COMPILE_H
#define NETSTACK_FILTER_COMPILE_H

#include "netstack/filter.h"
#include "netstack/filter_index.h"

struct flt_ports {
	uint16_t first, last;
};

struct flt_match {
	struct flt_protos protos;
	size_t dst_begin, dst_end; /* its part of flt_side.dsts */
};

/* A capability that rules name as source. */
struct flt_cap {
	char *name;
	size_t begin, end; /* its part of flt_side.cap_rules */
};

/* The match list of one address family. A rule is in it only if it has a source and a destination
 * of the family, so a rule of mixed families matches nothing across them. */
struct flt_side {
	struct key_set local;
	struct flt_match *rules;
	size_t n_rules;
	/* source ranges; value: rule. At most one hit a rule, see add_sources */
	struct key_tree srcs;
	struct key_tree caps;	   /* addresses that hold a capability; value: place in cap_names */
	struct flt_cap *cap_names; /* by name */
	size_t n_caps;
	uint32_t *cap_rules;
	struct key_tree dsts; /* one part for each rule; value: place in ports */
	struct flt_ports *ports;
};

struct flt {
	uint64_t number; /* of no other filter, so that what it said is known to be its word */
	bool shields;
	bool narrowed;
	struct flt_side side[2]; /* IPv4, IPv6 */
};

#endif
