/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck.json: home choices, probe plans, NAT classification, the JSON form of a report. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "magicsock/netcheck_text.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, cases;

static void check(bool good, const char *what, const json_t *v)
{
	cases++;
	if (good)
		return;
	failed++;
	printf("wrong: %s: %s\n", what, j_str(v, "name") ? j_str(v, "name") : "");
}

/* ---- home choice ------------------------------------------------------------------------- */

static void add_latencies(struct nc_report *r, json_t *latency_ms)
{
	for (void *it = j_iter(latency_ms); it; it = j_iter_next(latency_ms, it))
		nc_report_add_latency(r, (int)strtol(j_iter_key(it), NULL, 10), IP_V4,
				      j_integer(j_iter_value(it)) * NS_PER_MS);
}

struct step {
	const json_t *v;
	mono_t now;
};

static mono_t heard(void *arg, int region)
{
	const struct step *s = arg;
	char id[16];
	snprintf(id, sizeof(id), "%d", region);
	int64_t ago = j_int(j_get(s->v, "derp_frame_heard_seconds_ago"), id, -1);
	return ago < 0 ? MONO_ZERO : mono_add_s(s->now, -ago);
}

#define HOME_REGIONS 16 /* the cases number theirs from 1 */

static struct derp_map *scores(json_t *list)
{
	struct derp_map *m = derp_map_new();
	for (int id = 1; id <= HOME_REGIONS; id++)
		derp_map_add(m, id);
	for (void *it = j_iter(list); it; it = j_iter_next(list, it))
		derp_map_find(m, (int)strtol(j_iter_key(it), NULL, 10))->score =
		    j_number(j_iter_value(it));
	return m;
}

static void home(const json_t *v)
{
	const json_t *steps = j_get(v, "steps");
	struct nc_history *h = nc_history_new();
	struct derp_map *map = scores(j_get(v, "region_score"));
	mono_t now = mono_add_s(MONO_ZERO, 100000);
	for (size_t i = 0; i < j_len(steps); i++) {
		struct step s = { .v = j_at(steps, i) };
		now = mono_add_s(now, j_int(s.v, "seconds_since_previous", 0));
		s.now = now;
		struct nc_home_in in = {
			.map = map,
			.heard = heard,
			.arg = &s,
			.started = now,
			.forced = (int)j_int(v, "forced_region", 0),
		};
		struct nc_report *r = nc_report_new();
		add_latencies(r, j_get(s.v, "region_latency_ms"));
		nc_history_add(h, now, r, &in);
		check(r->preferred_derp == (int)j_int(s.v, "preferred_derp", -1), "home", v);
		nc_report_free(r);
	}
	derp_map_free(map);
	nc_history_free(h);
}

/* ---- plans --------------------------------------------------------------------------------- */

/* The map of the vectors: region N <= 5 has min(N, 3) nodes Na, Nb, Nc. */
static struct derp_map *eight_regions(void)
{
	struct derp_map *m = derp_map_new();
	for (int id = 1; id <= 8; id++) {
		struct derp_region *r = derp_map_add(m, id);
		int n = id > 5 ? 1 : id < 3 ? id : 3;
		r->no_measure_no_home = id == 6;
		r->avoid = id == 7;
		for (int i = 0; i < n; i++) {
			struct derp_node *node = derp_region_add_node(r);
			node->name = xasprintf("%d%c", id, 'a' + i);
			if (id == 8)
				str_set(&node->ipv6, "none");
		}
	}
	return m;
}

static bool set_matches(const struct derp_map *map, const struct nc_set *s, const json_t *want)
{
	const struct derp_region *r = derp_map_find(map, s->region);
	if (j_len(want) != s->n)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const json_t *p = j_at(want, i);
		if (s->probes[i].delay_ns != j_int(p, "delay_ms", -1) * NS_PER_MS ||
		    strcmp(r->nodes[s->probes[i].node].name, j_str(p, "node")) != 0)
			return false;
	}
	return true;
}

static void plan(const json_t *v)
{
	struct derp_map *map = eight_regions();
	struct nc_report *last = NULL;
	if (j_has(v, "last_region_latency_ms")) {
		last = nc_report_new();
		add_latencies(last, j_get(v, "last_region_latency_ms"));
		last->ipv4 = j_bool(v, "last_had_v4", false);
		last->ipv6 = j_bool(v, "last_had_v6", false);
	}
	struct nc_plan_in in = {
		.map = map,
		.last = last,
		.have_v4 = j_bool(v, "have_v4", false),
		.have_v6 = j_bool(v, "have_v6", false),
		.home = (int)j_int(v, "home_region", 0),
	};
	size_t n;
	struct nc_set *sets = nc_plan(&in, &n);
	check(n == j_len(j_get(v, "plan")), "number of sets", v);
	for (size_t i = 0; i < n; i++) {
		char name[40];
		snprintf(name, sizeof(name), "region-%d-%s", sets[i].region,
			 sets[i].fam == IP_V4 ? "v4" : "v6");
		check(set_matches(map, &sets[i], j_get(j_get(v, "plan"), name)), name, v);
	}
	free(sets);
	nc_report_free(last);
	derp_map_free(map);
}

/* ---- NAT ---------------------------------------------------------------------------------------
 */

static bool is_global(struct ep ep, const json_t *list)
{
	char text[EP_TEXT_MAX];
	if (j_is_nil(list))
		return !ep_is_set(ep);
	return j_len(list) == 1 && strcmp(ep_encode(ep, text), j_text(j_at(list, 0))) == 0;
}

static void mapping(const json_t *v)
{
	static const char *const tri[] = { "", "false", "true" };
	const json_t *seen = j_get(v, "stun_results_in_order");
	struct nc_report *r = nc_report_new();
	for (size_t i = 0; i < j_len(seen); i++) {
		struct ep ep;
		check(ep_decode(j_text_span(j_at(seen, i)), &ep) == 0, "address", v);
		nc_report_add_global(r, ep);
	}
	check(strcmp(tri[r->mapping_varies], j_str(v, "mapping_varies_by_dest_ip")) == 0, "varies",
	      v);
	check(r->udp == j_bool(v, "udp", false), "udp", v);
	check(r->ipv4 == j_bool(v, "ipv4", false), "ipv4", v);
	check(r->ipv6 == j_bool(v, "ipv6", false), "ipv6", v);
	check(is_global(r->global_v4, j_get(v, "global_v4")), "global_v4", v);
	check(is_global(r->global_v6, j_get(v, "global_v6")), "global_v6", v);
	nc_report_free(r);
}

/* ---- JSON ---- */

static void report_json(json_t *want)
{
	struct nc_report *r = nc_report_new();
	struct ep seen;
	check(ep_decode(span_str("198.51.100.1:41641"), &seen) == 0, "address", want);
	r->now = j_time(want, "Now");
	r->ipv4_can_send = true;
	r->upnp = NC_TRUE;
	r->pmp = NC_FALSE;
	r->mapping_varies = NC_FALSE;
	r->preferred_derp = 999;
	nc_report_add_latency(r, 999, IP_V4, 1234567);
	nc_report_add_global(r, seen);
	json_t *got = netcheck_report_json(r);
	check(j_equal(got, want), "JSON", want);
	struct buf a, b;
	buf_init(&a, 1 << 16);
	buf_init(&b, 1 << 16);
	j_write(got, J_COMPACT, true, &a);
	j_write(want, J_COMPACT, true, &b);
	check(span_eq(buf_span(&a), buf_span(&b)), "JSON order", want);
	buf_fini(&a);
	buf_fini(&b);
	j_free(got);
	nc_report_free(r);
}

static void each(const json_t *all, const char *list, void (*fn)(const json_t *))
{
	const json_t *a = j_get(all, list);
	for (size_t i = 0; i < j_len(a); i++)
		fn(j_at(a, i));
}

int main(void)
{
	json_t *v = vec_load("netcheck.json");
	each(v, "home_selection", home);
	each(v, "probe_plans", plan);
	each(v, "mapping_varies", mapping);
	report_json(j_get(v, "report_json"));
	j_free(v);
	printf("%d checks, %d wrong\n", cases, failed);
	return failed || cases < 80;
}
