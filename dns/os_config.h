/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os_config.h: what the system's resolver shall do, and what it did before us
 * (shared/spec/dns.md 5.1). Names are as in config.h: lower case, no final dot, "" the root. Pure. */
#ifndef DNS_OS_CONFIG_H
#define DNS_OS_CONFIG_H

#include "base/ip.h"

#define DNS_SERVERS_MAX 16  /* of the system */
#define DNS_ZONE_MAX 16	    /* of an address, with NUL */
#define DNS_OS_NAMES_MAX 5000 /* search and match together */

/* A name server as resolv.conf has it: port 53. */
struct dns_server {
	struct ip ip;
	char zone[DNS_ZONE_MAX]; /* interface of a link-local address; "" none */
};

/* match empty: resolver for everything; else for those suffixes only. All empty: nothing of ours. */
struct dns_os_config {
	struct dns_server *servers;
	size_t n_servers;
	char **search;
	size_t n_search;
	char **match;
	size_t n_match;
};

#define DNS_SERVER_TEXT_MAX (IP_TEXT_MAX + DNS_ZONE_MAX)
/* "192.0.2.1", "fe80::1%eth0"; returns out */
const char *dns_server_encode(const struct dns_server *s, char out[static DNS_SERVER_TEXT_MAX]);
/* The stub of systemd-resolved: 127.0.0.53, 127.0.0.54. */
bool dns_server_is_stub(const struct dns_server *s);

/* A zeroed struct is the empty configuration. Adders copy; beyond the limits they do nothing and
 * return false. */
void dns_os_config_fini(struct dns_os_config *c);
bool dns_os_config_add_server(struct dns_os_config *c, const struct dns_server *s);
bool dns_os_config_add_search(struct dns_os_config *c, const char *name);
bool dns_os_config_add_match(struct dns_os_config *c, const char *name);
void dns_os_config_copy(struct dns_os_config *to, const struct dns_os_config *from); /* to: fini'd here */
bool dns_os_config_is_empty(const struct dns_os_config *c);
bool dns_os_config_eq(const struct dns_os_config *a, const struct dns_os_config *b);

/* How a system's resolver is told (shared/spec/dns.md 5.2). */
enum dns_os_mode {
	DNS_OS_NONE, /* nothing is touched */
	DNS_OS_DIRECT,
	DNS_OS_RESOLVCONF, /* Debian's */
	DNS_OS_OPENRESOLV,
	DNS_OS_NM,
	DNS_OS_RESOLVED,
	DNS_OS_MODES
};
/* "noop", "direct", "debian-resolvconf", "openresolv", "network-manager", "systemd-resolved" */
const char *dns_os_mode_name(enum dns_os_mode m);

#endif
