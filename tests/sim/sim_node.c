/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/sim.h"

#include "base/alloc.h"
#include "magicsock/udp_run.h"
#include "netstack/ip_wire.h"

#include <stdlib.h>

#define INNER_PORT 7000
#define INNER_LEN (IP4_HDR_LEN + 8 + 16)
#define STUN_MS 40

struct ip sim_tailnet_ip(int id)
{
	return ip_v4(100, 64, (uint8_t)(id >> 8), (uint8_t)id);
}

struct ip sim_tailnet_ip6(int id)
{
	return (struct ip){ IP_V6,
			    { 0xfd, 0x7a, 0x11, 0x5c, 0xa1,
			      0xe0, [14] = (uint8_t)(id >> 8), [15] = (uint8_t)id } };
}

/* ---- the engine's outside ----------------------------------------------------------------------
 */

static void on_send_udp(void *arg, struct ep to, struct span d)
{
	sim_udp(arg, to, d);
}

static void on_send_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	sim_derp(arg, region, to, d);
}

static int on_route(void *arg, const struct node_key *peer, int home)
{
	(void)arg;
	(void)peer;
	return home;
}

static bool on_derp_up(void *arg, int region)
{
	const struct sim_node *n = arg;
	return region && !n->sim->region_down[region];
}

static void on_forget(void *arg, const struct node_key *peer)
{
	(void)arg;
	(void)peer;
}

static size_t on_endpoints(void *arg, struct ep *out, size_t max)
{
	struct sim_node *n = arg;
	size_t k = n->n_endpoints < max ? n->n_endpoints : max;
	memcpy(out, n->endpoints, k * sizeof(*out));
	return k;
}

static void gathered(struct sim *s, void *arg)
{
	struct sim_node *n = s->nodes[(intptr_t)arg];
	if ((intptr_t)arg > s->n_nodes || !n->running)
		return;
	struct ep old = n->endpoints[0];
	struct ep seen = sim_stun(n);
	n->n_endpoints = 0;
	if (ep_is_set(seen))
		n->endpoints[n->n_endpoints++] = seen;
	n->endpoints[n->n_endpoints++] = n->local;
	n->endpoints_at = s->now;
	engine_on_endpoints(n->engine, s->now);
	sim_node_settle(n);
	if (!ep_eq(old, n->endpoints[0]))
		sim_control_changed(n);
}

static void on_want_endpoints(void *arg)
{
	struct sim_node *n = arg;
	sim_after(n->sim, STUN_MS, gathered, (void *)(intptr_t)n->id);
}

static void on_publish(void *arg, struct dp_snapshot *s)
{
	struct sim_node *n = arg;
	dp_publish(n->exchange, s);
}

static void queue(struct list *q, const struct dp_msg *m, struct span bytes)
{
	struct sim_queue_item *i = xcalloc(1, sizeof(*i) + bytes.len);
	i->m = *m;
	i->len = bytes.len;
	if (bytes.len)
		memcpy(i->bytes, bytes.p, bytes.len);
	list_init(&i->link);
	list_push_back(q, &i->link);
}

static void on_command(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct sim_node *n = arg;
	queue(&n->commands, m, bytes);
}

static void nothing(void *arg)
{
	(void)arg;
}

static const struct engine_ops engine_ops = {
	.send_udp = on_send_udp,
	.send_derp = on_send_derp,
	.derp_route = on_route,
	.derp_up = on_derp_up,
	.derp_forget = on_forget,
	.endpoints = on_endpoints,
	.want_endpoints = on_want_endpoints,
	.publish = on_publish,
	.command = on_command,
	.rearm = nothing,
	.changed = nothing,
};

/* ---- the worker's outside ---- */

static void on_udp_send(void *arg, const struct dp_datagram *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (struct span rest = span_const(v[i].bytes); rest.len > 0;) {
			size_t len = udp_run_first(rest.len, v[i].segment);
			sim_udp(arg, v[i].ep, span_of(rest.p, len));
			rest = span_from(rest, len);
		}
	}
}

/* Every packet that comes out must be one that was put in, for this node. */
static void check_packet(struct sim_node *n, struct span bytes)
{
	struct pkt p;
	pkt_decode(bytes, &p);
	struct rd r = rd_init(pkt_udp_data(&p, bytes));
	uint32_t from = rd_be32(&r), to = rd_be32(&r);
	uint64_t number = rd_be64(&r);
	if (!rd_done(&r) || to != (uint32_t)n->id || from == 0 ||
	    from > (uint32_t)n->sim->n_nodes || !ip_eq(p.src.ip, sim_tailnet_ip((int)from)) ||
	    !ip_eq(p.dst.ip, sim_tailnet_ip(n->id)) || number >= n->sim->nodes[from]->sent[n->id]) {
		sim_fail(n->sim, "node %d got a packet that nobody sent it", n->id);
		return;
	}
	n->got[from]++;
	n->got_phase[from]++;
}

static void on_tun_write(void *arg, const struct gro_item *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_packet(arg, v[i].pieces[0]);
}

static bool on_event(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct sim_node *n = arg;
	queue(&n->events, m, bytes);
	return true;
}

static unsigned on_waiting(void *arg)
{
	(void)arg; /* what is told is taken at once */
	return 0;
}

static const struct dp_worker_ops worker_ops = { on_udp_send, on_tun_write, on_event, on_waiting };

/* ---- both together ---- */

static struct sim_queue_item *take(struct list *q)
{
	struct list *l = list_first(q);
	if (!l)
		return NULL;
	list_remove(l);
	return LIST_ENTRY(l, struct sim_queue_item, link);
}

static void empty(struct list *q)
{
	for (struct sim_queue_item *i; (i = take(q));)
		free(i);
}

void sim_node_settle(struct sim_node *n)
{
	struct sim_queue_item *i;
	for (int budget = 100000; budget > 0; budget--) {
		engine_flush(n->engine, n->sim->now);
		if ((i = take(&n->commands)))
			dp_worker_command(n->worker, dp_acquire(n->exchange, 0), n->sim->now, &i->m,
					  mspan_of(i->bytes, i->len));
		else if ((i = take(&n->events)))
			engine_event(n->engine, n->sim->now, sim_wall(n->sim), &i->m,
				     span_of(i->bytes, i->len));
		else
			break;
		free(i);
		dp_release(n->exchange, 0);
	}
	if (!list_empty(&n->commands) || !list_empty(&n->events))
		sim_fail(n->sim, "node %d does not come to rest", n->id);
}

void sim_node_timer(struct sim_node *n)
{
	mono_t before = engine_deadline(n->engine);
	engine_tick(n->engine, n->sim->now, sim_wall(n->sim));
	sim_node_settle(n);
	if (engine_deadline(n->engine).ns <= before.ns && before.ns <= n->sim->now.ns) {
		sim_fail(n->sim, "node %d: a deadline in the past stays there", n->id);
		abort();
	}
}

void sim_node_udp_in(struct sim_node *n, struct ep from, struct span d)
{
	uint8_t room[2048];
	if (d.len > sizeof(room))
		return;
	memcpy(room, d.p, d.len);
	struct dp_datagram v = { .ep = from, .bytes = mspan_of(room, d.len) };
	dp_worker_udp(n->worker, dp_acquire(n->exchange, 0), n->sim->now, &v, 1);
	dp_release(n->exchange, 0);
	sim_node_settle(n);
}

void sim_node_derp_in(struct sim_node *n, int region, const struct node_key *src, struct span d)
{
	engine_input_derp(n->engine, n->sim->now, sim_wall(n->sim), region, src, d);
	sim_node_settle(n);
}

void sim_node_send(struct sim_node *n, int to)
{
	uint8_t room[DP_HEADROOM + 256 + DP_TAILROOM];
	uint8_t *p = room + DP_HEADROOM;
	struct wr w = wr_init(mspan_of(p, 256));
	struct ip_hdr h = { sim_tailnet_ip(n->id), sim_tailnet_ip(to), IP_PROTO_UDP, 0 };
	ip_hdr_build(&w, &h, INNER_LEN - IP4_HDR_LEN);
	wr_be16(&w, INNER_PORT);
	wr_be16(&w, INNER_PORT);
	wr_be16(&w, INNER_LEN - IP4_HDR_LEN);
	wr_be16(&w, 0);
	wr_be32(&w, (uint32_t)n->id);
	wr_be32(&w, (uint32_t)to);
	wr_be64(&w, n->sent[to]++);
	struct dp_frame v = { .bytes = mspan_of(p, wr_len(&w)) };
	dp_worker_tun(n->worker, dp_acquire(n->exchange, 0), n->sim->now, sim_wall(n->sim), &v, 1);
	dp_release(n->exchange, 0);
	sim_node_settle(n);
}

/* ---- life ---- */

struct sim_node *sim_node_new(struct sim *s, int id, enum sim_nat nat)
{
	struct sim_node *n = xcalloc(1, sizeof(*n));
	n->sim = s;
	n->id = id;
	n->nat = nat;
	n->outer_ip = ip_v4(198, 51, (uint8_t)(id >> 8), (uint8_t)id);
	n->local =
	    (struct ep){ nat == SIM_PUBLIC ? n->outer_ip : ip_v4(192, 168, (uint8_t)id, 2), 41641 };
	n->home = 1 + id % SIM_REGIONS;
	list_init(&n->commands);
	list_init(&n->events);
	node_priv_generate(&n->key, &s->rng.rng);
	s->nodes[id] = n;
	if (id > s->n_nodes)
		s->n_nodes = id;
	return n;
}

void sim_node_start(struct sim_node *n)
{
	struct engine_opts o = { .ops = &engine_ops,
				 .arg = n,
				 .rng = &n->sim->rng.rng,
				 .now = n->sim->now,
				 .mtu = 1280 };
	sim_node_stop(n);
	n->exchange = dp_exchange_new();
	n->engine = engine_new(&o);
	n->worker = dp_worker_new(&(struct dp_worker_opts){
	    .ops = &worker_ops,
	    .arg = n,
	    .waits = engine_echo_waits(n->engine),
	    .rng = &n->sim->rng.rng,
	    .seed = rng_u64(&n->sim->rng.rng),
	});
	n->running = true;
	n->endpoints[0] = (struct ep){ 0 };
	engine_set_key(n->engine, n->sim->now, &n->key);
	sim_control_map(n);
	sim_control_changed(n);
	on_want_endpoints(n);
}

void sim_node_stop(struct sim_node *n)
{
	n->running = false;
	empty(&n->commands);
	empty(&n->events);
	engine_free(n->engine);
	empty(&n->commands);
	dp_worker_free(n->worker);
	dp_exchange_free(n->exchange);
	n->engine = NULL;
	n->worker = NULL;
	n->exchange = NULL;
}

void sim_node_free(struct sim_node *n)
{
	sim_node_stop(n);
	node_priv_wipe(&n->key);
	free(n);
}

void sim_node_gather(struct sim_node *n)
{
	on_want_endpoints(n);
}
