/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mapgen.h: the JSON of map messages: nodes, patches, and the parts that do not depend on nodes.
 * Pure. Members as in shared/spec/control.md 9.3 and 13. All results are new. Thread: the loop's.
 */
#ifndef COORDINATOR_MAPGEN_H
#define COORDINATOR_MAPGEN_H

#include "daemon/coordinator/registry.h"

#define MAP_REGION_ID 900

/* What the relay map says about our one region. */
struct map_relay {
	const char *host; /* name or address literal */
	uint16_t port;
	int stun_port; /* -1: none */
	const char
	    *cert_name; /* "sha256-raw:<hex>" pin, or NULL: the certificate is publicly trusted */
};

json_t *map_derp(const struct map_relay *relay);
json_t *map_user_profile(const struct registry *r, int64_t user);

json_t *map_self(const struct node *n, const char *base_domain, wall_t now);
json_t *map_peer(const struct node *n, const char *base_domain, wall_t now);
/* PeerChange with the members that `what` (NODE_PATCHABLE bits) names. */
json_t *map_patch(const struct node *n, unsigned what);

#endif
