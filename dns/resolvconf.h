/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolvconf.h: the text of resolv.conf(5): read, written, and whose it is
 * (shared/spec/dns.md 5.7). Pure. */
#ifndef DNS_RESOLVCONF_H
#define DNS_RESOLVCONF_H

#include "dns/os_config.h"

/* Names in /etc. */
#define RESOLVCONF_NAME "resolv.conf"
#define RESOLVCONF_BACKUP "resolv.pre-meshd-backup.conf"
#define RESOLVCONF_JOURNAL "resolv.meshd-journal"
#define RESOLVCONF_TAILSCALE_BACKUP "resolv.pre-tailscale-backup.conf"

/* No more of a file is read. */
#define RESOLVCONF_MAX 65536
#define RESOLVCONF_OPTIONS_MAX 512

struct resolvconf {
	struct dns_os_config config;	      /* servers and search, in order */
	char options[RESOLVCONF_OPTIONS_MAX]; /* words of all options lines, a blank between */
};

/* out: zeroed or fini'd; filled with all that can be used also when lines are malformed, which is
 * -ERR_SYNTAX then (strict readers refuse such a file). Else 0. */
MUST_CHECK int resolvconf_parse(struct span text, struct resolvconf *out);
void resolvconf_fini(struct resolvconf *r);

/* Takes out our two service addresses: what is left is the host's own. */
void resolvconf_strip_ours(struct dns_os_config *c);

/* c for a file that is all there is: one without servers would resolve nothing, so those of base
 * stay (5.1). Still without servers: it is to be left alone. out: as dns_os_config_copy has it. */
void resolvconf_complete(struct dns_os_config *out, const struct dns_os_config *c,
			 const struct dns_os_config *base);

/* Header with our marker, then servers, search and options (a string, may be ""). Names that a file
 * must not have are left out. */
void resolvconf_build(const struct dns_os_config *c, const char *options, struct buf *out);
/* The same without header: a record for resolvconf(8). */
void resolvconf_build_record(const struct dns_os_config *c, const char *options, struct buf *out);

/* Has our marker (in a line of its own of the comments at its top). */
bool resolvconf_is_ours(struct span text);
/* Name of another agent of our kind whose marker it has, or NULL. */
const char *resolvconf_agent(struct span text);

#define RESOLVCONF_WRITER_MAX 128
/* Who wrote this, as far as its first comment says: one line of printable ASCII; "" unknown. */
void resolvconf_writer(struct span text, char out[static RESOLVCONF_WRITER_MAX]);

#endif
