/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck_io.h: run a netcheck on the loop: names, STUN from our own sockets (CLI) or the caller's
 * (daemon: the mapping seen must be the WireGuard socket's), HTTPS latency where no UDP answers.
 * Thread: the loop's. */
#ifndef MAGICSOCK_NETCHECK_IO_H
#define MAGICSOCK_NETCHECK_IO_H

#include "base/net.h"
#include "magicsock/netcheck.h"

struct netcheck;

struct netcheck_ops {
	/* Send a STUN datagram from the WireGuard socket: 0 (also for EPERM: silently lost) or
	 * -ERR_IO. NULL: own sockets on any port. Answers come back by netcheck_input. */
	int (*send_stun)(void *arg, struct ep to, struct span pkt);
	mono_t (*heard)(void *arg, int region); /* as nc_home_in; may be NULL */
	/* Once per start, never from inside it. report is taken (nc_report_free). */
	void (*done)(void *arg, struct nc_report *report);
};

/* Returns new; net and rng borrowed. Keeps the history that the home choice needs. */
struct netcheck *netcheck_new(struct net *net, struct rng *rng, const struct netcheck_ops *ops,
			      void *arg);
void netcheck_free(struct netcheck *c); /* a running check ends without done */

struct netcheck_opts {
	const struct derp_map *map; /* copied */
	bool have_v4, have_v6;
	int home;
	bool full;    /* even if an incremental one would do */
	bool no_stun; /* only-tcp-443 */
	bool many;    /* wait for every region */
};
/* -ERR_BUSY while one runs; -ERR_NOENT without a region. */
MUST_CHECK int netcheck_start(struct netcheck *c, const struct netcheck_opts *o);
bool netcheck_running(const struct netcheck *c);
/* A datagram classified as STUN from the daemon's sockets. */
void netcheck_input(struct netcheck *c, mono_t now, struct ep from, struct span pkt);
void netcheck_reset(struct netcheck *c); /* link change: forget the history */
const struct nc_report *netcheck_last(const struct netcheck *c); /* borrowed; NULL */

#endif
