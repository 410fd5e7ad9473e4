/* SPDX-License-Identifier: GPL-2.0-or-later */
/* local_table.h: the inside of struct dns_local: names to addresses and back, in a few flat arrays.
 * Names below the MagicDNS suffix are kept without it. The hash is keyed, so that nobody who names
 * nodes can aim for collisions. Pure but for the allocations at its making. */
#ifndef DNS_LOCAL_TABLE_H
#define DNS_LOCAL_TABLE_H

#include "dns/local.h"
#include "dns/name.h"

/* Whose name an entry is. Where two kinds have the same name, the record is found first. */
enum dns_kind { DNS_KIND_RECORD = 1, DNS_KIND_NODE = 2, DNS_KIND_ZONE = 4, DNS_KIND_OUTSIDE = 8 };
#define DNS_KIND_HOST (DNS_KIND_RECORD | DNS_KIND_NODE)

enum {
	DNS_ENTRY_BELOW = 1,   /* the suffix goes on where the kept name ends */
	DNS_ENTRY_SPELLED = 2, /* behind it stands the whole name as it was spelled */
	DNS_ENTRY_HAS4 = 4,
	DNS_ENTRY_HAS6 = 8,
	DNS_ENTRY_FIRST6 = 16, /* of both, IPv6 came first */
	DNS_ENTRY_SHOW4 = 32,  /* may be told */
	DNS_ENTRY_SHOW6 = 64,
	DNS_ENTRY_PARENT = 128, /* answers for the names below its own */
};

struct dns_entry {
	uint8_t v6[16], v4[4];
	uint32_t name; /* in names */
	uint8_t len;
	uint8_t kind, flags;
};

/* An address beyond the first of its family: only the way back needs it. */
struct dns_more {
	struct ip ip;
	uint32_t entry;
};

/* Which label counts occur; names have at most 127. */
struct dns_label_set {
	uint64_t bits[2];
};

struct dns_local {
	unsigned refs;
	bool short_names;
	struct dns_label_set zone_labels, parent_labels;
	struct dns_entry *entries; /* zones in their order */
	size_t n_entries;
	struct dns_more *more;
	size_t n_more, more_room;
	uint32_t *by_name, *by_addr; /* hash slots, 0 empty */
	size_t n_by_name, n_by_addr; /* powers of two, or 0 */
	char *names;
	size_t names_len;
	char suffix[DNS_NAME_MAX + 1];
	size_t suffix_len;
};

/* A name to look for. text[len] is '.' where the suffix follows, else NUL. */
struct dns_key {
	const char *text;
	size_t len;
};

/* name: lower case, of that length. */
struct dns_key dns_key_of(const struct dns_local *l, const char *name, size_t len);
const struct dns_entry *dns_table_find(const struct dns_local *l, struct dns_key k, unsigned kinds);
/* A node by its single label in front of the suffix. */
const struct dns_entry *dns_table_find_short(const struct dns_local *l, const char *label,
					     size_t len);
const struct dns_entry *dns_table_find_addr(const struct dns_local *l, struct ip ip);
/* The whole name as spelled. */
void dns_entry_name(const struct dns_local *l, const struct dns_entry *e,
		    char out[static DNS_NAME_MAX + 1]);
bool dns_label_set_has(const struct dns_label_set *s, size_t n);

#endif
