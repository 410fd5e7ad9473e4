/* SPDX-License-Identifier: GPL-2.0-or-later */
/* local_set.h: the destinations we may receive packets for. Pure. spec/routing.md 7.2. */
#ifndef NETSTACK_LOCAL_SET_H
#define NETSTACK_LOCAL_SET_H

#include "netstack/ranges.h"

struct local_set_in {
	const struct ip *self; /* own and service addresses */
	size_t n_self;
	const struct prefix *advertised; /* the preference, approved or not */
	size_t n_advertised;
	const struct prefix
	    *interfaces; /* addresses with their prefix length of all interfaces; used for /0 */
	size_t n_interfaces;
	bool app_connector;
};

/* out: initialised (zeroed), gets the sorted set. False when memory ran out. */
bool local_set_build(const struct local_set_in *in, struct ranges *out);

#endif
