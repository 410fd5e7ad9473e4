/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nm_msg_io.h: servers and domains as NetworkManager has them (shared/spec/dns.md 5.5). Thread: the
 * helper's loop. */
#ifndef DNS_NM_MSG_IO_H
#define DNS_NM_MSG_IO_H

#include "base/dbus.h"
#include "dns/os_config.h"

/* From the settings of an applied connection, a{sa{sv}}, to the same with these servers and domains
 * and the addresses that tun has. False: in is not of that kind. */
bool nm_put_settings(const struct dns_os_config *c, const char *tun, struct dbus_msg *in,
		     struct dbus_msg *out);
/* The property DnsManager.Configuration without what is of tun. out: zeroed. False: it is none. */
bool nm_get_configuration(struct dbus_msg *in, const char *tun, struct dns_os_config *out);

#endif
