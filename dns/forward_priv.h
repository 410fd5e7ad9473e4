/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward_priv.h: the forwarder's parts, for forward_*_io.c and their tests only.
 *
 *   ask     one question of one client; waits in a run, or in `ready` with its answer
 *   run     one request to the upstreams; identical asks share one
 *   group   a route's upstreams, prepared; lives as long as a run or a route needs it */
#ifndef DNS_FORWARD_PRIV_H
#define DNS_FORWARD_PRIV_H

#include "dns/cache.h"
#include "dns/dead.h"
#include "dns/forward.h"
#include "dns/lane_io.h"
#include "dns/route.h"
#include "dns/shares.h"

enum {
	RUN_BUCKETS = 1024,
	VIA_MAX = 8,	   /* explicit groups remembered, so that their answers stay cached */
	LOOP_DEPTH = 4,	   /* of the same question from one address, each a little different */
	TROUBLE_MS = 15000,
	TROUBLE_TEXT = 512,
};

struct dns_group {
	unsigned refs;
	uint64_t id; /* never used again */
	struct dns_upstreams list;
	struct dns_target targets[DNS_GROUP_MAX];
	uint64_t keys[DNS_GROUP_MAX]; /* in the memory of dead ones */
	size_t n;
};

struct dns_run {
	struct list bucket;
	struct dns_forward *f;
	struct dns_group *group;
	uint64_t path;
	struct ip from; /* whose question began it */
	struct dns_query q;
	struct list asks;
	struct race race;
	struct loop_timer timer;
	bool starved; /* an upstream was not asked for want of descriptors */
	uint8_t *kept; /* SERVFAIL or REFUSED of an upstream; new */
	size_t kept_len;
	size_t msg_len;
	uint8_t *msg; /* the request, id 0; behind the lanes */
	struct lane_io lanes[];
};

struct dns_ask {
	struct list link; /* in run->asks or f->ready */
	struct list member;
	struct share *share;
	struct dns_forward *f;
	struct dns_run *run; /* NULL: ready */
	struct dns_query q;
	bool udp;
	dns_reply_fn *fn;
	void *arg;
	uint8_t *reply; /* of a ready one; new, NULL: none */
	size_t reply_len;
};

struct dns_forward {
	struct net *net;
	struct loop *loop;
	struct lane_env env;
	bool tcp;
	struct dns_route *routes; /* to: struct dns_group */
	size_t n_routes;
	struct dns_group *via[VIA_MAX]; /* latest first */
	uint64_t last_group;
	struct dns_cache *cache; /* NULL: none */
	struct dead dead;
	struct shares shares;
	struct list runs[RUN_BUCKETS];
	unsigned n_runs, sockets_max;
	struct list ready;
	struct loop_defer deliver;
	uint8_t *scratch; /* a reply as one client gets it */

	mono_t failing_since; /* zero: all is well */
	struct loop_timer trouble_timer;
	char trouble[TROUBLE_TEXT], pending[TROUBLE_TEXT];
	void (*on_trouble)(void *arg);
	void *trouble_arg;
};

/* ---- forward_group.c ---- */
struct dns_group *dns_group_new(uint64_t id, const struct dns_upstreams *ups);
struct dns_group *dns_group_ref(struct dns_group *g);
void dns_group_unref(struct dns_group *g); /* NULL is fine */
bool dns_group_is(const struct dns_group *g, const struct dns_upstreams *ups);
/* The group, and which of it are reached through the tunnel now: what was learnt on one way is not
 * told on another. */
uint64_t dns_group_path(const struct dns_group *g, const struct lane_env *e);

/* ---- forward_run_io.c ---- */
/* The request a new question may join: the same but for id and case; NULL: none. */
struct dns_run *dns_run_find(struct dns_forward *f, uint64_t path, const struct dns_query *q,
			     struct span msg, bool udp);
/* How many runs ask this on behalf of that address. */
unsigned dns_run_depth(struct dns_forward *f, const struct dns_query *q, struct ip from);
struct dns_run *dns_run_new(struct dns_forward *f, struct dns_group *g, const struct dns_query *q,
			    struct span msg, const struct dns_client *who);
/* Start what is due first; calls nothing back. */
void dns_run_begin(struct dns_run *r);
/* Start what is due. The run may be over, and gone, afterwards. */
void dns_run_advance(struct dns_run *r);
void dns_run_free(struct dns_run *r); /* its asks are gone */
lane_fn dns_run_on_lane;

/* ---- forward_trouble_io.c ---- */
void dns_trouble_init(struct dns_forward *f);
void dns_trouble_fini(struct dns_forward *f);
void dns_trouble_on_alive(struct dns_forward *f);
void dns_trouble_on_silence(struct dns_forward *f, const struct dns_group *g, mono_t since);
void dns_trouble_reset(struct dns_forward *f); /* another network: begin anew */

/* ---- forward_io.c ---- */
/* reply: borrowed, empty: none. Frees the ask. */
void dns_ask_answer(struct dns_ask *a, struct span reply);
void dns_ask_servfail(struct dns_ask *a);

/* counters */
enum dns_forward_count {
	FWD_ASKED,
	FWD_MERGED,
	FWD_CACHE_HIT,
	FWD_NO_ROUTE,
	FWD_BROWSE,
	FWD_LOOP,
	FWD_FULL,
	FWD_EVICTED,
	FWD_WON_UDP,
	FWD_WON_TCP,
	FWD_WON_HTTP,
	FWD_LOST,
	FWD_IGNORED,
	FWD_STARVED,
	FWD_COUNTS
};
void dns_forward_count(enum dns_forward_count what);

#endif
