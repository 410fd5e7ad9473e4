/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load_flow.h: numbered traffic through load_net.h's nodes, fed and judged by one thread. A flow is
 * datagrams with a number, or a TCP stream in super-packets whose bytes tell their position. What
 * one packet shows is judged at once: at whom it arrived, whether it is the next one, every byte.
 * No assert here: cmocka's belong to the main thread. The first fault is kept in words. */
#ifndef TESTS_UNIT_DATAPLANE_LOAD_FLOW_H
#define TESTS_UNIT_DATAPLANE_LOAD_FLOW_H

#include "tests/unit/dataplane/load_net.h"

#include "netstack/checksum.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#define FLOWS (3 * LEAVES * ENDS)
#define DATAGRAMS_AWAY 24 /* of a flow, between feeding and arrival: no socket may overflow */
#define STREAM_AWAY 24000 /* bytes, the same */
#define FORBIDDEN 8	  /* datagrams each way that must lead nowhere */
#define PATIENCE_MS 30000 /* without any progress */
#define HUB_PORT 4000
#define LEAF_PORT 80
#define TCP_HDR_LEN 20
#define GSO_SIZE 1228
#define FRAME_ROOM (VNET_HDR_LEN + 65535)

/* What the guest's flows are in. Set by the control side, taken over by the feeder. */
enum phase {
	PRESENT,  /* as the others */
	GOING,	  /* still fed; what does not arrive is told by a counter */
	QUIET,	  /* not fed */
	UNWANTED, /* it is gone: some are fed, none may arrive */
};

struct flow {
	int from, to; /* nodes */
	uint8_t proto;
	bool guest;
	uint64_t goal;		       /* datagrams or bytes */
	uint64_t seen;		       /* expect, when last looked at */
	mono_t moved;		       /* when it was another, or nothing was under way */
	uint64_t expect;	       /* the number that must come next */
	_Atomic uint64_t fed, arrived; /* datagrams or bytes */
};

struct traffic {
	struct net *net;
	struct flow flow[FLOWS];
	int n;
	bool offload;
	unsigned publishes;	  /* how often at least while it runs */
	_Atomic int phase, taken; /* enum phase: asked for, in force */
	_Atomic bool told_to_end, over, failed;
	char fault[200];
	uint8_t frame[FRAME_ROOM];
};

static inline void fault(struct traffic *t, const struct flow *f, const char *what, uint64_t number)
{
	if (atomic_exchange(&t->failed, true))
		return;
	snprintf(t->fault, sizeof(t->fault), "%s, node %d to %d, proto %d: %s (%llu)",
		 f && f->guest ? "guest" : "flow", f ? f->from : -1, f ? f->to : -1,
		 f ? f->proto : 0, what, (unsigned long long)number);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static inline uint8_t byte_at(const struct flow *f, uint64_t at)
{
	uint64_t x = (at / 8 + 1 + ((uint64_t)f->from << 40) + ((uint64_t)f->to << 48)) *
		     UINT64_C(0x9e3779b97f4a7c15);
	return (uint8_t)(x >> (8 * (at % 8)) ^ x >> 57);
}

/* Eight of a size in a row, so that they can leave as a run. */
static inline size_t datagram_len(uint64_t number)
{
	return 8 + (number / 8) * 89 % 1200;
}

static inline void ports(const struct flow *f, uint16_t *src, uint16_t *dst)
{
	*src = f->from == 0 ? HUB_PORT : LEAF_PORT;
	*dst = f->from == 0 ? LEAF_PORT : HUB_PORT;
}

static inline size_t build_datagram(const struct flow *f, uint64_t number, struct mspan room)
{
	struct wr w = wr_init(room);
	size_t len = datagram_len(number);
	uint16_t src, dst;
	ports(f, &src, &dst);
	ip_hdr_build(&w, &(struct ip_hdr){ node_ip(f->from), node_ip(f->to), IP_PROTO_UDP, 1 },
		     8 + len);
	wr_be16(&w, src);
	wr_be16(&w, dst);
	wr_be16(&w, (uint16_t)(8 + len));
	uint8_t *sum = room.p + wr_len(&w);
	wr_be16(&w, 0);
	wr_be64(&w, number);
	for (size_t i = 8; i < len; i++)
		wr_u8(&w, byte_at(f, number + i));
	struct span l4 = span_of(sum - 6, 8 + len);
	uint64_t all =
	    csum_pseudo(node_ip(f->from), node_ip(f->to), IP_PROTO_UDP, (uint32_t)l4.len);
	uint16_t c = 0xffff ^ csum_fold(csum_add(all, l4));
	if (c == 0)
		c = 0xffff; /* 0 says that there is none */
	sum[0] = (uint8_t)(c >> 8);
	sum[1] = (uint8_t)c;
	return wr_ok(&w) ? wr_len(&w) : 0;
}

/* As the kernel gives it: the sum of the pseudo header only. */
static inline size_t build_stream(const struct flow *f, uint64_t at, size_t data, struct mspan room)
{
	struct wr w = wr_init(room);
	uint16_t src, dst;
	ports(f, &src, &dst);
	ip_hdr_build(&w, &(struct ip_hdr){ node_ip(f->from), node_ip(f->to), IP_PROTO_TCP, 1 },
		     TCP_HDR_LEN + data);
	wr_be16(&w, src);
	wr_be16(&w, dst);
	wr_be32(&w, (uint32_t)at);
	wr_be32(&w, 77);
	wr_be16(&w, 0x5000 | TCP_ACK);
	wr_be16(&w, 1024);
	wr_be16(&w, csum_fold(csum_pseudo(node_ip(f->from), node_ip(f->to), IP_PROTO_TCP,
					  (uint32_t)(TCP_HDR_LEN + data))));
	wr_be16(&w, 0);
	for (size_t i = 0; i < data; i++)
		wr_u8(&w, byte_at(f, at + i));
	return wr_ok(&w) ? wr_len(&w) : 0;
}

/* ---- feeding ------------------------------------------------------------------------------- */

/* False: the TUN is full. */
static inline bool put_frame(struct traffic *t, int node, size_t hdr, size_t len)
{
	ssize_t n = write(t->net->node[node].outside, t->frame, hdr + len);
	if (n < 0 && errno != EAGAIN)
		fault(t, NULL, "the TUN does not take a packet", (uint64_t)errno);
	return n >= 0;
}

static inline bool feed_datagram(struct traffic *t, struct flow *f)
{
	size_t hdr = t->offload ? VNET_HDR_LEN : 0;
	uint64_t number = atomic_load(&f->fed);
	memset(t->frame, 0, hdr);
	size_t len = build_datagram(f, number, mspan_of(t->frame + hdr, 2000));
	if (!put_frame(t, f->from, hdr, len))
		return false;
	atomic_store(&f->fed, number + 1);
	return true;
}

static inline bool feed_stream(struct traffic *t, struct flow *f)
{
	uint64_t at = atomic_load(&f->fed);
	size_t data = 1 + (size_t)(at * 7919 % 15000);
	struct vnet h = { .flags = VNET_F_NEEDS_CSUM,
			  .gso_type = data > GSO_SIZE ? VNET_GSO_TCP4 : VNET_GSO_NONE,
			  .gso_size = data > GSO_SIZE ? GSO_SIZE : 0,
			  .hdr_len = IP4_HDR_LEN + TCP_HDR_LEN,
			  .csum_start = IP4_HDR_LEN,
			  .csum_offset = 16 };
	vnet_put(t->frame, &h);
	size_t len = build_stream(f, at, data, mspan_of(t->frame + VNET_HDR_LEN, 65535));
	if (!put_frame(t, f->from, VNET_HDR_LEN, len))
		return false;
	atomic_store(&f->fed, at + data);
	return true;
}

/* What the hub began comes in whatever its rules say; so it is the first, and the flow back, which
 * stands behind its own, waits until it has been. */
static inline bool may_begin(const struct flow *f)
{
	return f->from == 0 || atomic_load(&f[-1].arrived) > 0;
}

/* Fed until its goal is reached and the control side has had its share. */
static inline bool wants_feed(const struct traffic *t, const struct flow *f)
{
	uint64_t fed = atomic_load(&f->fed), away = fed - f->expect;
	int phase = atomic_load(&t->taken);
	if (!may_begin(f) || (f->guest && phase != PRESENT && phase != GOING))
		return false;
	if (atomic_load(&t->told_to_end) && fed >= f->goal)
		return false;
	return away < (f->proto == IP_PROTO_UDP ? DATAGRAMS_AWAY : STREAM_AWAY);
}

static inline bool feed_all(struct traffic *t)
{
	bool any = false;
	for (int i = 0; i < t->n; i++) {
		struct flow *f = &t->flow[i];
		if (wants_feed(t, f))
			any |= f->proto == IP_PROTO_UDP ? feed_datagram(t, f) : feed_stream(t, f);
	}
	return any;
}

/* ---- judging ------------------------------------------------------------------------------- */

static inline struct flow *flow_of(struct traffic *t, const struct pkt *p)
{
	for (int i = 0; i < t->n; i++) {
		struct flow *f = &t->flow[i];
		uint16_t src, dst;
		ports(f, &src, &dst);
		if (f->proto == p->proto && ip_eq(p->src.ip, node_ip(f->from)) &&
		    ip_eq(p->dst.ip, node_ip(f->to)) && p->src.port == src && p->dst.port == dst)
			return f;
	}
	return NULL;
}

static inline void judge_datagram(struct traffic *t, struct flow *f, struct span d)
{
	struct rd r = rd_init(d);
	uint64_t number = rd_be64(&r);
	bool may_miss = f->guest && atomic_load(&t->taken) != PRESENT;
	if (d.len < 8 || d.len != datagram_len(number))
		fault(t, f, "a datagram of another length", d.len);
	else if (number < f->expect)
		fault(t, f, "a datagram came twice or late", number);
	else if (number > f->expect && !may_miss)
		fault(t, f, "a datagram is missing", f->expect);
	else if (f->guest && atomic_load(&t->taken) == UNWANTED)
		fault(t, f, "a datagram came after the peer's removal", number);
	for (size_t i = 8; i < d.len && !atomic_load(&t->failed); i++)
		if (d.p[i] != byte_at(f, number + i))
			fault(t, f, "a wrong byte in datagram", number);
	f->expect = number + 1;
	atomic_fetch_add(&f->arrived, 1);
}

static inline void judge_datagrams(struct traffic *t, struct flow *f, const struct vnet *h,
				   struct span data)
{
	size_t segment = h->gso_type == VNET_GSO_UDP_L4 && h->gso_size ? h->gso_size : data.len;
	for (size_t len; data.len > 0; data = span_from(data, len)) {
		len = data.len < segment ? data.len : segment;
		judge_datagram(t, f, span_of(data.p, len));
	}
}

static inline void judge_stream(struct traffic *t, struct flow *f, struct span l4)
{
	if (l4.len < TCP_HDR_LEN) {
		fault(t, f, "a short segment", l4.len);
		return;
	}
	struct rd r = rd_init(span_from(l4, 4));
	struct span data = span_from(l4, TCP_HDR_LEN);
	uint32_t seq = rd_be32(&r);
	if (seq != (uint32_t)f->expect)
		fault(t, f, "the stream does not go on where it should", f->expect);
	for (size_t i = 0; i < data.len && !atomic_load(&t->failed); i++)
		if (data.p[i] != byte_at(f, f->expect + i))
			fault(t, f, "a wrong byte in the stream", f->expect + i);
	f->expect += data.len;
	atomic_fetch_add(&f->arrived, data.len);
}

static inline void judge(struct traffic *t, int node, struct span frame)
{
	struct vnet h = { 0 };
	struct pkt p;
	if (t->offload && frame.len >= VNET_HDR_LEN) {
		h = vnet_get(frame.p);
		frame = span_from(frame, VNET_HDR_LEN);
	}
	pkt_decode(frame, &p);
	struct flow *f = flow_of(t, &p);
	if (!f || f->to != node || p.len != frame.len) {
		fault(t, f, "a packet that nobody sent to node", (uint64_t)node);
		return;
	}
	if (f->proto == IP_PROTO_UDP)
		judge_datagrams(t, f, &h, pkt_udp_data(&p, frame));
	else
		judge_stream(t, f, pkt_l4(&p, frame));
}

static inline bool take_all(struct traffic *t)
{
	bool any = false;
	for (int i = 0; i < NODES; i++)
		for (;;) {
			ssize_t n = read(t->net->node[i].outside, t->frame, sizeof(t->frame));
			if (n <= 0)
				break;
			judge(t, i, span_of(t->frame, (size_t)n));
			any = true;
		}
	return any;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static inline void unwanted(struct traffic *t, struct flow *f)
{
	for (int i = 0; i < FORBIDDEN; i++)
		if (!feed_datagram(t, f))
			fault(t, f, "the TUN is full", 0);
}

static inline void enter_phase(struct traffic *t, int phase)
{
	for (int i = 0; i < t->n; i++) {
		struct flow *f = &t->flow[i];
		if (f->guest && phase == PRESENT)
			f->expect = atomic_load(&f->fed); /* all before is accounted for */
	}
	for (int i = 0; i < t->n && phase == UNWANTED; i++)
		if (t->flow[i].guest)
			unwanted(t, &t->flow[i]);
	atomic_store(&t->taken, phase); /* the control side may look at what was fed */
}

static inline bool all_arrived(const struct traffic *t)
{
	for (int i = 0; i < t->n; i++)
		if (t->flow[i].expect < atomic_load(&t->flow[i].fed) ||
		    atomic_load(&t->flow[i].fed) < t->flow[i].goal)
			return false;
	return atomic_load(&t->told_to_end);
}

static inline void wait_for_packets(struct traffic *t)
{
	struct pollfd v[NODES];
	for (int i = 0; i < NODES; i++)
		v[i] = (struct pollfd){ .fd = t->net->node[i].outside, .events = POLLIN };
	poll(v, NODES, 2);
}

/* Nothing came for so long that what is under way must be lost. The guest's may be. */
static inline void check_patience(struct traffic *t)
{
	mono_t now = mono_now();
	for (int i = 0; i < t->n; i++) {
		struct flow *f = &t->flow[i];
		bool waits = atomic_load(&f->fed) > f->expect &&
			     !(f->guest && atomic_load(&t->taken) != PRESENT);
		if (!waits || f->expect != f->seen)
			f->moved = now;
		f->seen = f->expect;
		if (mono_due(mono_add_ms(f->moved, PATIENCE_MS), now))
			fault(t, f, "packets are lost from", f->expect);
	}
}

static inline void *traffic_main(void *arg)
{
	struct traffic *t = arg;
	while (!all_arrived(t) && !atomic_load(&t->failed)) {
		int phase = atomic_load(&t->phase);
		bool any = phase != atomic_load(&t->taken);
		if (any)
			enter_phase(t, phase);
		any |= feed_all(t);
		any |= take_all(t);
		if (!any)
			wait_for_packets(t);
		check_patience(t);
	}
	atomic_store(&t->over, true);
	return NULL;
}

static inline void add_flow(struct traffic *t, int from, int to, uint8_t proto, uint64_t goal)
{
	struct flow *f = &t->flow[t->n++];
	f->from = from;
	f->to = to;
	f->proto = proto;
	f->guest = from == GUEST || to == GUEST;
	f->goal = goal;
	f->moved = mono_now();
}

#endif
