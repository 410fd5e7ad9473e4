/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a plan, a batch at a time. */
#include "netstack/router_priv_linux.h"

#include <linux/rtnetlink.h>
#include <stdint.h>

bool router_left(const struct router *r)
{
	return r->next_op < r->n_ops || r->next_evict < r->n_evict;
}

/* ---- requests ---- */

static struct nl_msg *op_msg(const struct router *r, const struct rt_op *op)
{
	struct kroute_route route = { .dst = op->prefix, .table = router_where(r).table };
	switch (op->set) {
	case RT_ADDRS:
		return kroute_addr_msg(r->link.index, op->prefix, op->add);
	case RT_GUARDS:
		route.type = RTN_UNREACHABLE;
		route.metric = KROUTE_METRIC_WORST;
		break;
	case RT_THROWS:
		route.type = RTN_THROW;
		break;
	default:
		route.type = RTN_UNICAST;
		route.oif = r->link.index;
		break;
	}
	return kroute_route_msg(&route, op->add);
}

static struct nl_msg *next_msg(struct router *r)
{
	if (r->next_op < r->n_ops)
		return op_msg(r, &r->ops[r->next_op++]);
	return kroute_route_msg(&r->evict[r->next_evict++], false);
}

/* ---- answers ---- */

static const char *step_text(const struct rt_op *op)
{
	static const char *const text[RT_SETS][2] = {
		[RT_GUARDS] = { "delete leak guard", "add leak guard" },
		[RT_THROWS] = { "delete throw route", "add throw route" },
		[RT_ROUTES] = { "delete route", "add route" },
		[RT_ADDRS] = { "delete address", "add address" },
	};
	return text[op->set][op->add];
}

static void note_failure(struct router *r, const char *what, struct prefix p, int rc)
{
	router_note_prefix(&r->rep, what, p, rc);
	r->known &= rc == 0;
}

/* As many steps as fit into one send; how many. */
static size_t do_batch(struct router *r, size_t max)
{
	struct netbatch *b = &r->batch;
	struct rt_op *op = r->ops + r->next_op, *end;
	const struct kroute_route *gone = r->evict + r->next_evict;
	netbatch_clear(b);
	while (b->n < max && !netbatch_full(b) && router_left(r))
		netbatch_add(b, next_msg(r));
	netbatch_send(b);
	end = r->ops + r->next_op;
	for (unsigned i = 0; i < b->n; i++) {
		if (op < end) {
			int rc = kroute_forgive(op->add, b->rc[i]);
			op->failed = rc != 0;
			note_failure(r, step_text(op), op->prefix, rc);
			op++;
		} else {
			note_failure(r, "delete another program's route", gone->dst,
				     kroute_forgive(false, b->rc[i]));
			gone++;
		}
	}
	return b->n;
}

bool router_work(struct router *r, size_t max_steps, struct router_report *rep)
{
	size_t done = 0;
	if (r->has_want && !r->planned)
		router_plan(r);
	while (router_left(r) && done < max_steps)
		done += do_batch(r, max_steps - done);
	bool more = router_left(r);
	if (!more)
		router_conclude(r);
	*rep = r->rep;
	return more;
}

void router_finish(struct router *r)
{
	while (router_left(r))
		do_batch(r, SIZE_MAX);
	router_conclude(r);
}
