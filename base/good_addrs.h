/* SPDX-License-Identifier: GPL-2.0-or-later */
/* good_addrs.h: addresses of hosts that proved who they are, for when their names cannot be
 * resolved: the last few of the last few hosts. Pure. */
#ifndef BASE_GOOD_ADDRS_H
#define BASE_GOOD_ADDRS_H

#include "base/ip.h"

#define GOOD_HOSTS_MAX 16
#define GOOD_ADDRS_MAX 4 /* of one host */
#define GOOD_NAME_MAX 254
#define GOOD_TEXT_MAX (GOOD_HOSTS_MAX * (GOOD_NAME_MAX + GOOD_ADDRS_MAX * IP_TEXT_MAX))

struct good_host {
	char name[GOOD_NAME_MAX]; /* lower case */
	struct ip addrs[GOOD_ADDRS_MAX]; /* the latest first */
	size_t n;
};

/* Zeroed is empty. */
struct good_addrs {
	struct good_host v[GOOD_HOSTS_MAX]; /* the latest first */
	size_t n;
};

/* True if there is something new to keep: not merely another order. A literal is no name. */
bool good_addrs_note(struct good_addrs *g, const char *name, struct ip ip);
/* NULL: nothing known; case does not matter. Borrowed. */
const struct good_host *good_addrs_find(const struct good_addrs *g, const char *name);
/* A line a host, "name addr addr"; lines that do not parse are left out. */
void good_addrs_encode(const struct good_addrs *g, struct buf *out);
void good_addrs_decode(struct good_addrs *g, struct span text);

#endif
