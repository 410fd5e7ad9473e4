/* SPDX-License-Identifier: GPL-2.0-or-later */
/* registry.h: who is in the network: users, nodes, their names, addresses and announced state.
 * Pure: time and randomness are arguments, nothing is read or written. What others must hear of
 * leaves through on_change. Rules: shared/spec/control.md 7.5, 8, 13. Thread: the loop's. */
#ifndef COORDINATOR_REGISTRY_H
#define COORDINATOR_REGISTRY_H

#include "base/keys.h"
#include "base/map.h"
#include "base/mono.h"
#include "daemon/coordinator/names.h"
#include "daemon/coordinator/vecs.h"

#define REGISTRY_NODES_MAX 65536
#define REGISTRY_USERS_MAX 4096
#define REGISTRY_KEYS_MAX 4096
#define NODE_ENDPOINTS_MAX 64
#define NODE_ROUTES_MAX 256
#define NODE_TAGS_MAX 32
#define NODE_HOSTINFO_MAX 65536 /* bytes of JSON; a larger report is ignored */
/* owner of every tagged node, as Headscale numbers it */
#define USER_TAGGED INT64_C(2147455555)

struct user {
	int64_t id;
	char *name;
	wall_t created;
};

struct node {
	int64_t id; /* never used again for another node */
	struct machine_key machine;
	struct node_key key;
	struct disco_key disco; /* zero: not announced to peers yet */
	int64_t user;		/* USER_TAGGED if it has tags */
	int64_t auth_user;	/* who brought it in; equals user unless tagged */
	char *name;		/* DNS label, unique */
	bool renamed;		/* name given by an admin: a new host name does not change it */
	bool ephemeral;
	struct ip v4, v6;
	wall_t created;
	wall_t expiry;	  /* WALL_ZERO: never */
	wall_t last_seen; /* WALL_ZERO while online or never seen */
	struct strv tags;
	struct strv caps; /* a fault command's, not stored */
	int cap;
	int home_derp;
	struct ep endpoints[NODE_ENDPOINTS_MAX];
	size_t n_endpoints;
	json_t *hostinfo; /* as reported; NULL before */
	struct prefixes announced, approved;
	struct prefixes active; /* announced, approved and served by this node now (routes.c) */
	unsigned sessions;	/* open map streams */
};

/* What changed on a node, for on_change. The first group fits in a peer patch. */
enum node_change {
	NODE_KEY = 1,
	NODE_DISCO = 2,
	NODE_ENDPOINTS = 4,
	NODE_HOME = 8,
	NODE_ONLINE = 16,
	NODE_EXPIRY = 32,
	NODE_PATCHABLE = 63,
	NODE_INFO = 64, /* anything else: peers need the whole node */
	NODE_NEW = 128,
	NODE_GONE = 256, /* called before the node is freed */
};

typedef void registry_change_fn(void *arg, struct node *n, unsigned what);

struct auth_key;
struct primary;

struct registry {
	struct node **nodes; /* by id */
	size_t n_nodes;
	struct map by_key; /* node key -> node */
	struct map by_v4;  /* 4 bytes -> node */
	struct user **users;
	size_t n_users;
	struct auth_key **keys;
	size_t n_keys;
	struct primary *primaries;
	size_t n_primaries;
	int64_t next_node, next_user;
	uint32_t next_addr;   /* offset in 100.64.0.0/10 */
	uint8_t hash_key[32]; /* of the stored auth keys */
	registry_change_fn *on_change;
	void *arg;
};

void registry_init(struct registry *r, struct rng *rng);
void registry_fini(struct registry *r);

/* ---- users ---- */
struct user *registry_user(const struct registry *r, int64_t id);
struct user *registry_user_by_name(const struct registry *r, const char *name);
/* Found or made; NULL if the name is not allowed or there are too many. */
struct user *registry_user_add(struct registry *r, const char *name, wall_t now);

/* ---- nodes ---- */
struct node *registry_node(const struct registry *r, int64_t id);
struct node *registry_node_by_key(const struct registry *r, const struct node_key *key);
/* By decimal id, name, or tunnel address. */
struct node *registry_node_by_text(const struct registry *r, const char *text);
bool node_expired(const struct node *n, wall_t now);
static inline bool node_online(const struct node *n)
{
	return n->sessions > 0;
}

struct join {
	struct machine_key machine;
	struct node_key key;
	int64_t user;		 /* who brings it in */
	const struct strv *tags; /* not empty: a tagged node; NULL = none */
	bool ephemeral;
	json_t *hostinfo; /* borrowed; may be NULL */
	int cap;
	wall_t expiry;
};

/* The node a join would log in again: same machine and same owner; NULL: a new one would be made.
 */
struct node *registry_rejoin_target(const struct registry *r, const struct join *j);
/* Log in: replace the key of the machine's node, or make a node. NULL: key used by another machine
 * or network full; then nothing changed. */
struct node *registry_join(struct registry *r, const struct join *j, wall_t now);
void registry_remove(struct registry *r, struct node *n);
void registry_expire(struct registry *r, struct node *n, wall_t when);
/* 0, -ERR_SYNTAX (no DNS label), -ERR_EXIST. */
MUST_CHECK int registry_rename(struct registry *r, struct node *n, const char *name);
void registry_set_tags(struct registry *r, struct node *n, const struct strv *tags);
void registry_online(struct registry *r, struct node *n, bool on, wall_t now);

/* What a map request says about its node. */
struct node_report {
	struct disco_key disco; /* zero: keep */
	const struct ep *endpoints;
	size_t n_endpoints; /* 0: keep */
	json_t *hostinfo;   /* borrowed; NULL: keep */
	int cap;
};
void registry_report(struct registry *r, struct node *n, const struct node_report *rep);

/* Insert a loaded node as it is (registry_file.c); false on a clash with one that is there. Taken.
 */
bool registry_adopt(struct registry *r, struct node *n);
struct node *node_new(void);
void node_free(struct node *n);

#endif
