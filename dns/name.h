/* SPDX-License-Identifier: GPL-2.0-or-later */
/* name.h: domain names as text: no final dot, "" is the root, dots between labels, any byte but NUL
 * in them (shared/spec/dns.md 1.1). Pure. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/ip.h"
#include "dns/msg.h"

#define DNS_LABEL_MAX 63

/* What control or a user wrote, in that form, case kept: one leading dot and the final one are
 * dropped. 0 or -ERR_SYNTAX (empty or long label, long name); out is then "". */
MUST_CHECK int dns_name_decode(struct span text, char out[static DNS_NAME_MAX + 1]);
/* The same in lower case. */
MUST_CHECK int dns_name_decode_lower(struct span text, char out[static DNS_NAME_MAX + 1]);
void dns_name_lower(char *name);

/* Equal to suffix, or below it; all names are below "". Case counts. */
bool dns_name_within(const char *name, const char *suffix);
size_t dns_name_labels(const char *name);
const char *dns_name_parent(const char *name); /* of "a.b" "b", of "b" and "" "" */
/* Byte order of the names with their final dots, as the reference sorts; for qsort and the like. */
int dns_name_cmp(const char *a, const char *b);

/* Text to wire, not compressed. The writer goes bad if name is not what dns_name_decode gives. */
void dns_name_build(struct wr *w, const char *name);
/* Wire to text, as spelled, from where r stands in msg; compression pointers lead backward only, at
 * most DNS_POINTERS_MAX of them. Returns the length of the text; r is then behind the name. Less
 * than 0: -ERR_SYNTAX, also for a '.' or NUL in a label. */
#define DNS_POINTERS_MAX 10
MUST_CHECK int dns_name_parse(struct span msg, struct rd *r, char out[static DNS_NAME_MAX + 1]);

/* name: lower case. The address of "4.3.2.1.in-addr.arpa" or of 32 nibbles below ip6.arpa; strict.
 * 0 or -ERR_SYNTAX. */
MUST_CHECK int dns_reverse_parse(const char *name, struct ip *out);
/* The name to ask for; "" for no address. Returns out. */
const char *dns_reverse_name(struct ip ip, char out[static DNS_NAME_MAX + 1]);
/* Asks which domains can be browsed (RFC 6763 11): these never leave the host. name: lower case. */
bool dns_is_browse(const char *name);

#endif
