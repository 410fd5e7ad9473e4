/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Twenty engines behind NATs of all kinds: they join, talk, lose packets and relays, move and
 * restart; after each disturbance every pair talks again, and those whose NATs allow it talk
 * directly. run_mesh [SEEDS [FIRST]]    runs that many seeds; a failing seed is printed and can be
 * run alone */
#include "tests/sim/sim.h"

#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NODES 20

static void talk(struct sim *s, void *arg)
{
	int64_t every = (intptr_t)arg;
	for (int i = 1; i <= s->n_nodes; i++) {
		struct sim_node *n = s->nodes[i];
		int to = 1 + (int)rng_below(&s->rng.rng, (uint32_t)s->n_nodes);
		if (n->running && to != i)
			sim_node_send(n, to);
	}
	if (s->n_nodes)
		sim_after(s, every, talk, arg);
}

static void begin_phase(struct sim *s)
{
	for (int i = 1; i <= s->n_nodes; i++)
		memset(s->nodes[i]->got_phase, 0, sizeof(s->nodes[i]->got_phase));
}

/* Send between all pairs, a few times, and look who was heard. */
static void all_pairs_talk(struct sim *s, const char *when)
{
	begin_phase(s);
	for (int round = 0; round < 4; round++) {
		for (int i = 1; i <= s->n_nodes; i++)
			for (int k = 1; k <= s->n_nodes; k++)
				if (i != k)
					sim_node_send(s->nodes[i], k);
		sim_run(s, 1500);
	}
	for (int i = 1; i <= s->n_nodes; i++)
		for (int k = 1; k <= s->n_nodes; k++)
			if (i != k && s->nodes[k]->got_phase[i] == 0)
				sim_fail(s, "%s: nothing from %d (nat %d) reached %d (nat %d)",
					 when, i, s->nodes[i]->nat, k, s->nodes[k]->nat);
}

static bool can_be_direct(enum sim_nat a, enum sim_nat b)
{
	if (a == SIM_BLOCKED || b == SIM_BLOCKED)
		return false;
	if (a == SIM_PUBLIC || b == SIM_PUBLIC)
		return true;
	return a == SIM_EASY && b == SIM_EASY;
}

static void expect_paths(struct sim *s, const char *when)
{
	for (int i = 1; i <= s->n_nodes; i++)
		for (int k = 1; k <= s->n_nodes; k++) {
			struct engine_peer_status st;
			struct node_key key;
			if (i == k)
				continue;
			node_priv_public(&s->nodes[k]->key, &key);
			engine_peer_status(s->nodes[i]->engine, &key, s->now, &st);
			bool want = can_be_direct(s->nodes[i]->nat, s->nodes[k]->nat);
			if (want != ep_is_set(st.cur))
				sim_fail(s, "%s: %d (nat %d) to %d (nat %d) is %s", when, i,
					 s->nodes[i]->nat, k, s->nodes[k]->nat,
					 want ? "not direct" : "direct");
		}
}

static void expect_talk_with(struct sim *s, struct sim_node *n, enum sim_nat worst,
			     const char *when)
{
	begin_phase(s);
	for (int round = 0; round < 3; round++) {
		for (int k = 2; k <= s->n_nodes; k++) {
			sim_node_send(n, k);
			sim_node_send(s->nodes[k], n->id);
		}
		sim_run(s, 500);
	}
	for (int k = 2; k <= s->n_nodes; k++)
		if (s->nodes[k]->nat <= worst &&
		    (!s->nodes[k]->got_phase[n->id] || !n->got_phase[k]))
			sim_fail(s, "%s: %d (nat %d) does not talk with the node", when, k,
				 s->nodes[k]->nat);
}

/* Control and relays are gone, and a public node restarts: whoever can reach it without them talks
 * to it again, although nobody has been told its new disco key. It knows the others by the
 * addresses in its kept map; who comes from another port (hard NAT) must find out by itself that
 * its session is over. */
static void restart_alone(struct sim *s)
{
	struct sim_node *n = s->nodes[1];
	s->control_down = s->region_down[1] = s->region_down[2] = true;
	sim_run(s, 2000);
	sim_node_start(n);
	sim_run(s, 8000);
	expect_talk_with(s, n, SIM_EASY, "restart without control and relay");
	sim_run(s, 20000);
	expect_talk_with(s, n, SIM_HARD, "half a minute after it");
	s->control_down = s->region_down[1] = s->region_down[2] = false;
	sim_control_changed(n);
	sim_run(s, 2000);
}

static uint64_t run(uint64_t seed, bool full, int *failures, uint64_t *delivered)
{
	struct sim s;
	sim_init(&s, seed);
	s.link = (struct sim_link){ .delay_ms = 15, .jitter_ms = 10 };
	for (int i = 1; i <= NODES; i++)
		sim_node_new(&s, i,
			     i <= 4 ? (enum sim_nat)(i - 1)
				    : (enum sim_nat)rng_below(&s.rng.rng, SIM_NAT_KINDS));
	for (int i = 1; i <= NODES; i++) {
		sim_node_start(s.nodes[i]);
		sim_run(&s, (int64_t)rng_below(&s.rng.rng, 400));
	}
	sim_after(&s, 100, talk, (void *)(intptr_t)100);
	sim_run(&s, 10000);
	all_pairs_talk(&s, "after joining");
	sim_run(&s, 12000);
	all_pairs_talk(&s, "settled");
	expect_paths(&s, "settled");
	if (full) {
		restart_alone(&s);
		s.link.loss_percent = 20;
		s.link.duplicate_percent = 5;
		s.link.jitter_ms = 60;
		sim_run(&s, 150000); /* across a rekey */
		s.region_down[1] = true;
		sim_run(&s, 20000);
		s.region_down[1] = false;
		for (int i = 0; i < 4; i++) {
			sim_node_start(s.nodes[1 + rng_below(&s.rng.rng, NODES)]);
			sim_run(&s, 2000);
		}
		for (int i = 0; i < 4; i++) {
			struct sim_node *n = s.nodes[1 + rng_below(&s.rng.rng, NODES)];
			sim_move(n);
			engine_on_rebind(n->engine, s.now);
			sim_node_gather(n);
			sim_run(&s, 3000);
		}
		s.link = (struct sim_link){ .delay_ms = 15, .jitter_ms = 10 };
		sim_run(&s, 30000);
		all_pairs_talk(&s, "after loss, outage, restarts and moves");
		sim_run(&s, 15000);
		all_pairs_talk(&s, "in the end");
		expect_paths(&s, "in the end");
	}
	uint64_t trace = s.trace;
	*failures += s.failures;
	*delivered += s.delivered;
	sim_fini(&s);
	return trace;
}

int main(int argc, char **argv)
{
	long seeds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	int failures = 0;
	uint64_t delivered = 0;
	if (crypto_init() || aead_batch_init(NULL))
		return 1;
	log_set_level(LOG_ERROR);
	if (run(first, false, &failures, &delivered) != run(first, false, &failures, &delivered)) {
		printf("seed %llu: two runs differ\n", (unsigned long long)first);
		failures++;
	}
	for (long i = 0; i < seeds; i++)
		run(first + (uint64_t)i, true, &failures, &delivered);
	printf("%d engines, seeds %llu to %llu, %llu datagrams: %d failures\n", NODES,
	       (unsigned long long)first, (unsigned long long)first + (unsigned long long)seeds - 1,
	       (unsigned long long)delivered, failures);
	return failures ? 1 : 0;
}
