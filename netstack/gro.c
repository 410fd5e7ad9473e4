/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/gro.h"

#include "base/alloc.h"
#include "netstack/gro_seg.h"

#include <stdlib.h>

#define ITEM_MAX 65535 /* bytes */
#define BUCKETS 256
#define NONE UINT16_MAX
/* How far a packet is compared: whoever sends a batch of flows or of gaps does not make it cost
 * more than its own length. Beyond, packets are written as they are. */
#define FLOWS_VISITED 8
#define ITEMS_VISITED 32

struct packet {
	struct mspan bytes;
	uint16_t hdr_len; /* 0: stands alone */
	uint16_t next;	  /* of its item */
};

struct item {
	struct gro_seg seg; /* of the head; but seq is that of the item's first byte */
	uint32_t payload;
	uint16_t head, tail, n_packets;
	uint16_t gso_size;
	uint16_t older; /* item of its flow */
	bool psh;	/* the last packet has it: nothing follows */
	bool uneven;	/* the last packet is shorter than gso_size: the same */
	bool verified;
	bool corrupt; /* checksum: joined with nothing */
};

struct flow {
	struct gro_key key;
	uint16_t newest; /* item */
	uint16_t next;	 /* flow of its bucket */
};

struct gro {
	size_t max;
	unsigned enable;
	uint16_t n_packets, n_items, n_flows;
	uint16_t hot; /* flow of the last packet */
	struct packet *packets;
	struct item *items;
	struct flow *flows;
	struct gro_item *out;
	struct span *pieces;
	uint16_t buckets[BUCKETS];
};

struct gro *gro_new(size_t max_packets, unsigned enable)
{
	struct gro *g = xcalloc(1, sizeof(*g));
	g->max = max_packets < NONE ? max_packets : NONE - 1;
	g->enable = enable;
	g->packets = xcalloc(g->max + 1, sizeof(*g->packets));
	g->items = xcalloc(g->max + 1, sizeof(*g->items));
	g->flows = xcalloc(g->max + 1, sizeof(*g->flows));
	g->out = xcalloc(g->max + 1, sizeof(*g->out));
	g->pieces = xcalloc(g->max + 1, sizeof(*g->pieces));
	gro_reset(g);
	return g;
}

void gro_free(struct gro *g)
{
	if (!g)
		return;
	free(g->packets);
	free(g->items);
	free(g->flows);
	free(g->out);
	free(g->pieces);
	free(g);
}

void gro_enable(struct gro *g, unsigned enable)
{
	g->enable = enable;
}

void gro_reset(struct gro *g)
{
	g->n_packets = g->n_items = g->n_flows = 0;
	g->hot = NONE;
	memset(g->buckets, 0xff, sizeof(g->buckets)); /* NONE */
}

/* ---- flows ---- */

static uint16_t *bucket_of(struct gro *g, const struct gro_key *k)
{
	uint64_t h = k->v6 * 2u + k->udp;
	for (int i = 0; i < 5; i++)
		h = (h ^ k->w[i]) * 0x9e3779b97f4a7c15u;
	return &g->buckets[h >> 56];
}

/* Always gives one: a flow that was not found in the first few of its bucket is begun anew, and
 * what is begun later is also written later. */
static struct flow *find_flow(struct gro *g, const struct gro_key *k)
{
	if (g->hot != NONE && gro_key_eq(&g->flows[g->hot].key, k))
		return &g->flows[g->hot];
	uint16_t *bucket = bucket_of(g, k), i = *bucket;
	for (int visited = 0; i != NONE && visited < FLOWS_VISITED; visited++) {
		if (gro_key_eq(&g->flows[i].key, k)) {
			g->hot = i;
			return &g->flows[i];
		}
		i = g->flows[i].next;
	}
	g->hot = g->n_flows++;
	g->flows[g->hot] = (struct flow){ .key = *k, .newest = NONE, .next = *bucket };
	*bucket = g->hot;
	return &g->flows[g->hot];
}

/* ---- items ---- */

static struct item *item_new(struct gro *g, uint16_t packet)
{
	struct item *it = &g->items[g->n_items++];
	it->head = it->tail = packet;
	it->n_packets = 1;
	return it;
}

static void begin_item(struct gro *g, struct flow *f, const struct gro_seg *s, uint16_t packet,
		       bool corrupt)
{
	struct item *it = item_new(g, packet);
	it->seg = *s;
	it->payload = it->gso_size = s->len;
	it->psh = s->psh;
	it->uneven = s->len == 0;
	it->verified = false;
	it->corrupt = corrupt;
	it->older = f->newest;
	f->newest = (uint16_t)(it - g->items);
}

static bool item_ok(struct gro *g, struct item *it)
{
	if (it->corrupt || it->verified)
		return it->verified;
	it->verified = gro_seg_verify(span_const(g->packets[it->head].bytes), &it->seg);
	it->corrupt = !it->verified;
	return it->verified;
}

enum fit { FITS_NOT, FITS_BEHIND, FITS_BEFORE };

/* Only the last packet of an item may be shorter, and only it may have PSH. */
static enum fit fit(const struct item *it, const struct gro_seg *s)
{
	bool behind = s->seq == it->seg.seq + it->payload || s->key.udp;
	bool before = s->seq + s->len == it->seg.seq && !s->key.udp;
	if (!behind && !before)
		return FITS_NOT;
	if (s->len == 0 || it->seg.hdr_len + it->payload + s->len > ITEM_MAX ||
	    it->n_packets == GRO_PIECES_MAX || !gro_seg_alike(&it->seg, s))
		return FITS_NOT;
	if (behind)
		return !it->psh && !it->uneven && s->len <= it->gso_size ? FITS_BEHIND : FITS_NOT;
	return !s->psh && (s->len == it->gso_size || (s->len > it->gso_size && it->n_packets == 1))
		   ? FITS_BEFORE
		   : FITS_NOT;
}

static void join(struct gro *g, struct item *it, enum fit where, const struct gro_seg *s,
		 uint16_t packet)
{
	if (where == FITS_BEHIND) {
		g->packets[it->tail].next = packet;
		it->tail = packet;
		it->psh = s->psh;
		it->uneven = s->len < it->gso_size;
	} else {
		g->packets[packet].next = it->head;
		it->head = packet;
		it->uneven |= s->len > it->gso_size;
		it->gso_size = s->len;
		it->seg = *s;
	}
	it->payload += s->len;
	it->n_packets++;
}

/* ---- protocols ---- */

/* The newest item that it fits to. An item found corrupt is taken out of the flow. */
static void add_tcp(struct gro *g, struct flow *f, const struct gro_seg *s, uint16_t packet)
{
	uint16_t *link = &f->newest;
	for (int visited = 0; *link != NONE && visited < ITEMS_VISITED; visited++) {
		struct item *it = &g->items[*link];
		enum fit where = fit(it, s);
		if (where == FITS_NOT) {
			link = &it->older;
		} else if (!item_ok(g, it)) {
			*link = it->older;
		} else if (!gro_seg_verify(span_const(g->packets[packet].bytes), s)) {
			item_new(g, packet);
			return;
		} else {
			join(g, it, where, s, packet);
			return;
		}
	}
	begin_item(g, f, s, packet, false);
}

/* Nothing but the order in which they came tells the order of datagrams: only behind the newest,
 * and whatever does not fit there is the newest from then on. */
static void add_udp(struct gro *g, struct flow *f, const struct gro_seg *s, uint16_t packet)
{
	struct item *it = f->newest == NONE ? NULL : &g->items[f->newest];
	bool corrupt = false;
	if (it && fit(it, s) == FITS_BEHIND && item_ok(g, it)) {
		corrupt = !gro_seg_verify(span_const(g->packets[packet].bytes), s);
		if (!corrupt) {
			join(g, it, FITS_BEHIND, s, packet);
			return;
		}
	}
	begin_item(g, f, s, packet, corrupt);
}

void gro_add(struct gro *g, struct mspan packet)
{
	struct gro_seg s;
	if (packet.len == 0 || g->n_packets == g->max)
		return;
	uint16_t i = g->n_packets++;
	g->packets[i] = (struct packet){ .bytes = packet, .next = NONE };
	if (!g->enable || !gro_seg_parse(span_const(packet), &s) ||
	    !(g->enable & (s.key.udp ? GRO_UDP : GRO_TCP))) {
		item_new(g, i);
		return;
	}
	g->packets[i].hdr_len = s.hdr_len;
	struct flow *f = find_flow(g, &s.key);
	if (s.key.udp)
		add_udp(g, f, &s, i);
	else
		add_tcp(g, f, &s, i);
}

/* ---- output ---- */

static struct span *put_pieces(const struct gro *g, const struct item *it, struct span *v)
{
	const struct packet *p = &g->packets[it->head];
	*v++ = span_const(p->bytes);
	for (unsigned i = 1; i < it->n_packets; i++) {
		p = &g->packets[p->next];
		*v++ = span_from(span_const(p->bytes), p->hdr_len);
	}
	return v;
}

size_t gro_items(struct gro *g, const struct gro_item **items)
{
	struct span *v = g->pieces;
	for (size_t i = 0; i < g->n_items; i++) {
		const struct item *it = &g->items[i];
		struct mspan head = g->packets[it->head].bytes;
		struct gro_item *o = &g->out[i];
		*o = (struct gro_item){ .pieces = v, .n_pieces = it->n_packets, .len = head.len };
		v = put_pieces(g, it, v);
		if (it->n_packets == 1)
			continue;
		o->hdr = gro_seg_join(head.p, &it->seg, it->payload, it->gso_size, it->psh);
		o->len = it->seg.hdr_len + it->payload;
	}
	*items = g->out;
	return g->n_items;
}
