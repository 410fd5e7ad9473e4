/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_json.h: DNSConfig JSON into struct dns_config (shared/spec/dns.md 1). Pure. */
#ifndef DAEMON_CONTROL_DNS_JSON_H
#define DAEMON_CONTROL_DNS_JSON_H

#include "base/json.h"
#include "dns/config.h"

/* 0 with *out filled (dns_config_fini), or -ERR_SYNTAX with *why static. What is beyond the limits of
 * dns/config.h is left out and counted: a node does without some names rather than without its
 * network. Names that are no DNS names are left out, too; what files and scripts may not hold is sorted out where they are
 * written (dns/os_config.h). A resolver address of any text is kept. */
MUST_CHECK int dns_config_from_json(const json_t *v, struct dns_config *out, const char **why);
/* A list of resolvers, null is none. Errors as above; dns_upstreams_fini. */
MUST_CHECK int dns_upstreams_from_json(const json_t *v, struct dns_upstreams *out,
				       const char **why);

#endif
