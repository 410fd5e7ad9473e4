/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp_session.h: the client's side of one DERP connection, pure: bytes and time in, bytes to write
 * and events out. The transport below (TCP, TLS) is derp_client.c's.
 *
 * States: UPGRADE (HTTP request sent, awaiting 101) -> GREETING (awaiting ServerKey) -> LOGIN
 * (ClientInfo sent, packets may already go out) -> UP (ServerInfo came) -> FAILED (any error;
 * terminal). */
#ifndef MAGICSOCK_DERP_SESSION_H
#define MAGICSOCK_DERP_SESSION_H

#include "base/mono.h"
#include "magicsock/derp_wire.h"

#define DERP_READ_TIMEOUT_S 120
#define DERP_LOGIN_TIMEOUT_S 10
#define DERP_PING_TIMEOUT_S 3

enum derp_state { DERP_UPGRADE, DERP_GREETING, DERP_LOGIN, DERP_UP, DERP_FAILED };

struct derp_session_ops {
	/* payload borrowed */
	void (*on_packet)(void *arg, const struct node_key *src, struct span payload);
	void (*on_up)(void *arg); /* ServerInfo came */
	void (*on_peer_gone)(void *arg, const struct node_key *peer, uint8_t reason);
	void (*on_health)(void *arg, struct span text); /* untrusted; empty clears */
};

struct derp_session;

/* Returns new. priv is copied (and wiped by free); ops borrowed; rng borrowed for nonces and ping
 * data. The upgrade request is the first output. home: whether NotePreferred 1 follows the login.
 */
struct derp_session *derp_session_new(mono_t now, const struct node_priv *priv, const char *host,
				      uint16_t port, const char *ideal_node, bool home,
				      struct rng *rng, const struct derp_session_ops *ops,
				      void *arg);
void derp_session_free(
    struct derp_session *s); /* NULL is fine; not from inside its own callbacks */
/* No more events, also when called inside one: the input being worked on is left. */
void derp_session_close(struct derp_session *s);

/* Bytes that came. 0, or -ERR_* once the session has failed (derp_session_error says why). */
MUST_CHECK int derp_session_input(struct derp_session *s, mono_t now, struct span bytes);
/* Bytes to write: take derp_session_output(), then drop them. Empty when nothing is to be sent. */
struct buf *derp_session_output(struct derp_session *s);
/* A packet for a peer. 0, -ERR_STATE (not logged in yet), -ERR_FULL (the server's rate limit or the
 * output waits: drop the packet), -ERR_TOOBIG. */
MUST_CHECK int derp_session_send(struct derp_session *s, mono_t now, const struct node_key *dst,
				 struct span payload);
void derp_session_set_home(struct derp_session *s, bool home);
/* After a link change: fails with -ERR_TIMEOUT unless a pong comes within 3 s. */
void derp_session_probe(struct derp_session *s, mono_t now);

mono_t derp_session_deadline(const struct derp_session *s);
/* 0, or -ERR_TIMEOUT (login, read or probe). */
MUST_CHECK int derp_session_tick(struct derp_session *s, mono_t now);

enum derp_state derp_session_state(const struct derp_session *s);
mono_t derp_session_last_frame(const struct derp_session *s); /* MONO_ZERO before the first */
const char *derp_session_error(const struct derp_session *s); /* static text, "" while fine */

#endif
