/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/derpmap_json.h"

#include "base/alloc.h"
#include "daemon/control/jd.h"

#include <stdlib.h>

#define REGIONS_MAX 1024
#define REGION_NODES_MAX 64

/* ---- merge -------------------------------------------------------------------------------------
 */

/* Member of received unless it is absent or null, else of old; borrowed. */
static json_t *newer(const json_t *old, const json_t *received, const char *name)
{
	json_t *v = j_get(received, name);
	return v ? v : j_get(old, name);
}

static void merge_home(json_t *out, const json_t *old, const json_t *received)
{
	json_t *scores = j_get(j_get(received, "HomeParams"), "RegionScore");
	if (!scores)
		scores = j_get(j_get(old, "HomeParams"), "RegionScore");
	if (!scores && !j_get(old, "HomeParams") && !j_get(received, "HomeParams"))
		return;
	json_t *home = j_object();
	if (scores && j_len(scores))
		j_set(home, "RegionScore", j_copy(scores));
	j_set(out, "HomeParams", home);
}

/* Regions with a null value are dropped. */
static json_t *live_regions(json_t *regions)
{
	json_t *out = j_object();
	for (void *it = j_iter(regions); it; it = j_iter_next(regions, it))
		if (!j_is_nil(j_iter_value(it)))
			j_set(out, j_iter_key(it), j_copy(j_iter_value(it)));
	return out;
}

json_t *derpmap_merge(const json_t *old, const json_t *received)
{
	json_t *out = j_object();
	merge_home(out, old, received);
	json_t *regions = newer(old, received, "Regions");
	if (!j_is_object(regions))
		regions = NULL;
	j_set(out, "Regions", regions ? live_regions(regions) : j_object());
	bool omit = j_get(received, "Regions") ? j_bool(received, "omitDefaultRegions", false)
					       : j_bool(old, "omitDefaultRegions", false);
	if (omit)
		j_set_bool(out, "omitDefaultRegions", true);
	return out;
}

/* ---- values ---- */

static double number_of(struct jd *d, const char *name)
{
	json_t *v = j_get(d->obj, name);
	if (!v || j_is_int(v))
		return v ? (double)j_integer(v) : 0;
	double n = j_num(d->obj, name, -1e308);
	if (n == -1e308)
		jd_fail(d, -ERR_SYNTAX, name);
	return d->err ? 0 : n;
}

static void read_node(struct jd *d, struct derp_node *n)
{
	str_set(&n->name, jd_str(d, "Name"));
	str_set(&n->host, jd_str(d, "HostName"));
	str_set(&n->cert_name, jd_str(d, "CertName"));
	str_set(&n->ipv4, jd_str(d, "IPv4"));
	str_set(&n->ipv6, jd_str(d, "IPv6"));
	str_set(&n->stun_test_ip, jd_str(d, "STUNTestIP"));
	n->stun_port = jd_int32(d, "STUNPort");
	n->derp_port = jd_int32(d, "DERPPort");
	n->stun_only = jd_bool(d, "STUNOnly");
	n->insecure = jd_bool(d, "InsecureForTests");
	n->can_port80 = jd_bool(d, "CanPort80");
}

static int read_region(const json_t *v, struct derp_region *r, const char **why)
{
	struct jd d = jd_init(v, NULL);
	str_set(&r->code, jd_str(&d, "RegionCode"));
	str_set(&r->name, jd_str(&d, "RegionName"));
	r->latitude = number_of(&d, "Latitude");
	r->longitude = number_of(&d, "Longitude");
	r->avoid = jd_bool(&d, "Avoid");
	r->no_measure_no_home = jd_bool(&d, "NoMeasureNoHome");
	const json_t *nodes = jd_array(&d, "Nodes");
	size_t n = nodes ? j_len(nodes) : 0;
	if (n > REGION_NODES_MAX)
		jd_fail(&d, -ERR_TOOBIG, "Nodes");
	for (size_t i = 0; i < n && !d.err; i++) {
		struct jd nd = jd_init(j_at(nodes, i), NULL);
		if (!j_is_nil(j_at(nodes, i)))
			read_node(&nd, derp_region_add_node(r));
		if (nd.err)
			jd_fail(&d, nd.err, nd.why);
	}
	*why = d.why;
	return d.err;
}

static double score_of(struct jd *home, const char *id)
{
	const json_t *scores = jd_object(home, "RegionScore");
	struct jd d = jd_init(scores, NULL);
	double s = number_of(&d, id);
	if (d.err)
		jd_fail(home, d.err, "RegionScore");
	return s;
}

/* Region ids that no relay can have (transport.md 10) are skipped, ids that are no numbers refused.
 */
static int read_regions(json_t *regions, struct jd *home, struct derp_map *m, const char **why)
{
	*why = "Regions";
	if (j_len(regions) > REGIONS_MAX)
		return -ERR_TOOBIG;
	for (void *it = j_iter(regions); it; it = j_iter_next(regions, it)) {
		uint64_t id;
		if (u64_decode(span_str(j_iter_key(it)), UINT64_MAX, &id))
			return -ERR_SYNTAX;
		if (j_is_nil(j_iter_value(it)) || id == 0 || id > DERP_REGION_ID_MAX)
			continue;
		struct derp_region *r = derp_map_add(m, (int)id);
		r->score = score_of(home, j_iter_key(it));
		int err = read_region(j_iter_value(it), r, why);
		if (err)
			return err;
	}
	return 0;
}

int derpmap_from_json(const json_t *v, struct derp_map **out, const char **why)
{
	struct jd d = jd_init(v, NULL);
	struct jd home = jd_init(jd_object(&d, "HomeParams"), NULL);
	json_t *regions = (json_t *)(uintptr_t)jd_object(&d, "Regions");
	struct derp_map *m = derp_map_new();
	*why = d.why;
	m->omit_default_regions = jd_bool(&d, "omitDefaultRegions");
	int err = d.err;
	if (!err && regions)
		err = read_regions(regions, &home, m, why);
	if (!err && home.err) {
		err = home.err;
		*why = home.why;
	}
	if (err)
		derp_map_free(m);
	else
		*out = m;
	return err;
}
