/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One netcheck: probes go out by plan, answers come in, and at some point there are enough. */
#include "magicsock/netcheck.h"

#include "base/alloc.h"

#include <stdlib.h>

#define ENOUGH_REGIONS 3
#define ENOUGH_REGIONS_MANY 100

enum probe_state { PROBE_PLANNED, PROBE_ASKED, PROBE_SENT, PROBE_OVER };

struct probe {
	enum probe_state state;
	struct stun_txid txid;
	struct ep to;
	mono_t sent;
};

struct run_set {
	struct nc_set plan;
	struct probe probes[NETCHECK_TRIES_MAX];
	bool over;
};

struct nc_run {
	const struct derp_map *map;
	struct rng *rng;
	const struct nc_run_ops *ops;
	void *arg;
	struct run_set *sets;
	size_t n_sets;
	mono_t started;
	mono_t stop_at; /* when enough have answered, or the phase is over */
	bool full;
	size_t enough;
	struct nc_report *report;
};

struct nc_run *nc_run_new(mono_t now, const struct nc_plan_in *in, bool many, struct rng *rng,
			  const struct nc_run_ops *ops, void *arg)
{
	struct nc_run *r = xcalloc(1, sizeof(*r));
	struct nc_set *plan = nc_plan(in, &r->n_sets);
	r->map = in->map;
	r->rng = rng;
	r->ops = ops;
	r->arg = arg;
	r->started = now;
	r->stop_at = mono_add_ms(now, NETCHECK_STUN_MS);
	r->full = !in->last;
	r->enough = many ? ENOUGH_REGIONS_MANY : ENOUGH_REGIONS;
	r->report = nc_report_new();
	r->sets = xcalloc(r->n_sets + 1, sizeof(*r->sets));
	for (size_t i = 0; i < r->n_sets; i++)
		r->sets[i].plan = plan[i];
	free(plan);
	return r;
}

void nc_run_free(struct nc_run *r)
{
	if (!r)
		return;
	nc_report_free(r->report);
	free(r->sets);
	free(r);
}

struct nc_report *nc_run_report(struct nc_run *r)
{
	return r->report;
}

struct nc_report *nc_run_take(struct nc_run *r)
{
	struct nc_report *report = r->report;
	r->report = NULL;
	return report;
}

/* ---- send ------------------------------------------------------------------------------- */

/* A region that has answered needs no more, except for what is still to be learned: whether IPv6
 * works, and whether the NAT gives every destination the same port. */
static bool still_needed(const struct nc_run *r, const struct nc_set *s)
{
	if (!nc_report_region(r->report, s->region))
		return true;
	if (s->fam == IP_V6)
		return !r->report->ipv6;
	return r->report->mapping_varies == NC_UNKNOWN;
}

static mono_t due_at(const struct nc_run *r, const struct run_set *s, size_t i)
{
	return mono_add_ns(r->started, s->plan.probes[i].delay_ns);
}

static void ask(struct nc_run *r, struct run_set *s, size_t i)
{
	struct probe *p = &s->probes[i];
	const struct derp_region *region = derp_map_find(r->map, s->plan.region);
	p->state = PROBE_ASKED;
	rng_fill(r->rng, p->txid.b, sizeof(p->txid.b));
	r->ops->probe(r->arg, region, s->plan.probes[i].node, s->plan.fam, &p->txid);
}

static void tick_set(struct nc_run *r, struct run_set *s, mono_t now)
{
	for (size_t i = 0; i < s->plan.n && !s->over; i++) {
		if (s->probes[i].state != PROBE_PLANNED || !mono_due(due_at(r, s, i), now))
			continue;
		if (still_needed(r, &s->plan))
			ask(r, s, i);
		else
			s->over = true;
	}
}

void nc_run_tick(struct nc_run *r, mono_t now)
{
	for (size_t i = 0; i < r->n_sets && !mono_due(r->stop_at, now); i++)
		tick_set(r, &r->sets[i], now);
	if (mono_due(r->stop_at, now))
		r->stop_at = MONO_ZERO;
}

mono_t nc_run_deadline(const struct nc_run *r)
{
	mono_t at = r->stop_at;
	for (size_t k = 0; k < r->n_sets; k++) {
		const struct run_set *s = &r->sets[k];
		for (size_t i = 0; i < s->plan.n && !s->over; i++)
			if (s->probes[i].state == PROBE_PLANNED)
				at = mono_min(at, due_at(r, s, i));
	}
	return at;
}

static struct probe *find(struct nc_run *r, const struct stun_txid *txid, struct run_set **set)
{
	for (size_t k = 0; k < r->n_sets; k++) {
		struct run_set *s = &r->sets[k];
		for (size_t i = 0; i < s->plan.n; i++) {
			struct probe *p = &s->probes[i];
			bool waits = p->state == PROBE_ASKED || p->state == PROBE_SENT;
			if (waits && memcmp(p->txid.b, txid->b, sizeof(txid->b)) == 0) {
				*set = s;
				return p;
			}
		}
	}
	return NULL;
}

void nc_run_sent(struct nc_run *r, mono_t now, const struct stun_txid *txid, struct ep to)
{
	struct run_set *s;
	struct probe *p = find(r, txid, &s);
	if (!p)
		return;
	p->state = PROBE_SENT;
	p->sent = now;
	p->to = to;
	if (s->plan.fam == IP_V4)
		r->report->ipv4_can_send = true;
	else
		r->report->ipv6_can_send = true;
}

void nc_run_not_sent(struct nc_run *r, const struct stun_txid *txid)
{
	struct run_set *s;
	struct probe *p = find(r, txid, &s);
	if (p)
		p->state = PROBE_OVER;
}

/* ---- receive --------------------------------------------------------------------------------- */

static int64_t slowest(const struct nc_report *r)
{
	int64_t max = 0;
	for (size_t i = 0; i < r->n_regions; i++)
		if (r->regions[i].latency_ns > max)
			max = r->regions[i].latency_ns;
	return max;
}

static void answered(struct nc_run *r, mono_t now, const struct run_set *s, int64_t ns)
{
	size_t before = r->report->n_regions;
	nc_report_add_latency(r->report, s->plan.region, s->plan.fam, ns);
	if (r->report->n_regions == before || r->report->n_regions != r->enough)
		return;
	int64_t wait = slowest(r->report) * (r->full ? 2 : 1);
	r->stop_at = mono_min(r->stop_at, mono_add_ns(now, wait));
}

bool nc_run_on_stun(struct nc_run *r, mono_t now, struct ep from, struct span pkt)
{
	struct stun_txid txid;
	struct ep seen;
	struct run_set *s;
	if (stun_response_parse(pkt, &txid, &seen))
		return false;
	struct probe *p = find(r, &txid, &s);
	if (!p || p->state != PROBE_SENT || !ep_eq(p->to, from))
		return false;
	int64_t ns = mono_diff_ns(now, p->sent);
	p->state = PROBE_OVER;
	s->over = true;
	answered(r, now, s, ns > 0 ? ns : 1);
	nc_report_add_global(r->report, seen);
	return true;
}

static bool set_waits(const struct run_set *s)
{
	for (size_t i = 0; i < s->plan.n && !s->over; i++)
		if (s->probes[i].state != PROBE_OVER)
			return true;
	return false;
}

bool nc_run_stun_done(const struct nc_run *r)
{
	if (mono_is_zero(r->stop_at))
		return true;
	for (size_t i = 0; i < r->n_sets; i++)
		if (set_waits(&r->sets[i]))
			return false;
	return true;
}
