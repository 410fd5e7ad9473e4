/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backend_dns_priv.h: names, shared by the backend_dns*.c files only.
 *
 *   map, preferences, exit node ─┐                   ┌─► table: node_set_dns
 *   state, routes ───────────────┼─► decide, once a ─┼─► routes: dns_forward
 *   osdns_status: the system ────┘   turn            ├─► the system: osdns_set ─► verify
 *                                                    └─► our own look-ups: net_set_dns_servers */
#ifndef DAEMON_ENGINE_BACKEND_DNS_PRIV_H
#define DAEMON_ENGINE_BACKEND_DNS_PRIV_H

#include "daemon/engine/backend_priv.h"
#include "daemon/engine/dns_facts.h"
#include "daemon/osdns.h"
#include "dns/forward.h"
#include "dns/probe_io.h"
#include "dns/serve_tcp_io.h"

#define DNS_TEXT_MAX 512

/* What the table shows of a node. */
struct dns_mark {
	int64_t id;
	uint64_t mark;
};

enum dns_verify_state {
	VERIFY_OFF,	/* there is nothing to find */
	VERIFY_WAITING, /* a question is on the way, or will be */
	VERIFY_GOOD,
	VERIFY_BAD, /* text says what is wrong */
};

struct dns_verify {
	enum dns_verify_state state;
	unsigned failures; /* in a row */
	bool applied_again;
	int64_t again_ms;
	struct loop_timer timer;
	struct dns_probe *probe;
	struct ep server;
	char text[DNS_TEXT_MAX];
};

struct backend_dns {
	struct backend *b;
	struct dns_forward *forward;
	struct osdns *os;
	struct loop_defer decide;
	bool active;	   /* there is a map, and we are neither stopped nor logged out */
	bool plan_stale;   /* map or preferences say something else */
	bool routes_stale; /* forget what the forwarder has */

	struct dns_plan plan;
	bool force_ipv4;
	bool no_tcp; /* dns-forwarder-disable-tcp-retries */
	struct dns_result result;
	int rc; /* of dns_plan_compile */

	/* What the system would ask without us. */
	struct dns_os_config base; /* what can be asked of it: neither ourselves nor a stub */
	bool base_known;
	bool behind_stub;	/* base has servers of systemd-resolved */
	struct loop_timer look; /* at those, of which nobody tells */

	struct dns_os_config installed; /* what osdns was told last */
	bool boot_set;			/* our own look-ups go past the system's resolver */
	struct loop_timer keep;		/* store addresses that worked */

	/* The table of names. */
	struct dns_local *table;
	bool table_stale;
	mono_t table_at;
	struct loop_timer table_timer;
	struct dns_mark *marks; /* by id */
	size_t n_marks;
	char **outside; /* hosts of ours below our own suffix */
	size_t n_outside;
	uint64_t told; /* of odd records and names, so that they are logged once */

	/* Questions. */
	struct list questions;
	struct dns_tcp_server *tcp;
	struct ip listen[2]; /* own addresses, IPv4 first */
	struct loop_timer listen_timer;
	unsigned listen_tries;
	uint64_t n_udp, n_tcp, n_refused;

	struct dns_verify verify;
};

/* backend_dns.c */
void dns_decide_soon(struct backend_dns *d);
/* A server of the system as text for net_set_dns_servers and people. */
void dns_server_text(const struct dns_server *s, struct buf *out);

/* backend_dns_table.c */
/* Did anything change that the table shows? ch as backend_dns_refresh has it. */
bool dns_table_is_stale(const struct backend_dns *d, const struct nm_change *ch);
/* Build it if it is stale and that is not too often; NULL map: drop it. */
void dns_table_refresh(struct backend_dns *d, const struct netmap *nm);
void dns_table_on_timer(struct loop_timer *t, mono_t now);
void dns_table_free(struct backend_dns *d);
/* Which hosts we need ourselves lie in our own zone; true: others than before. */
bool dns_outside_refresh(struct backend_dns *d, const struct netmap *nm);
/* Say once what of the records is odd. */
void dns_tell_odd(struct backend_dns *d, const struct netmap *nm);

/* backend_dns_serve.c */
void dns_serve_init(struct backend_dns *d);
void dns_serve_free(struct backend_dns *d);
/* Listen on these own addresses (NULL map: on none). */
void dns_serve_listen(struct backend_dns *d, const struct netmap *nm);

/* backend_dns_show.c: an array, as the LocalAPI has resolvers; new */
json_t *dns_upstreams_json(const struct dns_upstreams *u);

/* backend_dns_boot.c: how our own names are found */
void dns_boot_init(struct backend_dns *d);
void dns_boot_free(struct backend_dns *d);
/* Look at the system: base and uplinks out of what osdns says. */
void dns_boot_look(struct backend_dns *d);
void dns_boot_on_look(struct loop_timer *t, mono_t now);
/* Whom our own look-ups ask, as long as something is installed, or will be. */
void dns_boot_apply(struct backend_dns *d);

/* backend_dns_verify.c: does the system find our own name? */
void dns_verify_init(struct backend_dns *d);
void dns_verify_stop(struct backend_dns *d);
/* Something else is installed, or the network changed: ask anew. */
void dns_verify_start(struct backend_dns *d);

#endif
