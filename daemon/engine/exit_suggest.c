/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/exit_suggest.h"

#include "base/alloc.h"

#include "magicsock/derpmap.h"

#include <math.h>
#include <stdlib.h>

#define EARTH_RADIUS_M 6371000.0
#define NEAR_M 100000.0
#define RADIANS (3.14159265358979323846 / 180)
#define LOCATION_MAX 4096

/* A growing choice: v is the caller's, with room for all. */
struct group {
	const struct nm_node **v;
	size_t n;
};

struct place {
	bool known;
	double latitude, longitude;
	int64_t priority;
};

bool exit_may_suggest(const struct nm_node *n)
{
	return nm_node_cap(n, "suggest-exit-node") != NULL;
}

static struct place place_of(const struct nm_node *n)
{
	struct place p = { .known = false };
	json_t *o = *n->location ? j_parse(span_str(n->location), LOCATION_MAX, NULL) : NULL;
	if (!o)
		return p;
	p.known = j_has(o, "Latitude") && j_has(o, "Longitude");
	p.latitude = j_num(o, "Latitude", 0);
	p.longitude = j_num(o, "Longitude", 0);
	p.priority = j_int(o, "Priority", 0);
	j_free(o);
	return p;
}

/* Great circle, by haversines. */
static double distance_m(double lat1, double lon1, double lat2, double lon2)
{
	double dlat = sin((lat2 - lat1) * RADIANS / 2), dlon = sin((lon2 - lon1) * RADIANS / 2);
	double h = dlat * dlat + cos(lat1 * RADIANS) * cos(lat2 * RADIANS) * dlon * dlon;
	return 2 * EARTH_RADIUS_M * asin(sqrt(h < 1 ? h : 1));
}

static const struct nm_node *prev_or_random(const struct group *g, int64_t prev, struct rng *rng)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i]->id == prev)
			return g->v[i];
	return g->v[rng_below(rng, (uint32_t)g->n)];
}

/* Keep the nodes with the highest priority. */
static void keep_best(struct group *g)
{
	int64_t best = INT64_MIN;
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++) {
		int64_t p = place_of(g->v[i]).priority;
		if (p > best) {
			best = p;
			n = 0;
		}
		if (p == best)
			g->v[n++] = g->v[i];
	}
	g->n = n;
}

/* ---- by relay ---- */

static int64_t latency_of(const struct exit_in *in, int region)
{
	const struct nc_region *r = in->report ? nc_report_region(in->report, region) : NULL;
	return r && r->latency_ns > 0 ? r->latency_ns : INT64_MAX;
}

/* The region with the least latency; 0: none was measured. */
static int nearest_region(const struct exit_in *in, const struct group *g)
{
	int best = 0;
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < g->n; i++) {
		int region = g->v[i]->home_derp;
		int64_t ns = latency_of(in, region);
		if (ns < least || (ns == least && ns < INT64_MAX && region < best)) {
			least = ns;
			best = region;
		}
	}
	return best;
}

static const struct nm_node *by_relay(const struct exit_in *in, struct group *g, int64_t prev)
{
	int region = nearest_region(in, g);
	if (!region)
		region = prev_or_random(g, prev, in->rng)->home_derp;
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i]->home_derp == region)
			g->v[n++] = g->v[i];
	g->n = n;
	return prev_or_random(g, prev, in->rng);
}

/* ---- by distance ---- */

static double distance_to(const struct derp_region *from, const struct nm_node *n)
{
	struct place p = place_of(n);
	return p.known ? distance_m(from->latitude, from->longitude, p.latitude, p.longitude)
		       : HUGE_VAL;
}

static const struct nm_node *by_distance(const struct exit_in *in, struct group *g, int64_t prev)
{
	const struct derp_region *from =
	    in->nm->derp ? derp_map_find(in->nm->derp, in->home) : NULL;
	double least = HUGE_VAL;
	size_t n = 0;
	for (size_t i = 0; from && i < g->n; i++)
		least = fmin(least, distance_to(from, g->v[i]));
	for (size_t i = 0; least < HUGE_VAL && i < g->n; i++)
		if (distance_to(from, g->v[i]) <= least + NEAR_M)
			g->v[n++] = g->v[i];
	if (n)
		g->n = n;
	keep_best(g);
	return prev_or_random(g, prev, in->rng);
}

/* ---- the whole ---- */

static const struct nm_node *pick(const struct exit_in *in, struct group *all, struct group *homed,
				  int64_t prev)
{
	if (in->nm->self && nm_node_cap(in->nm->self, "traffic-steering")) {
		keep_best(all);
		return prev_or_random(all, prev, in->rng);
	}
	if (all->n == 1)
		return all->v[0];
	return homed->n ? by_relay(in, homed, prev) : by_distance(in, all, prev);
}

const struct nm_node *exit_suggest_among(const struct exit_in *in, const struct nm_node *const *v,
					 size_t n, int64_t prev)
{
	struct group all = { xcalloc(n, sizeof(struct nm_node *)), n };
	struct group homed = { xcalloc(n, sizeof(struct nm_node *)), 0 };
	for (size_t i = 0; i < n; i++) {
		all.v[i] = v[i];
		if (v[i]->home_derp)
			homed.v[homed.n++] = v[i];
	}
	const struct nm_node *best = pick(in, &all, &homed, prev);
	free(all.v);
	free(homed.v);
	return best;
}

int exit_node_suggest(const struct exit_in *in, int64_t prev, const struct nm_node **node)
{
	*node = NULL;
	if (!in->nm || !in->nm->self)
		return -ERR_STATE;
	if (!in->home && !nm_node_cap(in->nm->self, "traffic-steering"))
		return -ERR_STATE;
	const struct nm_node **v = xcalloc(in->nm->n_peers + 1, sizeof(struct nm_node *));
	size_t n = 0;
	for (size_t i = 0; i < in->nm->n_peers; i++) {
		const struct nm_node *p = in->nm->peers[i];
		if (p->online == J_TRUE && exit_may_suggest(p) && exit_node_offers(p) &&
		    !nm_node_is_expired(p))
			v[n++] = p;
	}
	if (n)
		*node = exit_suggest_among(in, v, n, prev);
	free(v);
	return 0;
}
