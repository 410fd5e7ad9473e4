/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_conf.h: what an admin writes about names (`meshcoord dns set`), and the DNSConfig that nodes
 * are told from it (shared/spec/dns.md 1). Pure. Thread: the loop's. */
#ifndef COORDINATOR_DNS_CONF_H
#define COORDINATOR_DNS_CONF_H

#include "base/json.h"

#define DNS_CONF_MAX (8u << 20) /* bytes of text */

/* text: a JSON object with members of DNSConfig; a resolver may be a plain string. What it does not
 * name is as without a text: MagicDNS on, the base domain a local zone and first search domain.
 * text empty: just that. base_domain: not empty. Returns new, or NULL with *err filled. */
json_t *dns_conf_parse(struct span text, const char *base_domain, struct j_error *err);

#endif
