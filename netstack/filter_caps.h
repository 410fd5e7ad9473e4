/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_caps.h: peer capabilities granted by the packet filter (CapGrant), for whois and the peer
 * API. Pure. Control thread only. spec/routing.md 7.4. */
#ifndef NETSTACK_FILTER_CAPS_H
#define NETSTACK_FILTER_CAPS_H

#include "base/json.h"
#include "netstack/ranges.h"

struct flt_caps;

/* A zero start: an empty table. New. */
struct flt_caps *flt_caps_new(void);
void flt_caps_free(struct flt_caps *c); /* NULL is fine */
/* Append the grants of a FilterRule array (or null); texts that do not parse are left out.
 * 0, -ERR_SYNTAX or -ERR_TOOBIG (nothing of this array is added then). */
MUST_CHECK int flt_caps_add(struct flt_caps *c, const json_t *rules);
/* What src may do at dst: object of capability name to array of values, or to null where nobody
 * gave values. New (j_free); NULL if nothing is granted. */
json_t *flt_caps_find(const struct flt_caps *c, struct ip src, struct ip dst);

#endif
