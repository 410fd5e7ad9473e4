/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/demux.h"

#include "magicsock/disco_wire.h"
#include "magicsock/stun_wire.h"

int geneve_parse(struct span in, struct geneve *out)
{
	struct rd r = rd_init(in);
	uint8_t version = rd_u8(&r) & 0xc0;
	uint8_t flags = rd_u8(&r);
	uint16_t proto = rd_be16(&r);
	uint32_t vni = rd_be24(&r);
	uint8_t reserved = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (version || (flags & 0x3f) || reserved)
		return -ERR_TYPE;
	if (proto != GENEVE_PROTO_DISCO && proto != GENEVE_PROTO_WG)
		return -ERR_TYPE;
	*out = (struct geneve){ .control = flags & 0x80, .proto = proto, .vni = vni };
	return 0;
}

void geneve_build(struct wr *w, const struct geneve *g)
{
	wr_u8(w, 0);
	wr_u8(w, g->control ? 0x80 : 0);
	wr_be16(w, g->proto);
	wr_be24(w, g->vni);
	wr_u8(w, 0);
}

static bool is_disco(struct span d)
{
	struct disco_key sender;
	return disco_sender(d, &sender) == 0;
}

/* WireGuard's type byte is followed by three zero bytes, which none of the others can have: STUN
 * has 1 in byte 1, Geneve 0x7a in byte 2, disco its magic. The common case leaves here. */
static bool is_plain_wg(struct span d)
{
	struct rd r = rd_init(d);
	return rd_le32(&r) >> 8 == 0;
}

enum ms_class ms_classify(struct span d, struct geneve *g)
{
	if (d.len < GENEVE_LEN)
		return MS_WG;
	if (is_plain_wg(d))
		return MS_WG;
	if (stun_is_binding(d))
		return MS_STUN;
	struct geneve head;
	if (geneve_parse(d, &head) == 0) {
		bool disco = head.proto == GENEVE_PROTO_DISCO;
		if (disco && !is_disco(span_from(d, GENEVE_LEN)))
			return MS_WG;
		if (g)
			*g = head;
		return disco ? MS_GENEVE_DISCO : MS_GENEVE_WG;
	}
	return is_disco(d) ? MS_DISCO : MS_WG;
}
