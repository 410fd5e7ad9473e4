/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table against a list that is searched from end to end. Input: operations of seven bytes. The
 * addresses are drawn from few bits, so that prefixes collide, nest and share slots. */
#include "tests/fuzz/fuzz.h"

#include "base/rng.h"
#include "wg/allowedips.h"

#include <stdlib.h>

#define RULES_MAX 512

struct rule {
	struct prefix p;
	uint32_t peer;
};

struct model {
	struct rule v[RULES_MAX];
	size_t n;
};

static void model_insert(struct model *m, struct prefix p, uint32_t peer)
{
	p = prefix_masked(p);
	for (size_t i = 0; i < m->n; i++)
		if (prefix_eq(m->v[i].p, p)) {
			m->v[i].peer = peer;
			return;
		}
	m->v[m->n++] = (struct rule){ p, peer };
}

static void model_remove(struct model *m, uint32_t peer)
{
	for (size_t i = 0; i < m->n;)
		if (m->v[i].peer == peer)
			m->v[i] = m->v[--m->n];
		else
			i++;
}

static uint32_t model_lookup(const struct model *m, struct ip ip)
{
	int best = -1;
	uint32_t peer = WG_NO_PEER;
	for (size_t i = 0; i < m->n; i++)
		if (prefix_contains(m->v[i].p, ip) && m->v[i].p.bits > best) {
			best = m->v[i].p.bits;
			peer = m->v[i].peer;
		}
	return peer;
}

static bool model_contains(const struct model *m, uint32_t peer, struct ip ip)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].peer == peer && prefix_contains(m->v[i].p, ip))
			return true;
	return false;
}

static bool model_source_ok(const struct model *m, uint32_t peer, struct ip ip)
{
	for (size_t i = 0; i < m->n; i++)
		if (prefix_is_host(m->v[i].p) && ip_eq(m->v[i].p.ip, ip))
			return m->v[i].peer == peer;
	return model_contains(m, peer, ip);
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_all(const struct wg_allowedips *t, const struct model *m, struct ip ip,
		      uint32_t peer)
{
	check(wg_allowedips_len(t) == m->n);
	check(wg_allowedips_lookup(t, ip) == model_lookup(m, ip));
	check(wg_allowedips_contains(t, peer, ip) == model_contains(m, peer, ip));
	check(wg_allowedips_source_ok(t, peer, ip) == model_source_ok(m, peer, ip));
}

static struct ip rd_ip(struct rd *r, bool v6)
{
	struct ip ip = { .fam = v6 ? IP_V6 : IP_V4 };
	ip.b[0] = rd_u8(r);
	ip.b[3] = rd_u8(r);
	if (v6) {
		ip.b[0] |= 0x20; /* never a mapped IPv4 address */
		ip.b[8] = rd_u8(r);
		ip.b[15] = rd_u8(r);
	} else {
		ip.b[1] = rd_u8(r);
		ip.b[2] = rd_u8(r);
	}
	return ip;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct model m;
	m.n = 0;
	struct rd r = rd_init(span_of(p, len));
	struct wg_allowedips *t = wg_allowedips_new(rd_u8(&r));
	while (rd_left(&r) >= 7 && m.n < RULES_MAX) {
		uint8_t op = rd_u8(&r);
		bool v6 = op & 0x80;
		struct ip ip = rd_ip(&r, v6);
		uint8_t bits = rd_u8(&r), peer = rd_u8(&r) & 7;
		struct prefix prefix = { ip, (uint8_t)(bits % (ip_bits(ip) + 1)) };
		if ((op & 7) == 0) {
			wg_allowedips_remove_peer(t, peer);
			model_remove(&m, peer);
		} else if ((op & 7) < 6) {
			check(wg_allowedips_insert(t, prefix, peer) == 0);
			model_insert(&m, prefix, peer);
		}
		check_all(t, &m, ip, peer);
		if (m.n)
			check_all(t, &m, m.v[bits % m.n].p.ip, peer);
	}
	wg_allowedips_free(t);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t seeds[8][1 + 7 * 90];
	if (i >= 8)
		return false;
	struct rng_seeded rng;
	rng_seeded_init(&rng, i);
	rng_fill(&rng.rng, seeds[i], sizeof(seeds[i]));
	for (size_t k = 1; i % 2 && k < sizeof(seeds[i]); k++)
		if (k % 7 != 6) /* few addresses, many lengths */
			seeds[i][k] &= 0x83;
	*out = span_of(seeds[i], sizeof(seeds[i]));
	return true;
}
