/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exit_dns.h: what is resolved for peers that use us as exit node (shared/spec/dns.md 7). Names are
 * lower case without a final dot. Pure. */
#ifndef DAEMON_ENGINE_EXIT_DNS_H
#define DAEMON_ENGINE_EXIT_DNS_H

#include "daemon/control/nm_node.h"
#include "dns/config.h"

/* ExitNodeFilteredSet as control sent it: an entry with a leading dot means what is below it, any
 * other one name. */
bool exit_dns_is_filtered(const struct dns_config *c, const char *name);
/* Names that only we ourselves know, so that nobody else is asked: what is below the MagicDNS
 * suffix
 * ("" none), addresses of tailnets, local zones of control. */
bool exit_dns_is_local(const struct dns_config *c, const char *suffix, const char *name);
/* Both owned by one user. Tagged nodes are of nobody, though a server may give all of them to one
 * user of its own; nor does it count for a peer whose key is not signed. */
bool exit_dns_same_user(const struct nm_node *self, const struct nm_node *peer);
/* What the packet filter must let a peer reach to be resolved for: port 53 of everywhere. */
struct ep exit_dns_probe(struct ip from);

#endif
