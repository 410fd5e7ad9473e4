/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck_io_priv.h: what netcheck_io.c (STUN, phases) and netcheck_https_io.c share. */
#ifndef MAGICSOCK_NETCHECK_IO_PRIV_H
#define MAGICSOCK_NETCHECK_IO_PRIV_H

#include "base/resolve.h"
#include "magicsock/netcheck_io.h"
#include "magicsock/udp_linux.h"

#define NAME_WAITING_MAX (2 * NETCHECK_TRIES_MAX)

enum netcheck_phase { NETCHECK_IDLE, NETCHECK_STUN, NETCHECK_HTTPS };

/* A probe that waits for the address of its host. */
struct waiting {
	struct stun_txid txid;
	enum ip_family fam;
	uint16_t port;
};

/* A host name of the map: looked up once a run. */
struct name {
	struct list link;
	struct netcheck *check;
	char *host;
	struct resolve_req *resolve; /* NULL when answered */
	struct ip addrs[RESOLVE_MAX];
	size_t n_addrs;
	struct waiting waiting[NAME_WAITING_MAX];
	size_t n_waiting;
};

struct netcheck {
	struct net *net;
	struct loop *loop;
	struct rng *rng;
	const struct netcheck_ops *ops;
	void *arg;
	struct nc_history *history;
	enum netcheck_phase phase;
	struct derp_map *map;
	struct nc_run *run;
	mono_t started;
	mono_t deadline;
	bool full;
	bool deaf; /* no STUN: forbidden, or no socket */
	bool have_v4;
	struct loop_timer timer;
	struct udp_socks socks; /* own ones, if the owner lends none */
	struct loop_fd fd4, fd6;
	struct list names;
	struct list https; /* measurements under way */
};

void netcheck_step_soon(struct netcheck *c);
/* Measure each region by HTTPS; the list is empty when all are through. */
void netcheck_https_start(struct netcheck *c);
void netcheck_https_stop(struct netcheck *c);

#endif
