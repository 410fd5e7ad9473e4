/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip.h: addresses, prefixes and endpoints as plain values. Pure. No sockaddr above the socket files.
 * An IPv4-mapped IPv6 address never appears in these types: every decoder un-maps it. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/bytes.h"

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

/* b[0..3] for IPv4, b[0..15] for IPv6, network order; unused bytes are zero, so that
 * memcmp/hash over the struct is equality. */
struct ip {
	uint8_t fam; /* enum ip_family */
	uint8_t b[16];
};

struct prefix {
	struct ip ip; /* may have host bits set; prefix_masked clears them */
	uint8_t bits;
};

/* address and port; a value with fam IP_NONE means "none" */
struct ep {
	struct ip ip;
	uint16_t port;
};

#define IP_TEXT_MAX 48
#define PREFIX_TEXT_MAX 52
#define EP_TEXT_MAX 56

static inline struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip){ IP_V4, { a, b, c, d } };
}

/* 4 or 16 bytes; a v4-mapped one becomes IPv4; any other length gives IP_NONE. */
struct ip ip_from_bytes(struct span b);
/* 16 bytes, IPv4 as ::ffff:a.b.c.d */
void ip_to_16(struct ip ip, uint8_t out[static 16]);
static inline size_t ip_len(struct ip ip)
{
	return ip.fam == IP_V4 ? 4 : ip.fam == IP_V6 ? 16 : 0;
}
static inline uint8_t ip_bits(struct ip ip)
{
	return (uint8_t)(ip_len(ip) * 8);
}
static inline bool ip_is_set(struct ip ip)
{
	return ip.fam != IP_NONE;
}
bool ip_eq(struct ip a, struct ip b);
/* family first, then bytes: <0, 0, >0 */
int ip_cmp(struct ip a, struct ip b);

bool ip_is_unspecified(struct ip ip);
bool ip_is_loopback(struct ip ip);
bool ip_is_multicast(struct ip ip);
bool ip_is_broadcast(struct ip ip);
bool ip_is_link_local(struct ip ip); /* unicast: 169.254/16, fe80::/10 */
bool ip_is_private(struct ip ip);    /* 10/8, 172.16/12, 192.168/16, fc00::/7 */
bool ip_is_tailnet(struct ip ip);    /* 100.64/10 less 100.115.92/23, fd7a:115c:a1e0::/48 */
/* The two at which a node answers itself: MagicDNS and friends. */
#define IP_SERVICE4 ((struct ip){ IP_V4, { 100, 100, 100, 100 } })
/* fd7a:115c:a1e0::53 */
#define IP_SERVICE6 ((struct ip){ IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 0x53 } })
static inline bool ip_is_service(struct ip ip)
{
	return ip_eq(ip, ip.fam == IP_V6 ? IP_SERVICE6 : IP_SERVICE4);
}
/* None of these kinds: on the internet. */
bool ip_is_public(struct ip ip);

/* Like inet_pton: no leading zeros, no blanks, no zone. 0 or -ERR_SYNTAX; out untouched on error. */
MUST_CHECK int ip_decode(struct span text, struct ip *out);
const char *ip_encode(struct ip ip, char out[static IP_TEXT_MAX]); /* RFC 5952; "" if none; returns out */

/* "addr/len"; host bits are kept. */
MUST_CHECK int prefix_decode(struct span text, struct prefix *out);
const char *prefix_encode(struct prefix p, char out[static PREFIX_TEXT_MAX]);
struct prefix prefix_host(struct ip ip); /* /32 or /128 */
struct prefix prefix_masked(struct prefix p);
bool prefix_eq(struct prefix a, struct prefix b);
int prefix_cmp(struct prefix a, struct prefix b); /* family, address, bits */
bool prefix_contains(struct prefix p, struct ip ip); /* false across families */
bool prefix_overlaps(struct prefix a, struct prefix b);
bool prefix_is_host(struct prefix p);    /* single address */
bool prefix_is_default(struct prefix p); /* 0.0.0.0/0 or ::/0 */

/* "1.2.3.4:5" or "[::1]:5"; port 0..65535 */
MUST_CHECK int ep_decode(struct span text, struct ep *out);
const char *ep_encode(struct ep e, char out[static EP_TEXT_MAX]);
bool ep_eq(struct ep a, struct ep b);
static inline bool ep_is_set(struct ep e)
{
	return e.ip.fam != IP_NONE;
}
/* ap16 of disco and DERP: 16-byte address (v4-mapped) and big-endian port, 18 bytes */
struct ep rd_ap16(struct rd *r);
void wr_ap16(struct wr *w, struct ep e);

#endif
