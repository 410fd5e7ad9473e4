/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path machine under random events. Each pair of input bytes is one event: what, and an
 * argument. What must hold whatever happens: no ping or pong to an address nobody may make us talk
 * to no more pings to one address than the limits allow bounded candidates and outstanding pings
 *   best is a candidate that answered one of our pings a moment ago; nothing else makes it best
 *   a tick at the deadline moves the deadline on; after the peer falls silent it becomes "never" */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "magicsock/path.h"

#include <stdlib.h>

#define N_ADDRS 16
#define SENT_MAX 64
#define MINUTE_MS 60000
#define SPARE_MS 1000 /* an answer may count that much later, when the best address gave none */
/* per address and minute: one each 5 s by ourselves, one each 5 s as an answer (ping back), and
 * those a call-me-maybe may ask for: a burst and one each 5 s; rebinds are the input's own choice
 */
#define PINGS_PER_MINUTE (12 + 12 + PATH_CMM_BURST + 12 + 2)

struct state {
	struct rng_seeded rng;
	struct path_node node;
	struct path_peer *p;
	int64_t ms;
	struct path_ping sent[SENT_MAX];
	size_t n_sent;
	unsigned pings[N_ADDRS];
	unsigned excused; /* rebinds in this minute */
	int64_t minute;
	int64_t answered[N_ADDRS]; /* when a pong was delivered for it; 0: never */
};

static mono_t now_of(const struct state *s)
{
	return mono_add_ms(MONO_ZERO, 10000000 + s->ms);
}

/* Addresses of all kinds, some forbidden. */
static struct ep addr(uint8_t i)
{
	static const char *const text[N_ADDRS] = {
		"192.0.2.1:1",	 "192.0.2.1:2",	    "198.51.100.2:41641", "10.0.0.1:41641",
		"192.168.0.9:1", "[2001:db8::1]:1", "[fd00::1]:1",	  "127.0.0.1:9",
		"169.254.1.1:1", "224.0.0.1:1",	    "255.255.255.255:1",  "0.0.0.0:1",
		"100.64.0.9:1",	 "[fe80::1]:1",	    "192.0.2.1:0",	  "203.0.113.7:7",
	};
	struct ep ep;
	if (ep_decode(span_str(text[i % N_ADDRS]), &ep))
		abort();
	return ep;
}

static unsigned index_of(struct ep ep)
{
	for (uint8_t i = 0; i < N_ADDRS; i++)
		if (ep_eq(addr(i), ep))
			return i;
	abort();
}

static void send_ping(void *arg, struct path_peer *p, const struct path_ping *ping)
{
	struct state *s = arg;
	(void)p;
	s->sent[s->n_sent++ % SENT_MAX] = *ping;
	if (!ep_is_set(ping->to.ep)) {
		if (ping->to.region <= 0 || ping->purpose != PATH_PING_CLI)
			abort();
		return;
	}
	if (!path_addr_allowed(ping->to.ep))
		abort();
	if (ping->purpose == PATH_PING_CLI)
		return; /* the user's own doing */
	if (++s->pings[index_of(ping->to.ep)] > PINGS_PER_MINUTE * (1 + s->excused))
		abort();
}
static void send_pong(void *arg, struct path_peer *p, const struct path_dest *to,
		      const struct disco_txid *txid, struct ep src)
{
	(void)arg, (void)p, (void)txid;
	if (ep_is_set(to->ep) && (!path_addr_allowed(to->ep) || !ep_eq(to->ep, src)))
		abort();
}
static void send_cmm(void *arg, struct path_peer *p, int region)
{
	(void)arg, (void)p;
	if (region <= 0)
		abort();
}
static void want_endpoints(void *arg)
{
	(void)arg;
}
static void changed(void *arg, struct path_peer *p, bool is_addr, const char *why)
{
	struct state *s = arg;
	struct path_view v = path_view(p);
	(void)why;
	if (!is_addr || !ep_is_set(v.best))
		return;
	int64_t at = s->answered[index_of(v.best)];
	if (at == 0 || s->ms + 1 - at > SPARE_MS)
		abort();
}
static void cli_pong(void *arg, struct path_peer *p, const struct path_cli_pong *pong)
{
	(void)p;
	if (pong->token != arg || pong->latency_ns <= 0)
		abort();
}
static const struct path_ops ops = { send_ping,	     send_pong, send_cmm,
				     want_endpoints, changed,	cli_pong };

static void pass_time(struct state *s, int64_t ms)
{
	int64_t end = s->ms + ms;
	mono_t at;
	while (mono_due(at = path_deadline(s->p), mono_add_ms(now_of(s), end - s->ms))) {
		int64_t due = (at.ns / NS_PER_MS) - 10000000;
		s->ms = due > s->ms ? due : s->ms;
		path_tick(s->p, now_of(s));
		if (mono_due(path_deadline(s->p), now_of(s)))
			abort(); /* would spin */
	}
	s->ms = end;
	if (s->ms - s->minute >= MINUTE_MS) {
		s->minute = s->ms;
		s->excused = 0;
		memset(s->pings, 0, sizeof(s->pings));
	}
}

static void on_data(struct state *s)
{
	struct path_route r = path_on_send(s->p, now_of(s));
	if (r.expired && (ep_is_set(r.udp) || r.region))
		abort();
	if (ep_is_set(r.udp) && !path_addr_allowed(r.udp))
		abort();
}

static void pong(struct state *s, uint8_t arg, bool derp)
{
	if (!s->n_sent)
		return;
	size_t have = s->n_sent < SENT_MAX ? s->n_sent : SENT_MAX;
	const struct path_ping ping = s->sent[arg % have];
	struct path_dest from = { .region = 1 };
	if (!derp)
		from = (struct path_dest){ .ep = addr(arg) };
	if (ep_is_set(ping.to.ep))
		s->answered[index_of(ping.to.ep)] = s->ms + 1;
	path_on_pong(s->p, now_of(s), &from, &ping.txid);
}

static void ping(struct state *s, uint8_t arg)
{
	struct path_dest from = { .ep = addr(arg) };
	struct disco_txid txid = { { arg >> 4 } };
	enum path_verdict v = path_on_ping(s->p, now_of(s), &from, &txid);
	if ((v == PATH_FORBIDDEN) != !path_addr_allowed(from.ep))
		abort();
}

static size_t addr_list(uint8_t arg, struct ep *out)
{
	size_t n = 0;
	for (uint8_t i = 0; i < N_ADDRS; i++)
		if ((arg >> i % 8 & 1) ^ (i / 8 & 1))
			out[n++] = addr(i);
	return n;
}

static void netmap(struct state *s, uint8_t arg)
{
	struct ep eps[N_ADDRS];
	struct path_netmap nm = { .eps = eps, .n_eps = addr_list(arg, eps) };
	nm.home = arg & 1 ? 1 : 0;
	nm.expired = arg == 0xff;
	path_on_netmap(s->p, now_of(s), &nm);
}

static void event(struct state *s, uint8_t what, uint8_t arg)
{
	struct ep eps[N_ADDRS];
	switch (what % 16) {
	case 0:
		on_data(s);
		break;
	case 1:
		pass_time(s, arg);
		break;
	case 2:
		pass_time(s, arg * 100);
		break;
	case 3:
	case 4:
		pong(s, arg, false);
		break;
	case 5:
		pong(s, arg, true);
		break;
	case 6:
		ping(s, arg);
		break;
	case 7:
		path_on_cmm(s->p, now_of(s), eps, addr_list(arg, eps));
		break;
	case 8:
		netmap(s, arg);
		break;
	case 9:
		s->excused++;
		path_on_rebind(s->p, now_of(s));
		break;
	case 10:
		path_on_unreachable(s->p, now_of(s), addr(arg));
		break;
	case 11:
		path_on_activity(s->p, now_of(s));
		break;
	case 12:
		(void)!path_ping_start(s->p, now_of(s), (size_t)arg * 300, s);
		break;
	case 13:
		path_ping_stop(s->p, s);
		break;
	case 14:
		path_node_endpoints_fresh(&s->node, now_of(s));
		break;
	case 15:
		path_on_heard(s->p, now_of(s), addr(arg));
		break;
	}
}

static void check(struct state *s)
{
	struct path_status st;
	struct path_view v = path_view(s->p);
	path_status(s->p, now_of(s), &st);
	if (st.n_candidates > PATH_CANDIDATES_MAX)
		abort();
	if (ep_is_set(v.best) && !path_addr_allowed(v.best))
		abort();
	if (ep_is_set(st.cur) != path_view_trusted(&v, now_of(s)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct state *s = xcalloc(1, sizeof(*s));
	rng_seeded_init(&s->rng, 1);
	path_node_init(&s->node, &ops, s, &s->rng.rng);
	if (len > 0) {
		s->node.ping_back = p[0] & 1;
		s->node.silent_disco = p[0] & 2;
		s->node.no_udp = p[0] & 4;
		s->node.joined_at = p[0] & 8 ? now_of(s) : MONO_NEVER;
		/* eager retries are more than the limit above on purpose; not measured here */
		s->excused = p[0] & 8 ? 1 : 0;
	}
	s->p = path_new(&s->node, s);
	for (size_t i = 1; i + 1 < len && i < 4000; i += 2) {
		event(s, p[i], p[i + 1]);
		check(s);
	}
	pass_time(s, 200000);
	if (!mono_is_never(path_deadline(s->p)))
		abort();
	path_free(s->p);
	free(s);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	/* netmap, data, pongs, time; call-me-maybe and pings from outside; loss and rebind */
	static const uint8_t seeds[]
				  [32] = {
					  { 1, 8, 0x0f, 0, 0,  1, 20, 3, 0,  2, 30, 3,
					    1, 0, 0,	2, 70, 0, 0,  2, 60, 0, 0 },
					  { 0, 8, 0x03, 7,  0x1f, 3,	0, 6, 0x10, 6, 0x21,
					    0, 0, 2,	50, 7,	  0xf0, 3, 3, 9,    0, 0 },
					  { 9, 8, 0x31, 0, 0, 2,  10, 2,  10, 10, 2, 12,
					    0, 5, 0,	4, 1, 13, 0,  14, 0,  15, 2 },
					  { 2,	 8, 0x0f, 11, 0,   0, 0,   3, 0,    15, 0, 2,
					    200, 0, 0,	  2,  255, 2, 255, 6, 0x15, 7,	0 },
					  { 1, 8,  0x01, 7,  1, 7,   2, 7, 4, 7, 8, 7, 16,
					    7, 32, 7,	 64, 7, 128, 7, 1, 7, 2, 7, 4 },
				  };
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_of(seeds[i], sizeof(seeds[i]));
	return true;
}
