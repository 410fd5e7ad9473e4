/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load_net.h: nodes with real packet threads in one process, and the control side that keeps
 * changing what they are told. UDP sockets on loopback; the TUN is a socket pair whose other end is
 * the test's.
 *
 *             ┌── leaf 1 ──┐
 *   hub (0) ──┼── leaf 2   │  each a dp_threads; a pair is hub and leaf with their sessions
 *             └── leaf 3 ──┘
 *                 (guest: comes and goes)
 *
 * A node's threads stay on one CPU: two sends of one thread from different CPUs may overtake each
 * other inside the kernel's loopback, and order is what is tested. */
#ifndef TESTS_UNIT_DATAPLANE_LOAD_NET_H
#define TESTS_UNIT_DATAPLANE_LOAD_NET_H

#include "tests/unit/dataplane/world.h"

#include "daemon/dataplane/threads_linux.h"
#include "magicsock/udp_linux.h"
#include "netstack/tun_linux.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#define LEAVES 3
#define NODES (1 + LEAVES)
#define GUEST LEAVES /* the leaf that comes and goes */
#define SLOTS 8
#define PAIR_SESSIONS 3
#define TUN_ROOM (4 << 20)

enum { HUB_END, LEAF_END, ENDS };

/* One side of a pair, as a peer of the node on this side. */
struct end {
	struct wg_session *previous, *current, *next;
	bool unheard; /* nothing has come on the current session yet */
	struct dp_live *live;
	unsigned path; /* which of the two addresses of the other it sends to */
};

struct pair {
	struct end end[ENDS];
	bool present;
	uint32_t slot[ENDS]; /* of the other, in the snapshots of the node on this side */
	int initiator;	     /* of the last handshake */
};

struct node {
	struct dp_exchange *exchange;
	struct dp_threads *threads;
	struct dp_tables *tables;
	struct echo_waits waits;
	struct tun tun;
	int outside; /* other end of the TUN */
	struct udp_socks socks[2];
	unsigned sock; /* which of them is in use */
	bool socks_changing;
	const char *rules;
};

struct net {
	struct node node[NODES];
	struct pair pair[LEAVES]; /* pair[i]: hub and leaf i + 1 */
	struct rng_seeded rng;
	uint32_t last_index;
	_Atomic unsigned published;
	unsigned rekeys, refused; /* sessions asked for, which nobody should */
};

static inline struct ip node_ip(int i)
{
	return ip_v4(100, 64, 0, (uint8_t)(i + 1));
}

static inline int node_of(int pair, int end)
{
	return end == HUB_END ? 0 : pair + 1;
}

static inline int other(int end)
{
	return end == HUB_END ? LEAF_END : HUB_END;
}

/* ---- what a node is told ------------------------------------------------------------------- */

static inline bool concerns(const struct net *g, int pair, int node, int *end)
{
	*end = node == 0 ? HUB_END : LEAF_END;
	return g->pair[pair].present && (node == 0 || node == pair + 1);
}

/* Filter and prefixes anew. */
static inline void node_retable(struct net *g, int i)
{
	struct node *n = &g->node[i];
	struct ip self = node_ip(i);
	struct local_set_in in = { .self = &self, .n_self = 1 };
	struct ranges local = { 0 };
	struct dp_tables *t = xcalloc(1, sizeof(*t));
	int end;
	assert_true(local_set_build(&in, &local));
	t->refs = 1;
	t->mtu = MTU;
	t->self.addr4 = self;
	t->allowed = wg_allowedips_new(7);
	for (int p = 0; p < LEAVES; p++)
		if (concerns(g, p, i, &end))
			assert_int_equal(
			    wg_allowedips_insert(t->allowed,
						 prefix_host(node_ip(node_of(p, other(end)))),
						 g->pair[p].slot[end]),
			    0);
	t->filter = filter_of(&(struct view){ .rules = n->rules }, &local);
	t->jail = flt_new_shields(&local);
	ranges_fini(&local);
	dp_tables_unref(n->tables);
	n->tables = t;
}

static inline struct ep node_ep(const struct net *g, int i, unsigned path)
{
	return (struct ep){ ip_v4(127, 0, 0, (uint8_t)(1 + path % 2)),
			    g->node[i].socks[0].v4.port };
}

static inline void add_session(struct dp_snapshot *s, uint32_t slot, struct wg_session *session,
			       bool tell)
{
	if (session)
		dp_snapshot_add_session(s, wg_session_local_index(session), slot, session, tell);
}

static inline void node_publish(struct net *g, int i)
{
	struct node *n = &g->node[i];
	struct dp_snapshot *s = dp_snapshot_new(n->tables, SLOTS, LEAVES * PAIR_SESSIONS);
	int end;
	for (int p = 0; p < LEAVES; p++) {
		if (!concerns(g, p, i, &end))
			continue;
		struct end *e = &g->pair[p].end[end];
		uint32_t slot = g->pair[p].slot[end];
		struct dp_peer peer = { .current = e->current,
					.next = e->next,
					.live = e->live,
					.best = node_ep(g, node_of(p, other(end)), e->path) };
		dp_snapshot_set_peer(s, slot, &peer);
		add_session(s, slot, e->previous, false);
		add_session(s, slot, e->current, e->unheard);
		add_session(s, slot, e->next, true);
	}
	dp_publish(n->exchange, s);
	atomic_fetch_add(&g->published, 1);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static inline uint32_t new_index(struct net *g)
{
	return ++g->last_index * 2654435761u;
}

static inline void replace(struct wg_session **slot, struct wg_session *s)
{
	wg_session_unref(*slot);
	*slot = s;
}

static inline struct wg_session *session_at(const uint8_t key[ENDS][32], const uint32_t index[ENDS],
					    int end, int initiator)
{
	struct wg_keys k;
	memcpy(k.send, key[end], 32);
	memcpy(k.recv, key[other(end)], 32);
	return wg_session_new(&k, index[end], index[other(end)], end == initiator, mono_now());
}

/* Both ends of a fresh session, without a handshake. */
static inline void make_sessions(struct net *g, int initiator, struct wg_session *s[ENDS])
{
	uint8_t key[ENDS][32];
	uint32_t index[ENDS] = { new_index(g), new_index(g) };
	rng_fill(&g->rng.rng, key, sizeof(key));
	for (int e = 0; e < ENDS; e++)
		s[e] = session_at((const uint8_t(*)[32])key, index, e, initiator);
}

/* The last handshake is over: each side has heard the other on its session, so that no packet of
 * an older one can be under way. */
static inline bool pair_is_quiet(const struct pair *p)
{
	return !p->end[HUB_END].next && !p->end[LEAF_END].next && !p->end[HUB_END].unheard &&
	       !p->end[LEAF_END].unheard;
}

/* A handshake, as wg/peer.c does it: the responder can receive before the initiator sends. */
static inline void pair_rekey(struct net *g, int pair)
{
	struct pair *p = &g->pair[pair];
	struct wg_session *s[ENDS];
	int from = p->initiator = other(p->initiator);
	make_sessions(g, from, s);
	struct end *responder = &p->end[other(from)], *initiator = &p->end[from];
	replace(&responder->next, s[other(from)]);
	node_publish(g, node_of(pair, other(from)));
	replace(&initiator->previous, initiator->current);
	initiator->current = s[from];
	initiator->unheard = true;
	node_publish(g, node_of(pair, from));
	g->rekeys++;
}

/* A packet came on the session with that index, and that had to be told. */
static inline void end_confirmed(struct net *g, int pair, int end, uint32_t index)
{
	struct end *e = &g->pair[pair].end[end];
	if (e->next && wg_session_local_index(e->next) == index) {
		replace(&e->previous, e->current);
		e->current = e->next;
		e->next = NULL;
	} else if (e->unheard && e->current && wg_session_local_index(e->current) == index) {
		e->unheard = false;
	} else {
		return;
	}
	node_publish(g, node_of(pair, end));
}

static inline void pair_join(struct net *g, int pair, uint32_t slot)
{
	struct pair *p = &g->pair[pair];
	struct wg_session *s[ENDS];
	make_sessions(g, p->initiator, s);
	p->present = true;
	for (int e = 0; e < ENDS; e++) {
		p->end[e].current = s[e];
		p->slot[e] = slot;
		p->end[e].live = dp_live_new();
		atomic_store(&p->end[e].live->trust_until_ns, INT64_MAX);
		node_retable(g, node_of(pair, e));
		node_publish(g, node_of(pair, e));
	}
}

/* Snapshots that are still in use keep what they show of it. */
static inline void pair_leave(struct net *g, int pair)
{
	struct pair *p = &g->pair[pair];
	p->present = false;
	for (int e = 0; e < ENDS; e++) {
		replace(&p->end[e].previous, NULL);
		replace(&p->end[e].current, NULL);
		replace(&p->end[e].next, NULL);
		p->end[e].unheard = false;
		node_retable(g, node_of(pair, e));
		node_publish(g, node_of(pair, e));
	}
}

/* No thread looks at a snapshot that has the pair any more; then its live values go, too. */
static inline bool pair_is_gone(struct net *g, int pair)
{
	struct pair *p = &g->pair[pair];
	bool gone = true;
	for (int e = 0; e < ENDS; e++) {
		dp_reclaim(g->node[node_of(pair, e)].exchange);
		gone = gone && p->end[e].live->refs == 1;
	}
	for (int e = 0; e < ENDS && gone; e++) {
		dp_live_unref(p->end[e].live);
		p->end[e].live = NULL;
	}
	return gone;
}

/* ---- what the threads tell ----------------------------------------------------------------- */

static inline int pair_of_slot(const struct net *g, int node, uint32_t slot)
{
	int end;
	for (int p = 0; p < LEAVES; p++)
		if (concerns(g, p, node, &end) && g->pair[p].slot[end] == slot)
			return p;
	return -1;
}

static inline void node_event(struct net *g, int i, const struct dp_msg *m)
{
	int pair = pair_of_slot(g, i, m->peer);
	if (m->type == DP_EV_CONFIRMED && pair >= 0)
		end_confirmed(g, pair, i == 0 ? HUB_END : LEAF_END, m->index);
	g->refused += m->type == DP_EV_WANT_SESSION;
}

static inline void node_listen(struct net *g, int i)
{
	struct node *n = &g->node[i];
	struct dp_msg m;
	struct mspan bytes;
	if (dp_threads_notes(n->threads) & DP_NOTE_SOCKETS) {
		n->socks_changing = false;
		udp_close(&n->socks[!n->sock]);
	}
	while (dp_threads_event_peek(n->threads, &m, &bytes)) {
		dp_threads_event_pop(n->threads);
		node_event(g, i, &m);
	}
}

/* Another descriptor of the same socket: nothing that is queued may be lost. */
static inline void node_change_sockets(struct net *g, int i)
{
	struct node *n = &g->node[i];
	if (n->socks_changing)
		return;
	struct udp_sock *old = &n->socks[n->sock].v4, *new = &n->socks[!n->sock].v4;
	new->fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 0);
	assert_true(new->fd >= 0);
	new->port = old->port;
	new->joins = old->joins;
	new->gso_off = atomic_load(&old->gso_off);
	new->gro_off = atomic_load(&old->gro_off);
	new->drops = atomic_load(&old->drops);
	n->sock = !n->sock;
	n->socks_changing = true;
	dp_threads_set_sockets(n->threads, &n->socks[n->sock]);
}

/* ---- life ---------------------------------------------------------------------------------- */

static inline void tun_pair(struct node *n, bool offload)
{
	int fd[2], room = TUN_ROOM;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd),
			 0);
	for (int i = 0; i < 2; i++)
		if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
			setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	n->tun = (struct tun){ .fd = fd[0], .vnet = offload, .offload = offload ? TUN_STEPS : 0 };
	n->outside = fd[1];
}

static inline void nothing_to_wake(void *arg)
{
	(void)arg; /* the control side looks all the time */
}

/* The threads that are started now inherit it. */
static inline void stay_on_cpu(const cpu_set_t *allowed, int which)
{
	cpu_set_t one;
	int n = CPU_COUNT(allowed), cpu = 0;
	which %= n;
	while (!CPU_ISSET(cpu, allowed) || which-- > 0)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static inline void node_start(struct net *g, int i, unsigned workers, bool offload)
{
	struct node *n = &g->node[i];
	struct udp_opts u = { .no_v6 = true };
	n->exchange = dp_exchange_new();
	n->rules = RULES_ALL;
	n->socks[1] = UDP_SOCKS_NONE;
	assert_int_equal(udp_open(&n->socks[0], &u), 0);
	tun_pair(n, offload);
	node_retable(g, i);
	node_publish(g, i);
	struct dp_threads_opts o = { .workers = workers,
				     .tun = &n->tun,
				     .socks = &n->socks[0],
				     .exchange = n->exchange,
				     .waits = &n->waits,
				     .seed = 1 + (uint64_t)i,
				     .wake = nothing_to_wake };
	n->threads = dp_threads_start(&o);
	assert_non_null(n->threads);
}

static inline struct net *net_new(unsigned workers, bool offload)
{
	struct net *g = xcalloc(1, sizeof(*g));
	cpu_set_t allowed;
	rng_seeded_init(&g->rng, 7);
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int i = 0; i < NODES; i++) {
		stay_on_cpu(&allowed, i);
		node_start(g, i, workers, offload);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	for (int p = 0; p < LEAVES; p++)
		pair_join(g, p, (uint32_t)(1 + p));
	return g;
}

static inline void net_stop(struct net *g)
{
	for (int i = 0; i < NODES; i++) {
		dp_threads_stop(g->node[i].threads);
		g->node[i].threads = NULL;
	}
}

static inline void net_free(struct net *g)
{
	net_stop(g);
	for (int p = 0; p < LEAVES; p++)
		if (g->pair[p].present)
			pair_leave(g, p);
	for (int i = 0; i < NODES; i++) {
		struct node *n = &g->node[i];
		dp_exchange_free(n->exchange);
		dp_tables_unref(n->tables);
		udp_close(&n->socks[0]);
		udp_close(&n->socks[1]);
		close(n->tun.fd);
		close(n->outside);
	}
	for (int p = 0; p < LEAVES; p++)
		for (int e = 0; e < ENDS; e++)
			dp_live_unref(g->pair[p].end[e].live);
	free(g);
}

#endif
