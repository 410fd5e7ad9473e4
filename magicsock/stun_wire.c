/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/stun_wire.h"

#define COOKIE 0x2112a442u
#define FINGERPRINT_XOR 0x5354554eu
#define TYPE_REQUEST 0x0001
#define TYPE_SUCCESS 0x0101
#define ATTR_MAPPED 0x0001
#define ATTR_XOR_MAPPED 0x0020
#define ATTR_XOR_MAPPED_ALT 0x8020
#define ATTR_SOFTWARE 0x8022
#define ATTR_FINGERPRINT 0x8028
#define FINGERPRINT_LEN 8 /* attribute header and value */
#define FAMILY_V4 1
#define FAMILY_V6 2

static const char software[] = "tailnode";

struct header {
	uint16_t type;
	uint16_t len;
	struct stun_txid txid;
};

static struct header read_header(struct rd *r)
{
	struct header h;
	h.type = rd_be16(r);
	h.len = rd_be16(r);
	rd_skip(r, 4);
	rd_copy(r, h.txid.b, STUN_TXID_LEN);
	return h;
}

bool stun_is(struct span pkt)
{
	if (pkt.len < STUN_HEADER_LEN)
		return false;
	struct rd r = rd_init(pkt);
	uint8_t top = rd_u8(&r);
	rd_skip(&r, 3);
	return !(top & 0xc0) && rd_be32(&r) == COOKIE;
}

bool stun_is_binding(struct span pkt)
{
	struct rd r = rd_init(pkt);
	rd_skip(&r, 1);
	return rd_u8(&r) == 1 && stun_is(pkt);
}

/* CRC-32 (IEEE), bitwise: forty bytes, a few times a minute. */
static uint32_t crc32(struct span s)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < s.len; i++) {
		crc ^= s.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

static size_t padding(size_t len)
{
	return -len & 3;
}

void stun_request_build(const struct stun_txid *txid, uint8_t out[static STUN_REQUEST_LEN])
{
	struct wr w = wr_init(mspan_of(out, STUN_REQUEST_LEN));
	wr_be16(&w, TYPE_REQUEST);
	wr_be16(&w, STUN_REQUEST_LEN - STUN_HEADER_LEN);
	wr_be32(&w, COOKIE);
	wr_bytes(&w, txid->b, STUN_TXID_LEN);
	wr_be16(&w, ATTR_SOFTWARE);
	wr_be16(&w, sizeof(software) - 1);
	wr_str(&w, software);
	uint32_t fp = crc32(wr_span_of(&w)) ^ FINGERPRINT_XOR;
	wr_be16(&w, ATTR_FINGERPRINT);
	wr_be16(&w, 4);
	wr_be32(&w, fp);
}

struct request {
	struct span software;
	uint32_t fingerprint;
	bool last_is_fingerprint;
};

static int read_request(struct rd *r, struct request *out)
{
	while (rd_left(r) > 0) {
		uint16_t type = rd_be16(r);
		uint16_t len = rd_be16(r);
		struct span value = rd_take(r, len);
		rd_skip(r, padding(len));
		if (!rd_ok(r))
			return -ERR_SHORT;
		if (type == ATTR_SOFTWARE)
			out->software = value;
		out->last_is_fingerprint = type == ATTR_FINGERPRINT && len == 4;
		struct rd v = rd_init(value);
		if (out->last_is_fingerprint)
			out->fingerprint = rd_be32(&v);
	}
	return 0;
}

int stun_request_parse(struct span pkt, struct stun_txid *txid)
{
	if (!stun_is(pkt))
		return -ERR_SYNTAX;
	struct rd r = rd_init(pkt);
	struct header h = read_header(&r);
	if (h.type != TYPE_REQUEST)
		return -ERR_TYPE;
	struct request q = { .last_is_fingerprint = false };
	int rc = read_request(&r, &q);
	if (rc)
		return rc;
	if (!q.last_is_fingerprint)
		return -ERR_STATE;
	if (!span_eq_str(q.software, software))
		return -ERR_PERM;
	if (q.fingerprint != (crc32(span_of(pkt.p, pkt.len - FINGERPRINT_LEN)) ^ FINGERPRINT_XOR))
		return -ERR_AUTH;
	*txid = h.txid;
	return 0;
}

/* XOR with the cookie and, for IPv6, the transaction id behind it. */
static void mask_ip(uint8_t *b, size_t len, const struct stun_txid *txid)
{
	uint8_t mask[4 + STUN_TXID_LEN];
	struct wr w = wr_init(mspan_of(mask, sizeof(mask)));
	wr_be32(&w, COOKIE);
	wr_bytes(&w, txid->b, STUN_TXID_LEN);
	for (size_t i = 0; i < len; i++)
		b[i] ^= mask[i];
}

size_t stun_response_build(const struct stun_txid *txid, struct ep addr,
			   uint8_t out[static STUN_RESPONSE_MAX])
{
	size_t alen = ip_len(addr.ip);
	struct wr w = wr_init(mspan_of(out, STUN_RESPONSE_MAX));
	wr_be16(&w, TYPE_SUCCESS);
	wr_be16(&w, (uint16_t)(8 + alen));
	wr_be32(&w, COOKIE);
	wr_bytes(&w, txid->b, STUN_TXID_LEN);
	wr_be16(&w, ATTR_XOR_MAPPED);
	wr_be16(&w, (uint16_t)(4 + alen));
	wr_u8(&w, 0);
	wr_u8(&w, addr.ip.fam == IP_V4 ? FAMILY_V4 : FAMILY_V6);
	wr_be16(&w, addr.port ^ (COOKIE >> 16));
	uint8_t masked[16];
	memcpy(masked, addr.ip.b, sizeof(masked));
	mask_ip(masked, alen, txid);
	wr_bytes(&w, masked, alen);
	return wr_len(&w);
}

static int read_addr(struct span value, bool masked, const struct stun_txid *txid, struct ep *out)
{
	struct rd r = rd_init(value);
	rd_skip(&r, 1);
	uint8_t family = rd_u8(&r);
	uint16_t port = rd_be16(&r);
	size_t len = family == FAMILY_V4 ? 4 : family == FAMILY_V6 ? 16 : 0;
	uint8_t b[16];
	rd_copy(&r, b, len);
	if (!rd_ok(&r) || len == 0)
		return -ERR_PROTO;
	if (masked) {
		port ^= COOKIE >> 16;
		mask_ip(b, len, txid);
	}
	*out = (struct ep){ ip_from_bytes(span_of(b, len)), port };
	return 0;
}

struct response {
	struct ep xored;
	struct ep plain;
};

static int read_response(struct rd *r, const struct stun_txid *txid, struct response *out)
{
	while (rd_left(r) > 0) {
		uint16_t type = rd_be16(r);
		uint16_t len = rd_be16(r);
		struct span value = rd_take(r, len);
		if (!rd_ok(r))
			return -ERR_PROTO;
		/* the padding of the last attribute may be missing */
		rd_skip(r, padding(len) < rd_left(r) ? padding(len) : rd_left(r));
		int rc = 0;
		if (type == ATTR_XOR_MAPPED || type == ATTR_XOR_MAPPED_ALT)
			rc = read_addr(value, true, txid, &out->xored);
		else if (type == ATTR_MAPPED)
			rc = read_addr(value, false, txid, &out->plain);
		if (rc)
			return rc;
	}
	return 0;
}

int stun_response_parse(struct span pkt, struct stun_txid *txid, struct ep *addr)
{
	if (!stun_is(pkt))
		return -ERR_SYNTAX;
	struct rd r = rd_init(pkt);
	struct header h = read_header(&r);
	if (h.type != TYPE_SUCCESS)
		return -ERR_TYPE;
	struct span attrs = rd_take(&r, h.len);
	if (!rd_ok(&r))
		return -ERR_PROTO;
	struct rd a = rd_init(attrs);
	struct response resp;
	memset(&resp, 0, sizeof(resp));
	int rc = read_response(&a, &h.txid, &resp);
	if (rc)
		return rc;
	if (!ep_is_set(resp.xored) && !ep_is_set(resp.plain))
		return -ERR_PROTO;
	*txid = h.txid;
	*addr = ep_is_set(resp.xored) ? resp.xored : resp.plain;
	return 0;
}
