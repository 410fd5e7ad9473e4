/* SPDX-License-Identifier: GPL-2.0-or-later */
/* osdns_serve.h: the helper's side of osdns.h: finds out how the host resolves, keeps the one way
 * of telling it that fits (dns/os.h), and answers the daemon. */
#ifndef DAEMON_OSDNS_SERVE_H
#define DAEMON_OSDNS_SERVE_H

#include "daemon/osdns.h"
#include "dns/os.h"

/* Serves until the other side of fd closes, then puts all back. not_ours: why the resolver of this
 * host is not ours to touch; NULL: it is. */
void osdns_serve(int fd, const struct osdns_opts *o, const char *not_ours);
/* Defaults where o says nothing. */
void osdns_env(const struct osdns_opts *o, struct dns_os_env *out);

#endif
