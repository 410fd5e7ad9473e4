/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_model.h: a parsed policy, shared by the files of the policy alone. */
#ifndef COORDINATOR_POLICY_MODEL_H
#define COORDINATOR_POLICY_MODEL_H

#include "daemon/coordinator/policy.h"

enum target_kind {
	TARGET_ANY,    /* "*" */
	TARGET_USER,   /* "alice@": name without what follows the @ */
	TARGET_GROUP,  /* "group:x" */
	TARGET_TAG,    /* "tag:x" */
	TARGET_PREFIX, /* an address, a prefix, or a name of "hosts" */
	TARGET_MEMBER, /* "autogroup:member": every node with a user */
	TARGET_TAGGED, /* "autogroup:tagged" */
	TARGET_SELF,   /* "autogroup:self", destinations only: the same user's nodes */
};

struct target {
	enum target_kind kind;
	char *name;	      /* user, group (index is used), tag */
	size_t group;	      /* TARGET_GROUP */
	struct prefix prefix; /* TARGET_PREFIX */
};

struct targets {
	struct target *v;
	size_t n;
};

struct port_range {
	uint16_t first, last;
};

/* One protocol selection with its ports; no protocols: the usual four. */
struct service {
	uint8_t protos[2];
	size_t n_protos;
	struct port_range ports;
};

struct destination {
	struct target target;
	struct service *services;
	size_t n_services;
};

struct rule {
	struct targets src;
	struct destination *dst;
	size_t n_dst;
	json_t *app; /* capabilities granted; NULL: none */
};

struct group {
	char *name;
	struct strv users;
};

struct host {
	char *name;
	struct prefix prefix;
};

struct tag_owner {
	char *tag;
	struct targets owners;
};

struct auto_route {
	struct prefix prefix;
	struct targets who;
};

struct policy {
	struct group *groups;
	size_t n_groups;
	struct host *hosts;
	size_t n_hosts;
	struct tag_owner *owners;
	size_t n_owners;
	struct rule *rules;
	size_t n_rules;
	struct auto_route *routes;
	size_t n_routes;
	struct targets exit_node;
};

void target_fini(struct target *t);
void targets_fini(struct targets *t);
bool target_is_user(const struct policy *p, const struct target *t, const char *user);

/* policy.c: matching. */
static inline bool node_is_tagged(const struct node *n)
{
	return n->tags.n > 0;
}
bool node_same_user(const struct node *a, const struct node *b); /* tagged nodes have none */
/* The node itself, by its own addresses; what is behind it does not count. */
bool target_is_node(const struct policy *p, const struct registry *r, const struct target *t,
		    const struct node *n);
bool targets_have_node(const struct policy *p, const struct registry *r, const struct targets *ts,
		       const struct node *n);
/* As a subnet router, or as exit node where prefix is a default route. */
bool node_serves(const struct node *n, struct prefix prefix);

/* policy_words.c: the small languages inside strings. 0 and *out, or false with *why (static). */
bool word_target(const struct policy *p, const char *text, bool destination, struct target *out,
		 const char **why);
bool word_ports(struct span text, struct port_range *out, const char **why);
/* A protocol name or number into s->protos. */
bool word_proto(struct span text, struct service *s, const char **why);
/* A grant's "ip" entry: "*", "443", "80-90", "tcp:443", "icmp:*". */
bool word_service(const char *text, struct service *out, const char **why);
/* Protocols without ports cannot be narrowed by them. */
bool service_ok(const struct service *s, const char **why);

#endif
