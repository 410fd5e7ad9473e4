/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nm_node_json.h: tailcfg.Node and PeerChange JSON to and from struct nm_node
 * (shared/spec/control.md 9.3.2, 14). Pure. Strict where the reference is: wrong types, bad keys,
 * prefixes or times refuse the value; unknown members are ignored. */
#ifndef DAEMON_CONTROL_NM_NODE_JSON_H
#define DAEMON_CONTROL_NM_NODE_JSON_H

#include "daemon/control/nm_node.h"

/* Returns 0 with *out new, -ERR_SYNTAX (why: static text naming the member), -ERR_TOOBIG. */
MUST_CHECK int nm_node_from_json(const json_t *v, struct nm_node **out, const char **why);
/* The node as servers write it (field order and omissions of the reference). Returns new. */
json_t *nm_node_to_json(const struct nm_node *n);

/* One PeersChangedPatch element, decoded. */
struct nm_patch {
	int64_t id;
	unsigned has; /* enum nm_patch_has */
	int32_t home_derp;
	int32_t cap;
	struct node_key key;
	struct disco_key disco;
	wall_t last_seen;
	wall_t key_expiry;
	bool online;
	json_t *caps;	   /* borrowed from the tree */
	json_t *endpoints; /* borrowed */
	json_t *signature; /* borrowed */
};
enum nm_patch_has {
	NM_PATCH_DERP = 1 << 0,
	NM_PATCH_CAP = 1 << 1,
	NM_PATCH_CAPMAP = 1 << 2,
	NM_PATCH_ENDPOINTS = 1 << 3,
	NM_PATCH_KEY = 1 << 4,
	NM_PATCH_SIGNATURE = 1 << 5,
	NM_PATCH_DISCO = 1 << 6,
	NM_PATCH_ONLINE = 1 << 7,
	NM_PATCH_LAST_SEEN = 1 << 8,
	NM_PATCH_EXPIRY = 1 << 9,
};
/* The decoded patch borrows from v. */
MUST_CHECK int nm_patch_from_json(const json_t *v, struct nm_patch *out, const char **why);
/* old with the patch applied, new; NULL when memory is out or a borrowed member is malformed. */
struct nm_node *nm_patch_apply(const struct nm_node *old, const struct nm_patch *p);

#endif
