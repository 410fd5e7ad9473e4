/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that a snapshot tells changes under full load, as fast as it can: sessions, filters,
 * paths, sockets, and a peer that comes and goes. Every packet that was fed arrives once, in order,
 * at its peer and intact; of the peer that goes, every packet is accounted for, and none arrives
 * once nobody looks at a snapshot that still has it. */
#include "tests/unit/dataplane/load_flow.h"

#define DATAGRAMS 800 /* of each flow, at least */
#define STREAM (512 << 10)
#define PUBLISHES 1000 /* at least, as those below */
#define REKEYS 40
#define GUEST_VISITS 3
#define GUEST_STAY 40 /* turns of the control side */

/* The guest's way: it is there, it goes, it is away, it comes back under another number. */
struct guest {
	enum { HERE, LEAVING, SETTLING, SILENT, REFUSED } at;
	unsigned turns, visits;
	uint64_t lost_before;
	mono_t since; /* it is as it is */
};

struct control {
	struct net *net;
	struct traffic *traffic;
	struct guest guest;
};

static const char *const hub_rules[] = { RULES_ALL, RULES_PORT_80, "[]" };
static const char *const leaf_rules[] = { RULES_ALL, RULES_PORT_80 };

/* Answers from port 80 are let in by the memory of what the hub sent, which another thread has. */
static void change_filter(struct net *g, int i)
{
	uint32_t k = rng_below(&g->rng.rng, i == 0 ? ARRAY_LEN(hub_rules) : ARRAY_LEN(leaf_rules));
	g->node[i].rules = i == 0 ? hub_rules[k] : leaf_rules[k];
	node_retable(g, i);
	node_publish(g, i);
}

static void change_path(struct net *g, int pair, int end)
{
	g->pair[pair].end[end].path++;
	node_publish(g, node_of(pair, end));
}

static void change_something(struct net *g)
{
	int pair = (int)rng_below(&g->rng.rng, LEAVES);
	int node = (int)rng_below(&g->rng.rng, NODES);
	int end = (int)rng_below(&g->rng.rng, ENDS);
	switch (rng_below(&g->rng.rng, 4)) {
	case 0:
		change_filter(g, node);
		break;
	case 1:
		if (g->pair[pair].present)
			change_path(g, pair, end);
		break;
	case 2:
		node_change_sockets(g, node);
		break;
	default:
		if (g->pair[pair].present && pair_is_quiet(&g->pair[pair]))
			pair_rekey(g, pair);
		break;
	}
}

/* ---- the guest ----------------------------------------------------------------------------- */

/* Where a packet for, or of, somebody who is no peer any more ends. */
static uint64_t lost(void)
{
	return counted("dataplane_tx_drop_no_peer") + counted("dataplane_rx_drop_no_session");
}

static bool guest_is_accounted_for(const struct control *c)
{
	uint64_t away = 0;
	for (int i = 0; i < c->traffic->n; i++) {
		const struct flow *f = &c->traffic->flow[i];
		if (f->guest)
			away += atomic_load(&f->fed) - atomic_load(&f->arrived);
	}
	return away == lost() - c->guest.lost_before;
}

static bool ask_phase(struct traffic *t, enum phase p)
{
	atomic_store(&t->phase, p);
	return atomic_load(&t->taken) == (int)p;
}

static void guest_comes(struct control *c)
{
	c->guest.visits++;
	c->guest.turns = 0;
	pair_join(c->net, GUEST - 1, GUEST + c->guest.visits % 2);
	atomic_store(&c->traffic->phase, PRESENT);
	c->guest.at = HERE;
}

static void guest_step(struct control *c)
{
	struct guest *v = &c->guest;
	switch (v->at) {
	case HERE:
		if (++v->turns > GUEST_STAY && ask_phase(c->traffic, GOING)) {
			pair_leave(c->net, GUEST - 1);
			v->at = LEAVING;
		}
		break;
	case LEAVING:
		if (pair_is_gone(c->net, GUEST - 1))
			v->at = SETTLING;
		break;
	case SETTLING:
		if (ask_phase(c->traffic, QUIET) && guest_is_accounted_for(c))
			v->at = SILENT;
		break;
	case SILENT:
		if (ask_phase(c->traffic, UNWANTED) && guest_is_accounted_for(c))
			v->at = REFUSED;
		break;
	case REFUSED:
		guest_comes(c);
		break;
	}
}

static void guest_turn(struct control *c)
{
	int was = c->guest.at;
	guest_step(c);
	if (c->guest.at == HERE || (int)c->guest.at != was || mono_is_zero(c->guest.since))
		c->guest.since = mono_now();
	if (mono_due(mono_add_ms(c->guest.since, PATIENCE_MS), mono_now()))
		fault(c->traffic, NULL, "the guest's packets are not accounted for, step",
		      c->guest.at);
}

/* ---- the test ------------------------------------------------------------------------------ */

/* In the end the guest is there, so that all that was fed can arrive. */
static bool may_end(const struct control *c)
{
	return atomic_load(&c->net->published) >= PUBLISHES && c->net->rekeys >= REKEYS &&
	       c->guest.visits >= GUEST_VISITS && c->guest.at == HERE &&
	       atomic_load(&c->traffic->phase) == PRESENT;
}

/* Both directions of everything have passed once: the hub's memory of flows has them. */
static bool has_begun(const struct traffic *t)
{
	for (int i = 0; i < t->n; i++)
		if (atomic_load(&t->flow[i].arrived) == 0)
			return false;
	return true;
}

static void control_all(struct control *c)
{
	struct traffic *t = c->traffic;
	while (!atomic_load(&t->over)) {
		for (int i = 0; i < NODES; i++)
			node_listen(c->net, i);
		if (!has_begun(t))
			continue;
		change_something(c->net);
		if (!atomic_load(&t->told_to_end))
			guest_turn(c);
		if (may_end(c))
			atomic_store(&t->told_to_end, true);
		if (atomic_load(&c->net->published) > PUBLISHES)
			usleep(100); /* it has had its share: the threads want their time */
	}
}

static const char *const never[] = {
	"dataplane_rx_drop_auth",    "dataplane_rx_duplicate",	    "dataplane_rx_drop_expired",
	"dataplane_rx_drop_source",  "dataplane_rx_drop_tun",	    "dataplane_rx_drop_not_ip",
	"dataplane_tx_drop_no_path", "dataplane_tx_drop_bad_frame", "dataplane_tx_staged",
	"dataplane_ring_full",
};

static void add_flows(struct traffic *t)
{
	for (int leaf = 1; leaf <= LEAVES; leaf++) {
		add_flow(t, 0, leaf, IP_PROTO_UDP, DATAGRAMS);
		add_flow(t, leaf, 0, IP_PROTO_UDP, DATAGRAMS);
		if (!t->offload || leaf == GUEST)
			continue;
		add_flow(t, 0, leaf, IP_PROTO_TCP, STREAM);
		add_flow(t, leaf, 0, IP_PROTO_TCP, STREAM);
	}
}

static void assert_sockets_lost_nothing(const struct net *g)
{
	for (int i = 0; i < NODES; i++)
		assert_int_equal(atomic_load(&g->node[i].socks[g->node[i].sock].v4.drops), 0);
}

static void run(unsigned workers, bool offload)
{
	uint64_t before[ARRAY_LEN(never)];
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		before[i] = counted(never[i]);
	struct net *g = net_new(workers, offload);
	struct traffic *t = xcalloc(1, sizeof(*t));
	struct control c = { .net = g, .traffic = t, .guest.lost_before = lost() };
	pthread_t feeder;
	t->net = g;
	t->offload = offload;
	add_flows(t);
	assert_int_equal(pthread_create(&feeder, NULL, traffic_main, t), 0);
	control_all(&c);
	pthread_join(feeder, NULL);
	net_stop(g);
	assert_string_equal(t->fault, "");
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (counted(never[i]) != before[i])
			fail_msg("%s: %llu", never[i],
				 (unsigned long long)(counted(never[i]) - before[i]));
	assert_sockets_lost_nothing(g);
	assert_int_equal(g->refused, 0);
	print_message("%u snapshots, %u rekeys, %u visits\n", atomic_load(&g->published), g->rekeys,
		      c.guest.visits);
	free(t);
	net_free(g);
}

static void one_worker(void **state)
{
	(void)state;
	run(1, false);
}

static void one_worker_with_offload(void **state)
{
	(void)state;
	run(1, true);
}

static void two_workers(void **state)
{
	(void)state;
	run(2, false);
}

static void two_workers_with_offload(void **state)
{
	(void)state;
	run(2, true);
}

static int setup(void **state)
{
	(void)state;
	dp_counters_register();
	return crypto_init() || aead_batch_init(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker),
		cmocka_unit_test(one_worker_with_offload),
		cmocka_unit_test(two_workers),
		cmocka_unit_test(two_workers_with_offload),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
