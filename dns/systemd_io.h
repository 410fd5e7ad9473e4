/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd_io.h: what the plain file has to do with systemd-resolved. Blocks. */
#ifndef DNS_SYSTEMD_IO_H
#define DNS_SYSTEMD_IO_H

#include "dns/os.h"

/* If it runs: it shall look at resolv.conf again. Not waited for. */
void systemd_resolved_restart(const struct dns_os_env *e);
bool selinux_enforcing(void);

#endif
