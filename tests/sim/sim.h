/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim.h: many whole engines with their packet workers in one process, on a virtual clock, a seeded
 * generator and a network of NATs, loss and relays. One seed is one run, to the last byte.
 *
 *   traffic ─► worker ─┐                                     ┌─► worker ─► traffic (checked)
 *             engine ──┴─ UDP ─ NAT ─ network ─ NAT ─ UDP ───┴── engine
 *                      └─ relay (can be down) ───────────────┘
 *   sim_control.c plays the coordination server: it hands each engine a map after a delay. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "daemon/dataplane/worker.h"
#include "daemon/engine/engine.h"

#define SIM_NODES_MAX 64
#define SIM_REGIONS 2
#define SIM_MAPPINGS_MAX 4096

enum sim_nat {
	SIM_PUBLIC,  /* no NAT */
	SIM_EASY,    /* one outer port for all destinations; answers only from where it sent to */
	SIM_HARD,    /* another outer port for each destination */
	SIM_BLOCKED, /* no UDP at all */
	SIM_NAT_KINDS
};

struct sim_link {
	int loss_percent;
	int duplicate_percent;
	int64_t delay_ms, jitter_ms; /* jitter reorders */
};

struct sim_mapping {
	uint16_t outer;
	struct ep inner, dst; /* dst unset: any (easy NAT) */
};

struct sim_queue_item {
	struct list link;
	struct dp_msg m;
	size_t len;
	uint8_t bytes[];
};

struct sim_node {
	struct sim *sim;
	int id; /* 1.. */
	enum sim_nat nat;
	struct ip outer_ip; /* of the NAT, or own */
	struct ep local;
	int home;
	bool running;
	struct node_priv key;
	struct engine *engine;
	struct dp_exchange *exchange;
	struct dp_worker *worker;
	struct list commands, events; /* struct sim_queue_item */
	struct sim_mapping mappings[SIM_MAPPINGS_MAX];
	size_t n_mappings;
	struct ep endpoints[4];
	size_t n_endpoints;
	mono_t endpoints_at;
	uint64_t sent[SIM_NODES_MAX + 1], got[SIM_NODES_MAX + 1]; /* inner packets by peer id */
	uint64_t got_phase[SIM_NODES_MAX + 1];
	int changed; /* a map to send out */
};

struct sim {
	uint64_t seed;
	struct rng_seeded rng;
	mono_t now;
	struct heap heap;
	struct sim_node *nodes[SIM_NODES_MAX + 1]; /* by id */
	int n_nodes;
	struct sim_link link;
	bool region_down[SIM_REGIONS + 1];
	bool control_down; /* maps stay as they are; a node that starts has its kept one */
	uint64_t trace;	   /* hash over everything that was delivered */
	uint64_t delivered, lost;
	int verbose;
	int failures;
};

/* sim.c */
void sim_init(struct sim *s, uint64_t seed);
void sim_fini(struct sim *s);
/* Runs until that much virtual time has passed. */
void sim_run(struct sim *s, int64_t ms);
typedef void sim_fn(struct sim *s, void *arg);
void sim_after(struct sim *s, int64_t ms, sim_fn *fn, void *arg);
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
wall_t sim_wall(const struct sim *s);

/* sim_net.c: datagrams through NATs and relays */
void sim_udp(struct sim_node *from, struct ep to, struct span d);
void sim_derp(struct sim_node *from, int region, const struct node_key *to, struct span d);
/* What a STUN server sees; unset when UDP is blocked. */
struct ep sim_stun(struct sim_node *n);
/* Another address behind the NAT; mappings are gone. */
void sim_move(struct sim_node *n);

/* sim_node.c */
struct sim_node *sim_node_new(struct sim *s, int id, enum sim_nat nat);
void sim_node_free(struct sim_node *n);
void sim_node_start(struct sim_node *n); /* also after a stop: new disco key, same node key */
void sim_node_stop(struct sim_node *n);
void sim_node_udp_in(struct sim_node *n, struct ep from, struct span d);
void sim_node_derp_in(struct sim_node *n, int region, const struct node_key *src, struct span d);
void sim_node_send(struct sim_node *n, int to); /* one inner packet */
void sim_node_timer(struct sim_node *n);
void sim_node_gather(struct sim_node *n); /* look at its addresses again */
void sim_node_settle(struct sim_node *n); /* empty its queues */
struct ip sim_tailnet_ip(int id);
struct ip sim_tailnet_ip6(int id);

/* sim_control.c */
void sim_control_changed(struct sim_node *n); /* tell everybody, after a delay */
void sim_control_map(struct sim_node *n);     /* hand this node its map now */

#endif
