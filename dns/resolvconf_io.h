/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolvconf_io.h: resolv.conf(5) as it stands on disk. Any thread. */
#ifndef DNS_RESOLVCONF_IO_H
#define DNS_RESOLVCONF_IO_H

#include "dns/resolvconf.h"

/* out: zeroed or fini'd. Lines that nobody understands are no reason to do without the others.
 * Errors of fs_read. */
MUST_CHECK int resolvconf_read(const char *path, struct resolvconf *out);

/* Leaves in c what the host would ask without us. A stub of systemd-resolved is replaced by the
 * servers that it asks: while it asks us, asking it would come back to us (shared/spec/dns.md 4.6).
 * run: "/run". True: there was such a stub, so that the answer may be another later. */
bool resolvconf_without_us(const char *run, struct dns_os_config *c);

#endif
