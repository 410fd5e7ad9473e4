/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/route.h"

#include <stdlib.h>
#include <string.h>

static int by_suffix(const void *a, const void *b)
{
	const struct dns_route *x = a, *y = b;

	return strcmp(x->suffix, y->suffix);
}

void dns_routes_sort(struct dns_route *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), by_suffix);
}

static int cmp_name(const void *name, const void *route)
{
	return strcmp(name, ((const struct dns_route *)route)->suffix);
}

/* From the whole name to its parents, the root last. */
const struct dns_route *dns_route_find(const struct dns_route *v, size_t n, const char *name)
{
	for (const char *at = n ? name : NULL; at;) {
		const struct dns_route *r = bsearch(at, v, n, sizeof(*v), cmp_name);
		const char *dot = strchr(at, '.');

		if (r || *at == '\0')
			return r;
		at = dot ? dot + 1 : at + strlen(at);
	}
	return NULL;
}
