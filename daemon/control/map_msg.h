/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_msg.h: one MapResponse decoded whole, before any of it is applied
 * (shared/spec/control.md 9.3). Pure. Only map_session.c and map_peers.c use this. */
#ifndef DAEMON_CONTROL_MAP_MSG_H
#define DAEMON_CONTROL_MAP_MSG_H

#include "daemon/control/map_session.h"
#include "daemon/control/nm_node_json.h"

#define MAP_VALUE_MAX (8u << 20) /* text of one member that is decoded in one piece */
#define MAP_NODE_MAX (8u << 20)	 /* text of one node: a router may have 100,000 routes */

struct map_nodes {
	struct nm_node **v;
	size_t n, room;
};
struct map_id_bool {
	int64_t id;
	bool value;
};
struct map_id_bools {
	struct map_id_bool *v;
	size_t n, room;
};
struct map_patches {
	struct nm_patch *v;
	json_t **trees; /* what the patches borrow from */
	size_t n, room;
};
struct map_filters {
	struct nm_filter *v; /* raw NULL: delete */
	size_t n, room;
	bool star; /* "*": null */
};

struct map_msg {
	bool keepalive;
	struct nm_node *self;
	struct map_nodes peers, changed;
	struct map_id_bools removed; /* value unused */
	struct map_id_bools seen, online;
	struct map_patches patches;
	struct map_filters filters;
	char *base_filter; /* PacketFilter: raw, NULL = unchanged */

	json_t *ping, *pop_url, *control_time, *client_version, *debug; /* checked for type only */
	json_t *derp, *dns, *ssh_policy, *users, *health, *messages, *tka;
	char *domain; /* NULL = unchanged */
	enum j_tri collect_services;
	wall_t time;
};

/* 0; -ERR_SYNTAX, -ERR_TOOBIG, -ERR_NOMEM with *why static. out is to be finished in any case. */
MUST_CHECK int map_msg_decode(struct map_msg *out, struct span json, const char **why);
void map_msg_fini(struct map_msg *m);

#endif
