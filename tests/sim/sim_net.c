/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/sim.h"

#include "base/alloc.h"

#include <stdlib.h>

struct flight {
	int to; /* node id */
	struct ep from;
	int region; /* 0: UDP */
	struct node_key src;
	size_t len;
	uint8_t bytes[];
};

static bool chance(struct sim *s, int percent)
{
	return percent > 0 && rng_below(&s->rng.rng, 100) < (uint32_t)percent;
}

static void mix(struct sim *s, const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++)
		s->trace = (s->trace ^ b[i]) * UINT64_C(1099511628211);
}

static void land(struct sim *s, void *arg)
{
	struct flight *f = arg;
	struct sim_node *n = f->to <= s->n_nodes ? s->nodes[f->to] : NULL;
	if (n && n->running && !(f->region && s->region_down[f->region])) {
		mix(s, &s->now, sizeof(s->now));
		mix(s, f->bytes, f->len);
		s->delivered++;
		if (f->region)
			sim_node_derp_in(n, f->region, &f->src, span_of(f->bytes, f->len));
		else
			sim_node_udp_in(n, f->from, span_of(f->bytes, f->len));
	}
	free(f);
}

static void launch(struct sim *s, const struct flight *head, struct span d)
{
	struct flight *f = xcalloc(1, sizeof(*f) + d.len);
	*f = *head;
	f->len = d.len;
	memcpy(f->bytes, d.p, d.len);
	int64_t jitter =
	    s->link.jitter_ms ? (int64_t)rng_below(&s->rng.rng, (uint32_t)s->link.jitter_ms) : 0;
	sim_after(s, s->link.delay_ms + jitter, land, f);
}

/* ---- NAT ----------------------------------------------------------------------------------------
 */

/* The outer address a packet to dst leaves with, making the mapping. */
static struct ep translate(struct sim_node *n, struct ep dst)
{
	if (n->nat == SIM_PUBLIC)
		return n->local;
	uint16_t outer = 0;
	bool open = false;
	for (size_t i = 0; i < n->n_mappings; i++) {
		struct sim_mapping *m = &n->mappings[i];
		if (!ep_eq(m->inner, n->local))
			continue;
		if (n->nat == SIM_EASY || ep_eq(m->dst, dst))
			outer = m->outer;
		open |= ep_eq(m->dst, dst);
	}
	if (!outer)
		outer = (uint16_t)(1024 + rng_below(&n->sim->rng.rng, 60000));
	if (!open && n->n_mappings < SIM_MAPPINGS_MAX)
		n->mappings[n->n_mappings++] = (struct sim_mapping){ outer, n->local, dst };
	return (struct ep){ n->outer_ip, outer };
}

/* Does a packet from src to that outer port get in? Only from where somebody inside sent to. */
static bool admitted(const struct sim_node *n, struct ep src, uint16_t port)
{
	if (n->nat == SIM_PUBLIC)
		return port == n->local.port;
	for (size_t i = 0; i < n->n_mappings; i++)
		if (n->mappings[i].outer == port && ep_eq(n->mappings[i].dst, src) &&
		    ep_eq(n->mappings[i].inner, n->local))
			return true;
	return false;
}

void sim_move(struct sim_node *n)
{
	n->n_mappings = 0;
	n->local.port++;
	if (n->nat == SIM_PUBLIC) {
		n->local.ip.b[3] ^= 0x40;
		n->outer_ip = n->local.ip;
	}
}

struct ep sim_stun(struct sim_node *n)
{
	if (n->nat == SIM_BLOCKED)
		return (struct ep){ 0 };
	return translate(n, (struct ep){ ip_v4(203, 0, 113, 1), 3478 });
}

void sim_udp(struct sim_node *from, struct ep to, struct span d)
{
	struct sim *s = from->sim;
	if (from->nat == SIM_BLOCKED)
		return;
	struct ep src = translate(from, to);
	for (int i = 1; i <= s->n_nodes; i++) {
		struct sim_node *n = s->nodes[i];
		if (n == from || n->nat == SIM_BLOCKED || !ip_eq(n->outer_ip, to.ip) ||
		    !admitted(n, src, to.port))
			continue;
		struct flight f = { .to = n->id, .from = src };
		if (chance(s, s->link.loss_percent))
			s->lost++;
		else
			launch(s, &f, d);
		if (chance(s, s->link.duplicate_percent))
			launch(s, &f, d);
		return;
	}
}

void sim_derp(struct sim_node *from, int region, const struct node_key *to, struct span d)
{
	struct sim *s = from->sim;
	if (region < 1 || region > SIM_REGIONS || s->region_down[region])
		return;
	struct flight f = { .region = region };
	node_priv_public(&from->key, &f.src);
	for (int i = 1; i <= s->n_nodes; i++) {
		struct node_key key;
		node_priv_public(&s->nodes[i]->key, &key);
		if (!node_key_eq(&key, to) || s->nodes[i]->home != region)
			continue;
		f.to = i;
		launch(s, &f, d);
	}
}
