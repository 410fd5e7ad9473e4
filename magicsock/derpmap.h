/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derpmap.h: the relay map as plain values, and what "unset" means in its fields. Pure but for its
 * allocations (x*). The JSON form is daemon/control's. Source: transport.md 10. */
#ifndef MAGICSOCK_DERPMAP_H
#define MAGICSOCK_DERPMAP_H

#include "base/ip.h"

#define DERP_REGION_ID_MAX 65535 /* larger ones have no fake address and are unusable */

/* Strings are owned; NULL and "" mean the same. */
struct derp_node {
	char *name; /* unique; addresses probes */
	char *host;
	char *cert_name;
	char *ipv4;
	char *ipv6;
	char *stun_test_ip;
	int stun_port; /* raw: 0 = 3478, negative = no STUN; use derp_node_stun_port */
	int derp_port; /* raw: 0 = 443; use derp_node_port */
	bool stun_only;
	bool insecure; /* InsecureForTests */
	bool can_port80;
};

struct derp_region {
	int id;
	char *code;
	char *name;
	double latitude;
	double longitude;
	double score;		 /* HomeParams.RegionScore; 0 = none */
	bool avoid;		 /* not measured unless home */
	bool no_measure_no_home; /* never measured, never home, still usable */
	struct derp_node *nodes;
	size_t n_nodes;
};

struct derp_map {
	struct derp_region *regions; /* sorted by id, ids unique */
	size_t n_regions;
	bool omit_default_regions; /* carried, no meaning for a client */
};

struct derp_map *derp_map_new(void); /* new, empty */
void derp_map_free(struct derp_map *m);
struct derp_map *derp_map_copy(const struct derp_map *m); /* new, deep */
struct derp_region *derp_map_find(const struct derp_map *m,
				  int id); /* borrowed; NULL; m may be NULL */
/* The region with this id, made empty if it was there. Borrowed until the next add or remove.
 * id must be 1..DERP_REGION_ID_MAX. */
struct derp_region *derp_map_add(struct derp_map *m, int id);
void derp_map_remove(struct derp_map *m, int id);
/* A zeroed node at the end; borrowed until the next add. */
struct derp_node *derp_region_add_node(struct derp_region *r);
/* Same definition, i.e. a connection to it need not be remade; RegionScore does not count. */
bool derp_region_equal(const struct derp_region *a, const struct derp_region *b);
bool derp_map_equal(const struct derp_map *a, const struct derp_map *b);
/* At least one node that can be dialed (not STUNOnly). */
bool derp_region_dialable(const struct derp_region *r);
/* A relay is on this machine (a loopback address): it is there without any network. NULL: no. */
bool derp_map_has_local(const struct derp_map *m);

uint16_t derp_node_port(const struct derp_node *n);	 /* 443 if unset; 0 if out of range */
uint16_t derp_node_stun_port(const struct derp_node *n); /* 3478 if unset; 0 = no STUN */
/* "": ask DNS for the host name; an address of that family: use it; anything else ("none"): off. */
enum derp_addr { DERP_ADDR_DNS, DERP_ADDR_LITERAL, DERP_ADDR_OFF };
enum derp_addr derp_node_addr(const struct derp_node *n, enum ip_family fam, struct ip *out);
/* The same for STUN, where STUNTestIP of the family overrides. */
enum derp_addr derp_node_stun_addr(const struct derp_node *n, enum ip_family fam, struct ip *out);
/* How to verify its certificate. *pin is written for DERP_TLS_PIN; the hex must be lower case. */
enum derp_tls { DERP_TLS_HOST, DERP_TLS_CERT_NAME, DERP_TLS_PIN, DERP_TLS_NONE, DERP_TLS_BAD };
enum derp_tls derp_node_tls(const struct derp_node *n, uint8_t pin[static 32]);

#endif
