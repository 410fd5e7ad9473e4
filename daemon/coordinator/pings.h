/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pings.h: questions to a node that wait for its answer: a HEAD on the outer server (ping) or a c2n
 * answer inside its ts2021 connection. Bounded in number and time. Thread: the loop's. */
#ifndef COORDINATOR_PINGS_H
#define COORDINATOR_PINGS_H

#include "daemon/coordinator/coord.h"

#define PINGS_MAX 256
#define PING_TIMEOUT_MS 15000

struct ping_result {
	int err; /* 0, -ERR_TIMEOUT */
	double ms;
	struct span body; /* c2n: the node's HTTP/1.1 response; borrowed */
};
typedef void ping_fn(void *arg, const struct ping_result *r);

/* c2n NULL: a plain ping; else an HTTP/1.1 request for the node. 0: fn is called once, later;
 * -ERR_NOENT: the node has no open stream, -ERR_FULL. */
MUST_CHECK int ping_start(struct coord *c, const struct node *n, const char *c2n, ping_fn *fn,
			  void *arg);
/* HEAD /machine/ping-response?id=: false if the id is unknown. */
bool ping_answered(struct coord *c, struct span id);
void pings_stop(struct coord *c);

#endif
