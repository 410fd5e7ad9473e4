/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netmap.h: the network map: everything a control session has told, as plain values. Built and
 * changed only by map_session.h; read by the engine, which may keep nodes by nm_node_ref but must
 * not keep the map itself beyond the call that handed it over (ctl_netmap() gives the present one).
 * Pure. Thread: control. */
#ifndef DAEMON_CONTROL_NETMAP_H
#define DAEMON_CONTROL_NETMAP_H

#include "base/map.h"
#include "daemon/control/nm_addresses.h"
#include "dns/config.h"

#define NM_PEERS_MAX 100000
#define NM_USERS_MAX 100000
#define NM_FILTERS_MAX 256
#define NM_MESSAGES_MAX 64
/* Bytes of all peers together: this much a peer on average, and a base. */
#define NM_BYTES_PER_PEER 4096u
#define NM_BYTES_BASE (16u << 20)

struct derp_map; /* magicsock/derpmap.h */

struct nm_user {
	int64_t id;
	char *login;
	char *display;
	char *picture; /* "" if none */
	char *groups;  /* raw JSON array or NULL */
};

/* A named packet filter: raw is the JSON array of FilterRule, compact. */
struct nm_filter {
	char *name;
	char *raw;
};

enum nm_severity { NM_LOW, NM_MEDIUM, NM_HIGH };

/* What the server wants the user to read. Text of strangers: escape before a terminal or log. */
struct nm_message {
	char *id;
	char *title;
	char *text;
	char *action_url; /* "" if none; http or https only */
	char *action_label;
	enum nm_severity severity;
	bool impacts_connectivity;
};

struct nm_client_version {
	bool present;
	bool running_latest;
	bool urgent;
	bool notify;
	char *latest;
	char *notify_url;
	char *notify_text;
};

struct netmap {
	const struct nm_node *self;   /* NULL until the first message */
	const struct nm_node **peers; /* sorted by id */
	size_t n_peers;
	size_t cap_peers;
	struct map by_key; /* struct node_key -> nm_node */
	struct nm_addresses by_address;
	size_t bytes; /* of all peers: their nodes, and their addresses in by_address */

	struct nm_user *users; /* sorted by id */
	size_t n_users;
	struct nm_filter *filters; /* in byte order of names; none: block everything */
	size_t n_filters;
	struct nm_message *messages; /* sorted by id */
	size_t n_messages;

	json_t *derp_json;     /* merged DERPMap object, NULL until one came */
	struct derp_map *derp; /* the same, parsed; NULL likewise */
	char *dns_text;	       /* DNSConfig as received, compact JSON: a tenth of its tree; NULL
				* until one came */
	struct dns_config dns; /* the same, parsed; all empty if none came */
	json_t *ssh_policy;    /* SSHPolicy as received or NULL */
	char *domain;	       /* "" if not told */
	enum j_tri collect_services;
	bool tka_present; /* TKAInfo came and is not Disabled */
	char *tka_head;	  /* "" if none */
	struct nm_client_version client_version;
	int64_t clock_offset_s; /* server's clock minus ours, 0 while within a minute */
};

void netmap_init(struct netmap *nm);
void netmap_fini(struct netmap *nm);

const struct nm_node *netmap_peer(const struct netmap *nm, int64_t id);
const struct nm_node *netmap_peer_by_key(const struct netmap *nm, const struct node_key *key);
/* Peer that has the address as one of its own, not as a route; of several, the lowest id. */
const struct nm_node *netmap_peer_by_address(const struct netmap *nm, struct ip ip);
const struct nm_user *netmap_user(const struct netmap *nm, int64_t id);
/* MagicDNS suffix: the own name without its first label and final dot, into out ("" if none). */
void netmap_dns_suffix(const struct netmap *nm, char *out, size_t room);
/* All named filters one after the other in name order: the effective FilterRule array. New. */
json_t *netmap_filter_json(const struct netmap *nm);
/* The whole map as one MapResponse that a fresh session can be fed with (netmap cache). New. */
json_t *netmap_to_json(const struct netmap *nm);
/* DNSConfig as received; NULL until one came. */
json_t *netmap_dns_json(const struct netmap *nm);

/* ---- what a message changed ------------------------------------------------------------ */
enum nm_changed {
	NM_CHANGED_SELF = 1 << 0,
	NM_CHANGED_PEERS = 1 << 1, /* see ids */
	NM_CHANGED_FILTER = 1 << 2,
	NM_CHANGED_DERP = 1 << 3,
	NM_CHANGED_DNS = 1 << 4,
	NM_CHANGED_USERS = 1 << 5,
	NM_CHANGED_DOMAIN = 1 << 6,
	NM_CHANGED_SSH = 1 << 7,
	NM_CHANGED_MESSAGES = 1 << 8,
	NM_CHANGED_TKA = 1 << 9,
	NM_CHANGED_CLIENT_VERSION = 1 << 10,
	NM_CHANGED_COLLECT = 1 << 11,
	NM_CHANGED_CLOCK = 1 << 12,
	NM_CHANGED_ALL = 0x7fffffff,
};

struct nm_change {
	unsigned mask;
	/* First map of a session: compare everything with what you have; ids is empty. */
	bool full;
	/* Peers added, replaced, patched or removed by this message, each once, ascending; look
	 * each one up (absent = removed). Borrowed. */
	const int64_t *ids;
	size_t n_ids;
};

#endif
