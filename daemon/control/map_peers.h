/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_peers.h: changes to the peers of a network map, with the rules that keep it sound: ids and
 * keys are unique, never our own, never low-order; totals are bounded (netmap.h). Pure. */
#ifndef DAEMON_CONTROL_MAP_PEERS_H
#define DAEMON_CONTROL_MAP_PEERS_H

#include "daemon/control/map_msg.h"

struct map_peers {
	struct netmap *nm;
	struct map_refused *refused;
	int64_t *ids; /* touched by this message; sorted and unique after map_peers_end */
	size_t n_ids, room_ids;
};

/* Own node, taken: a peer that has its id or key goes. */
void map_peers_set_self(struct map_peers *p, struct nm_node *self);
/* Peers*, OnlineChange, PeerSeenChange of a message in the order of shared/spec/control.md 9.3. */
void map_peers_apply(struct map_peers *p, struct map_msg *m, wall_t now);
/* Put a peer (taken) in the place of whatever has its id; refused ones leave the id without a peer.
 */
void map_peers_put(struct map_peers *p, struct nm_node *n);
/* Ends a message; before it, nobody asks the map by address. */
void map_peers_end(struct map_peers *p);

#endif
