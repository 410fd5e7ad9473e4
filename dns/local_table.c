/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/local_table.h"

#include "base/alloc.h"
#include "base/map.h"
#include "dns/config.h"
#include "dns/fqdn.h"

#include <stdlib.h>

/* A slot of by_name: index and 1 in the low bits, bits of the hash above them. One of by_addr has
 * two bits of enum addr_kind below its index. */
#define INDEX_BITS 22
#define ENTRIES_MAX ((UINT32_C(1) << INDEX_BITS) - 2)
#define NAME_MASK ((UINT32_C(1) << INDEX_BITS) - 1)
#define ADDR_MASK ((UINT32_C(1) << (INDEX_BITS + 2)) - 1)
#define SLOTS_MIN 16

enum addr_kind { ADDR_NONE, ADDR_V4, ADDR_V6, ADDR_MORE };

bool dns_label_set_has(const struct dns_label_set *s, size_t n)
{
	return n < 128 && s->bits[n / 64] >> n % 64 & 1;
}

static void label_set_add(struct dns_label_set *s, size_t n)
{
	s->bits[n / 64] |= UINT64_C(1) << n % 64;
}

/* ---- look up ---- */

static bool is_below(const struct dns_local *l, const char *name, size_t len)
{
	size_t s = l->suffix_len;
	return s && len > s && name[len - s - 1] == '.' &&
	       memcmp(name + len - s, l->suffix, s) == 0;
}

struct dns_key dns_key_of(const struct dns_local *l, const char *name, size_t len)
{
	return (struct dns_key){ name, is_below(l, name, len) ? len - l->suffix_len - 1 : len };
}

static bool entry_is(const struct dns_local *l, const struct dns_entry *e, struct dns_key k,
		     unsigned kinds)
{
	return e->kind & kinds && e->len == k.len &&
	       (e->flags & DNS_ENTRY_BELOW) == (k.text[k.len] == '.') &&
	       memcmp(l->names + e->name, k.text, k.len) == 0;
}

static uint64_t key_hash(struct dns_key k)
{
	return map_hash(k.text, k.len + 1);
}

static uint32_t tag(uint64_t hash, uint32_t mask)
{
	return (uint32_t)(hash >> 32) & ~mask;
}

static const struct dns_entry *find_hashed(const struct dns_local *l, struct dns_key k,
					   unsigned kinds, uint64_t hash)
{
	size_t last = l->n_by_name - 1;
	for (size_t i = hash & last; l->n_by_name && l->by_name[i]; i = (i + 1) & last) {
		uint32_t slot = l->by_name[i];
		if ((slot & ~NAME_MASK) != tag(hash, NAME_MASK))
			continue;
		const struct dns_entry *e = &l->entries[(slot & NAME_MASK) - 1];
		if (entry_is(l, e, k, kinds))
			return e;
	}
	return NULL;
}

const struct dns_entry *dns_table_find(const struct dns_local *l, struct dns_key k, unsigned kinds)
{
	return find_hashed(l, k, kinds, key_hash(k));
}

const struct dns_entry *dns_table_find_short(const struct dns_local *l, const char *label,
					     size_t len)
{
	char text[DNS_LABEL_MAX + 1];
	if (!l->short_names || l->suffix_len == 0 || len > DNS_LABEL_MAX)
		return NULL;
	memcpy(text, label, len);
	text[len] = '.';
	return dns_table_find(l, (struct dns_key){ text, len }, DNS_KIND_NODE);
}

static uint64_t addr_hash(struct ip ip)
{
	return map_hash(&ip, 1 + ip_len(ip));
}

/* Which entry a slot of by_addr leads to, if it is this address. */
static const struct dns_entry *slot_addr(const struct dns_local *l, uint32_t slot, struct ip ip)
{
	uint32_t at = (slot & ADDR_MASK) >> 2;
	const struct dns_entry *e = &l->entries[at];
	switch ((enum addr_kind)(slot & 3)) {
	case ADDR_V4:
		return ip.fam == IP_V4 && memcmp(e->v4, ip.b, 4) == 0 ? e : NULL;
	case ADDR_V6:
		return ip.fam == IP_V6 && memcmp(e->v6, ip.b, 16) == 0 ? e : NULL;
	case ADDR_MORE:
		return ip_eq(l->more[at].ip, ip) ? &l->entries[l->more[at].entry] : NULL;
	case ADDR_NONE:
		break;
	}
	return NULL;
}

const struct dns_entry *dns_table_find_addr(const struct dns_local *l, struct ip ip)
{
	uint64_t hash = addr_hash(ip);
	size_t last = l->n_by_addr - 1;
	for (size_t i = hash & last; l->n_by_addr && l->by_addr[i]; i = (i + 1) & last) {
		uint32_t slot = l->by_addr[i];
		if ((slot & ~ADDR_MASK) != tag(hash, ADDR_MASK))
			continue;
		const struct dns_entry *e = slot_addr(l, slot, ip);
		if (e)
			return e;
	}
	return NULL;
}

void dns_entry_name(const struct dns_local *l, const struct dns_entry *e,
		    char out[static DNS_NAME_MAX + 1])
{
	const char *kept = l->names + e->name;
	struct wr w = wr_init(mspan_of(out, DNS_NAME_MAX + 1));
	if (e->flags & DNS_ENTRY_SPELLED) {
		wr_str(&w, kept + e->len + 1);
	} else {
		wr_bytes(&w, kept, e->len);
		wr_str(&w, e->flags & DNS_ENTRY_BELOW ? "." : "");
		wr_str(&w, e->flags & DNS_ENTRY_BELOW ? l->suffix : "");
	}
	wr_u8(&w, '\0');
}

/* ---- making it ---- */

static void put_slot(uint32_t *slots, size_t n, uint64_t hash, uint32_t value, uint32_t mask)
{
	size_t i = hash & (n - 1);
	while (slots[i])
		i = (i + 1) & (n - 1);
	slots[i] = value | tag(hash, mask);
}

/* The first owner of an address keeps it: records come before nodes. */
static void add_addr(struct dns_local *l, struct ip ip, enum addr_kind kind, size_t at)
{
	uint32_t value = (uint32_t)at << 2 | (uint32_t)kind;
	put_slot(l->by_addr, l->n_by_addr, addr_hash(ip), value, ADDR_MASK);
}

static bool add_more(struct dns_local *l, struct ip ip, size_t entry)
{
	if (l->n_more == l->more_room) {
		size_t room = l->more_room ? 2 * l->more_room : 16;
		struct dns_more *v = try_realloc(l->more, room, sizeof(*v));
		if (!v)
			return false;
		l->more = v;
		l->more_room = room;
	}
	l->more[l->n_more] = (struct dns_more){ ip, (uint32_t)entry };
	add_addr(l, ip, ADDR_MORE, l->n_more++);
	return true;
}

/* forth: the name leads to the address, too, if it is the first of its family. */
static bool entry_add_ip(struct dns_local *l, struct dns_entry *e, struct ip ip, bool forth)
{
	bool v4 = ip.fam == IP_V4;
	uint8_t has = v4 ? DNS_ENTRY_HAS4 : DNS_ENTRY_HAS6;
	size_t at = (size_t)(e - l->entries);
	if (!ip_is_set(ip))
		return true;
	bool known = dns_table_find_addr(l, ip) != NULL;
	if (e->flags & has || !forth)
		return known || add_more(l, ip, at);
	if (!v4 && !(e->flags & DNS_ENTRY_HAS4))
		e->flags |= DNS_ENTRY_FIRST6;
	e->flags |= has;
	memcpy(v4 ? e->v4 : e->v6, ip.b, ip_len(ip));
	if (!known)
		add_addr(l, ip, v4 ? ADDR_V4 : ADDR_V6, at);
	return true;
}

static void keep(struct dns_local *l, const char *s, size_t n)
{
	memcpy(l->names + l->names_len, s, n);
	l->names_len += n;
}

/* The entry of that name and kind, made where it is not there yet (*fresh). spelled: dns_fqdn form.
 */
static struct dns_entry *entry_of(struct dns_local *l, const char *spelled, enum dns_kind kind,
				  bool *fresh)
{
	char name[DNS_FQDN_MAX + 1];
	size_t n = strlen(spelled);
	memcpy(name, spelled, n + 1);
	dns_fqdn_lower(name);
	struct dns_key k = dns_key_of(l, name, n);
	uint64_t hash = key_hash(k);
	const struct dns_entry *old = find_hashed(l, k, kind, hash);
	*fresh = !old;
	if (old)
		return &l->entries[old - l->entries];
	struct dns_entry *e = &l->entries[l->n_entries++];
	*e = (struct dns_entry){ .name = (uint32_t)l->names_len,
				 .len = (uint8_t)k.len,
				 .kind = (uint8_t)kind };
	if (k.len < n)
		e->flags |= DNS_ENTRY_BELOW;
	keep(l, name, k.len);
	if (strcmp(name, spelled) != 0) {
		e->flags |= DNS_ENTRY_SPELLED;
		keep(l, "", 1);
		keep(l, spelled, n + 1);
	}
	put_slot(l->by_name, l->n_by_name, hash, (uint32_t)l->n_entries, NAME_MASK);
	return e;
}

/* Both families may be told, but for what the node itself has no use for (dns.md 3.3). */
static uint8_t node_shows(const struct dns_local_in *in, uint8_t flags)
{
	bool has4 = flags & DNS_ENTRY_HAS4, has6 = flags & DNS_ENTRY_HAS6;
	if (in->only_v6)
		return has6 ? DNS_ENTRY_SHOW6 : 0;
	return (uint8_t)((has4 ? DNS_ENTRY_SHOW4 : 0) |
			 (has6 && (in->aaaa || !has4) ? DNS_ENTRY_SHOW6 : 0));
}

static bool add_node(struct dns_local *l, const struct dns_local_in *in,
		     const struct dns_local_node *node)
{
	char name[DNS_FQDN_MAX + 1];
	bool fresh;
	if (node->n_addrs == 0 || dns_fqdn_decode(node->name, name) || !*name)
		return true;
	struct dns_entry *e = entry_of(l, name, DNS_KIND_NODE, &fresh);
	/* Of two nodes with one name the first is told. */
	for (size_t i = 0; i < node->n_addrs; i++)
		if (!entry_add_ip(l, e, node->addrs[i], fresh))
			return false;
	if (!fresh)
		return true;
	e->flags |= node_shows(in, e->flags);
	if (node->subdomains) {
		e->flags |= DNS_ENTRY_PARENT;
		label_set_add(&l->parent_labels, dns_fqdn_labels(name));
		label_set_add(&l->parent_labels, 1); /* by its short name */
	}
	return true;
}

static bool add_record(struct dns_local *l, const struct dns_local_record *r)
{
	char name[DNS_FQDN_MAX + 1];
	bool fresh;
	if (!ip_is_set(r->addr) || dns_fqdn_clean(r->name, name))
		return true;
	struct dns_entry *e = entry_of(l, name, DNS_KIND_RECORD, &fresh);
	e->flags |= r->addr.fam == IP_V4 ? DNS_ENTRY_SHOW4 : DNS_ENTRY_SHOW6;
	return entry_add_ip(l, e, r->addr, true);
}

static int zone_cmp(const void *a, const void *b)
{
	return dns_fqdn_cmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_zones(struct dns_local *l, const struct dns_local_in *in)
{
	char name[DNS_FQDN_MAX + 1];
	bool fresh;
	const char **sorted = try_calloc(in->n_zones + 1, sizeof(*sorted));
	if (!sorted)
		return false;
	for (size_t i = 0; i < in->n_zones; i++)
		sorted[i] = in->zones[i];
	qsort(sorted, in->n_zones, sizeof(*sorted), zone_cmp);
	for (size_t i = 0; i < in->n_zones; i++) {
		if (dns_fqdn_clean(sorted[i], name))
			continue;
		entry_of(l, name, DNS_KIND_ZONE, &fresh);
		label_set_add(&l->zone_labels, dns_fqdn_labels(name));
	}
	free(sorted);
	return true;
}

static bool fill(struct dns_local *l, const struct dns_local_in *in)
{
	char name[DNS_FQDN_MAX + 1];
	bool fresh;
	for (size_t i = 0; i < in->n_records; i++)
		if (!add_record(l, &in->records[i]))
			return false;
	for (size_t i = 0; i < in->n_nodes; i++)
		if (!add_node(l, in, &in->nodes[i]))
			return false;
	for (size_t i = 0; i < in->n_outside; i++)
		if (dns_fqdn_clean(in->outside[i], name) == 0)
			entry_of(l, name, DNS_KIND_OUTSIDE, &fresh);
	return add_zones(l, in);
}

/* ---- room ---- */

static size_t slots_for(size_t n)
{
	size_t slots = SLOTS_MIN;
	while (slots / 4 * 3 < n)
		slots *= 2;
	return slots;
}

static bool has_upper(const char *s)
{
	while (*s && !(*s >= 'A' && *s <= 'Z'))
		s++;
	return *s != '\0';
}

#define SPELLED_MAX (DNS_FQDN_MAX + 2) /* a dot before it and one behind it */

/* What one name takes of the names at most. */
static size_t name_room(const char *name)
{
	size_t n = strnlen(name, SPELLED_MAX + 1);
	return n > SPELLED_MAX ? 0 : has_upper(name) ? 2 * (n + 1) : n + 1;
}

struct room {
	size_t entries, addrs, names;
};

static struct room room_of(const struct dns_local_in *in)
{
	struct room r = { in->n_nodes + in->n_records + in->n_zones + in->n_outside, in->n_records,
			  1 };
	for (size_t i = 0; i < in->n_nodes; i++) {
		r.addrs += in->nodes[i].n_addrs;
		r.names += name_room(in->nodes[i].name);
	}
	for (size_t i = 0; i < in->n_records; i++)
		r.names += name_room(in->records[i].name);
	for (size_t i = 0; i < in->n_zones; i++)
		r.names += name_room(in->zones[i]);
	for (size_t i = 0; i < in->n_outside; i++)
		r.names += name_room(in->outside[i]);
	return r;
}

static bool reserve(struct dns_local *l, struct room room)
{
	/* Offsets and indices are 32 bits and fewer. */
	if (room.entries > ENTRIES_MAX || room.addrs > ENTRIES_MAX || room.names > UINT32_MAX)
		return false;
	l->n_by_name = slots_for(room.entries);
	l->n_by_addr = slots_for(room.addrs);
	l->entries = try_calloc(room.entries + 1, sizeof(*l->entries));
	l->names = try_calloc(room.names, 1);
	l->by_name = try_calloc(l->n_by_name, sizeof(*l->by_name));
	l->by_addr = try_calloc(l->n_by_addr, sizeof(*l->by_addr));
	return l->entries && l->names && l->by_name && l->by_addr;
}

static void *shrunk(void *p, size_t n, size_t size)
{
	void *q = try_realloc(p, n ? n : 1, size);
	return q ? q : p;
}

static void release(struct dns_local *l)
{
	free(l->entries);
	free(l->more);
	free(l->by_name);
	free(l->by_addr);
	free(l->names);
	free(l);
}

struct dns_local *dns_local_new(const struct dns_local_in *in)
{
	struct dns_local *l = try_calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->refs = 1;
	l->short_names = in->short_names;
	if (dns_fqdn_clean(in->suffix, l->suffix))
		l->suffix[0] = '\0';
	l->suffix_len = strlen(l->suffix);
	if (!reserve(l, room_of(in)) || !fill(l, in)) {
		release(l);
		return NULL;
	}
	l->entries = shrunk(l->entries, l->n_entries, sizeof(*l->entries));
	l->names = shrunk(l->names, l->names_len, 1);
	if (l->more)
		l->more = shrunk(l->more, l->n_more, sizeof(*l->more));
	l->more_room = l->n_more;
	return l;
}

struct dns_local *dns_local_ref(struct dns_local *l)
{
	l->refs++;
	return l;
}

void dns_local_unref(struct dns_local *l)
{
	if (l && --l->refs == 0)
		release(l);
}

size_t dns_local_bytes(const struct dns_local *l)
{
	return sizeof(*l) + l->n_entries * sizeof(*l->entries) + l->n_more * sizeof(*l->more) +
	       (l->n_by_name + l->n_by_addr) * sizeof(uint32_t) + l->names_len;
}
