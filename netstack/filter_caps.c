/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter_caps.h"

#include "base/alloc.h"
#include "netstack/filter_parse.h"

#include <stdlib.h>

struct grant {
	struct ranges srcs; /* of its rule */
	struct ranges dsts;
	json_t *names; /* old style: capabilities without values; NULL or a list of texts */
	json_t *map;   /* capability to list of values or null; NULL or an object */
};

struct flt_caps {
	struct grant *v;
	size_t n, cap;
};

struct flt_caps *flt_caps_new(void)
{
	return xcalloc(1, sizeof(struct flt_caps));
}

static void drop_last(struct flt_caps *c, size_t keep)
{
	while (c->n > keep) {
		struct grant *g = &c->v[--c->n];
		ranges_fini(&g->srcs);
		ranges_fini(&g->dsts);
		j_free(g->names);
		j_free(g->map);
	}
}

void flt_caps_free(struct flt_caps *c)
{
	if (!c)
		return;
	drop_last(c, 0);
	free(c->v);
	free(c);
}

static struct grant *new_grant(struct flt_caps *c)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 8;
		c->v = xrealloc(c->v, c->cap, sizeof(*c->v));
	}
	struct grant *g = &c->v[c->n++];
	*g = (struct grant){ 0 };
	return g;
}

static int add_srcs(const json_t *array, struct ranges *out)
{
	struct ip_range r[2];
	size_t n;
	for (size_t i = 0; i < j_len(array); i++)
		if (flt_ipset_parse(j_text_span(j_at(array, i)), r, &n) == 0)
			for (size_t k = 0; k < n; k++)
				ranges_add(out, &r[k]);
	ranges_sort(out);
	return out->bad ? -ERR_TOOBIG : 0;
}

static int add_dsts(const json_t *array, struct ranges *out)
{
	struct prefix p;
	for (size_t i = 0; i < j_len(array); i++)
		if (prefix_decode(j_text_span(j_at(array, i)), &p) == 0)
			ranges_add_prefix(out, p);
	ranges_sort(out);
	return out->bad ? -ERR_TOOBIG : 0;
}

static bool is_list_or_absent(const json_t *v)
{
	return !v || j_is_array(v);
}

static int add_grant(struct flt_caps *c, const json_t *rule, const json_t *obj)
{
	json_t *names = j_get(obj, "Caps");
	json_t *map = j_get(obj, "CapMap");
	if (!j_is_object(obj) || !is_list_or_absent(j_get(obj, "Dsts")) ||
	    !is_list_or_absent(names) || (map && !j_is_object(map)))
		return -ERR_SYNTAX;
	if (c->n == FLT_RULES_MAX)
		return -ERR_TOOBIG;
	struct grant *g = new_grant(c);
	g->names = names ? j_ref(names) : NULL;
	g->map = map ? j_ref(map) : NULL;
	int rc = add_srcs(j_get(rule, "SrcIPs"), &g->srcs);
	return rc ? rc : add_dsts(j_get(obj, "Dsts"), &g->dsts);
}

static int add_rule(struct flt_caps *c, const json_t *rule)
{
	const json_t *grants = j_get(rule, "CapGrant");
	if (!j_is_object(rule) || !is_list_or_absent(grants) ||
	    !is_list_or_absent(j_get(rule, "SrcIPs")))
		return -ERR_SYNTAX;
	for (size_t i = 0; i < j_len(grants); i++) {
		int rc = add_grant(c, rule, j_at(grants, i));
		if (rc)
			return rc;
	}
	return 0;
}

int flt_caps_add(struct flt_caps *c, const json_t *rules)
{
	size_t before = c->n;
	if (j_is_nil(rules))
		return 0;
	int rc = j_is_array(rules) ? 0 : -ERR_SYNTAX;
	for (size_t i = 0; rc == 0 && i < j_len(rules); i++)
		rc = add_rule(c, j_at(rules, i));
	if (rc)
		drop_last(c, before);
	return rc;
}

/* name is granted; a list stays absent (null) until somebody gives one. */
static void give(json_t *out, const char *name, const json_t *values)
{
	if (j_is_array(values) && !j_get(out, name))
		j_set(out, name, j_array());
	else if (!j_has(out, name))
		j_set_null(out, name);
	json_t *list = j_get(out, name);
	for (size_t i = 0; j_is_array(values) && i < j_len(values); i++)
		j_add(list, j_copy(j_at(values, i)));
}

static void give_all(json_t *out, const struct grant *g)
{
	for (size_t i = 0; g->names && i < j_len(g->names); i++)
		if (j_is_string(j_at(g->names, i)))
			give(out, j_text(j_at(g->names, i)), NULL);
	if (!g->map)
		return;
	for (void *it = j_iter(g->map); it; it = j_iter_next(g->map, it))
		give(out, j_iter_key(it), j_iter_value(it));
}

json_t *flt_caps_find(const struct flt_caps *c, struct ip src, struct ip dst)
{
	json_t *out = j_object();
	for (size_t i = 0; i < c->n; i++)
		if (ranges_contains(&c->v[i].srcs, src) && ranges_contains(&c->v[i].dsts, dst))
			give_all(out, &c->v[i]);
	if (j_len(out) > 0)
		return out;
	j_free(out);
	return NULL;
}
