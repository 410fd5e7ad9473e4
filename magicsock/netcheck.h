/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck.h: measure the relays and our NAT: probe plan, collection of answers, choice of the home
 * region. Pure: sending is a callback. Source: transport.md 12; vectors: netcheck.json. */
#ifndef MAGICSOCK_NETCHECK_H
#define MAGICSOCK_NETCHECK_H

#include "base/mono.h"
#include "base/rng.h"
#include "magicsock/derpmap.h"
#include "magicsock/stun_wire.h"

#define NETCHECK_REPORT_MS 5000 /* the whole check */
#define NETCHECK_STUN_MS 3000
#define NETCHECK_FULL_S 300
#define NETCHECK_HISTORY_S 305
#define NETCHECK_TRIES_MAX 4
#define NETCHECK_GLOBALS_MAX 8 /* distinct own addresses kept per family */

enum nc_tri { NC_UNKNOWN, NC_FALSE, NC_TRUE };

/* ---- report ------------------------------------------------------------------------------- */

struct nc_region {
	int id;
	int64_t latency_ns; /* the least of all; -1 = not measured */
	int64_t v4_ns;
	int64_t v6_ns;
};

struct nc_global {
	struct ep ep;
	unsigned count;
};

struct nc_report {
	wall_t now;
	bool udp, ipv4, ipv6, ipv4_can_send, ipv6_can_send, os_has_ipv6, icmpv4;
	enum nc_tri mapping_varies, upnp, pmp, pcp, captive_portal;
	int preferred_derp;
	struct nc_region *regions; /* only measured ones, by id; owned */
	size_t n_regions;
	struct nc_global global4[NETCHECK_GLOBALS_MAX]; /* in order of arrival */
	struct nc_global global6[NETCHECK_GLOBALS_MAX];
	size_t n_global4, n_global6;
	struct ep global_v4; /* the first */
	struct ep global_v6; /* the latest */
};

struct nc_report *nc_report_new(void);
struct nc_report *nc_report_copy(const struct nc_report *r); /* NULL gives NULL */
void nc_report_free(struct nc_report *r);
const struct nc_region *nc_report_region(const struct nc_report *r,
					 int id); /* NULL: not measured */
/* An answer's latency and, where known, our address as the server saw it (also sets UDP, IPv4/6,
 * mapping_varies). */
void nc_report_add_latency(struct nc_report *r, int region, enum ip_family fam, int64_t ns);
void nc_report_add_global(struct nc_report *r, struct ep seen);
/* The addresses to offer as endpoints: the first IPv4 or latest IPv6 one, then those seen more than
 * once. Returns how many. */
size_t nc_report_globals(const struct nc_report *r, enum ip_family fam, struct ep *out, size_t max);

/* ---- plan ------------------------------------------------------------------------------------ */

struct nc_plan_in {
	const struct derp_map *map;
	const struct nc_report *last; /* NULL = full */
	bool have_v4, have_v6;	      /* an interface has such an address */
	int home;		      /* current home region, 0 = none */
};

/* Probes to one region over one family, earliest first; the first answer ends the set. */
struct nc_set {
	int region;
	enum ip_family fam;
	size_t n;
	struct {
		int64_t delay_ns;
		size_t node; /* index in the region's nodes */
	} probes[NETCHECK_TRIES_MAX];
};

/* Returns new[] (free()) and *n. */
struct nc_set *nc_plan(const struct nc_plan_in *in, size_t *n);

/* ---- home choice --------------------------------------------------------------------------------
 */

struct nc_history; /* reports of the last 5 min 5 s and the home they led to */

struct nc_home_in {
	const struct derp_map *map; /* scores; may be NULL */
	/* When a DERP frame was last heard from the region; MONO_ZERO = never. May be NULL. */
	mono_t (*heard)(void *arg, int region);
	void *arg;
	mono_t started; /* when this check began */
	bool full;	/* it measured all regions */
	int forced;	/* wanted home, if it is accessible; 0 = none */
};

struct nc_history *nc_history_new(void);
void nc_history_free(struct nc_history *h);
void nc_history_reset(struct nc_history *h); /* link change: what was measured is void */
/* Choose the home for a finished report (sets preferred_derp; 0 = nothing known) and remember it.
 */
void nc_history_add(struct nc_history *h, mono_t now, struct nc_report *r,
		    const struct nc_home_in *in);
/* Should the next check be a full one? */
bool nc_history_want_full(const struct nc_history *h, mono_t now);
const struct nc_report *nc_history_last(const struct nc_history *h); /* NULL = none */

/* ---- one run ---- */

struct nc_run;

struct nc_run_ops {
	/* Send one STUN request to a node over one family; the caller finds the address. Call
	 * nc_run_sent or nc_run_not_sent for it, at once or later. */
	void (*probe)(void *arg, const struct derp_region *region, size_t node, enum ip_family fam,
		      const struct stun_txid *txid);
};

/* Returns new; map and ops are borrowed for its life. many: wait for all regions (CLI verbose). */
struct nc_run *nc_run_new(mono_t now, const struct nc_plan_in *in, bool many, struct rng *rng,
			  const struct nc_run_ops *ops, void *arg);
void nc_run_free(struct nc_run *r);
void nc_run_tick(struct nc_run *r, mono_t now); /* sends due probes, sees the ends */
mono_t nc_run_deadline(const struct nc_run *r);
/* The probe left (or failed silently, EPERM): its clock starts. to: for the source check. */
void nc_run_sent(struct nc_run *r, mono_t now, const struct stun_txid *txid, struct ep to);
void nc_run_not_sent(struct nc_run *r, const struct stun_txid *txid);
/* A STUN datagram from the network. True if it answered a probe of ours. */
bool nc_run_on_stun(struct nc_run *r, mono_t now, struct ep from, struct span pkt);
/* The STUN phase is over (all answered, enough answered, or time is up). */
bool nc_run_stun_done(const struct nc_run *r);
/* The report so far; borrowed. The caller adds HTTPS latencies and the OS facts, then takes it. */
struct nc_report *nc_run_report(struct nc_run *r);
struct nc_report *nc_run_take(struct nc_run *r); /* new; the run has none afterwards */

#endif
