/* SPDX-License-Identifier: GPL-2.0-or-later */
/* name.h: domain names on the wire, and names with a meaning. As text they are what fqdn.h makes:
 * no final dot, "" is the root (shared/spec/dns.md 3.2, 3.6). Pure. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/ip.h"
#include "dns/msg.h"

#define DNS_LABEL_MAX 63

#define DNS_POINTERS_MAX 10

/* Text to wire, not compressed. The writer goes bad if name is no name. */
void dns_name_build(struct wr *w, const char *name);
/* The name that starts where r stands in msg, as spelled and not compressed; its compression
 * pointers lead backward only, at most DNS_POINTERS_MAX of them. Returns its length, r is then
 * behind it; or -ERR_SYNTAX, also for a '.' or NUL in a label, with r where it was. */
MUST_CHECK int dns_name_unpack(struct span msg, struct rd *r,
			       uint8_t out[static DNS_WIRE_NAME_MAX]);
/* What dns_name_unpack gave as text; returns its length. */
size_t dns_name_text(const uint8_t *wire, size_t len, char out[static DNS_NAME_MAX + 1]);
/* Both in one: the length of the text, or -ERR_SYNTAX. */
MUST_CHECK int dns_name_parse(struct span msg, struct rd *r, char out[static DNS_NAME_MAX + 1]);
/* Over a name without following it; r goes bad where there is none. */
void dns_name_skip(struct rd *r);

/* name: lower case. The address of "4.3.2.1.in-addr.arpa" or of 32 nibbles below ip6.arpa; strict.
 * 0 or -ERR_SYNTAX. */
MUST_CHECK int dns_reverse_parse(const char *name, struct ip *out);
/* The name to ask for; "" for no address. Returns out. */
const char *dns_reverse_name(struct ip ip, char out[static DNS_NAME_MAX + 1]);
/* The reverse zones of the addresses that tailnets use, by number (spec 2, step 6). Returns out. */
#define DNS_TAILNET_ZONES 65
#define DNS_TAILNET_ZONE_MAX 40
const char *dns_tailnet_zone(unsigned i, char out[static DNS_TAILNET_ZONE_MAX]);
/* Asks which domains can be browsed (RFC 6763 11): these never leave the host. name: lower case. */
bool dns_is_browse(const char *name);

#endif
