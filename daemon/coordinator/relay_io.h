/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay_io.h: connections of the relay. Thread: the loop's. */
#ifndef COORDINATOR_RELAY_IO_H
#define COORDINATOR_RELAY_IO_H

#include "base/conn.h"
#include "daemon/coordinator/relay.h"

struct relay_server;
typedef bool relay_admit_fn(void *arg, const struct node_key *key);

struct relay_server *relay_server_new(struct loop *l, const struct node_priv *key, struct rng *rng,
				      relay_admit_fn *admit, void *arg);
void relay_server_free(struct relay_server *s);
const struct node_key *relay_server_key(const struct relay_server *s);
/* Take over a connection (taken) after GET /derp; head is the 101 to send first (empty: fast
 * start), rest what came after the request. */
void relay_server_accept(struct relay_server *s, struct conn *conn, struct span head,
			 struct span rest);
/* Close all connections of a key that may no longer relay. */
void relay_server_kick(struct relay_server *s, const struct node_key *key);
void relay_server_kick_all(struct relay_server *s);
struct relay_stats relay_server_stats(const struct relay_server *s);

#endif
