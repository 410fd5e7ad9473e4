/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot_linux.h: read the machine's interfaces, addresses and default route. */
#ifndef NETSTACK_SNAPSHOT_LINUX_H
#define NETSTACK_SNAPSHOT_LINUX_H

#include "netstack/netmsg_linux.h"

/* s: blocking socket of netmsg_socket. out: empty; a finished snapshot on success, empty otherwise.
 * 0 or a code of netmsg_error. */
MUST_CHECK int link_snapshot_take(struct nl_sock *s, const char *tun, struct link_snapshot *out);

#endif
