/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefixes of ip.h. */
#include "base/ip.h"

#include <stdio.h>

int prefix_decode(struct span text, struct prefix *out)
{
	struct prefix p;
	uint64_t bits;
	const uint8_t *slash = text.len ? memchr(text.p, '/', text.len) : NULL;
	if (!slash)
		return -ERR_SYNTAX;
	struct span addr = span_of(text.p, (size_t)(slash - text.p));
	struct span len = span_from(text, addr.len + 1);
	if (ip_decode(addr, &p.ip) || (len.len > 1 && len.p[0] == '0'))
		return -ERR_SYNTAX;
	bool v6 = memchr(addr.p, ':', addr.len);
	int rc = u64_decode(len, v6 ? 128 : 32, &bits);
	if (rc)
		return rc;
	/* an IPv4-mapped one loses its first 96 bits, which must be inside the prefix */
	if (v6 && p.ip.fam == IP_V4) {
		if (bits < 96)
			return -ERR_RANGE;
		bits -= 96;
	}
	p.bits = (uint8_t)bits;
	*out = p;
	return 0;
}

const char *prefix_encode(struct prefix p, char out[static PREFIX_TEXT_MAX])
{
	char ip[IP_TEXT_MAX];
	out[0] = 0;
	if (ip_is_set(p.ip))
		snprintf(out, PREFIX_TEXT_MAX, "%s/%u", ip_encode(p.ip, ip), p.bits);
	return out;
}

struct prefix prefix_host(struct ip ip)
{
	return (struct prefix){ ip, ip_bits(ip) };
}

struct prefix prefix_masked(struct prefix p)
{
	for (unsigned i = 0; i < ip_len(p.ip); i++) {
		unsigned kept = p.bits > i * 8 ? p.bits - i * 8 : 0;
		if (kept < 8)
			p.ip.b[i] &= (uint8_t)(0xff00u >> kept);
	}
	return p;
}

bool prefix_eq(struct prefix a, struct prefix b)
{
	return prefix_cmp(a, b) == 0;
}

int prefix_cmp(struct prefix a, struct prefix b)
{
	int c = ip_cmp(a.ip, b.ip);
	return c ? c : (int)a.bits - (int)b.bits;
}

bool prefix_contains(struct prefix p, struct ip ip)
{
	if (p.ip.fam != ip.fam || !ip_is_set(ip))
		return false;
	struct prefix a = prefix_masked(p);
	struct prefix b = prefix_masked((struct prefix){ ip, p.bits });
	return ip_eq(a.ip, b.ip);
}

bool prefix_overlaps(struct prefix a, struct prefix b)
{
	return a.bits <= b.bits ? prefix_contains(a, b.ip) : prefix_contains(b, a.ip);
}

bool prefix_is_host(struct prefix p)
{
	return ip_is_set(p.ip) && p.bits == ip_bits(p.ip);
}

bool prefix_is_default(struct prefix p)
{
	return ip_is_unspecified(p.ip) && p.bits == 0;
}
