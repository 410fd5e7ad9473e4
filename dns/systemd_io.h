/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd_io.h: what the plain file has to do with systemd-resolved. Blocks. */
#ifndef DNS_SYSTEMD_IO_H
#define DNS_SYSTEMD_IO_H

#include "dns/os.h"
#include "dns/resolvconf.h"

/* If it runs: it shall look at resolv.conf again. Not waited for. */
void systemd_resolved_restart(const struct dns_os_env *e);
/* While resolv.conf has our servers it reads them there: asking its stub would come back to us
 * (shared/spec/dns.md 4.6). Puts those that it would ask in place of the stub. run: "/run". */
void systemd_resolved_replace_stub(const char *run, struct dns_os_config *base);
bool selinux_enforcing(void);

#endif
