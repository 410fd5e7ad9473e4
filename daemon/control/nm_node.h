/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nm_node.h: one node of the network map as an immutable, reference-counted value in a single
 * allocation (about 600 bytes for an ordinary peer). A change makes a new value: copy the struct,
 * point the changed members at scratch memory, nm_node_new(). So two maps share unchanged peers and
 * "has this peer changed" is a comparison of pointers. Pure. Thread: control. */
#ifndef DAEMON_CONTROL_NM_NODE_H
#define DAEMON_CONTROL_NM_NODE_H

#include "base/ip.h"
#include "base/json.h"
#include "base/keys.h"
#include "base/mono.h"

#define NM_STRING_MAX 1024   /* longer strings of a node are cut */
#define NM_ENDPOINTS_MAX 100 /* further ones are left out */
#define NM_PREFIXES_MAX                                                                            \
	(1u << 17) /* addresses, allowed IPs, routes: each; more refuse the message */
#define NM_TAGS_MAX 256
#define NM_CAPS_MAX 512
#define NM_SERVICES_MAX 256
#define NM_SSH_KEYS_MAX 32
#define NM_RESOLVERS_MAX 64

/* A node capability; its presence is the grant. raw: compact JSON array of its values, NULL = none
 */
struct nm_cap {
	const char *name;
	const char *raw;
};

enum nm_service_proto {
	NM_SERVICE_OTHER,
	NM_SERVICE_TCP,
	NM_SERVICE_UDP,
	NM_SERVICE_PEERAPI4,
	NM_SERVICE_PEERAPI6,
	NM_SERVICE_PEERAPI_DNS,
};

struct nm_service {
	uint8_t proto; /* enum nm_service_proto */
	uint16_t port;
};

enum nm_flag {
	NM_MACHINE_AUTHORIZED = 1 << 0,
	NM_EXPIRED = 1 << 1,	  /* the server says so */
	NM_EXPIRED_HERE = 1 << 2, /* its key expiry passed by the corrected clock (expiry.h) */
	NM_UNSIGNED_PEERAPI_ONLY = 1 << 3,
	NM_WIREGUARD_ONLY = 1 << 4,
	NM_JAILED = 1 << 5,
	NM_SHAREE = 1 << 6,	/* Hostinfo.ShareeNode */
	NM_SHIELDS_UP = 1 << 7, /* Hostinfo.ShieldsUp */
	NM_HOSTINFO_NULL = 1 << 8,
};

#define NM_LIST(type, name)                                                                        \
	const type *name;                                                                          \
	uint32_t n_##name

struct nm_node {
	uint32_t refs; /* owned by nm_node_ref/unref */
	uint32_t size; /* bytes of the allocation */

	int64_t id;
	int64_t user;
	int64_t sharer;
	const char *stable_id; /* strings are never NULL */
	const char *name;      /* FQDN with trailing dot, or a bare name without a base domain */
	struct node_key key;
	struct machine_key machine; /* zero if not told */
	struct disco_key disco;	    /* zero: not polled yet, or no disco */
	wall_t key_expiry;	    /* WALL_ZERO = never */
	wall_t created;
	wall_t last_seen;

	int32_t home_derp; /* 0 = unknown, no relay */
	int32_t cap;	/* capability version; under Headscale it is our own, never infer from it */
	uint16_t flags; /* enum nm_flag */
	uint8_t online; /* enum j_tri */

	/* Hostinfo, the part anybody here needs */
	const char *hostname;
	const char *os;
	const char *location;  /* raw JSON object or "" */
	int32_t hostinfo_derp; /* Hostinfo.NetInfo.PreferredDERP, 0 if absent */

	struct ip masq_v4; /* our address as this peer sees it, hosted control only */
	struct ip masq_v6;
	const char *exit_dns; /* ExitNodeDNSResolvers, raw JSON array or "" */

	NM_LIST(struct prefix, addresses);
	NM_LIST(struct prefix,
		allowed_ips); /* [] on the wire is an empty list; null became addresses */
	NM_LIST(struct prefix, primary_routes);
	NM_LIST(struct prefix, routable_ips); /* Hostinfo.RoutableIPs */
	NM_LIST(struct ep, endpoints);
	NM_LIST(char *const, tags);
	NM_LIST(char *const, ssh_host_keys);
	NM_LIST(struct nm_cap, caps); /* sorted by name; deprecated Capabilities merged in */
	NM_LIST(struct nm_service, services);
	NM_LIST(uint8_t, key_signature); /* tailnet lock, CBOR */
};

/* Deep copy of *spec into one allocation, refs 1. NULL when memory is out. Returns new. */
struct nm_node *nm_node_new(const struct nm_node *spec);
struct nm_node *nm_node_ref(const struct nm_node *n);
void nm_node_unref(const struct nm_node *n); /* NULL is fine */
/* Same in everything except refs. */
bool nm_node_equal(const struct nm_node *a, const struct nm_node *b);

static inline bool nm_node_is_expired(const struct nm_node *n)
{
	return n->flags & (NM_EXPIRED | NM_EXPIRED_HERE);
}
/* NULL if the node lacks it */
const struct nm_cap *nm_node_cap(const struct nm_node *n, const char *name);
bool nm_node_has_address(const struct nm_node *n, struct ip ip);
/* 0 if not announced */
uint16_t nm_node_service_port(const struct nm_node *n, enum nm_service_proto proto);
/* First address of the family as an ip; unset if it has none. */
struct ip nm_node_address(const struct nm_node *n, enum ip_family fam);
/* A public key that X25519 turns into zero whatever the private key: such a peer is never used. */
bool nm_key_is_low_order(const uint8_t key[static 32]);

#endif
