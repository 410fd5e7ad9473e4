/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disco envelopes, plaintexts and demultiplexing. A plaintext that parses must survive being built
 * and parsed again. First byte of the input: 0 plaintext, 1 a plaintext that is sealed and handed
 * to the receive rules over UDP, 2 the same over DERP, else a raw datagram. */
#include "tests/fuzz/fuzz.h"

#include "magicsock/demux.h"
#include "magicsock/disco.h"

#include <stdlib.h>

static struct rng_seeded rng;
static struct disco_priv priv_a, priv_b;
static struct disco_key pub_a;
static struct node_key node_a = { { 1 } }, node_b = { { 2 } };
static struct box_key box;
static struct disco *set;
static int64_t clock_ms = 1000000;

static void check_dest(struct ep to)
{
	if (!path_addr_allowed(to))
		abort();
}
static void send_udp(void *arg, struct ep to, struct span d)
{
	(void)arg;
	check_dest(to);
	if (ms_classify(d, NULL) != MS_DISCO)
		abort();
}
static void send_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	(void)arg, (void)d;
	if (region <= 0 || !node_key_eq(to, &node_a))
		abort();
}
static size_t endpoints(void *arg, struct ep *out, size_t max)
{
	(void)arg, (void)max;
	out[0] = (struct ep){ ip_v4(192, 0, 2, 1), 1 };
	return 1;
}
static void nothing(void *arg)
{
	(void)arg;
}
static void changed(void *arg, struct disco_peer *p, bool addr, const char *why)
{
	(void)arg, (void)p, (void)addr, (void)why;
}
static void cli_pong(void *arg, struct disco_peer *p, const struct path_cli_pong *pong)
{
	(void)arg, (void)p, (void)pong;
	abort();
}
static const struct disco_ops ops = { send_udp, send_derp, endpoints, nothing,
				      changed,	cli_pong,  nothing };

static void init(void)
{
	if (set)
		return;
	if (crypto_init())
		abort();
	rng_seeded_init(&rng, 1);
	disco_priv_generate(&priv_a, &rng.rng);
	disco_priv_generate(&priv_b, &rng.rng);
	disco_priv_public(&priv_a, &pub_a);
	set = disco_new(&ops, NULL, &rng.rng);
	disco_set_self(set, &node_b, &priv_b);
	struct disco_peer *p = disco_peer_add(set, &node_a, NULL);
	struct path_netmap nm = { .home = 1 };
	disco_peer_set_key(set, p, &pub_a);
	disco_peer_set_netmap(set, p, MONO_ZERO, &nm);
	if (box_precompute(&box, priv_a.b, disco_self(set)->b))
		abort();
}

static void fuzz_plain(struct span in)
{
	struct disco_msg m, again;
	uint8_t *mem = malloc(in.len + 4096);
	if (!mem)
		abort();
	memset(&m, 0, sizeof(m));
	memset(&again, 0, sizeof(again));
	if (disco_parse(in, &m) == 0 && m.version == 0) {
		struct wr w = wr_init(mspan_of(mem, in.len + 4096));
		disco_build(&w, &m);
		if (!wr_ok(&w) || disco_parse(wr_span_of(&w), &again) ||
		    memcmp(&m, &again, sizeof(m)) != 0)
			abort();
	}
	free(mem);
}

static void fuzz_sealed(struct span in, bool derp)
{
	uint8_t *mem = malloc(in.len + DISCO_OVERHEAD);
	struct wr w = wr_init(mspan_of(mem, mem ? in.len + DISCO_OVERHEAD : 0));
	struct ep from = { ip_v4(203, 0, 113, 1), 41641 };
	mono_t now = mono_add_ms(MONO_ZERO, clock_ms += 100);
	disco_seal(&w, &pub_a, &box, &rng.rng, in);
	enum disco_verdict v = derp ? disco_input_derp(set, now, 1, &node_a, wr_span_of(&w))
				    : disco_input_udp(set, now, from, false, wr_span_of(&w));
	if (in.len <= 60000 && (v == DISCO_RX_BAD_BOX || v == DISCO_RX_UNKNOWN))
		abort();
	disco_tick(set, now);
	free(mem);
}

static void fuzz_raw(struct span in)
{
	struct geneve g;
	uint8_t scratch[2048];
	struct span plain;
	struct ep from = { ip_v4(203, 0, 113, 1), 41641 };
	mono_t now = mono_add_ms(MONO_ZERO, clock_ms += 1);
	enum ms_class c = ms_classify(in, &g);
	struct span inner = in;
	if (c == MS_GENEVE_DISCO || c == MS_GENEVE_WG)
		inner = span_from(in, GENEVE_LEN);
	if (disco_open(inner, &box, mspan_of(scratch, sizeof(scratch)), &plain) == 0 &&
	    plain.len + DISCO_OVERHEAD != inner.len)
		abort();
	disco_input_udp(set, now, from, c == MS_GENEVE_DISCO, inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	init();
	if (!len)
		return 0;
	struct span rest = span_of(p + 1, len - 1);
	if (p[0] == 0)
		fuzz_plain(rest);
	else if (p[0] <= 2)
		fuzz_sealed(rest, p[0] == 2);
	else
		fuzz_raw(rest);
	return 0;
}

/* Each message type, for each way in. */
bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t mem[1024];
	struct disco_msg m;
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	init();
	if (i >= 9 * 4)
		return false;
	memset(&m, 0, sizeof(m));
	m.type = (enum disco_type)(i % 9 + 1);
	struct ep ep = { ip_v4(198, 51, 100, 7), 41641 };
	if (m.type == DISCO_PONG)
		m.pong.src = ep;
	if (m.type == DISCO_PING)
		m.ping.has_node = true, m.ping.node = node_a, m.ping.padding = 9;
	if (m.type == DISCO_CALL_ME_MAYBE)
		m.cmm.n = 2, m.cmm.eps[0] = m.cmm.eps[1] = ep;
	if (m.type == DISCO_CALL_ME_MAYBE_VIA)
		m.via.n_addrs = 1, m.via.addrs[0] = ep;
	if (m.type == DISCO_ALLOC_RESPONSE)
		m.alloc.relay.n_addrs = 1, m.alloc.relay.addrs[0] = ep;
	wr_u8(&w, (uint8_t)(i / 9));
	if (i / 9 < 3) {
		disco_build(&w, &m);
	} else {
		uint8_t plain[512];
		struct wr pw = wr_init(mspan_of(plain, sizeof(plain)));
		disco_build(&pw, &m);
		if (i & 1)
			geneve_build(&w, &(struct geneve){ false, GENEVE_PROTO_DISCO, 77 });
		disco_seal(&w, &pub_a, &box, &rng.rng, wr_span_of(&pw));
	}
	*out = wr_span_of(&w);
	return true;
}
