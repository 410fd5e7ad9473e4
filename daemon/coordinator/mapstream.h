/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mapstream.h: what one open map stream has been told and has still to hear. Marks coalesce, so a
 * client that does not read costs a flag per changed node and nothing more: messages are only made
 * when the last one has left. Pure: bytes and streams are map_session.c's. Thread: the loop's. */
#ifndef COORDINATOR_MAPSTREAM_H
#define COORDINATOR_MAPSTREAM_H

#include "daemon/coordinator/policy.h"

/* What messages are made from; borrowed. */
struct map_world {
	const struct registry *reg;
	const struct policy *policy; /* NULL: allow all */
	const json_t
	    *filter_override; /* a fault command's rules instead of the policy's; NULL: none */
	const char *base_domain;
	const json_t *derp_map;
	const json_t *dns; /* DNSConfig */
};

struct mapstream {
	int64_t node;
	struct map known; /* ids of announced peers */
	struct map dirty; /* id -> enum node_change bits */
	struct map users; /* ids of sent profiles */
	bool first;	  /* the first message is due */
	bool self, filter, derp, dns, peers_all;
	uint8_t filter_hash[32];
};

void mapstream_init(struct mapstream *m, int64_t node);
void mapstream_fini(struct mapstream *m);
/* A node changed (enum node_change). */
void mapstream_note(struct mapstream *m, int64_t node, unsigned what);
/* The policy or the filter changed: everything about visibility is due again. */
void mapstream_note_policy(struct mapstream *m);
bool mapstream_due(const struct mapstream *m);
/* The next message (new), or NULL when nothing the client must hear is left. */
json_t *mapstream_next(struct mapstream *m, const struct map_world *w, wall_t now);

#endif
