/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_linux.h"

#include "base/alloc.h"
#include "netstack/nft_accept_linux.h"
#include "netstack/nft_priv.h"
#include "netstack/tun_linux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ALL_PARTS ((2u << NFT_PART_SNAT6) - 1)
#define RACES_MAX 10 /* as often the ruleset may change between our look and our batch */

struct nft {
	struct nft_sock s;
	char tun[TUN_NAME_MAX];
	struct router_params params;

	struct fw_config applied; /* mode off: nothing */
	uint32_t parts;		  /* what the kernel could do of it */
	uint64_t print;		  /* nft_view's, of what was applied */
	bool print_known;
};

/* ---- life ---- */

/* The kernel answers a harmless question only to those who may change things. */
static int probe(struct nft_sock *s)
{
	uint32_t gen;
	int err = nft_sock_open(s);
	if (!err)
		err = nft_generation(s, &gen);
	if (err)
		nft_sock_close(s);
	return err;
}

struct nft *nft_new(const char *tun, const struct router_params *p, struct router_report *rep)
{
	struct nft_sock s;
	*rep = (struct router_report){ 0 };
	struct nft_refusal r = { .err = tun_name_ok(tun) ? probe(&s) : EINVAL };
	if (r.err) {
		nft_report_refusal(rep, &r);
		return NULL;
	}
	struct nft *n = xcalloc(1, sizeof(*n));
	n->s = s;
	n->params = *p;
	snprintf(n->tun, sizeof(n->tun), "%s", tun);
	return n;
}

void nft_free(struct nft *n)
{
	if (!n)
		return;
	fw_config_fini(&n->applied);
	nft_sock_close(&n->s);
	free(n);
}

uint32_t nft_port(const struct nft *n)
{
	return n->s.port;
}

/* ---- plans ---- */

/* A plan and what it points to. */
struct planned {
	struct nft_plan plan;
	struct ranges self, guard;
};

static void add_all(struct ranges *out, const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		ranges_add_prefix(out, l->v[i]);
	ranges_sort(out);
}

/* 0 or ENOMEM. */
static int planned_init(struct planned *x, const struct nft *n, const struct fw_config *want,
			uint32_t parts)
{
	*x = (struct planned){ .plan = { want, &n->params, n->tun, &x->self, &x->guard, parts } };
	add_all(&x->self, &want->self);
	add_all(&x->guard, &want->guard);
	return x->self.bad || x->guard.bad ? ENOMEM : 0;
}

static void planned_fini(struct planned *x)
{
	ranges_fini(&x->self);
	ranges_fini(&x->guard);
}

/* ---- transactions ---- */

typedef void fill_fn(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, void *arg);

/* Look, decide, and change, as one step that nobody comes between: where somebody does, the kernel
 * refuses, and we look again. gen: of the ruleset afterwards. */
static struct nft_refusal transact(struct nft_sock *s, fill_fn *fill, void *arg, uint32_t *gen)
{
	struct nft_refusal r = { 0 };
	for (int i = 0; i < RACES_MAX; i++) {
		struct nft_view v;
		struct nft_batch b;
		r = (struct nft_refusal){ .err = nft_look(s, &v) };
		if (r.err == EINTR)
			continue;
		if (r.err)
			return r;
		nft_batch_init(&b, s, v.gen);
		fill(&b, s, &v, arg);
		*gen = v.gen + (b.n_steps > 0);
		r = nft_batch_commit(&b, s);
		nft_batch_fini(&b);
		if (r.err != ERESTART)
			return r;
	}
	return r;
}

static void remove_own(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v)
{
	static const struct nft_step step = { NFT_PART_BASE, "delete table meshd" };
	for (uint8_t fam = 0; fam < NFPROTO_NUMPROTO; fam++)
		if (v->own[fam])
			nft_table_del(&(struct nft_at){ b, s, fam, NFT_OUR_TABLE, NULL }, step);
}

static void fill_whole(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, void *arg)
{
	const struct nft_plan *p = arg;
	remove_own(b, s, v);
	nft_table_build(b, s, p);
	nft_accept_build(b, s, p, v);
}

static void fill_nothing(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v,
			 void *arg)
{
	const struct nft_reach *reach = arg;
	remove_own(b, s, v);
	nft_accept_remove(b, s, v, NFT_ACCEPT_PLACES, *reach);
}

/* ---- apply ---- */

static bool can_do_without(struct nft_plan *p, const struct nft_refusal *r)
{
	if (r->step.part == NFT_PART_BASE || !nft_is_unsupported(r->err) ||
	    !nft_plan_has(p, r->step.part))
		return false;
	p->parts &= ~(1u << r->step.part);
	return true;
}

/* What our rules look like in the kernel; unknown if somebody changed things meanwhile. */
static void take_print(struct nft *n, uint32_t gen)
{
	struct nft_view v;
	n->print_known = nft_look(&n->s, &v) == 0 && v.gen == gen;
	n->print = v.print;
}

static void remember(struct nft *n, const struct fw_config *want)
{
	struct fw_config copy = { 0 };
	fw_config_copy(&copy, want);
	fw_config_fini(&n->applied);
	n->applied = copy;
}

static struct nft_refusal apply_whole(struct nft *n, const struct fw_config *want)
{
	struct planned x;
	uint32_t gen = 0;
	struct nft_refusal r = { .err = planned_init(&x, n, want, ALL_PARTS) };
	if (!r.err) {
		do
			r = transact(&n->s, fill_whole, &x.plan, &gen);
		while (r.err && can_do_without(&x.plan, &r));
	}
	if (!r.err) {
		n->parts = x.plan.parts;
		remember(n, want);
		take_print(n, gen);
	}
	planned_fini(&x);
	return r;
}

/* A mark tells what we made. Where we had rules, the chains that hold them are ours in any case,
 * and with mode on so are the jumps. */
static struct nft_refusal apply_nothing(struct nft *n)
{
	uint32_t gen;
	struct nft_reach reach = { n->applied.mode != RT_NETFILTER_OFF,
				   n->applied.mode == RT_NETFILTER_ON };
	struct nft_refusal r = transact(&n->s, fill_nothing, &reach, &gen);
	if (!r.err)
		fw_config_fini(&n->applied);
	return r;
}

/* ---- only the guard differs: peers came and went ---- */

struct guard_change {
	struct nft_plan *from, *to;
	const struct nft *n;
	bool stale; /* what is there is not what was applied */
};

static bool rules_intact(const struct nft *n, const struct nft_plan *p, const struct nft_view *v)
{
	return n->print_known && v->print == n->print && nft_jumps_intact(p, v);
}

static void fill_guard(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, void *arg)
{
	struct guard_change *c = arg;
	c->stale = !rules_intact(c->n, c->to, v);
	if (!c->stale)
		nft_table_change_guard(b, s, c->to, c->from->guard);
}

static bool apply_guard(struct nft *n, const struct fw_config *want)
{
	struct planned from = { 0 }, to = { 0 };
	struct guard_change c = { &from.plan, &to.plan, n, false };
	uint32_t gen;
	bool ok = planned_init(&from, n, &n->applied, n->parts) == 0 &&
		  planned_init(&to, n, want, n->parts) == 0 &&
		  transact(&n->s, fill_guard, &c, &gen).err == 0 && !c.stale;
	if (ok)
		remember(n, want);
	planned_fini(&from);
	planned_fini(&to);
	return ok;
}

static bool only_guard_differs(const struct nft *n, const struct fw_config *want)
{
	struct fw_config like = n->applied;
	like.guard = want->guard;
	return n->applied.mode != RT_NETFILTER_OFF && fw_config_eq(&like, want) &&
	       !prefix_list_eq(&n->applied.guard, &want->guard);
}

/* ---- check ---- */

static int sets_intact(struct nft *n, const struct nft_plan *p, bool *intact)
{
	uint8_t fams[NFT_FAMILIES_MAX];
	size_t n_fams = nft_table_families(p->parts, fams);
	int err = 0;
	for (size_t i = 0; i < n_fams; i++) {
		struct nft_table_set v[NFT_SETS_MAX];
		size_t n_sets = nft_table_sets(p, fams[i], v);
		for (size_t j = 0; !err && *intact && j < n_sets; j++) {
			uint64_t print;
			err = nft_set_look(&n->s, fams[i], NFT_OUR_TABLE, &v[j].set, &print);
			*intact = !err && print == nft_set_print(&v[j].set, v[j].holds);
		}
	}
	return err == ENOENT ? 0 : err;
}

static int check(struct nft *n, bool *intact)
{
	struct planned x;
	struct nft_view v;
	int err = planned_init(&x, n, &n->applied, n->parts);
	if (!err)
		err = nft_look(&n->s, &v);
	*intact = !err && rules_intact(n, &x.plan, &v);
	if (*intact)
		err = sets_intact(n, &x.plan, intact);
	planned_fini(&x);
	return err;
}

int nft_check(struct nft *n, bool *intact)
{
	struct router_report unused = { 0 };
	struct nft_refusal r = { 0 };
	*intact = true;
	if (n->applied.mode == RT_NETFILTER_OFF)
		return 0;
	for (int i = 0; i < RACES_MAX; i++) {
		r.err = check(n, intact);
		if (r.err != EINTR)
			break;
	}
	return r.err ? nft_report_refusal(&unused, &r) : 0;
}

/* ---- what the world calls ---- */

const char *nft_lost(const struct nft *n, size_t i)
{
	uint32_t lost = nft_parts_of(&n->applied) & ~n->parts;
	for (unsigned part = 0; part <= NFT_PART_SNAT6; part++)
		if (lost & 1u << part && i-- == 0)
			return nft_loss(part);
	return NULL;
}

static bool in_place_already(struct nft *n, const struct fw_config *want)
{
	bool intact;
	return fw_config_eq(&n->applied, want) && nft_check(n, &intact) == 0 && intact;
}

int nft_apply(struct nft *n, const struct fw_config *want, struct router_report *rep)
{
	struct nft_refusal r = { 0 };
	*rep = (struct router_report){ 0 };
	if (want->mode == RT_NETFILTER_OFF)
		r = apply_nothing(n);
	else if (!in_place_already(n, want) &&
		 !(only_guard_differs(n, want) && apply_guard(n, want)))
		r = apply_whole(n, want);
	return r.err ? nft_report_refusal(rep, &r) : 0;
}

int nft_down(struct nft *n, struct router_report *rep)
{
	return nft_apply(n, &(struct fw_config){ .mode = RT_NETFILTER_OFF }, rep);
}

static void fill_clean(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, void *arg)
{
	(void)arg;
	remove_own(b, s, v);
	nft_accept_remove(b, s, v, NFT_PLACES, (struct nft_reach){ true, true });
}

static void clean(fill_fn *fill, void *arg, struct router_report *rep)
{
	struct nft_sock s;
	uint32_t gen;
	*rep = (struct router_report){ 0 };
	struct nft_refusal r = { .err = probe(&s) };
	if (nft_is_unsupported(r.err))
		return;
	if (!r.err) {
		r = transact(&s, fill, arg, &gen);
		nft_sock_close(&s);
	}
	if (r.err)
		nft_report_refusal(rep, &r);
}

void nft_cleanup(struct router_report *rep)
{
	clean(fill_clean, NULL, rep);
}

void nft_hand_over(struct router_report *rep)
{
	struct nft_reach marked = { false, false };
	clean(fill_nothing, &marked, rep);
}
