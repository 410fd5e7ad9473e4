/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_probe_client.h: does the service address answer here? One question by UDP. */
#ifndef CLI_DNS_PROBE_CLIENT_H
#define CLI_DNS_PROBE_CLIENT_H

#include "base/ip.h"

/* name: a FQDN; any answer to that question counts. Blocks for timeout_ms at most. */
bool dns_probe(struct ip server, const char *name, int timeout_ms);

#endif
