/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.h: packet workers back to back through memory: each has a hand-made snapshot with one peer,
 * real WireGuard sessions between them, and boxes for what it sends, delivers and reports.
 *
 *   A 100.64.0.1, peer B in slot 3      B 100.64.0.2, peer A in slot 5 */
#ifndef TESTS_UNIT_DATAPLANE_WORLD_H
#define TESTS_UNIT_DATAPLANE_WORLD_H

#include "base/alloc.h"
#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "daemon/dataplane/counters.h"
#include "daemon/dataplane/worker.h"
#include "magicsock/udp_run.h"
#include "netstack/filter_parse.h"
#include "netstack/icmp.h"
#include "netstack/local_set.h"
#include "tests/lib/cm.h"
#include "wg/allowedips.h"
#include "wg/session_priv.h"

#include <stdlib.h>

#define BOX_MAX 2048
#define START ((mono_t){ 1000 * NS_PER_S })
#define WALL ((wall_t){ 1700000000, 0 })
#define MTU 1280
#define RULES_ALL                                                                                  \
	"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65535}}" \
	"]}]"
#define RULES_PORT_80                                                                              \
	"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":80,\"Last\":80}}]}" \
	"]"

enum { A, B, SIDES };

static const uint32_t slot_of_other[SIDES] = { 3, 5 };

struct item {
	struct dp_msg m;  /* of an event */
	struct ep to;	  /* of a datagram */
	struct vnet vnet; /* of what went to the TUN */
	uint32_t peer;
	uint8_t *b;
	size_t len;
};

struct box {
	struct item v[BOX_MAX];
	size_t n;
};

struct side {
	struct dp_worker *w;
	struct dp_snapshot *s;
	struct dp_live *live; /* of the other, as this one keeps it */
	struct echo_waits waits;
	struct box udp, tun, events;
	size_t udp_messages; /* in which udp left */
	bool ring_full;
	unsigned waiting;
	struct rng_seeded rng;
};

struct world {
	mono_t now;
	struct side side[SIDES];
	struct wg_session *session[SIDES]; /* both ends of one pair */
};

/* What a side's snapshot is to be. */
struct view {
	const char *rules; /* NULL: no filter yet */
	bool shields, jailed, no_session, is_next, no_path;
	struct wg_session *before; /* current while the pair's is next; NULL: none */
	bool moved; /* the other's address is another peer's */
};

static const struct view plain = { .rules = RULES_ALL };

static inline struct ip side_ip(int i)
{
	return ip_v4(100, 64, 0, (uint8_t)(i + 1));
}

static inline struct ep side_ep(int i)
{
	return (struct ep){ ip_v4(192, 0, 2, (uint8_t)(i + 1)), 41641 };
}

/* ---- boxes --------------------------------------------------------------------------------- */

static inline struct item *box_add(struct box *x, struct span b)
{
	assert_true(x->n < BOX_MAX);
	struct item *it = &x->v[x->n++];
	*it = (struct item){ .b = xcalloc(1, b.len + 1), .len = b.len };
	if (b.len)
		memcpy(it->b, b.p, b.len);
	return it;
}

static inline void box_empty(struct box *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].b);
	x->n = 0;
}

static inline struct span item_span(const struct item *it)
{
	return span_of(it->b, it->len);
}

/* The one event of that type; NULL if there is none. */
static inline const struct item *event_of(const struct side *d, enum dp_msg_type type)
{
	const struct item *found = NULL;
	for (size_t i = 0; i < d->events.n; i++) {
		if (d->events.v[i].m.type != type)
			continue;
		assert_null(found);
		found = &d->events.v[i];
	}
	return found;
}

static inline size_t count_events(const struct side *d, enum dp_msg_type type)
{
	size_t n = 0;
	for (size_t i = 0; i < d->events.n; i++)
		n += d->events.v[i].m.type == type;
	return n;
}

static inline void empty_all(struct side *d)
{
	box_empty(&d->udp);
	box_empty(&d->tun);
	box_empty(&d->events);
}

/* A run is taken apart, as the kernel does. */
static inline void box_udp(void *arg, const struct dp_datagram *v, size_t n)
{
	struct side *d = arg;
	for (size_t i = 0; i < n; i++) {
		for (struct span rest = span_const(v[i].bytes); rest.len > 0;) {
			size_t len = udp_run_first(rest.len, v[i].segment);
			struct item *it = box_add(&d->udp, span_of(rest.p, len));
			it->to = v[i].ep;
			it->peer = v[i].peer;
			rest = span_from(rest, len);
		}
		d->udp_messages++;
	}
}

static inline void box_tun(void *arg, const struct gro_item *v, size_t n)
{
	struct side *d = arg;
	for (size_t i = 0; i < n; i++) {
		struct item *it = box_add(&d->tun, v[i].pieces[0]);
		it->vnet = v[i].hdr;
		for (size_t k = 1; k < v[i].n_pieces; k++) {
			it->b = xrealloc(it->b, it->len + v[i].pieces[k].len, 1);
			memcpy(it->b + it->len, v[i].pieces[k].p, v[i].pieces[k].len);
			it->len += v[i].pieces[k].len;
		}
	}
}

static inline bool box_event(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct side *d = arg;
	if (d->ring_full)
		return false;
	box_add(&d->events, bytes)->m = *m;
	return true;
}

static inline unsigned box_waiting(void *arg)
{
	const struct side *d = arg;
	return d->waiting;
}

static const struct dp_worker_ops box_ops = { box_udp, box_tun, box_event, box_waiting };

/* ---- snapshots ----------------------------------------------------------------------------- */

static inline struct flt *filter_of(const struct view *v, const struct ranges *local)
{
	if (v->shields)
		return flt_new_shields(local);
	if (!v->rules)
		return NULL;
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *j = j_parse(span_str(v->rules), strlen(v->rules), NULL);
	assert_non_null(j);
	assert_int_equal(flt_rules_parse(j, &rules, &err), 0);
	struct flt *f = flt_new(&rules, local, NULL, 0);
	flt_rules_fini(&rules);
	j_free(j);
	return f;
}

static inline struct dp_tables *tables_of(int i, const struct view *v)
{
	struct dp_tables *t = xcalloc(1, sizeof(*t));
	struct ip self = side_ip(i);
	struct local_set_in in = { .self = &self, .n_self = 1 };
	struct ranges local = { 0 };
	t->refs = 1;
	t->mtu = MTU;
	t->self.addr4 = self;
	t->allowed = wg_allowedips_new(7);
	assert_int_equal(wg_allowedips_insert(t->allowed, prefix_host(side_ip(i == A ? B : A)),
					      v->moved ? 1 : slot_of_other[i]),
			 0);
	assert_true(local_set_build(&in, &local));
	t->filter = filter_of(v, &local);
	t->jail = flt_new_shields(&local);
	ranges_fini(&local);
	return t;
}

/* Replace a side's snapshot. */
static inline void look(struct world *w, int i, struct view v)
{
	struct side *d = &w->side[i];
	struct dp_tables *t = tables_of(i, &v);
	struct dp_snapshot *s = dp_snapshot_new(t, 8, 4);
	struct dp_peer p = { .live = d->live, .jailed = v.jailed };
	if (!v.no_path)
		p.best = side_ep(i == A ? B : A);
	if (!v.no_session) {
		p.current = v.is_next ? v.before : w->session[i];
		p.next = v.is_next ? w->session[i] : NULL;
		dp_snapshot_add_session(s, wg_session_local_index(w->session[i]), slot_of_other[i],
					w->session[i], v.is_next);
	}
	dp_snapshot_set_peer(s, slot_of_other[i], &p);
	memset(&s->self, 0x50 + i, sizeof(s->self));
	dp_tables_unref(t);
	dp_snapshot_free(d->s);
	d->s = s;
}

static inline void trust(struct world *w, int i, bool on)
{
	atomic_store(&w->side[i].live->trust_until_ns, on ? w->now.ns + 5 * NS_PER_S : 0);
}

/* A fresh pair of sessions; A initiated. */
static inline void pair_up(struct world *w)
{
	static const uint32_t index[SIDES] = { 0x0a0a0a0a, 0x0b0b0b0b };
	struct wg_keys keys[SIDES];
	memset(&keys[A].send, 0x11, 32);
	memset(&keys[A].recv, 0x22, 32);
	memset(&keys[B].send, 0x22, 32);
	memset(&keys[B].recv, 0x11, 32);
	for (int i = 0; i < SIDES; i++) {
		wg_session_unref(w->session[i]);
		w->session[i] =
		    wg_session_new(&keys[i], index[i], index[i == A ? B : A], i == A, w->now);
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

static inline int world_setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	assert_int_equal(crypto_init(), 0);
	assert_int_equal(aead_batch_init(NULL), 0);
	w->now = START;
	pair_up(w);
	for (int i = 0; i < SIDES; i++) {
		w->side[i].live = dp_live_new();
		rng_seeded_init(&w->side[i].rng, 7 + (uint64_t)i);
		w->side[i].w = dp_worker_new(&(struct dp_worker_opts){ .ops = &box_ops,
								       .arg = &w->side[i],
								       .waits = &w->side[i].waits,
								       .rng = &w->side[i].rng.rng,
								       .seed = 42 });
		look(w, i, plain);
		trust(w, i, true);
	}
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < SIDES; i++) {
		struct side *d = &w->side[i];
		empty_all(d);
		dp_worker_free(d->w);
		dp_snapshot_free(d->s);
		dp_live_unref(d->live);
		wg_session_unref(w->session[i]);
	}
	free(w);
	return 0;
}

/* ---- packets ------------------------------------------------------------------------------- */

struct packet {
	uint8_t room[DP_HEADROOM + DP_PACKET_MAX + DP_TAILROOM];
	size_t len;
};

static inline struct mspan packet_bytes(struct packet *p)
{
	return mspan_of(p->room + DP_HEADROOM, p->len);
}

/* UDP packet with a number in it, from side `from` to `dst`. */
static inline struct packet udp_packet(struct ip src, struct ip dst, uint16_t port, uint32_t number,
				       size_t data)
{
	struct packet p;
	struct wr w = wr_init(mspan_of(p.room + DP_HEADROOM, DP_PACKET_MAX));
	ip_hdr_build(&w, &(struct ip_hdr){ src, dst, IP_PROTO_UDP, 1 }, 8 + data);
	wr_be16(&w, 4000);
	wr_be16(&w, port);
	wr_be16(&w, (uint16_t)(8 + data));
	wr_be16(&w, 0);
	wr_be32(&w, number);
	wr_zero(&w, data - 4);
	assert_true(wr_ok(&w));
	p.len = wr_len(&w);
	return p;
}

static inline struct packet tcp_syn(struct ip src, struct ip dst, uint16_t port)
{
	struct packet p;
	struct wr w = wr_init(mspan_of(p.room + DP_HEADROOM, DP_PACKET_MAX));
	ip_hdr_build(&w, &(struct ip_hdr){ src, dst, IP_PROTO_TCP, 1 }, 20);
	wr_be16(&w, 4000);
	wr_be16(&w, port);
	wr_zero(&w, 8);
	wr_be16(&w, 0x5000 | TCP_SYN);
	wr_zero(&w, 6);
	p.len = wr_len(&w);
	return p;
}

static inline void from_tun(struct world *w, int i, struct packet *p)
{
	struct dp_frame v = { .bytes = packet_bytes(p) };
	dp_worker_tun(w->side[i].w, w->side[i].s, w->now, WALL, &v, 1);
}

/* One small UDP packet to the other side, numbered. */
static inline void send_number(struct world *w, int i, uint32_t number)
{
	struct packet p = udp_packet(side_ip(i), side_ip(i == A ? B : A), 80, number, 16);
	from_tun(w, i, &p);
}

/* What i sent by UDP reaches the other, in batches. */
static inline void carry(struct world *w, int i)
{
	int to = i == A ? B : A;
	struct box *x = &w->side[i].udp;
	struct dp_datagram v[DP_BATCH];
	for (size_t done = 0, n; done < x->n; done += n) {
		n = x->n - done < DP_BATCH ? x->n - done : DP_BATCH;
		for (size_t k = 0; k < n; k++)
			v[k] = (struct dp_datagram){
				.ep = side_ep(i),
				.bytes = mspan_of(x->v[done + k].b, x->v[done + k].len),
			};
		dp_worker_udp(w->side[to].w, w->side[to].s, w->now, v, n);
	}
	box_empty(x);
}

static inline void command(struct world *w, int i, enum dp_msg_type type, bool flag,
			   struct mspan bytes)
{
	struct dp_msg m = { .type = (uint8_t)type, .flag = flag, .peer = slot_of_other[i] };
	dp_worker_command(w->side[i].w, w->side[i].s, w->now, &m, bytes);
}

#define NO_BYTES mspan_of(NULL, 0)

/* What i handed to the relay reaches the other, which is told that `peer` sent it. */
static inline void carry_relayed(struct world *w, int i, uint32_t peer)
{
	int to = i == A ? B : A;
	struct side *d = &w->side[i];
	for (size_t k = 0; k < d->events.n; k++) {
		struct item *it = &d->events.v[k];
		struct dp_msg m = { .type = DP_CMD_DERP_IN,
				    .peer = peer,
				    .segment = it->m.segment };
		if (it->m.type == DP_EV_DERP_OUT)
			dp_worker_command(w->side[to].w, w->side[to].s, w->now, &m,
					  mspan_of(it->b, it->len));
	}
	box_empty(&d->events);
}

/* The number in a delivered packet. */
static inline uint32_t number_of(const struct item *it)
{
	struct pkt p;
	pkt_decode(item_span(it), &p);
	struct rd r = rd_init(pkt_udp_data(&p, item_span(it)));
	return rd_be32(&r);
}

static inline void assert_numbers(const struct side *d, uint32_t first, size_t n)
{
	assert_int_equal(d->tun.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(number_of(&d->tun.v[i]), first + i);
}

/* ---- counters ------------------------------------------------------------------------------ */

struct counter_find {
	const char *name;
	uint64_t v;
	bool found;
};

static inline void counter_match(void *arg, const char *name, uint64_t v)
{
	struct counter_find *f = arg;
	if (strcmp(name, f->name) == 0) {
		f->v = v;
		f->found = true;
	}
}

static inline uint64_t counted(const char *name)
{
	struct counter_find f = { .name = name };
	dp_counters_register();
	counters_each(counter_match, &f);
	assert_true(f.found);
	return f.v;
}

#endif
