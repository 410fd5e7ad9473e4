/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_compile.c: a policy as packet filter rules for one node. */
#include "daemon/coordinator/policy_model.h"

/* ---- compiling: sources ---- */

static void add_node_addresses(json_t *arr, const struct node *n)
{
	char text[IP_TEXT_MAX];

	j_add_str(arr, ip_encode(n->v4, text));
	j_add_str(arr, ip_encode(n->v6, text));
}

/* "*" in a policy means this network and the subnets behind it, not the internet. */
static void add_everybody(json_t *arr, const struct registry *r)
{
	char text[PREFIX_TEXT_MAX];

	j_add_str(arr, "100.64.0.0-100.115.91.255");
	j_add_str(arr, "100.115.94.0-100.127.255.255");
	j_add_str(arr, "fd7a:115c:a1e0::/48");
	for (size_t i = 0; i < r->n_nodes; i++)
		for (size_t k = 0; k < r->nodes[i]->active.n; k++)
			if (!prefix_is_default(r->nodes[i]->active.v[k]))
				j_add_str(arr, prefix_encode(r->nodes[i]->active.v[k], text));
}

static bool is_any(const struct targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind == TARGET_ANY)
			return true;
	return false;
}

/* only: not NULL for autogroup:self: nodes of its user and nothing else. */
static json_t *sources(const struct policy *p, const struct registry *r, const struct rule *rule,
		       const struct node *only)
{
	json_t *arr = j_array();
	char text[PREFIX_TEXT_MAX];

	if (!only && is_any(&rule->src)) {
		add_everybody(arr, r);
		return arr;
	}
	for (size_t i = 0; i < r->n_nodes; i++) {
		const struct node *n = r->nodes[i];

		if ((!only || node_same_user(n, only)) && targets_have_node(p, r, &rule->src, n))
			add_node_addresses(arr, n);
	}
	for (size_t i = 0; !only && i < rule->src.n; i++)
		if (rule->src.v[i].kind == TARGET_PREFIX)
			j_add_str(arr, prefix_encode(rule->src.v[i].prefix, text));
	return arr;
}

/* ---- compiling: destinations ---- */

static void add_port(json_t *arr, const char *ip, const struct port_range *ports)
{
	json_t *o = j_object(), *range = j_object();

	j_set_int(range, "First", ports->first);
	j_set_int(range, "Last", ports->last);
	j_set_str(o, "IP", ip);
	j_set(o, "Ports", range);
	j_add(arr, o);
}

static void add_destination(json_t *arr, const struct policy *p, const struct registry *r,
			    const struct target *t, const struct node *self,
			    const struct port_range *ports)
{
	char text[PREFIX_TEXT_MAX];

	if (t->kind == TARGET_ANY) {
		add_port(arr, "*", ports);
		return;
	}
	if (t->kind == TARGET_SELF ? !node_is_tagged(self) : target_is_node(p, r, t, self)) {
		add_port(arr, ip_encode(self->v4, text), ports);
		add_port(arr, ip_encode(self->v6, text), ports);
	}
	if (t->kind == TARGET_PREFIX && node_serves(self, t->prefix))
		add_port(arr, prefix_encode(t->prefix, text), ports);
}

static json_t *proto_list(const struct service *s)
{
	json_t *arr = j_array();

	for (size_t i = 0; i < s->n_protos; i++)
		j_add(arr, j_from_int(s->protos[i]));
	return arr;
}

static bool same_protos(const struct service *a, const struct service *b)
{
	return a->n_protos == b->n_protos && memcmp(a->protos, b->protos, a->n_protos) == 0;
}

/* Destinations of all services that share the protocols of `like`. */
static json_t *ports_of(const struct policy *p, const struct registry *r, const struct rule *rule,
			bool self_part, const struct node *self, const struct service *like)
{
	json_t *arr = j_array();

	for (size_t i = 0; i < rule->n_dst; i++) {
		const struct destination *d = &rule->dst[i];

		for (size_t k = 0;
		     k < d->n_services && (d->target.kind == TARGET_SELF) == self_part; k++)
			if (same_protos(&d->services[k], like))
				add_destination(arr, p, r, &d->target, self, &d->services[k].ports);
	}
	return arr;
}

static void add_rule(json_t *out, json_t *src, json_t *ports, const struct service *s)
{
	json_t *o = j_object();

	j_set(o, "SrcIPs", j_ref(src));
	j_set(o, "DstPorts", ports);
	if (s->n_protos)
		j_set(o, "IPProto", proto_list(s));
	j_add(out, o);
}

/* Was an earlier service of the same part of the rule of the same protocols? Then it is done. */
static bool seen(const struct rule *rule, bool self_part, size_t dst, size_t service)
{
	const struct service *s = &rule->dst[dst].services[service];

	for (size_t i = 0; i <= dst; i++)
		for (size_t k = 0; k < (i == dst ? service : rule->dst[i].n_services); k++)
			if ((rule->dst[i].target.kind == TARGET_SELF) == self_part &&
			    same_protos(&rule->dst[i].services[k], s))
				return true;
	return false;
}

static void compile_part(json_t *out, const struct policy *p, const struct registry *r,
			 const struct rule *rule, bool self_part, const struct node *self)
{
	json_t *src = sources(p, r, rule, self_part ? self : NULL);

	for (size_t i = 0; j_len(src) && i < rule->n_dst; i++) {
		const struct destination *d = &rule->dst[i];

		for (size_t k = 0; k < d->n_services; k++) {
			json_t *ports;

			if ((d->target.kind == TARGET_SELF) != self_part ||
			    seen(rule, self_part, i, k))
				continue;
			ports = ports_of(p, r, rule, self_part, self, &d->services[k]);
			if (j_len(ports))
				add_rule(out, src, ports, &d->services[k]);
			else
				j_free(ports);
		}
	}
	j_free(src);
}

/* Capabilities go to the node's own addresses. */
static void compile_app(json_t *out, const struct policy *p, const struct registry *r,
			const struct rule *rule, const struct node *self)
{
	json_t *o, *grants, *g, *dsts, *src;
	char text[PREFIX_TEXT_MAX];
	bool self_part = false, hit = false;

	for (size_t i = 0; i < rule->n_dst; i++) {
		const struct target *t = &rule->dst[i].target;

		self_part |= t->kind == TARGET_SELF && !node_is_tagged(self);
		hit |= t->kind != TARGET_SELF && target_is_node(p, r, t, self);
	}
	if (!rule->app || (!hit && !self_part))
		return;
	src = sources(p, r, rule, hit ? NULL : self);
	if (!j_len(src)) {
		j_free(src);
		return;
	}
	o = j_object();
	grants = j_array();
	g = j_object();
	dsts = j_array();
	j_add_str(dsts, prefix_encode(prefix_host(self->v4), text));
	j_add_str(dsts, prefix_encode(prefix_host(self->v6), text));
	j_set(g, "Dsts", dsts);
	j_set(g, "CapMap", j_copy(rule->app));
	j_add(grants, g);
	j_set(o, "SrcIPs", src);
	j_set(o, "CapGrant", grants);
	j_add(out, o);
}

static json_t *allow_all(void)
{
	static const struct port_range all = { 0, 65535 };
	json_t *out = j_array(), *o = j_object(), *src = j_array(), *dst = j_array();

	j_add_str(src, "*");
	add_port(dst, "*", &all);
	j_set(o, "SrcIPs", src);
	j_set(o, "DstPorts", dst);
	j_add(out, o);
	return out;
}

json_t *policy_filter(const struct policy *p, const struct registry *r, const struct node *self)
{
	json_t *out;

	if (!p)
		return allow_all();
	out = j_array();
	for (size_t i = 0; i < p->n_rules; i++) {
		compile_part(out, p, r, &p->rules[i], false, self);
		compile_part(out, p, r, &p->rules[i], true, self);
		compile_app(out, p, r, &p->rules[i], self);
	}
	return out;
}
