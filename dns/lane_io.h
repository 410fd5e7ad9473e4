/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lane_io.h: one upstream being asked one question: a connected UDP socket, a TCP connection, or a
 * request over HTTP. Each has an id and a source port of its own. Thread: the loop's. */
#ifndef DNS_LANE_IO_H
#define DNS_LANE_IO_H

#include "base/net.h"
#include "base/rng.h"
#include "dns/race.h"

struct lane_io;
struct lane_tcp;
struct httpc_req;

/* What came: checked is what it is worth; reply is borrowed. reply.p NULL: an error instead. The lane
 * may be stopped or freed inside. */
typedef void lane_fn(struct lane_io *l, enum race_via via, enum dns_reply_verdict v,
		     struct span reply);

/* What all lanes share. */
struct lane_env {
	struct net *net;
	struct rng *rng;
	bool (*in_tunnel)(void *arg, struct ip to);
	void *arg;
	lane_fn *fn;
	unsigned n_sockets, n_http;
	size_t reply_bytes; /* held by messages that are not complete */
	uint16_t ids[64];   /* random, drawn in advance */
	size_t n_ids;
};

/* Embedded in the question's run. */
struct lane_io {
	struct lane_env *env;
	const struct dns_query *q; /* borrowed, as all below */
	const struct dns_target *to;
	size_t index; /* in the run's race */
	void *owner;
	struct loop_fd udp;
	bool udp_open;
	uint16_t udp_id;
	struct lane_tcp *tcp;
	struct httpc_req *http;
};

/* msg: the request; its id is replaced. 0; -ERR_IO: it cannot be reached; -ERR_FULL: not now, for
 * want of something of our own. */
MUST_CHECK int lane_start(struct lane_io *l, enum race_via via, struct span msg);
void lane_stop(struct lane_io *l, enum race_via via); /* harmless if not under way */
void lane_stop_all(struct lane_io *l);

#endif
