/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/forward_priv.h"

#include <stdlib.h>

static void copy_list(struct dns_upstreams *to, const struct dns_upstreams *from)
{
	to->v = xcalloc(from->n ? from->n : 1, sizeof(*to->v));
	to->n = from->n;
	for (size_t i = 0; i < from->n; i++) {
		to->v[i].addr = xstrdup(from->v[i].addr ? from->v[i].addr : "");
		to->v[i].use_with_exit_node = from->v[i].use_with_exit_node;
	}
}

static uint64_t key_of(const struct dns_target *t)
{
	uint8_t text[IP_TEXT_MAX + 16 + DNS_SCOPE_MAX];
	struct wr w = wr_init(mspan_of(text, sizeof(text)));
	char ep[EP_TEXT_MAX];

	if (t->url)
		return map_hash(t->url, strlen(t->url)) | 1;
	wr_str(&w, ep_encode(t->ep, ep));
	wr_str(&w, t->scope);
	return map_hash(text, wr_len(&w)) | 1;
}

struct dns_group *dns_group_new(uint64_t id, const struct dns_upstreams *ups)
{
	struct dns_group *g = xcalloc(1, sizeof(*g));
	size_t bad;

	g->refs = 1;
	g->id = id;
	copy_list(&g->list, ups);
	g->n = dns_schedule(&g->list, g->targets, &bad);
	for (size_t i = 0; i < g->n; i++)
		g->keys[i] = key_of(&g->targets[i]);
	return g;
}

struct dns_group *dns_group_ref(struct dns_group *g)
{
	g->refs++;
	return g;
}

void dns_group_unref(struct dns_group *g)
{
	if (!g || --g->refs > 0)
		return;
	for (size_t i = 0; i < g->n; i++)
		dns_target_fini(&g->targets[i]);
	for (size_t i = 0; i < g->list.n; i++)
		free(g->list.v[i].addr);
	free(g->list.v);
	free(g);
}

bool dns_group_is(const struct dns_group *g, const struct dns_upstreams *ups)
{
	if (g->list.n != ups->n)
		return false;
	for (size_t i = 0; i < ups->n; i++)
		if (str_cmp(g->list.v[i].addr, ups->v[i].addr) != 0)
			return false;
	return true;
}

_Static_assert(DNS_GROUP_MAX <= 8, "a bit for each in the path");

uint64_t dns_group_path(const struct dns_group *g, const struct lane_env *e)
{
	uint64_t path = g->id << 8;

	for (size_t i = 0; e->in_tunnel && i < g->n; i++) {
		const struct dns_target *t = &g->targets[i];
		struct ip to = t->kind == DNS_UP_HTTPS ? t->addrs[0] : t->ep.ip;

		if (e->in_tunnel(e->arg, to))
			path |= UINT64_C(1) << i;
	}
	return path;
}
