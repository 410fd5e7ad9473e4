/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small texts from outside: addresses, keys, times, codecs, and strings on their way into the log.
 * Whatever decodes is encoded to a text that decodes to the same. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/ip.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/utf8.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void addresses(struct span in)
{
	struct ip ip, ip2;
	struct prefix pf, pf2;
	struct ep ep, ep2;
	char text[EP_TEXT_MAX];
	if (ip_decode(in, &ip) == 0)
		must(ip_decode(span_str(ip_encode(ip, text)), &ip2) == 0 && ip_eq(ip, ip2));
	if (prefix_decode(in, &pf) == 0) {
		must(pf.bits <= ip_bits(pf.ip) && prefix_contains(pf, pf.ip));
		must(prefix_decode(span_str(prefix_encode(pf, text)), &pf2) == 0 &&
		     prefix_eq(pf, pf2));
		must(prefix_overlaps(prefix_masked(pf), pf));
	}
	if (ep_decode(in, &ep) == 0)
		must(ep_decode(span_str(ep_encode(ep, text)), &ep2) == 0 && ep_eq(ep, ep2));
}

static void keys(struct span in)
{
	struct node_key n, n2;
	struct nl_key l, l2;
	struct nl_priv p, p2;
	struct machine_priv m, m2;
	char text[NLPRIV_TEXT_MAX];
	if (node_key_decode(in, &n) == 0)
		must(node_key_decode(span_str(node_key_encode(&n, text)), &n2) == 0 &&
		     node_key_eq(&n, &n2));
	if (nl_key_decode(in, &l) == 0)
		must(nl_key_decode(span_str(nl_key_encode(&l, text)), &l2) == 0 &&
		     nl_key_eq(&l, &l2));
	if (machine_priv_decode(in, &m) == 0) {
		machine_priv_encode_secret(&m, text);
		must(machine_priv_decode(span_str(text), &m2) == 0 && !memcmp(&m, &m2, sizeof(m)));
	}
	if (nl_priv_decode(in, &p) == 0) {
		nl_priv_encode_secret(&p, text);
		must(nl_priv_decode(span_str(text), &p2) == 0 && !memcmp(&p, &p2, sizeof(p)));
	}
}

static void times(struct span in)
{
	wall_t t, t2;
	char text[RFC3339_MAX];
	if (wall_decode(in, &t))
		return;
	wall_encode(t, text);
	must(wall_decode(span_str(text), &t2) == 0 && t.s == t2.s && t.ns == t2.ns);
}

static void codecs(struct span in)
{
	uint8_t out[256];
	char text[513];
	size_t len = sizeof(out);
	uint64_t v;
	if (in.len <= 512 && hex_decode(in, out, in.len / 2) == 0) {
		hex_encode(span_of(out, in.len / 2), text);
		must(span_eq_nocase(in, text));
	}
	if (base64_decode(in, out, &len) == 0) {
		must(len <= sizeof(out));
		base64_encode(span_of(out, len), text);
		must(span_eq_str(in, text)); /* strict: one text for each value */
	}
	if (u64_decode(in, 1000, &v) == 0)
		must(v <= 1000);
}

static void log_line(struct span in)
{
	struct log_esc_buf b;
	struct span s = span_str(log_esc(in, &b));
	must(s.len < sizeof(b.s) && utf8_valid(s));
	for (size_t i = 0; i < s.len; i++)
		must(s.p[i] >= 0x20 && s.p[i] != 0x7f);
	struct buf fixed;
	buf_init(&fixed, in.len * 3);
	utf8_repair(in, &fixed);
	must(buf_ok(&fixed) && utf8_valid(buf_span(&fixed)));
	must(!utf8_valid(in) || span_eq(in, buf_span(&fixed)));
	buf_fini(&fixed);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct span in = span_of(p, len);
	addresses(in);
	keys(in);
	times(in);
	codecs(in);
	log_line(in);
	return 0;
}

#define HEX32 "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"192.0.2.1",
		"2001:db8::1:0:0:1",
		"::ffff:10.0.0.1",
		"10.0.0.0/8",
		"fd7a:115c:a1e0::/48",
		"::ffff:10.0.0.0/104",
		"192.0.2.1:41641",
		"[fe80::1]:65535",
		"nodekey:" HEX32,
		"tlpub:" HEX32,
		"privkey:" HEX32,
		"nlpriv:" HEX32 HEX32,
		"2025-01-01T00:00:00.123456789Z",
		"0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59-08:00",
		HEX32,
		"Zm9vYmE=",
		"00999",
		"caf\xc3\xa9\x1b[31m\xe2\x80\xae\xff",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
