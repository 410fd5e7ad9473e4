/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/routes.h"

#include "base/alloc.h"

#include <stdlib.h>

static bool offers(const struct node *n, struct prefix p)
{
	return node_online(n) && prefixes_has(&n->announced, p) && prefixes_has(&n->approved, p);
}

static struct primary *primary_find(struct registry *r, struct prefix p)
{
	for (size_t i = 0; i < r->n_primaries; i++)
		if (prefix_eq(r->primaries[i].prefix, p))
			return &r->primaries[i];
	return NULL;
}

/* Drop primaries that no longer offer their prefix. */
static void primaries_prune(struct registry *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n_primaries; i++) {
		const struct node *n = registry_node(r, r->primaries[i].node);

		if (n && offers(n, r->primaries[i].prefix))
			r->primaries[kept++] = r->primaries[i];
	}
	r->n_primaries = kept;
}

/* Nodes come in order of id, so the first that offers a prefix nobody serves is the lowest. */
static void primaries_fill(struct registry *r, const struct node *n)
{
	for (size_t i = 0; i < n->announced.n; i++) {
		struct prefix p = n->announced.v[i];

		if (prefix_is_default(p) || !offers(n, p) || primary_find(r, p))
			continue;
		r->primaries = xrealloc(r->primaries, r->n_primaries + 1, sizeof(struct primary));
		r->primaries[r->n_primaries++] = (struct primary){ p, n->id };
	}
}

static bool active_update(struct registry *r, struct node *n)
{
	struct prefixes now = { 0 };
	bool differs;

	for (size_t i = 0; i < n->announced.n; i++) {
		struct prefix p = n->announced.v[i];
		const struct primary *pr = primary_find(r, p);

		if (prefix_is_default(p) ? offers(n, p) : pr && pr->node == n->id)
			prefixes_add(&now, p);
	}
	differs = !prefixes_equal(&now, &n->active);
	prefixes_copy(&n->active, &now);
	prefixes_fini(&now);
	return differs;
}

void routes_refresh(struct registry *r)
{
	primaries_prune(r);
	for (size_t i = 0; i < r->n_nodes; i++)
		primaries_fill(r, r->nodes[i]);
	for (size_t i = 0; i < r->n_nodes; i++)
		if (active_update(r, r->nodes[i]) && r->on_change)
			r->on_change(r->arg, r->nodes[i], NODE_INFO);
}

void routes_approve(struct registry *r, struct node *n, const struct prefixes *approved)
{
	prefixes_copy(&n->approved, approved);
	routes_refresh(r);
}
