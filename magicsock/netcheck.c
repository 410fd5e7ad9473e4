/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a netcheck, and the plan of probes that fills it. */
#include "magicsock/netcheck.h"

#include "base/alloc.h"

#include <stdlib.h>

#define FULL_TRIES 3
#define FULL_GAP_MS 100
#define INCREMENTAL_REGIONS 3
#define FASTEST 2
#define UNKNOWN_LATENCY_MS 200
#define EXTRA_DELAY_MS 50

/* ---- report ---------------------------------------------------------------------------- */

struct nc_report *nc_report_new(void)
{
	return xcalloc(1, sizeof(struct nc_report));
}

struct nc_report *nc_report_copy(const struct nc_report *r)
{
	if (!r)
		return NULL;
	struct nc_report *c = nc_report_new();
	*c = *r;
	c->regions = xcalloc(r->n_regions + 1, sizeof(*r->regions));
	if (r->n_regions)
		memcpy(c->regions, r->regions, r->n_regions * sizeof(*r->regions));
	return c;
}

void nc_report_free(struct nc_report *r)
{
	if (!r)
		return;
	free(r->regions);
	free(r);
}

const struct nc_region *nc_report_region(const struct nc_report *r, int id)
{
	for (size_t i = 0; i < r->n_regions; i++)
		if (r->regions[i].id == id)
			return &r->regions[i];
	return NULL;
}

static struct nc_region *region_entry(struct nc_report *r, int id)
{
	size_t i = 0;
	while (i < r->n_regions && r->regions[i].id < id)
		i++;
	if (i < r->n_regions && r->regions[i].id == id)
		return &r->regions[i];
	r->regions = xrealloc(r->regions, r->n_regions + 1, sizeof(*r->regions));
	memmove(&r->regions[i + 1], &r->regions[i], (r->n_regions - i) * sizeof(*r->regions));
	r->n_regions++;
	r->regions[i] = (struct nc_region){ id, -1, -1, -1 };
	return &r->regions[i];
}

static void keep_least(int64_t *have, int64_t ns)
{
	if (*have < 0 || ns < *have)
		*have = ns;
}

void nc_report_add_latency(struct nc_report *r, int region, enum ip_family fam, int64_t ns)
{
	struct nc_region *e = region_entry(r, region);
	keep_least(&e->latency_ns, ns);
	keep_least(fam == IP_V4 ? &e->v4_ns : &e->v6_ns, ns);
	if (fam == IP_V4)
		r->ipv4 = true;
	else
		r->ipv6 = true;
}

static void count_global(struct nc_global *list, size_t *n, struct ep seen)
{
	for (size_t i = 0; i < *n; i++) {
		if (ep_eq(list[i].ep, seen)) {
			list[i].count++;
			return;
		}
	}
	if (*n < NETCHECK_GLOBALS_MAX)
		list[(*n)++] = (struct nc_global){ seen, 1 };
}

static void add_global_v4(struct nc_report *r, struct ep seen)
{
	r->ipv4 = true;
	count_global(r->global4, &r->n_global4, seen);
	if (!ep_is_set(r->global_v4))
		r->global_v4 = seen;
	else if (!ep_eq(r->global_v4, seen))
		r->mapping_varies = NC_TRUE;
	else if (r->mapping_varies == NC_UNKNOWN)
		r->mapping_varies = NC_FALSE;
}

void nc_report_add_global(struct nc_report *r, struct ep seen)
{
	r->udp = true;
	if (seen.ip.fam == IP_V4) {
		add_global_v4(r, seen);
		return;
	}
	r->ipv6 = true;
	count_global(r->global6, &r->n_global6, seen);
	r->global_v6 = seen;
}

size_t nc_report_globals(const struct nc_report *r, enum ip_family fam, struct ep *out, size_t max)
{
	const struct nc_global *list = fam == IP_V4 ? r->global4 : r->global6;
	size_t n_list = fam == IP_V4 ? r->n_global4 : r->n_global6, n = 0;
	struct ep first = fam == IP_V4 ? r->global_v4 : r->global_v6;
	if (ep_is_set(first) && n < max)
		out[n++] = first;
	for (size_t i = 0; i < n_list && n < max; i++)
		if (list[i].count > 1 && !ep_eq(list[i].ep, first))
			out[n++] = list[i].ep;
	return n;
}

/* ---- plan --------------------------------------------------------------------------------- */

struct plan {
	const struct nc_plan_in *in;
	struct nc_set *sets;
	size_t n;
};

static bool node_has(const struct derp_node *n, enum ip_family fam)
{
	struct ip unused;
	return derp_node_stun_port(n) && derp_node_stun_addr(n, fam, &unused) != DERP_ADDR_OFF;
}

struct tries {
	size_t n;
	int64_t (*delay)(int64_t latency_ns, size_t try);
	int64_t latency_ns;
};

static void add_set(struct plan *p, const struct derp_region *r, enum ip_family fam,
		    const struct tries *tries)
{
	struct nc_set set = { .region = r->id, .fam = fam };
	for (size_t t = 0; t < tries->n && r->n_nodes; t++) {
		size_t node = t % r->n_nodes;
		if (!node_has(&r->nodes[node], fam))
			continue;
		set.probes[set.n].delay_ns = tries->delay(tries->latency_ns, t);
		set.probes[set.n++].node = node;
	}
	if (set.n)
		p->sets[p->n++] = set;
}

static int64_t full_delay(int64_t latency_ns, size_t try)
{
	(void)latency_ns;
	return (int64_t)try * FULL_GAP_MS * NS_PER_MS;
}

static void plan_full(struct plan *p)
{
	struct tries tries = { .n = FULL_TRIES, .delay = full_delay };
	for (size_t i = 0; i < p->in->map->n_regions; i++) {
		const struct derp_region *r = &p->in->map->regions[i];
		if (r->no_measure_no_home)
			continue;
		if (p->in->have_v4)
			add_set(p, r, IP_V4, &tries);
		if (p->in->have_v6)
			add_set(p, r, IP_V6, &tries);
	}
}

static int64_t incremental_delay(int64_t latency_ns, size_t try)
{
	int64_t t = (int64_t)try;
	int64_t extra = t > 1 ? t * EXTRA_DELAY_MS * NS_PER_MS : 0;
	return t * (latency_ns * 6 / 5) + extra;
}

struct ranked {
	const struct derp_region *region;
	int64_t latency_ns; /* INT64_MAX = not measured */
};

static int by_latency(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->latency_ns != y->latency_ns)
		return x->latency_ns < y->latency_ns ? -1 : 1;
	return x->region->id < y->region->id ? -1 : 1;
}

static size_t rank(const struct nc_plan_in *in, struct ranked *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in->map->n_regions; i++) {
		const struct derp_region *r = &in->map->regions[i];
		const struct nc_region *last = nc_report_region(in->last, r->id);
		if (r->no_measure_no_home || (r->avoid && r->id != in->home))
			continue;
		out[n++] = (struct ranked){ r, last ? last->latency_ns : INT64_MAX };
	}
	qsort(out, n, sizeof(*out), by_latency);
	return n;
}

static void plan_ranked(struct plan *p, const struct ranked *r, size_t place)
{
	const struct nc_plan_in *in = p->in;
	bool home = r->region->id == in->home, fast = place < FASTEST;
	bool v4 = in->have_v4, v6 = in->have_v6;
	struct tries tries = {
		.n = home   ? NETCHECK_TRIES_MAX
		     : fast ? 2
			    : 1,
		.delay = incremental_delay,
		.latency_ns =
		    r->latency_ns == INT64_MAX ? UNKNOWN_LATENCY_MS * NS_PER_MS : r->latency_ns,
	};
	/* with both families working, one packet each is enough for the slower ones */
	if (in->last->ipv4 && in->last->ipv6 && !fast) {
		v4 = place % 2 == 0;
		v6 = !v4;
	}
	if (v4)
		add_set(p, r->region, IP_V4, &tries);
	/* IPv6 that never worked gets one chance where it matters */
	if (!in->last->ipv6) {
		v6 = v6 && (home || fast);
		tries.n = 1;
	}
	if (v6)
		add_set(p, r->region, IP_V6, &tries);
}

static void plan_incremental(struct plan *p)
{
	struct ranked *ranked = xcalloc(p->in->map->n_regions + 1, sizeof(*ranked));
	size_t n = rank(p->in, ranked);
	for (size_t i = 0; i < n; i++)
		if (i < INCREMENTAL_REGIONS || ranked[i].region->id == p->in->home)
			plan_ranked(p, &ranked[i], i);
	free(ranked);
}

struct nc_set *nc_plan(const struct nc_plan_in *in, size_t *n)
{
	struct plan p = { .in = in };
	p.sets = xcalloc(2 * in->map->n_regions + 1, sizeof(*p.sets));
	if (in->last && in->last->n_regions)
		plan_incremental(&p);
	else
		plan_full(&p);
	*n = p.n;
	return p.sets;
}
