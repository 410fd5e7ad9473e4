/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/path_priv.h"

#include "base/alloc.h"

struct candidate *path_candidate_find(const struct path_peer *p, struct ep ep)
{
	for (size_t i = 0; i < p->n_candidates; i++)
		if (ep_eq(p->candidates[i].ep, ep))
			return &p->candidates[i];
	return NULL;
}

static bool is_dead(const struct candidate *c, mono_t now)
{
	if (c->in_netmap || c->in_cmm)
		return false;
	return mono_is_zero(c->last_got) ||
	       mono_diff_ns(now, c->last_got) > PATH_ACTIVE_S * NS_PER_S;
}

/* The last one takes its place: order has no meaning. */
static void remove_at(struct path_peer *p, size_t i, const char *why)
{
	struct ep ep = p->candidates[i].ep;
	p->candidates[i] = p->candidates[--p->n_candidates];
	if (ep_eq(p->best.ep, ep))
		path_clear_best(p, why);
}

void path_candidates_drop_dead(struct path_peer *p, mono_t now)
{
	for (size_t i = p->n_candidates; i-- > 0;)
		if (is_dead(&p->candidates[i], now))
			remove_at(p, i, "candidate gone");
}

/* Make room by giving up the one learned from a ping that is silent for the longest time. */
static bool evict(struct path_peer *p)
{
	size_t victim = p->n_candidates;
	for (size_t i = 0; i < p->n_candidates; i++) {
		const struct candidate *c = &p->candidates[i];
		if (c->in_netmap || c->in_cmm || ep_eq(c->ep, p->best.ep))
			continue;
		if (victim == p->n_candidates ||
		    mono_before(c->last_got, p->candidates[victim].last_got))
			victim = i;
	}
	if (victim == p->n_candidates)
		return false;
	remove_at(p, victim, "too many candidates");
	return true;
}

static void grow(struct path_peer *p)
{
	if (p->n_candidates < p->cap_candidates)
		return;
	size_t cap = p->cap_candidates ? 2 * p->cap_candidates : 4;
	p->candidates = xrealloc(p->candidates, cap, sizeof(*p->candidates));
	p->cap_candidates = cap;
}

struct candidate *path_candidate_add(struct path_peer *p, mono_t now, struct ep ep)
{
	struct candidate *c = path_candidate_find(p, ep);
	if (c)
		return c;
	if (p->n_candidates >= PATH_CANDIDATES_MAX)
		path_candidates_drop_dead(p, now);
	if (p->n_candidates >= PATH_CANDIDATES_MAX && !evict(p))
		return NULL;
	grow(p);
	c = &p->candidates[p->n_candidates++];
	*c = (struct candidate){ .ep = ep };
	return c;
}

void path_candidates_set_netmap(struct path_peer *p, mono_t now, const struct ep *eps, size_t n)
{
	for (size_t i = 0; i < p->n_candidates; i++)
		p->candidates[i].in_netmap = false;
	for (size_t i = 0; i < n; i++) {
		struct candidate *c =
		    path_addr_allowed(eps[i]) ? path_candidate_add(p, now, eps[i]) : NULL;
		if (c)
			c->in_netmap = true;
	}
	path_candidates_drop_dead(p, now);
}

/* What the call-me-maybe before named, and this one does not, is no longer offered. */
void path_candidates_set_cmm(struct path_peer *p, mono_t now, const struct ep *eps, size_t n)
{
	for (size_t i = 0; i < p->n_candidates; i++)
		p->candidates[i].in_cmm = false;
	for (size_t i = 0; i < n && i < DISCO_CMM_MAX; i++) {
		struct candidate *c =
		    path_addr_allowed(eps[i]) ? path_candidate_add(p, now, eps[i]) : NULL;
		if (c)
			c->in_cmm = true;
	}
	path_candidates_drop_dead(p, now);
	/* it waits for us at this moment: the gap between pings does not count */
	for (size_t i = 0; i < p->n_candidates; i++)
		p->candidates[i].last_ping = MONO_ZERO;
}
