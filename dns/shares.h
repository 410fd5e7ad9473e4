/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shares.h: a ceiling that many share: addresses, and within an address its ports, since all programs
 * of a host have one. While there is room anybody takes any of it. When there is none, who holds a
 * fair share or more gets nothing new, and who holds less gets the newest place of whoever holds
 * most: of all addresses first, then of the ports of one's own. Pure but for its allocations. */
#ifndef DNS_SHARES_H
#define DNS_SHARES_H

#include "base/ip.h"
#include "base/list.h"
#include "base/map.h"

struct share_address {
	struct ip ip;
	unsigned n, n_ports;
	struct list ports;
};

struct share {
	struct list link; /* in its address */
	struct share_address *address;
	uint16_t port;
	unsigned n;
	struct list members; /* oldest first */
};

struct shares {
	struct map addresses, ports;
	unsigned total, max;
};

void shares_init(struct shares *s, unsigned max);
void shares_fini(struct shares *s); /* all members are gone */
/* May who have one more? true: yes, but if *victim is set it must be removed first. */
bool shares_admit(struct shares *s, struct ep who, struct list **victim);
struct share *shares_add(struct shares *s, struct ep who, struct list *member);
void shares_remove(struct shares *s, struct share *of, struct list *member);

#endif
