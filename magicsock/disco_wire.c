/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/disco_wire.h"

#define AP16_LEN 18
#define PING_KEY_LEN (DISCO_TXID_LEN + 32)
#define RELAY_FIXED_LEN 124

static const uint8_t magic[DISCO_MAGIC_LEN] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

/* ---- envelope -------------------------------------------------------------------------- */

int disco_sender(struct span pkt, struct disco_key *out)
{
	struct rd r = rd_init(pkt);
	struct span m = rd_take(&r, DISCO_MAGIC_LEN);
	struct span key = rd_take(&r, sizeof(out->b));
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (!span_eq(m, span_of(magic, sizeof(magic))))
		return -ERR_TYPE;
	memcpy(out->b, key.p, sizeof(out->b));
	return 0;
}

bool disco_is_wrapped(struct span pkt)
{
	struct disco_key sender;
	return pkt.len >= DISCO_HEADER_LEN && disco_sender(pkt, &sender) == 0;
}

int disco_open(struct span pkt, const struct box_key *box, struct mspan scratch, struct span *plain)
{
	struct disco_key sender;
	int rc = disco_sender(pkt, &sender);
	if (rc)
		return rc;
	struct rd r = rd_init(span_from(pkt, DISCO_MIN_LEN));
	uint8_t nonce[BOX_NONCE_LEN];
	rd_copy(&r, nonce, sizeof(nonce));
	struct span sealed = rd_rest(&r);
	if (!rd_ok(&r) || sealed.len < BOX_OVERHEAD)
		return -ERR_SHORT;
	size_t len = sealed.len - BOX_OVERHEAD;
	if (len > scratch.len)
		return -ERR_TOOBIG;
	if (box_open(scratch.p, box, nonce, sealed))
		return -ERR_AUTH;
	*plain = span_of(scratch.p, len);
	return 0;
}

void disco_seal(struct wr *w, const struct disco_key *self, const struct box_key *box,
		struct rng *rng, struct span plain)
{
	uint8_t nonce[BOX_NONCE_LEN];
	rng_fill(rng, nonce, sizeof(nonce));
	wr_bytes(w, magic, sizeof(magic));
	wr_bytes(w, self->b, sizeof(self->b));
	wr_bytes(w, nonce, sizeof(nonce));
	uint8_t *sealed = wr_reserve(w, plain.len + BOX_OVERHEAD);
	if (sealed)
		box_seal(sealed, box, nonce, plain);
}

/* ---- bodies: parse ------------------------------------------------------------------------ */

static int parse_ping(struct rd *r, struct disco_ping *out)
{
	out->has_node = rd_left(r) >= PING_KEY_LEN;
	rd_copy(r, out->txid.b, DISCO_TXID_LEN);
	if (out->has_node)
		rd_copy(r, out->node.b, sizeof(out->node.b));
	out->padding = rd_rest(r).len;
	return rd_ok(r) ? 0 : -ERR_SHORT;
}

static int parse_pong(struct rd *r, struct disco_pong *out)
{
	rd_copy(r, out->txid.b, DISCO_TXID_LEN);
	out->src = rd_ap16(r);
	return rd_ok(r) ? 0 : -ERR_SHORT;
}

/* A list of a kind we do not understand is an empty list, not an error. */
static int parse_cmm(struct rd *r, uint8_t version, struct disco_cmm *out)
{
	out->n = 0;
	if (version != 0 || rd_left(r) % AP16_LEN != 0)
		return 0;
	while (rd_left(r) > 0 && out->n < DISCO_CMM_MAX)
		out->eps[out->n++] = rd_ap16(r);
	return 0;
}

static int parse_bind(struct rd *r, struct disco_bind *out)
{
	out->vni = rd_be32(r);
	out->generation = rd_be32(r);
	rd_copy(r, out->remote.b, sizeof(out->remote.b));
	rd_copy(r, out->challenge, sizeof(out->challenge));
	return rd_ok(r) ? 0 : -ERR_SHORT;
}

static int parse_relay(struct rd *r, struct disco_relay *out)
{
	size_t len = rd_left(r);
	if (len < RELAY_FIXED_LEN + AP16_LEN || (len - RELAY_FIXED_LEN) % AP16_LEN != 0)
		return -ERR_SHORT;
	rd_copy(r, out->server.b, sizeof(out->server.b));
	rd_copy(r, out->client[0].b, sizeof(out->client[0].b));
	rd_copy(r, out->client[1].b, sizeof(out->client[1].b));
	out->lamport = rd_be64(r);
	out->vni = rd_be32(r);
	out->bind_ns = rd_be64(r);
	out->steady_ns = rd_be64(r);
	out->n_addrs = 0;
	while (rd_left(r) > 0 && out->n_addrs < DISCO_RELAY_ADDRS_MAX)
		out->addrs[out->n_addrs++] = rd_ap16(r);
	return 0;
}

static int parse_alloc_request(struct rd *r, uint8_t version, struct disco_alloc *out)
{
	if (version != 0)
		return 0;
	rd_copy(r, out->client[0].b, sizeof(out->client[0].b));
	rd_copy(r, out->client[1].b, sizeof(out->client[1].b));
	out->generation = rd_be32(r);
	return rd_ok(r) ? 0 : -ERR_SHORT;
}

static int parse_alloc_response(struct rd *r, uint8_t version, struct disco_alloc *out)
{
	if (version != 0)
		return 0;
	out->generation = rd_be32(r);
	if (!rd_ok(r))
		return -ERR_SHORT;
	return parse_relay(r, &out->relay);
}

static int parse_body(struct rd *r, struct disco_msg *m)
{
	switch (m->type) {
	case DISCO_PING:
		return parse_ping(r, &m->ping);
	case DISCO_PONG:
		return parse_pong(r, &m->pong);
	case DISCO_CALL_ME_MAYBE:
		return parse_cmm(r, m->version, &m->cmm);
	case DISCO_BIND:
	case DISCO_CHALLENGE:
	case DISCO_ANSWER:
		return parse_bind(r, &m->bind);
	case DISCO_CALL_ME_MAYBE_VIA:
		return m->version == 0 ? parse_relay(r, &m->via) : 0;
	case DISCO_ALLOC_REQUEST:
		return parse_alloc_request(r, m->version, &m->alloc);
	case DISCO_ALLOC_RESPONSE:
		return parse_alloc_response(r, m->version, &m->alloc);
	}
	return -ERR_TYPE;
}

int disco_parse(struct span plain, struct disco_msg *msg)
{
	struct rd r = rd_init(plain);
	struct disco_msg m;
	memset(&m, 0, sizeof(m));
	m.type = rd_u8(&r);
	m.version = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	int rc = parse_body(&r, &m);
	if (rc)
		return rc;
	*msg = m;
	return 0;
}

/* ---- bodies: build -------------------------------------------------------------------------- */

static void build_ping(struct wr *w, const struct disco_ping *p)
{
	wr_bytes(w, p->txid.b, DISCO_TXID_LEN);
	if (p->has_node)
		wr_bytes(w, p->node.b, sizeof(p->node.b));
	wr_zero(w, p->padding);
}

static void build_relay(struct wr *w, const struct disco_relay *b)
{
	wr_bytes(w, b->server.b, sizeof(b->server.b));
	wr_bytes(w, b->client[0].b, sizeof(b->client[0].b));
	wr_bytes(w, b->client[1].b, sizeof(b->client[1].b));
	wr_be64(w, b->lamport);
	wr_be32(w, b->vni);
	wr_be64(w, b->bind_ns);
	wr_be64(w, b->steady_ns);
	for (size_t i = 0; i < b->n_addrs; i++)
		wr_ap16(w, b->addrs[i]);
}

static void build_bind(struct wr *w, const struct disco_bind *b)
{
	wr_be32(w, b->vni);
	wr_be32(w, b->generation);
	wr_bytes(w, b->remote.b, sizeof(b->remote.b));
	wr_bytes(w, b->challenge, sizeof(b->challenge));
}

static void build_alloc_request(struct wr *w, const struct disco_alloc *a)
{
	wr_bytes(w, a->client[0].b, sizeof(a->client[0].b));
	wr_bytes(w, a->client[1].b, sizeof(a->client[1].b));
	wr_be32(w, a->generation);
}

void disco_build(struct wr *w, const struct disco_msg *m)
{
	wr_u8(w, (uint8_t)m->type);
	wr_u8(w, 0);
	switch (m->type) {
	case DISCO_PING:
		build_ping(w, &m->ping);
		break;
	case DISCO_PONG:
		wr_bytes(w, m->pong.txid.b, DISCO_TXID_LEN);
		wr_ap16(w, m->pong.src);
		break;
	case DISCO_CALL_ME_MAYBE:
		for (size_t i = 0; i < m->cmm.n; i++)
			wr_ap16(w, m->cmm.eps[i]);
		break;
	case DISCO_BIND:
	case DISCO_CHALLENGE:
	case DISCO_ANSWER:
		build_bind(w, &m->bind);
		break;
	case DISCO_CALL_ME_MAYBE_VIA:
		build_relay(w, &m->via);
		break;
	case DISCO_ALLOC_REQUEST:
		build_alloc_request(w, &m->alloc);
		break;
	case DISCO_ALLOC_RESPONSE:
		wr_be32(w, m->alloc.generation);
		build_relay(w, &m->alloc.relay);
		break;
	}
}
