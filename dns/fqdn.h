/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fqdn.h: names as text, as configuration has them (shared/spec/dns.md 1.1). Pure. */
#ifndef DNS_FQDN_H
#define DNS_FQDN_H

#include "base/bytes.h"

#include <stdbool.h>

#define DNS_FQDN_MAX 253 /* without the final dot */

/* Lower case, without one leading and one final dot; "" is the root. Labels of 1..63 bytes of any
 * kind. 0, or -ERR_SYNTAX with out untouched. */
MUST_CHECK int dns_fqdn_clean(const char *in, char out[static DNS_FQDN_MAX + 1]);
/* The same, case kept. */
MUST_CHECK int dns_fqdn_decode(const char *in, char out[static DNS_FQDN_MAX + 1]);
void dns_fqdn_lower(char *name);
size_t dns_fqdn_labels(const char *name);
const char *dns_fqdn_parent(const char *name); /* of "a.b" "b", of "b" and "" "" */
/* Is name the suffix, or below it? Both as above; the root contains everything. */
bool dns_fqdn_below(const char *name, const char *suffix);
/* Order of the names with their final dot: the one that lists are in (spec 5.1). */
int dns_fqdn_cmp(const char *a, const char *b);

#endif
