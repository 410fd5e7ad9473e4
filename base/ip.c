/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct ip ip_from_bytes(struct span b)
{
	struct ip ip = { 0 };
	bool mapped = b.len == 16 && memcmp(b.p, v4_mapped, 12) == 0;
	if (mapped)
		b = span_from(b, 12);
	if (b.len != 4 && b.len != 16)
		return ip;
	ip.fam = b.len == 4 ? IP_V4 : IP_V6;
	memcpy(ip.b, b.p, b.len);
	return ip;
}

void ip_to_16(struct ip ip, uint8_t out[static 16])
{
	if (ip.fam != IP_V4) {
		memcpy(out, ip.b, 16);
		return;
	}
	memcpy(out, v4_mapped, 12);
	memcpy(out + 12, ip.b, 4);
}

bool ip_eq(struct ip a, struct ip b)
{
	return ip_cmp(a, b) == 0;
}

static uint32_t number_v4(struct ip ip)
{
	return (uint32_t)ip.b[0] << 24 | (uint32_t)ip.b[1] << 16 | (uint32_t)ip.b[2] << 8 | ip.b[3];
}

int ip_cmp(struct ip a, struct ip b)
{
	if (a.fam != b.fam)
		return a.fam < b.fam ? -1 : 1;
	if (a.fam != IP_V4)
		return memcmp(a.b, b.b, ip_len(a));
	uint32_t x = number_v4(a), y = number_v4(b);
	return x < y ? -1 : x > y;
}

/* ---- kinds of addresses ------------------------------------------------------------- */

/* The first `bits` bits of ip equal those of the bytes at p. */
static bool bits_eq(const uint8_t *a, const uint8_t *p, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, p, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ p[whole]) >> (8 - rest)) == 0;
}

static bool in4(struct ip ip, uint8_t a, uint8_t b, uint8_t c, unsigned bits)
{
	const uint8_t net[4] = { a, b, c, 0 };
	return ip.fam == IP_V4 && bits_eq(ip.b, net, bits);
}

static bool in6(struct ip ip, uint16_t hi, unsigned bits)
{
	const uint8_t net[2] = { (uint8_t)(hi >> 8), (uint8_t)hi };
	return ip.fam == IP_V6 && bits_eq(ip.b, net, bits);
}

bool ip_is_unspecified(struct ip ip)
{
	static const uint8_t zero[16];
	return ip_is_set(ip) && memcmp(ip.b, zero, 16) == 0;
}

bool ip_is_loopback(struct ip ip)
{
	static const uint8_t one[16] = { [15] = 1 };
	return in4(ip, 127, 0, 0, 8) || (ip.fam == IP_V6 && memcmp(ip.b, one, 16) == 0);
}

bool ip_is_multicast(struct ip ip)
{
	return in4(ip, 224, 0, 0, 4) || in6(ip, 0xff00, 8);
}

bool ip_is_broadcast(struct ip ip)
{
	return ip_eq(ip, ip_v4(255, 255, 255, 255));
}

bool ip_is_link_local(struct ip ip)
{
	return in4(ip, 169, 254, 0, 16) || in6(ip, 0xfe80, 10);
}

bool ip_is_private(struct ip ip)
{
	return in4(ip, 10, 0, 0, 8) || in4(ip, 172, 16, 0, 12) || in4(ip, 192, 168, 0, 16) ||
	       in6(ip, 0xfc00, 7);
}

bool ip_is_public(struct ip ip)
{
	return ip_is_set(ip) && !ip_is_unspecified(ip) && !ip_is_loopback(ip) &&
	       !ip_is_multicast(ip) && !ip_is_broadcast(ip) && !ip_is_link_local(ip) &&
	       !ip_is_private(ip) && !ip_is_tailnet(ip);
}

bool ip_is_tailnet(struct ip ip)
{
	static const uint8_t ula[6] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
	if (ip.fam == IP_V6)
		return bits_eq(ip.b, ula, 48);
	/* 100.115.92/23 belongs to ChromeOS's containers */
	return in4(ip, 100, 64, 0, 10) && !in4(ip, 100, 115, 92, 23);
}

/* ---- text --------------------------------------------------------------------------- */

int ip_decode(struct span text, struct ip *out)
{
	char s[INET6_ADDRSTRLEN];
	uint8_t b[16];
	if (text.len == 0 || text.len >= sizeof(s) || memchr(text.p, 0, text.len))
		return -ERR_SYNTAX;
	memcpy(s, text.p, text.len);
	s[text.len] = 0;
	bool v6 = strchr(s, ':');
	if (inet_pton(v6 ? AF_INET6 : AF_INET, s, b) != 1)
		return -ERR_SYNTAX;
	*out = ip_from_bytes(span_of(b, v6 ? 16 : 4));
	return 0;
}

/* Start and length of the first longest run of two or more zero groups (RFC 5952, 4.2). */
static int zero_run(const uint16_t g[8], int *len)
{
	int best = -1;
	*len = 1;
	for (int i = 0, run = 0; i < 8; i++) {
		run = g[i] ? 0 : run + 1;
		if (run > *len) {
			*len = run;
			best = i - run + 1;
		}
	}
	return best;
}

/* inet_ntop would print ::1.2.3.4 where RFC 5952 and the reference print ::102:304 */
static void encode_v6(const uint8_t b[16], struct wr *w)
{
	uint16_t g[8];
	int len, run;
	for (int i = 0; i < 8; i++)
		g[i] = (uint16_t)(b[2 * i] << 8 | b[2 * i + 1]);
	run = zero_run(g, &len);
	for (int i = 0; i < 8; i++) {
		if (i == run) {
			wr_str(w, "::");
			i += len - 1;
			continue;
		}
		wr_fmt(w, i && i != run + len ? ":%x" : "%x", (unsigned)g[i]);
	}
}

const char *ip_encode(struct ip ip, char out[static IP_TEXT_MAX])
{
	struct wr w = wr_init(mspan_of(out, IP_TEXT_MAX));
	if (ip.fam == IP_V4)
		wr_fmt(&w, "%u.%u.%u.%u", ip.b[0], ip.b[1], ip.b[2], ip.b[3]);
	else if (ip.fam == IP_V6)
		encode_v6(ip.b, &w);
	wr_u8(&w, 0);
	return out;
}

int ep_decode(struct span text, struct ep *out)
{
	struct ep e;
	uint64_t port;
	const uint8_t *colon = text.len ? memrchr(text.p, ':', text.len) : NULL;
	if (!colon)
		return -ERR_SYNTAX;
	struct span host = span_of(text.p, (size_t)(colon - text.p));
	bool v6 = host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
	if (v6)
		host = span_of(host.p + 1, host.len - 2);
	/* brackets exactly around IPv6 */
	if (host.len == 0 || v6 != (memchr(host.p, ':', host.len) != NULL))
		return -ERR_SYNTAX;
	if (ip_decode(host, &e.ip))
		return -ERR_SYNTAX;
	int rc = u64_decode(span_from(text, (size_t)(colon + 1 - text.p)), UINT16_MAX, &port);
	if (rc)
		return rc;
	e.port = (uint16_t)port;
	*out = e;
	return 0;
}

const char *ep_encode(struct ep e, char out[static EP_TEXT_MAX])
{
	char ip[IP_TEXT_MAX];
	out[0] = 0;
	if (ep_is_set(e))
		snprintf(out, EP_TEXT_MAX, e.ip.fam == IP_V6 ? "[%s]:%u" : "%s:%u",
			 ip_encode(e.ip, ip), e.port);
	return out;
}

bool ep_eq(struct ep a, struct ep b)
{
	return a.port == b.port && ip_eq(a.ip, b.ip);
}

/* ---- wire --------------------------------------------------------------------------- */

struct ep rd_ap16(struct rd *r)
{
	struct span addr = rd_take(r, 16);
	uint16_t port = rd_be16(r);
	if (!rd_ok(r))
		return (struct ep){ 0 };
	return (struct ep){ ip_from_bytes(addr), port };
}

void wr_ap16(struct wr *w, struct ep e)
{
	uint8_t b[16];
	ip_to_16(e.ip, b);
	wr_bytes(w, b, sizeof(b));
	wr_be16(w, e.port);
}
