/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp_filter.h: the kernel's reverse-path filter, as far as it drops answers to our own marked
 * packets while an exit node is used. shared/spec/routing.md 4.1. */
#ifndef DAEMON_ENGINE_RP_FILTER_H
#define DAEMON_ENGINE_RP_FILTER_H

#include <stdbool.h>

#define RP_FILTER_ROOT "/proc/sys/net/ipv4/conf"

struct rp_filter {
	bool strict; /* rp_filter is 1: the greater of the value for all and for the interface */
	bool takes_mark; /* src_valid_mark */
};

/* The sysctls below root; what is missing is 0. */
struct rp_filter rp_filter_read(const char *root, const char *ifname);

#endif
