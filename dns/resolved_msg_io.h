/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolved_msg_io.h: servers and domains as org.freedesktop.resolve1 has them (shared/spec/dns.md
 * 5.4). Thread: the helper's loop. */
#ifndef DNS_RESOLVED_MSG_IO_H
#define DNS_RESOLVED_MSG_IO_H

#include "base/dbus.h"
#include "dns/os_config.h"

/* a(iay) */
void resolved_put_servers(struct dbus_msg *msg, const struct dns_os_config *c);
/* a(sb): names with a final dot; those that it would refuse are left out, with without_arpa also
 * those below arpa. */
void resolved_put_domains(struct dbus_msg *msg, const struct dns_os_config *c, bool without_arpa);
/* Is the property Link.DNS of a reply just these? */
bool resolved_servers_are(struct dbus_msg *msg, const struct dns_os_config *c);

#endif
