/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.h: from what a person types for a machine to its address. */
#ifndef CLI_LOOKUP_H
#define CLI_LOOKUP_H

#include "base/ip.h"
#include "cli/cli.h"

struct lookup {
	struct ip ip;
	bool self; /* it is this machine (never set for an address typed as such) */
};

/* An address, the name of a peer (asks the daemon), or a name of the system's resolver.
 * 0, or -1 and *why (new). */
MUST_CHECK int lookup_host(struct cli *c, const char *host, struct lookup *out, char **why);

#endif
