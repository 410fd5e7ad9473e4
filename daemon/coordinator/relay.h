/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay.h: a DERP v2 server as a value: bytes of clients in, frames for clients out. Pure: the
 * owner moves bytes and calls the deadline (relay_io.c). Rules: shared/spec/transport.md 16.
 *
 * A client's frames wait in bounded queues (disco, other; the oldest gives way), so one that does
 * not read costs 64 packets and holds back nobody. Client states: greeting sent -> logged in ->
 * closed. */
#ifndef COORDINATOR_RELAY_H
#define COORDINATOR_RELAY_H

#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "magicsock/derp_wire.h"

#define RELAY_QUEUE_MAX 32     /* packets in each of the two queues */
#define RELAY_CONTROL_MAX 64   /* own frames (greeting, gone, pong) waiting */
#define RELAY_SENT_TO_MAX 4096 /* peers remembered for "gone" notices */
#define RELAY_LOGIN_MS 10000
#define RELAY_KEEP_ALIVE_MS 60000 /* and up to 5 s more */

struct relay;
struct relay_client;

struct relay_ops {
	/* May this key use the relay? Asked once, at login. */
	bool (*admit)(void *arg, const struct node_key *key);
	/* The client has something to send: call relay_client_next soon. May be called while
	 * another client's input runs. */
	void (*wake)(void *client_arg);
	/* The client must go (kicked): call relay_client_free later. */
	void (*close)(void *client_arg);
};

struct relay *relay_new(const struct node_priv *key, struct rng *rng, const struct relay_ops *ops,
			void *arg);
void relay_free(struct relay *r); /* after all clients */
const struct node_key *relay_key(const struct relay *r);

/* Returns new; the greeting is queued. */
struct relay_client *relay_client_new(struct relay *r, void *client_arg, mono_t now);
/* Tells those it sent packets to, if this was its key's last connection. */
void relay_client_free(struct relay_client *c);
/* Bytes cut anywhere. 0, or negative: close the connection. */
MUST_CHECK int relay_client_input(struct relay_client *c, struct span in, mono_t now);
/* The next frame to send (borrowed until _sent), own frames first, then disco; empty: none. */
struct span relay_client_next(struct relay_client *c);
void relay_client_sent(struct relay_client *c);
/* When to call tick: login time-out, keep-alive. */
mono_t relay_client_deadline(const struct relay_client *c);
/* 0, or negative: close the connection. */
MUST_CHECK int relay_client_tick(struct relay_client *c, mono_t now);
/* Close every connection of a key that may no longer use the relay. */
void relay_kick(struct relay *r, const struct node_key *key);

struct relay_stats {
	uint64_t forwarded, dropped_full, dropped_unknown;
	size_t clients; /* logged in */
};
struct relay_stats relay_get_stats(const struct relay *r);

#endif
