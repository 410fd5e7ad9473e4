/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tsmp.h"

#define REJECT_MAYBE_BROKEN 0x01

static int parse_pong(struct rd *r, struct tsmp *m)
{
	rd_copy(r, m->pong.data, sizeof(m->pong.data));
	if (rd_left(r) >= 2)
		m->pong.peerapi_port = rd_be16(r);
	return 0;
}

/* The refuser speaks, so its packet's source is the refused flow's destination. */
static int parse_reject(struct rd *r, const struct pkt *p, struct tsmp *m)
{
	m->reject.proto = rd_u8(r);
	m->reject.reason = rd_u8(r);
	m->reject.src = (struct ep){ p->dst.ip, rd_be16(r) };
	m->reject.dst = (struct ep){ p->src.ip, rd_be16(r) };
	if (rd_left(r))
		m->reject.maybe_broken = rd_u8(r) & REJECT_MAYBE_BROKEN;
	return 0;
}

static int parse_disco(struct rd *r, struct tsmp *m)
{
	rd_copy(r, m->disco.b, sizeof(m->disco.b));
	return rd_ok(r) && disco_key_is_zero(&m->disco) ? -ERR_RANGE : 0;
}

static int parse_body(struct rd *r, const struct pkt *p, struct tsmp *m)
{
	switch (m->type) {
	case TSMP_PING:
		rd_copy(r, m->data, sizeof(m->data));
		return 0;
	case TSMP_PONG:
		return parse_pong(r, m);
	case TSMP_REJECT:
		return parse_reject(r, p, m);
	case TSMP_DISCO:
		return parse_disco(r, m);
	}
	return -ERR_TYPE;
}

int tsmp_parse(const struct pkt *p, struct span bytes, struct tsmp *out)
{
	if (p->proto != IP_PROTO_TSMP)
		return -ERR_TYPE;
	struct rd r = rd_init(pkt_l4(p, bytes));
	struct tsmp m = { .type = (enum tsmp_type)rd_u8(&r) };
	int rc = parse_body(&r, p, &m);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (rc)
		return rc;
	*out = m;
	return 0;
}

static struct wr begin(struct mspan out, const struct ip_hdr *h, size_t len, enum tsmp_type type)
{
	struct wr w = wr_init(out);
	ip_hdr_build(&w, h, len);
	wr_u8(&w, (uint8_t)type);
	return w;
}

static size_t finish(const struct wr *w)
{
	return wr_ok(w) ? wr_len(w) : 0;
}

size_t tsmp_ping_build(struct mspan out, struct ip src, struct ip dst, const uint8_t data[static 8])
{
	struct ip_hdr h = { src, dst, IP_PROTO_TSMP, 0 };
	struct wr w = begin(out, &h, 9, TSMP_PING);
	wr_bytes(&w, data, 8);
	return finish(&w);
}

size_t tsmp_pong_build(struct mspan out, const struct pkt *ping, const uint8_t data[static 8],
		       uint16_t peerapi_port)
{
	struct ip_hdr h = { ping->dst.ip, ping->src.ip, IP_PROTO_TSMP, ~ping->id };
	struct wr w = begin(out, &h, 11, TSMP_PONG);
	wr_bytes(&w, data, 8);
	wr_be16(&w, peerapi_port);
	return finish(&w);
}

size_t tsmp_reject_build(struct mspan out, const struct tsmp_reject *r)
{
	struct ip_hdr h = { r->dst.ip, r->src.ip, IP_PROTO_TSMP, 0 };
	struct wr w = begin(out, &h, r->maybe_broken ? 8 : 7, TSMP_REJECT);
	wr_u8(&w, r->proto);
	wr_u8(&w, r->reason);
	wr_be16(&w, r->src.port);
	wr_be16(&w, r->dst.port);
	if (r->maybe_broken)
		wr_u8(&w, REJECT_MAYBE_BROKEN);
	return finish(&w);
}

size_t tsmp_disco_build(struct mspan out, struct ip src, struct ip dst, const struct disco_key *key)
{
	struct ip_hdr h = { src, dst, IP_PROTO_TSMP, 0 };
	struct wr w = begin(out, &h, 33, TSMP_DISCO);
	wr_bytes(&w, key->b, sizeof(key->b));
	return finish(&w);
}
