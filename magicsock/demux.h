/* SPDX-License-Identifier: GPL-2.0-or-later */
/* demux.h: tell the protocols that share our UDP port apart, and the Geneve header of relayed
 * datagrams. Pure. Source: transport.md 1. */
#ifndef MAGICSOCK_DEMUX_H
#define MAGICSOCK_DEMUX_H

#include "base/bytes.h"

#define GENEVE_LEN 8
#define GENEVE_PROTO_DISCO 0x7a11
#define GENEVE_PROTO_WG 0x7a12

enum ms_class {
	MS_WG, /* everything that is nothing else */
	MS_STUN,
	MS_DISCO,
	MS_GENEVE_DISCO, /* disco behind GENEVE_LEN bytes */
	MS_GENEVE_WG,	 /* WireGuard (possibly empty) behind GENEVE_LEN bytes */
};

struct geneve {
	bool control;
	uint16_t proto;
	uint32_t vni; /* 24 bits */
};

/* What one received datagram is. Any length, untrusted. *g (may be NULL) is written for the two
 * Geneve classes only. Thread: any. */
enum ms_class ms_classify(struct span datagram, struct geneve *g);

/* 0, -ERR_SHORT, -ERR_TYPE (not a header of ours; nothing written). More bytes may follow. */
MUST_CHECK int geneve_parse(struct span in, struct geneve *out);
void geneve_build(struct wr *w, const struct geneve *g);

#endif
