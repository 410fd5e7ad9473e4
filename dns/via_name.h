/* SPDX-License-Identifier: GPL-2.0-or-later */
/* via_name.h: names that spell a 4via6 address, "10-1-1-5-via-7" alone or below ts.net and
 * tailscale.net (shared/spec/dns.md 3.5). Pure. */
#ifndef DNS_VIA_NAME_H
#define DNS_VIA_NAME_H

#include "base/ip.h"

/* name: lower case, no final dot. False: an ordinary name. */
bool dns_via_decode(struct span name, struct ip *out);

#endif
