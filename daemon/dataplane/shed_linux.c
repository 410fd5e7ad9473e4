/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/shed_linux.h"

#include "daemon/dataplane/counters.h"
#include "magicsock/udp_shed_linux.h"
#include "wg/session.h"

struct spared {
	struct ip addresses[UDP_SHED_ADDRESSES_MAX];
	uint32_t receivers[UDP_SHED_RECEIVERS_MAX];
	size_t n_addresses, n_receivers; /* the latter may be beyond the limit */
	struct udp_shed_floor floors[UDP_SHED_FLOORS_MAX];
	size_t n_floors;
};

static void add_floor(struct spared *v, const struct dp_index *x)
{
	uint64_t floor = wg_session_replay_floor(x->session);
	if (floor > 0 && v->n_floors < UDP_SHED_FLOORS_MAX)
		v->floors[v->n_floors++] = (struct udp_shed_floor){ x->index, floor };
}

static void spare(struct spared *v, const struct dp_snapshot *s)
{
	v->n_addresses = v->n_receivers = v->n_floors = 0;
	for (uint32_t i = 0; i <= s->known_mask && v->n_addresses < UDP_SHED_ADDRESSES_MAX; i++)
		if (ep_is_set(s->known[i]))
			v->addresses[v->n_addresses++] = s->known[i].ip;
	for (uint32_t i = 0; i <= s->index_mask; i++) {
		if (!s->index[i].session)
			continue;
		if (v->n_receivers < UDP_SHED_RECEIVERS_MAX)
			v->receivers[v->n_receivers] = s->index[i].index;
		v->n_receivers++;
		add_floor(v, &s->index[i]);
	}
}

static void set(struct udp_sock *v4, struct udp_sock *v6, const struct udp_shed *what)
{
	if (v4)
		udp_shed(v4, IP_V4, what);
	if (v6)
		udp_shed(v6, IP_V6, what);
}

static bool is_same(const struct shed *a, const struct shed *b)
{
	return a->snapshot == b->snapshot && a->what.handshakes == b->what.handshakes &&
	       a->what.forged == b->what.forged && a->what.transport == b->what.transport &&
	       a->what.replays == b->what.replays &&
	       !(a->what.replays && mono_due(mono_add_ms(a->at, SHED_CHECK_MS), b->at));
}

void shed_update(struct shed *h, const struct dp_snapshot *s, const struct intake_overload *what,
		 mono_t now, struct udp_sock *v4, struct udp_sock *v6)
{
	struct spared v;
	struct shed want = { .snapshot = 0 };
	if (s)
		want = (struct shed){ *what, s->number, now };
	if (!shed_is_on(&want)) {
		if (shed_is_on(h))
			set(v4, v6, NULL);
		*h = (struct shed){ .snapshot = 0 };
		return;
	}
	if (is_same(h, &want))
		return;
	if (!shed_is_on(h))
		dp_count(DPC_RX_SHEDS, 1);
	spare(&v, s);
	*h = want;
	set(v4, v6,
	    &(struct udp_shed){ .handshakes = what->handshakes || what->forged,
				.cookies_too = what->forged,
				.transport = what->transport,
				.addresses = v.addresses,
				.n_addresses = v.n_addresses,
				.receivers = v.receivers,
				.n_receivers = v.n_receivers,
				.floors = v.floors,
				.n_floors = what->replays ? v.n_floors : 0 });
}
