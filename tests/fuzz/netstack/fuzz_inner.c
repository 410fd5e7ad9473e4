/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TSMP and the ways in and out of a node with any packet: messages round-trip, TSMP and what the
 * filter refuses is never delivered, nothing is answered larger than it came but by a few bytes. */
#include "tests/fuzz/netstack/seeds.h"

#include "netstack/outbound.h"

static struct net_self self;
static struct net_peer peers[2];
static struct flt *filter;
static struct flt_flows *flows;

static void must(bool good)
{
	if (!good)
		abort();
}

static void init(void)
{
	struct flt_rules none = { 0 };
	struct ranges local = { 0 };
	if (filter)
		return;
	self = (struct net_self){ .addr4 = ip_v4(100, 64, 0, 1),
				  .addr6 = { IP_V6, { 0xfd, 0x7a, [15] = 1 } },
				  .ports.peerapi4 = 0xbeef,
				  .ports.peerapi6 = 0xcafe };
	peers[1].masq4 = ip_v4(100, 99, 1, 1);
	ranges_add_prefix(&local, prefix_host(self.addr4));
	ranges_add_prefix(&local, prefix_host(self.addr6));
	ranges_sort(&local);
	filter = flt_new(&none, &local, NULL, 0);
	flows = flt_flows_new(1);
	ranges_fini(&local);
}

static size_t rebuild(const struct tsmp *m, const struct pkt *p, struct mspan out)
{
	struct pkt back = *p;
	back.src = p->dst;
	back.dst = p->src;
	switch (m->type) {
	case TSMP_PING:
		return tsmp_ping_build(out, p->src.ip, p->dst.ip, m->data);
	case TSMP_PONG:
		return tsmp_pong_build(out, &back, m->pong.data, m->pong.peerapi_port);
	case TSMP_REJECT:
		return tsmp_reject_build(out, &m->reject);
	case TSMP_DISCO:
		return tsmp_disco_build(out, p->src.ip, p->dst.ip, &m->disco);
	}
	return 0;
}

static void round_trip(struct span in)
{
	uint8_t out[TSMP_PACKET_MAX];
	struct tsmp m, again;
	struct pkt p, q;
	memset(&m, 0, sizeof(m));
	memset(&again, 0, sizeof(again));
	pkt_decode(in, &p);
	if (tsmp_parse(&p, in, &m))
		return;
	size_t n = rebuild(&m, &p, mspan_of(out, sizeof(out)));
	must(n > 0);
	pkt_decode(span_of(out, n), &q);
	must(tsmp_parse(&q, span_of(out, n), &again) == 0 && again.type == m.type);
	must(ip_eq(p.src.ip, q.src.ip) && ip_eq(p.dst.ip, q.dst.ip));
	must(m.type != TSMP_REJECT ||
	     (ep_eq(m.reject.src, again.reject.src) && ep_eq(m.reject.dst, again.reject.dst) &&
	      m.reject.maybe_broken == again.reject.maybe_broken));
}

static void way_in(struct span in, const struct net_peer *peer)
{
	static struct echo_waits waits;
	uint8_t answer[TSMP_PACKET_MAX], *copy = malloc(in.len);
	struct inbound how = { &self, filter, flows, &waits };
	struct net_result res;
	struct pkt p;
	must(copy);
	memcpy(copy, in.p, in.len);
	enum in_action a = inbound_packet(&how, peer, mspan_of(copy, in.len), &p,
					  mspan_of(answer, sizeof(answer)), &res);
	must(a != IN_DELIVER || (res.verdict == FLT_PASS && p.proto != IP_PROTO_TSMP));
	must(a != IN_DROP || res.verdict != FLT_PASS);
	must(a != IN_CONTROL || p.proto == IP_PROTO_TSMP);
	must((a == IN_ANSWER) == (res.answer_len > 0) && res.answer_len <= in.len + 2);
	free(copy);
}

static void way_out(struct span in, const struct net_peer *peer)
{
	uint8_t *answer = malloc(in.len), *copy = malloc(in.len);
	struct net_result res;
	struct pkt p;
	must(answer && copy);
	memcpy(copy, in.p, in.len);
	enum out_action a = outbound_classify(&self, in, &p, mspan_of(answer, in.len), &res);
	must((a == OUT_ANSWER) == (res.answer_len > 0) &&
	     (a == OUT_DROP) == (res.verdict != FLT_PASS));
	must(a != OUT_PEER || !ip_is_service(p.dst.ip));
	if (a == OUT_PEER && flt_out(filter, flows, &p, in.len) == FLT_PASS)
		outbound_rewrite(&self, peer, mspan_of(copy, in.len));
	outbound_own(&self, peer, filter, flows, mspan_of(copy, in.len));
	free(answer);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct span in = span_of(b, len);
	if (len == 0)
		return 0;
	init();
	round_trip(in);
	for (int i = 0; i < 2; i++) {
		way_in(in, &peers[i]);
		way_out(in, &peers[i]);
	}
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	const struct seeds *s = seeds_packets();
	if (i >= s->n)
		return false;
	*out = s->v[i];
	return true;
}
