/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h: meshd's command line and environment (shared/spec/cli-localapi.md 7). */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "base/offload.h"
#include "netstack/router.h"

#include <stdbool.h>
#include <stdint.h>

/* The kernel interface for firewall rules: nftables, or where it cannot be had, iptables. */
enum firewall_kind { FIREWALL_AUTO, FIREWALL_NFTABLES, FIREWALL_IPTABLES };

struct options {
	char *state;	 /* file or "mem:" */
	char *state_dir; /* NULL with mem: and no --statedir */
	char *socket;
	char *socket_dir;
	char *tun;
	char *aead;    /* NULL: the best */
	char *ca_file; /* SSL_CERT_FILE; NULL: the system's */
	uint16_t port;
	unsigned workers;    /* threads of the packet path: 1 or 2 */
	uint32_t no_offload; /* set of base/offload.h that is switched off */
	unsigned dns_in_flight; /* questions to other name servers at once */
	struct router_params routing;
	enum firewall_kind firewall;
	int verbose;
	char *user; /* to go on as; NULL: who we are */
	bool cleanup;
	bool cleanup_dns; /* of cleanup the resolver alone */
	bool sandbox;
	bool sandbox_log; /* tests: log what would be refused */
};

/* -1: go on with *o filled. Otherwise the exit code: everything has been said. */
int options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);

#endif
