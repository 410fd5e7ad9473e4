/* SPDX-License-Identifier: GPL-2.0-or-later */
/* route.h: which suffix a name belongs to: the longest that contains it (shared/spec/dns.md 4.1).
 * Pure. */
#ifndef DNS_ROUTE_H
#define DNS_ROUTE_H

#include <stddef.h>

struct dns_route {
	char *suffix; /* lower case, no final dot; "" contains everything */
	void *to;
};

void dns_routes_sort(struct dns_route *v, size_t n);
/* v is sorted. name: lower case, no final dot. NULL: none. */
const struct dns_route *dns_route_find(const struct dns_route *v, size_t n, const char *name);

#endif
