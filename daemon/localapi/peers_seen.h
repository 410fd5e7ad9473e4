/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peers_seen.h: which peers differ from what the bus told last. Keeps 16 bytes a peer, and only
 * while somebody watches peer changes. Pure. */
#ifndef DAEMON_LOCALAPI_PEERS_SEEN_H
#define DAEMON_LOCALAPI_PEERS_SEEN_H

#include "base/json.h"

struct peer_mark {
	int64_t id;
	uint64_t hash; /* of the node's JSON */
};

struct peers_seen {
	struct peer_mark *marks; /* sorted by id */
	size_t n;
};

/* Compare with nodes (array of tailcfg.Node, or NULL for none), remember them, and put those that
 * are new or different into *changed, the ids of those that are gone into *removed (both new
 * arrays). */
void peers_seen_update(struct peers_seen *s, const json_t *nodes, json_t **changed,
		       json_t **removed);
void peers_seen_fini(struct peers_seen *s);

#endif
