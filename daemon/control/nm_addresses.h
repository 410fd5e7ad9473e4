/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nm_addresses.h: which peer of a network map has an address as one of its own (a host prefix of
 * nm_node.addresses; routes do not count). Servers should not give one address to two peers; if one
 * does, the lowest id has it, in whatever order they came. Nodes are borrowed until dropped. Pure.
 * Thread: control. */
#ifndef DAEMON_CONTROL_NM_ADDRESSES_H
#define DAEMON_CONTROL_NM_ADDRESSES_H

#include "base/map.h"
#include "daemon/control/nm_node.h"

/* At most what an address takes here: four slots of a struct ip, a pointer and a state. */
#define NM_BYTES_PER_ADDRESS 104u

struct nm_addresses {
	struct map owners; /* struct ip -> nm_node */
	bool shared;	   /* somebody may claim what another has */
	bool stale;	   /* and that other let go of something: settle */
};

void nm_addresses_init(struct nm_addresses *a);
void nm_addresses_fini(struct nm_addresses *a);
/* A node that replaces another with its id is added before that one is dropped. */
void nm_addresses_add(struct nm_addresses *a, const struct nm_node *n);
void nm_addresses_drop(struct nm_addresses *a, const struct nm_node *n);
/* Ends a series of changes. peers: all that are in it now, ascending by id. Linear, but only after
 * a drop while addresses are shared. */
void nm_addresses_settle(struct nm_addresses *a, const struct nm_node *const *peers, size_t n);
/* NULL: nobody's. Never between a change and settle. */
const struct nm_node *nm_addresses_find(const struct nm_addresses *a, struct ip ip);

#endif
