/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker with three peers (the third jailed) under a script of datagrams, host packets, commands,
 * time and snapshots. Whatever comes:
 *   - nothing reaches the host that its peer did not seal just then, from an address of its own,
 * for an address of ours, and by leave of the filter (a slow model of it, below);
 *   - a packet of the host to a service address brings an answer from there, a query for the
 * control thread, or itself turned round, and nothing of the kind comes otherwise;
 *   - nothing leaves that the peer it is meant for cannot open. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "daemon/dataplane/worker.h"
#include "magicsock/udp_run.h"
#include "netstack/filter_parse.h"
#include "dns/local.h"
#include "netstack/local_set.h"
#include "netstack/service.h"
#include "netstack/tsmp.h"
#include "wg/allowedips.h"
#include "wg/inner.h"
#include "wg/session.h"

#include <stdlib.h>

#define PEERS 3
#define JAILED 2
#define WALL ((wall_t){ 1700000000, 0 })
#define MTU 1280
#define OPS_MAX 64
#define PORT_FIRST 80
#define PORT_LAST 90
#define LISTENER 85 /* of ours: not for peers, though the rules let them */
#define ROOM (DP_HEADROOM + 512 + DP_TAILROOM)
#define RULES                                                                                      \
	"[{\"SrcIPs\":[\"100.64.0.0/16\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":80,"    \
	"\"Last\":90}}]}]"

enum host_writes { HOST_NOTHING, HOST_SEALED, HOST_ANSWER, HOST_COMMAND };

struct peer {
	struct wg_session *ours, *theirs;
	struct dp_live *live;
	bool present, has_session, is_next;
};

/* A flow we opened, as its answers look. */
struct flow {
	struct ep src, dst;
	uint8_t proto;
	bool jail;
};

struct world {
	struct dp_worker *w;
	struct dp_snapshot *s;
	struct echo_waits waits;
	struct rng_seeded rng;
	mono_t now;
	struct peer peer[PEERS];
	struct dns_local *names;
	bool filter, ring_full;
	struct flow flows[2 * OPS_MAX];
	size_t n_flows;
	/* the operation under way */
	enum host_writes host;
	uint32_t sealer;
	struct pkt read; /* from the host */
	bool as_read;	 /* nothing is left to be done on it */
	uint8_t plain[512];
	size_t plain_len;
	uint8_t last[1024]; /* the last sealed datagram, for replays */
	size_t last_len;
};

static struct ip self_ip(void)
{
	return ip_v4(100, 64, 0, 1);
}

static struct ip peer_ip(uint32_t p)
{
	return ip_v4(100, 64, 0, (uint8_t)(10 + p));
}

static struct ep peer_ep(uint32_t p)
{
	return (struct ep){ ip_v4(192, 0, 2, (uint8_t)(10 + p)), 41641 };
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* ---- the slow model ------------------------------------------------------------------------- */

static bool is_answer(const struct world *w, const struct pkt *p)
{
	for (size_t i = 0; i < w->n_flows; i++) {
		const struct flow *f = &w->flows[i];
		if (f->proto == p->proto && ep_eq(f->src, p->src) && ep_eq(f->dst, p->dst) &&
		    f->jail == (w->sealer == JAILED))
			return true;
	}
	return false;
}

static void note_flow(struct world *w, struct span packet, uint32_t peer)
{
	struct pkt p;
	pkt_decode(packet, &p);
	if (w->n_flows < ARRAY_LEN(w->flows))
		w->flows[w->n_flows++] = (struct flow){ p.dst, p.src, p.proto, peer == JAILED };
}

static bool port_open(const struct world *w, const struct pkt *p)
{
	return w->sealer != JAILED && p->dst.port >= PORT_FIRST && p->dst.port <= PORT_LAST;
}

static bool allowed(const struct world *w, const struct pkt *p)
{
	if (!w->filter && w->sealer != JAILED)
		return false;
	switch (p->proto) {
	case IP_PROTO_TCP:
		return p->dst.port != LISTENER && (!pkt_is_tcp_syn(p) || port_open(w, p));
	case IP_PROTO_UDP:
		return port_open(w, p) || is_answer(w, p);
	case IP_PROTO_ICMP:
		return w->sealer != JAILED || pkt_is_echo_reply(p) || pkt_is_icmp_error(p);
	case IP_PROTO_FRAGMENT:
		return true;
	case IP_PROTO_SCTP:
		return is_answer(w, p); /* the rules do not name it */
	default:
		return false;
	}
}

/* ---- the worker's outside -------------------------------------------------------------------- */

static void check_delivered(struct world *w, struct span b)
{
	struct pkt p;
	require(b.len <= w->plain_len && span_eq(b, span_of(w->plain, b.len)));
	pkt_decode(b, &p);
	require(ip_eq(p.src.ip, peer_ip(w->sealer)));
	require(ip_eq(p.dst.ip, self_ip()) || p.proto == IP_PROTO_FRAGMENT);
	require(allowed(w, &p));
}

/* What the host is told when it sent something. */
static void check_answer(const struct world *w, struct span b)
{
	struct pkt p;
	pkt_decode(b, &p);
	if (pkt_is_echo_reply(&p))
		return;
	require(ip_is_service(p.src.ip) && p.len == b.len);
	require(p.proto == IP_PROTO_TCP || (p.proto == IP_PROTO_UDP && p.src.port == 53));
	if (!w->as_read)
		return;
	require(ip_eq(p.src.ip, w->read.dst.ip) && ip_eq(p.dst.ip, w->read.src.ip));
	if (p.proto == IP_PROTO_TCP && !(p.tcp_flags & TCP_RST))
		require(ip_eq(p.dst.ip, self_ip()) &&
			(p.dst.port == LISTENER || w->read.src.port == LISTENER));
}

static void on_tun(void *arg, const struct gro_item *v, size_t n)
{
	struct world *w = arg;
	for (size_t i = 0; i < n; i++) {
		require(w->host != HOST_NOTHING && v[i].n_pieces == 1);
		if (w->host == HOST_SEALED)
			check_delivered(w, v[i].pieces[0]);
		else if (w->host == HOST_ANSWER)
			check_answer(w, v[i].pieces[0]);
	}
}

/* Only that peer can read it. */
static void check_sealed(struct world *w, uint32_t peer, struct span b)
{
	uint8_t copy[2048];
	require(peer < PEERS && b.len <= sizeof(copy));
	memcpy(copy, b.p, b.len);
	struct wg_open_item it = { .p = copy, .len = (uint32_t)b.len };
	wg_session_open(w->peer[peer].theirs, w->now, &it, 1);
	require(it.verdict == WG_OPEN_DATA || it.verdict == WG_OPEN_KEEPALIVE ||
		it.verdict == WG_OPEN_REPLAY);
}

static void check_run(struct world *w, uint32_t peer, struct span run, size_t segment)
{
	while (run.len > 0) {
		size_t n = udp_run_first(run.len, segment);
		check_sealed(w, peer, span_of(run.p, n));
		run = span_from(run, n);
	}
}

static void on_udp(void *arg, const struct dp_datagram *v, size_t n)
{
	struct world *w = arg;
	for (size_t i = 0; i < n; i++) {
		require(v[i].peer < PEERS && ep_eq(v[i].ep, peer_ep(v[i].peer)));
		check_run(w, v[i].peer, span_const(v[i].bytes), v[i].segment);
	}
}

static bool on_event(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct world *w = arg;
	if (m->type == DP_EV_DERP_OUT)
		check_run(w, m->peer, bytes, m->segment);
	if (m->type == DP_EV_INNER)
		require(m->peer == w->sealer && w->host == HOST_SEALED);
	if (m->type == DP_EV_DNS)
		require(w->host == HOST_ANSWER && bytes.len >= DNS_HEADER_LEN);
	if (m->type == DP_EV_CONFIRMED)
		require(w->peer[m->peer].is_next && m->peer == w->sealer);
	return !w->ring_full;
}

static unsigned on_waiting(void *arg)
{
	const struct world *w = arg;
	return w->ring_full ? INTAKE_WAY_FULL : 0;
}

static const struct dp_worker_ops ops = { on_udp, on_tun, on_event, on_waiting };

/* ---- snapshots --------------------------------------------------------------------------------
 */

static struct dns_local *make_names(void)
{
	struct ip addr = peer_ip(0);
	static const char *const zones[] = { "net" };
	struct dns_local_node node = { .name = "a.net", .addrs = &addr, .n_addrs = 1 };
	return dns_local_new(&(struct dns_local_in){
	    .nodes = &node, .n_nodes = 1, .zones = zones, .n_zones = 1, .suffix = "net" });
}

static struct dp_tables *make_tables(bool with_filter)
{
	struct dp_tables *t = xcalloc(1, sizeof(*t));
	struct ip self = self_ip();
	struct local_set_in in = { .self = &self, .n_self = 1 };
	struct ranges local = { 0 };
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *j = j_parse(span_str(RULES), strlen(RULES), NULL);
	t->refs = 1;
	t->mtu = MTU;
	t->self.addr4 = self;
	t->allowed = wg_allowedips_new(3);
	for (uint32_t p = 0; p < PEERS; p++)
		require(wg_allowedips_insert(t->allowed, prefix_host(peer_ip(p)), p) == 0);
	require(local_set_build(&in, &local) && flt_rules_parse(j, &rules, &err) == 0);
	t->filter = with_filter ? flt_new(&rules, &local, NULL, 0) : NULL;
	t->jail = flt_new_shields(&local);
	flt_rules_fini(&rules);
	ranges_fini(&local);
	j_free(j);
	return t;
}

static void look(struct world *w)
{
	struct dp_tables *t = make_tables(w->filter);
	struct dp_snapshot *s = dp_snapshot_new(t, PEERS + 1, PEERS);
	dp_snapshot_set_dns(s, w->names);
	s->own.ports.dns4 = LISTENER;
	for (uint32_t i = 0; i < PEERS; i++) {
		struct peer *p = &w->peer[i];
		struct dp_peer d = { .live = p->live, .best = peer_ep(i), .jailed = i == JAILED };
		if (!p->present)
			continue;
		if (p->has_session)
			*(p->is_next ? &d.next : &d.current) = p->ours;
		if (p->has_session)
			dp_snapshot_add_session(s, wg_session_local_index(p->ours), i, p->ours,
						p->is_next);
		dp_snapshot_set_peer(s, i, &d);
	}
	dp_tables_unref(t);
	dp_snapshot_free(w->s);
	w->s = s;
}

static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = (mono_t){ 1000 * NS_PER_S };
	rng_seeded_init(&w->rng, 6);
	w->w = dp_worker_new(&(struct dp_worker_opts){
	    .ops = &ops, .arg = w, .waits = &w->waits, .rng = &w->rng.rng, .seed = 5 });
	w->filter = true;
	w->names = make_names();
	for (uint32_t i = 0; i < PEERS; i++) {
		struct peer *p = &w->peer[i];
		struct wg_keys to = { { (uint8_t)(1 + i) }, { (uint8_t)(100 + i) } };
		struct wg_keys back = { { (uint8_t)(100 + i) }, { (uint8_t)(1 + i) } };
		p->ours = wg_session_new(&to, 0x1000 + i, 0x2000 + i, true, w->now);
		p->theirs = wg_session_new(&back, 0x2000 + i, 0x1000 + i, false, w->now);
		p->live = dp_live_new();
		p->present = p->has_session = true;
	}
	look(w);
}

static void finish(struct world *w)
{
	dp_worker_free(w->w);
	dp_snapshot_free(w->s);
	dns_local_unref(w->names);
	for (uint32_t i = 0; i < PEERS; i++) {
		wg_session_unref(w->peer[i].ours);
		wg_session_unref(w->peer[i].theirs);
		dp_live_unref(w->peer[i].live);
	}
}

/* ---- operations ---------------------------------------------------------------------------------
 */

static struct span text(struct rd *r)
{
	size_t n = rd_u8(r);
	return rd_take(r, n < rd_left(r) ? n : rd_left(r));
}

/* A whole packet with fields that matter; the script chooses among sensible ones. */
static size_t well_formed(struct rd *r, uint32_t peer, bool outbound, uint8_t *out)
{
	static const uint8_t protos[] = { IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_ICMP, IP_PROTO_SCTP,
					  IP_PROTO_TSMP };
	static const uint16_t ports[] = { 80, 90, 79, 91, 4000, 53, LISTENER };
	uint8_t what = rd_u8(r), choice = rd_u8(r);
	struct ip far = choice & 0x40 ? peer_ip((peer + 1) % PEERS) : peer_ip(peer);
	if (outbound && (what & 0x80))
		far = IP_SERVICE4;
	struct ip near = choice & 0x80 ? ip_v4(10, 0, 0, 1) : self_ip();
	struct ip_hdr h = { outbound ? near : far, outbound ? far : near,
			    protos[what % ARRAY_LEN(protos)], what };
	struct wr w = wr_init(mspan_of(out, 256));
	struct span data = text(r);
	if (data.len > 200)
		data.len = 200;
	ip_hdr_build(&w, &h, 20 + data.len);
	wr_be16(&w, ports[choice % ARRAY_LEN(ports)]);
	wr_be16(&w, ports[(choice >> 3) % ARRAY_LEN(ports)]);
	wr_be16(&w, (uint16_t)(20 + data.len));
	wr_zero(&w, 6);
	wr_u8(&w, 0x50);
	wr_u8(&w, what >> 3);
	wr_zero(&w, 6);
	wr_span(&w, data);
	return wr_ok(&w) ? wr_len(&w) : 0;
}

static void host_packet(struct world *w, struct rd *r, bool raw)
{
	uint8_t room[ROOM];
	struct mspan v = mspan_of(room + DP_HEADROOM, 0);
	struct span given = raw ? text(r) : span_of(NULL, 0);
	uint8_t how = rd_u8(r);
	uint32_t peer = how % PEERS;
	if (given.len)
		memcpy(v.p, given.p, given.len);
	v.len = raw ? given.len : well_formed(r, peer, true, v.p);
	struct pkt p;
	pkt_decode(span_const(v), &p);
	uint32_t to = wg_allowedips_lookup(w->s->tables->allowed, p.dst.ip);
	if (to != WG_NO_PEER)
		note_flow(w, span_const(v), to);
	struct dp_frame f = { .bytes = v };
	if (how & 0x40)
		f.vnet = (struct vnet){ rd_u8(r), rd_u8(r), 0, rd_u8(r), rd_u8(r), rd_u8(r) };
	w->read = p;
	w->as_read = !(how & 0x40);
	w->host = HOST_ANSWER;
	dp_worker_tun(w->w, w->s, w->now, WALL, &f, 1);
}

static void datagram(struct world *w, struct mspan b)
{
	struct dp_datagram d = { .ep = peer_ep(0), .bytes = b };
	dp_worker_udp(w->w, w->s, w->now, &d, 1);
}

static void relayed(struct world *w, uint32_t sender, struct mspan b)
{
	struct dp_msg m = { .type = DP_CMD_DERP_IN, .peer = sender };
	dp_worker_command(w->w, w->s, w->now, &m, b);
}

static void stranger(struct world *w, struct rd *r)
{
	uint8_t room[256];
	struct span b = text(r);
	memcpy(room, b.p ? b.p : (const uint8_t *)"", b.len);
	w->host = HOST_NOTHING;
	datagram(w, mspan_of(room, b.len));
}

static void sealed(struct world *w, struct rd *r, bool raw)
{
	uint8_t room[WG_HEADER_LEN + 512] = { 0 };
	uint8_t how = rd_u8(r), damage = how & 0x10 ? rd_u8(r) : 0;
	w->sealer = how % PEERS;
	w->last_len = 0;
	struct span given = raw ? text(r) : span_of(NULL, 0);
	if (given.len)
		memcpy(w->plain, given.p, given.len);
	w->plain_len = raw ? given.len : well_formed(r, w->sealer, false, w->plain);
	memcpy(room + WG_HEADER_LEN, w->plain, w->plain_len);
	struct wg_seal_item it = { room + WG_HEADER_LEN, (uint32_t)w->plain_len };
	if (wg_session_seal(w->peer[w->sealer].theirs, w->now, MTU, &it, 1) != 1)
		return;
	memcpy(w->last, room, it.len);
	uint32_t sender = how & 0x20 ? (w->sealer + 1) % PEERS : w->sealer;
	bool by_relay = how & 0x40;
	bool lies = (by_relay && sender != w->sealer) || damage;
	if (damage)
		room[damage % it.len] ^= 0x40;
	w->host = lies ? HOST_NOTHING : HOST_SEALED;
	if (by_relay)
		relayed(w, sender, mspan_of(room, it.len));
	else
		datagram(w, mspan_of(room, it.len));
	if (!lies)
		w->last_len = it.len;
}

/* Once more what has been delivered or refused already, and then certainly. */
static void replay(struct world *w)
{
	uint8_t copy[sizeof(w->last)];
	struct peer *p = &w->peer[w->sealer];
	if (w->last_len == 0 || !p->present || !p->has_session)
		return;
	memcpy(copy, w->last, w->last_len);
	w->host = HOST_SEALED; /* its session may have been missing the first time */
	datagram(w, mspan_of(copy, w->last_len));
	memcpy(copy, w->last, w->last_len);
	w->host = HOST_NOTHING;
	datagram(w, mspan_of(copy, w->last_len));
}

static void any_command(struct world *w, struct rd *r)
{
	static const uint8_t types[] = { DP_CMD_SESSION,     DP_CMD_SEND_INNER, DP_CMD_KEEPALIVE,
					 DP_CMD_DROP_STAGED, DP_CMD_TUN_WRITE,	DP_CMD_DERP_IN,
					 DP_EV_INNER };
	uint8_t room[256], how = rd_u8(r);
	struct dp_msg m = { .type = types[how % ARRAY_LEN(types)], .flag = how & 0x80 };
	m.peer = rd_u8(r) % (PEERS + 3);
	struct span b = text(r);
	memcpy(room, b.p ? b.p : (const uint8_t *)"", b.len);
	if (m.type == DP_CMD_SEND_INNER)
		note_flow(w, b, m.peer);
	w->host = m.type == DP_CMD_TUN_WRITE ? HOST_COMMAND : HOST_NOTHING;
	dp_worker_command(w->w, w->s, w->now, &m, mspan_of(room, b.len));
}

static void change(struct world *w, struct rd *r)
{
	uint8_t how = rd_u8(r);
	struct peer *p = &w->peer[how % PEERS];
	switch (how >> 4) {
	case 0:
		p->present = !p->present;
		break;
	case 1:
	case 2:
		p->has_session = !p->has_session;
		break;
	case 3:
		p->is_next = !p->is_next;
		break;
	case 4:
		w->filter = !w->filter;
		break;
	case 5:
		atomic_store(&p->live->trust_until_ns, w->now.ns + 5 * NS_PER_S);
		break;
	case 6:
		w->ring_full = !w->ring_full;
		break;
	case 7:
		w->now = mono_add_s(w->now, 61);
		break;
	default:
		w->now = mono_add_ms(w->now, how);
		break;
	}
	look(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rd r = rd_init(span_of(p, len));
	static struct world w;
	static bool ready;
	if (!ready)
		require(crypto_init() == 0 && aead_batch_init(NULL) == 0);
	ready = true;
	start(&w);
	for (int i = 0; i < OPS_MAX && rd_left(&r); i++) {
		switch (rd_u8(&r) % 8) {
		case 0:
			host_packet(&w, &r, true);
			break;
		case 1:
			host_packet(&w, &r, false);
			break;
		case 2:
			stranger(&w, &r);
			break;
		case 3:
			sealed(&w, &r, true);
			break;
		case 4:
			sealed(&w, &r, false);
			break;
		case 5:
			replay(&w);
			break;
		case 6:
			any_command(&w, &r);
			break;
		case 7:
			change(&w, &r);
			break;
		}
	}
	finish(&w);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	/* sealed UDP to port 80, replayed; an answer to a packet of the host; the jailed peer */
	static const uint8_t talk[] = { 4,   0, 0, 0, 2, 'h', 'i', 5, 1, 1, 0, 32, 1,
					'x', 4, 1, 0, 4, 1,   'y', 4, 2, 0, 0, 1,  'z' };
	/* no session: two packets wait; a session comes; flush */
	static const uint8_t staging[] = { 7, 0x10, 1, 0,    0, 0, 1, 'a',  1, 0, 0, 0, 1, 'b',
					   7, 0x10, 6, 0x80, 0, 0, 7, 0x50, 1, 0, 0, 0, 1, 'c' };
	/* relayed, with the right and the wrong sender, damaged, from a foreign address, TSMP */
	static const uint8_t relay[] = { 4,    0x40, 0, 0, 1,	'r', 4, 0x60, 0, 0,    1, 's', 4,
					 0x10, 30,   0, 0, 1,	't', 4, 0,    0, 0x40, 1, 'u', 4,
					 0,    4,    0, 9, 'p', 1,   2, 3,    4, 5,    6, 7,   8 };
	static const uint8_t other[] = { 2,   4,    4,	 0,    0,    0,	   7, 0x40, 4,	  0, 0,
					 0,   1,    'n', 7,    0x60, 1,	   0, 0,    0,	  1, 'm',
					 7,   0x70, 7,	 0x70, 7,    0x70, 4, 0,    0,	  0, 1,
					 'o', 0,    1,	 0x45, 0,    3,	   0, 2,    0x45, 0 };
	/* a query for a name we know, and for one we do not; TCP to the listener, back, refused */
	static const uint8_t services[] = {
		0,   51,  0x45, 0,   0,	 0x33, 0, 1,   0,  0,	0x40, 0x11, 0,	 0, 100, 64, 0, 1,
		100, 100, 100,	100, 15, 160,  0, 53,  0,  31,	0,    0,    0,	 1, 1,	 0,  0, 1,
		0,   0,	  0,	0,   0,	 0,    1, 'a', 3,  'n', 'e',  't',  0,	 0, 1,	 0,  1, 0,
		0,   51,  0x45, 0,   0,	 0x33, 0, 1,   0,  0,	0x40, 0x11, 0,	 0, 100, 64, 0, 1,
		100, 100, 100,	100, 15, 160,  0, 53,  0,  31,	0,    0,    0,	 1, 1,	 0,  0, 1,
		0,   0,	  0,	0,   0,	 0,    1, 'b', 3,  'o', 'r',  'g',  0,	 0, 1,	 0,  1, 0,
		1,   0,	  131,	44,  0,	 1,    0, 131, 41, 0,	1,    0,    131, 2, 0
	};
	const struct span seeds[] = { span_of(talk, sizeof(talk)),
				      span_of(staging, sizeof(staging)),
				      span_of(relay, sizeof(relay)), span_of(other, sizeof(other)),
				      span_of(services, sizeof(services)) };
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = seeds[i];
	return true;
}

/* Each run makes a worker with its pool of waiting packets anew. */
long fuzz_runs(void)
{
	return 3000;
}
