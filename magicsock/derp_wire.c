/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derp_wire.h"

#define GREETING_LEN 40

static const uint8_t magic[8] = { 0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91 };

/* ---- build ---------------------------------------------------------------------------- */

static void build_head(struct wr *w, enum derp_type type, size_t len)
{
	wr_u8(w, (uint8_t)type);
	wr_be32(w, (uint32_t)len);
}

void derp_frame_build(struct wr *w, enum derp_type type, struct span body)
{
	build_head(w, type, body.len);
	wr_span(w, body);
}

void derp_server_key_build(struct wr *w, const struct node_key *server)
{
	build_head(w, DERP_SERVER_KEY, GREETING_LEN);
	wr_bytes(w, magic, sizeof(magic));
	wr_bytes(w, server->b, DERP_KEY_LEN);
}

static void build_box(struct wr *w, const struct box_key *box, struct rng *rng, struct span json)
{
	uint8_t nonce[BOX_NONCE_LEN];
	rng_fill(rng, nonce, sizeof(nonce));
	wr_bytes(w, nonce, sizeof(nonce));
	uint8_t *sealed = wr_reserve(w, json.len + BOX_OVERHEAD);
	if (sealed)
		box_seal(sealed, box, nonce, json);
}

void derp_client_info_build(struct wr *w, const struct node_key *self, const struct box_key *box,
			    struct rng *rng, struct span json)
{
	build_head(w, DERP_CLIENT_INFO, DERP_CLIENT_INFO_MIN + BOX_OVERHEAD + json.len);
	wr_bytes(w, self->b, DERP_KEY_LEN);
	build_box(w, box, rng, json);
}

void derp_server_info_build(struct wr *w, const struct box_key *box, struct rng *rng,
			    struct span json)
{
	build_head(w, DERP_SERVER_INFO, BOX_NONCE_LEN + BOX_OVERHEAD + json.len);
	build_box(w, box, rng, json);
}

static void build_packet(struct wr *w, enum derp_type type, const struct node_key *key,
			 struct span payload)
{
	build_head(w, type, DERP_KEY_LEN + payload.len);
	wr_bytes(w, key->b, DERP_KEY_LEN);
	wr_span(w, payload);
}

void derp_send_build(struct wr *w, const struct node_key *dst, struct span payload)
{
	build_packet(w, DERP_SEND_PACKET, dst, payload);
}

void derp_recv_build(struct wr *w, const struct node_key *src, struct span payload)
{
	build_packet(w, DERP_RECV_PACKET, src, payload);
}

void derp_keep_alive_build(struct wr *w)
{
	build_head(w, DERP_KEEP_ALIVE, 0);
}

void derp_note_preferred_build(struct wr *w, bool home)
{
	build_head(w, DERP_NOTE_PREFERRED, 1);
	wr_u8(w, home);
}

void derp_peer_gone_build(struct wr *w, const struct node_key *peer, enum derp_gone reason)
{
	build_head(w, DERP_PEER_GONE, DERP_KEY_LEN + 1);
	wr_bytes(w, peer->b, DERP_KEY_LEN);
	wr_u8(w, (uint8_t)reason);
}

void derp_ping_build(struct wr *w, const uint8_t data[static DERP_PING_LEN])
{
	derp_frame_build(w, DERP_PING, span_of(data, DERP_PING_LEN));
}

void derp_pong_build(struct wr *w, const uint8_t data[static DERP_PING_LEN])
{
	derp_frame_build(w, DERP_PONG, span_of(data, DERP_PING_LEN));
}

void derp_health_build(struct wr *w, const char *problem)
{
	derp_frame_build(w, DERP_HEALTH, span_str(problem));
}

void derp_restarting_build(struct wr *w, uint32_t reconnect_in_ms, uint32_t try_for_ms)
{
	build_head(w, DERP_RESTARTING, 8);
	wr_be32(w, reconnect_in_ms);
	wr_be32(w, try_for_ms);
}

/* ---- parse ------------------------------------------------------------------------------ */

static int read_key(struct rd *r, struct node_key *out)
{
	struct span key = rd_take(r, DERP_KEY_LEN);
	if (!rd_ok(r))
		return -ERR_SHORT;
	memcpy(out->b, key.p, DERP_KEY_LEN);
	return 0;
}

int derp_server_key_parse(const struct derp_frame *f, struct node_key *server)
{
	struct rd r = rd_init(f->body);
	struct span m = rd_take(&r, sizeof(magic));
	if (f->type != DERP_SERVER_KEY || f->len > DERP_GREETING_MAX)
		return -ERR_PROTO;
	if (!span_eq(m, span_of(magic, sizeof(magic))))
		return -ERR_PROTO;
	return read_key(&r, server) ? -ERR_PROTO : 0;
}

int derp_client_info_key(const struct derp_frame *f, struct node_key *client)
{
	if (f->type != DERP_CLIENT_INFO)
		return -ERR_PROTO;
	if (f->len > DERP_CLIENT_INFO_MAX)
		return -ERR_TOOBIG;
	if (f->body.len < DERP_CLIENT_INFO_MIN)
		return -ERR_SHORT;
	struct rd r = rd_init(f->body);
	return read_key(&r, client);
}

int derp_packet_parse(const struct derp_frame *f, struct node_key *key, struct span *payload)
{
	if (f->len > DERP_KEY_LEN + DERP_PACKET_MAX)
		return -ERR_TOOBIG;
	struct rd r = rd_init(f->body);
	int rc = read_key(&r, key);
	if (rc)
		return rc;
	*payload = rd_rest(&r);
	return 0;
}

int derp_peer_gone_parse(const struct derp_frame *f, struct node_key *peer, uint8_t *reason)
{
	struct rd r = rd_init(f->body);
	int rc = read_key(&r, peer);
	if (rc)
		return rc;
	*reason = rd_left(&r) ? rd_u8(&r) : DERP_GONE_DISCONNECTED;
	return 0;
}

int derp_ping_parse(const struct derp_frame *f, uint8_t data[static DERP_PING_LEN])
{
	struct rd r = rd_init(f->body);
	struct span d = rd_take(&r, DERP_PING_LEN);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	memcpy(data, d.p, DERP_PING_LEN);
	return 0;
}

int derp_note_preferred_parse(const struct derp_frame *f, bool *home)
{
	struct rd r = rd_init(f->body);
	uint8_t v = rd_u8(&r);
	if (!rd_done(&r))
		return -ERR_PROTO;
	*home = v != 0;
	return 0;
}

int derp_restarting_parse(const struct derp_frame *f, uint32_t *reconnect_in_ms,
			  uint32_t *try_for_ms)
{
	struct rd r = rd_init(f->body);
	uint32_t in = rd_be32(&r);
	uint32_t try = rd_be32(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	*reconnect_in_ms = in;
	*try_for_ms = try;
	return 0;
}

int derp_peer_present_parse(const struct derp_frame *f, struct node_key *peer, struct ep *addr,
			    uint8_t *flags)
{
	struct rd r = rd_init(f->body);
	int rc = read_key(&r, peer);
	if (rc)
		return rc;
	memset(addr, 0, sizeof(*addr));
	*flags = 0;
	if (rd_left(&r) >= 18)
		*addr = rd_ap16(&r);
	if (rd_left(&r) >= 1)
		*flags = rd_u8(&r);
	return 0;
}

int derp_meta_name_parse(struct span cn, struct node_key *server)
{
	static const char prefix[] = "derpkey";
	struct rd r = rd_init(cn);
	if (!span_eq_str(rd_take(&r, sizeof(prefix) - 1), prefix))
		return -ERR_SYNTAX;
	return hex_decode(rd_rest(&r), server->b, DERP_KEY_LEN);
}

void derp_upgrade_request_build(struct wr *w, const char *host, uint16_t port,
				const char *ideal_node)
{
	bool v6 = strchr(host, ':') != NULL;
	wr_str(w, "GET /derp HTTP/1.1\r\nHost: ");
	wr_fmt(w, v6 ? "[%s]" : "%s", host);
	if (port != 443)
		wr_fmt(w, ":%u", port);
	wr_str(w, "\r\nConnection: Upgrade\r\n");
	if (ideal_node)
		wr_fmt(w, "Ideal-Node: %s\r\n", ideal_node);
	wr_str(w, "Upgrade: DERP\r\n\r\n");
}
