/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/allowedips.h"

#include "base/alloc.h"

#include <stdlib.h>

#define MIN_SLOTS 16
#define LENGTHS 129

/* An address as two halves, left aligned: IPv4 lies in the top of hi. */
struct key {
	uint64_t hi, lo;
	uint8_t bits;
};

struct entry {
	uint64_t hi, lo;
	uint32_t peer; /* WG_NO_PEER: empty slot */
	uint8_t bits;
};

struct family {
	struct entry *slots;
	uint32_t n_slots; /* power of two, or 0 */
	uint32_t n;
	uint32_t count[LENGTHS];  /* prefixes of each length */
	uint8_t lengths[LENGTHS]; /* those in use, longest first */
	uint8_t n_lengths;
	uint8_t host_bits;
};

struct wg_allowedips {
	uint64_t seed;
	struct family v4, v6;
};

static uint64_t top_bits(unsigned n)
{
	return n == 0 ? 0 : n >= 64 ? UINT64_MAX : UINT64_MAX << (64 - n);
}

static uint64_t be64(const uint8_t *b)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | b[i];
	return v;
}

static struct key shorten(struct key k, unsigned bits)
{
	k.hi &= top_bits(bits);
	k.lo &= top_bits(bits > 64 ? bits - 64 : 0);
	k.bits = (uint8_t)bits;
	return k;
}

static struct key key_of(struct ip ip, unsigned bits)
{
	return shorten((struct key){ be64(ip.b), be64(ip.b + 8), 0 }, bits);
}

/* A multiply-and-fold mix under the table's seed. */
static uint32_t hash(const struct key *k, uint64_t seed)
{
	uint64_t h = (k->hi ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	h = (h ^ k->lo ^ ((uint64_t)k->bits << 56)) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(h >> 32);
}

static struct key key_of_entry(const struct entry *e)
{
	return (struct key){ e->hi, e->lo, e->bits };
}

static bool is_key(const struct entry *e, const struct key *k)
{
	return e->hi == k->hi && e->lo == k->lo && e->bits == k->bits;
}

/* The slot of k, or the empty one where it belongs. There is always an empty one. */
static struct entry *probe(const struct family *f, uint64_t seed, const struct key *k)
{
	uint32_t mask = f->n_slots - 1;
	uint32_t i = hash(k, seed) & mask;
	while (f->slots[i].peer != WG_NO_PEER && !is_key(&f->slots[i], k))
		i = (i + 1) & mask;
	return &f->slots[i];
}

static const struct family *family_of(const struct wg_allowedips *t, struct ip ip)
{
	return ip.fam == IP_V4 ? &t->v4 : ip.fam == IP_V6 ? &t->v6 : NULL;
}

static void list_lengths(struct family *f)
{
	f->n_lengths = 0;
	for (int bits = LENGTHS - 1; bits >= 0; bits--)
		if (f->count[bits])
			f->lengths[f->n_lengths++] = (uint8_t)bits;
}

static int grow(struct family *f, uint64_t seed)
{
	uint32_t n_slots = f->n_slots ? f->n_slots * 2 : MIN_SLOTS;
	struct family bigger = { .slots = try_calloc(n_slots, sizeof(struct entry)),
				 .n_slots = n_slots };
	if (!bigger.slots)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < n_slots; i++)
		bigger.slots[i].peer = WG_NO_PEER;
	for (uint32_t i = 0; i < f->n_slots; i++) {
		if (f->slots[i].peer == WG_NO_PEER)
			continue;
		struct key k = key_of_entry(&f->slots[i]);
		*probe(&bigger, seed, &k) = f->slots[i];
	}
	free(f->slots);
	f->slots = bigger.slots;
	f->n_slots = n_slots;
	return 0;
}

struct wg_allowedips *wg_allowedips_new(uint64_t seed)
{
	struct wg_allowedips *t = xcalloc(1, sizeof(*t));
	t->seed = seed;
	t->v4.host_bits = 32;
	t->v6.host_bits = 128;
	return t;
}

void wg_allowedips_free(struct wg_allowedips *t)
{
	if (!t)
		return;
	free(t->v4.slots);
	free(t->v6.slots);
	free(t);
}

int wg_allowedips_insert(struct wg_allowedips *t, struct prefix prefix, uint32_t peer)
{
	struct family *f = (struct family *)family_of(t, prefix.ip);
	if (!f || prefix.bits > f->host_bits || peer == WG_NO_PEER)
		return -ERR_RANGE;
	/* at most 3/4 full, and never without an empty slot */
	if ((f->n + 1) * UINT64_C(4) > f->n_slots * UINT64_C(3) && grow(f, t->seed))
		return -ERR_NOMEM;
	struct key k = key_of(prefix.ip, prefix.bits);
	struct entry *e = probe(f, t->seed, &k);
	if (e->peer == WG_NO_PEER) {
		f->n++;
		if (f->count[k.bits]++ == 0)
			list_lengths(f);
	}
	*e = (struct entry){ k.hi, k.lo, peer, k.bits };
	return 0;
}

/* Empty slot i and move back what was displaced by it, so that no probe breaks off too soon. */
static void erase(struct family *f, uint64_t seed, uint32_t i)
{
	uint32_t mask = f->n_slots - 1;
	f->count[f->slots[i].bits]--;
	f->n--;
	for (uint32_t j = (i + 1) & mask; f->slots[j].peer != WG_NO_PEER; j = (j + 1) & mask) {
		struct key k = key_of_entry(&f->slots[j]);
		uint32_t home = hash(&k, seed) & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		f->slots[i] = f->slots[j];
		i = j;
	}
	f->slots[i].peer = WG_NO_PEER;
}

static void remove_from(struct family *f, uint64_t seed, uint32_t peer)
{
	for (uint32_t i = 0; i < f->n_slots;) {
		if (f->slots[i].peer == peer)
			erase(f, seed, i); /* look at i again: another entry may have moved in */
		else
			i++;
	}
	list_lengths(f);
}

void wg_allowedips_remove_peer(struct wg_allowedips *t, uint32_t peer)
{
	if (peer == WG_NO_PEER)
		return;
	remove_from(&t->v4, t->seed, peer);
	remove_from(&t->v6, t->seed, peer);
}

size_t wg_allowedips_len(const struct wg_allowedips *t)
{
	return (size_t)t->v4.n + t->v6.n;
}

/* Owner of the longest prefix that holds ip; only: among those of that peer. */
static uint32_t walk(const struct wg_allowedips *t, struct ip ip, uint32_t only)
{
	const struct family *f = family_of(t, ip);
	if (!f || !f->n)
		return WG_NO_PEER;
	struct key full = key_of(ip, f->host_bits);
	for (unsigned i = 0; i < f->n_lengths; i++) {
		struct key k = shorten(full, f->lengths[i]);
		uint32_t peer = probe(f, t->seed, &k)->peer;
		if (peer != WG_NO_PEER && (only == WG_NO_PEER || peer == only))
			return peer;
	}
	return WG_NO_PEER;
}

uint32_t wg_allowedips_lookup(const struct wg_allowedips *t, struct ip ip)
{
	return walk(t, ip, WG_NO_PEER);
}

bool wg_allowedips_contains(const struct wg_allowedips *t, uint32_t peer, struct ip ip)
{
	return peer != WG_NO_PEER && walk(t, ip, peer) == peer;
}

bool wg_allowedips_source_ok(const struct wg_allowedips *t, uint32_t peer, struct ip ip)
{
	const struct family *f = family_of(t, ip);
	if (!f || !f->n || peer == WG_NO_PEER)
		return false;
	struct key host = key_of(ip, f->host_bits);
	uint32_t node = probe(f, t->seed, &host)->peer;
	if (node != WG_NO_PEER)
		return node == peer;
	return wg_allowedips_contains(t, peer, ip);
}
