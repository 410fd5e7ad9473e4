/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gro.h: the write side of TUN offload: neighbouring packets of one flow become one super-packet,
 * by reference. Pure; allocates only in gro_new. Rules: spec/datapath.md 6.3. One batch: gro_add
 * for each packet in order, gro_items, write, gro_reset. Thread: the owner's. */
#ifndef NETSTACK_GRO_H
#define NETSTACK_GRO_H

#include "base/bytes.h"
#include "netstack/vnet.h"

enum { GRO_TCP = 1, GRO_UDP = 2 };

#define GRO_PIECES_MAX 1023 /* of one item; with the vnet header it is one writev (IOV_MAX) */

/* One write to the TUN: hdr, then the pieces. */
struct gro_item {
	struct vnet hdr; /* all zero for a packet that stands alone */
	const struct span
	    *pieces;	 /* the first packet whole, then payloads; in the packets' memory */
	size_t n_pieces; /* >= 1 */
	size_t len;	 /* sum of the pieces, <= 65535 unless one packet is longer */
};

struct gro;

/* max_packets: of one batch. enable: GRO_TCP | GRO_UDP; 0: each packet is an item, untouched. */
struct gro *gro_new(size_t max_packets, unsigned enable);
void gro_free(struct gro *g);
/* From the next batch on; between gro_reset and gro_add. */
void gro_enable(struct gro *g, unsigned enable);

/* One more packet of the batch: an IP packet that the filter has passed, any content. Its bytes are
 * borrowed until gro_reset; of the first packet of an item the headers are rewritten by gro_items.
 * One beyond max_packets, or without bytes, is not taken. */
void gro_add(struct gro *g, struct mspan packet);

/* What to write, in this order: that of the items' first additions. Borrowed until gro_reset. Once
 * per batch. */
size_t gro_items(struct gro *g, const struct gro_item **items);
void gro_reset(struct gro *g);

#endif
