/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn.h: accepted TCP connections on the loop, plain or TLS on the same port (a first byte of 0x16
 * means TLS): what meshcoord serves control and relay on. OpenSSL on the server side; no ALPN but
 * http/1.1. Also makes and loads the self-signed certificate. Thread: the loop's. */
#ifndef BASE_CONN_H
#define BASE_CONN_H

#include "base/ip.h"
#include "base/loop.h"

struct conn_tls; /* server certificate and key */
/* PEM files; NULL with *why (borrowed static text) on failure. Returns new. */
struct conn_tls *conn_tls_load(const char *cert_file, const char *key_file, const char **why);
void conn_tls_free(struct conn_tls *t); /* listeners and connections may live on */
/* Make an ECDSA P-256 certificate for name (DNS name or address, in SAN) valid ten years, and its key
 * (0600), in PEM files. 0 or -ERR_IO. */
MUST_CHECK int conn_tls_make(const char *name, const char *cert_file, const char *key_file);
/* SHA-256 of the leaf's DER */
void conn_tls_sha256(const struct conn_tls *t, uint8_t out[static 32]);

struct conn;
struct conn_ops {
	void (*on_data)(void *arg, struct span data);  /* borrowed, decrypted */
	void (*on_close)(void *arg, int err);          /* once, never after conn_free; then call conn_free */
	void (*on_drain)(void *arg);                   /* queue below half again after ERR_FULL; may be NULL */
};

struct listener;
/* fn gets each new connection (taken) and must call conn_set_ops before returning, or conn_free. */
typedef void listener_fn(void *arg, struct conn *c);
/* tls NULL: plain only. port 0: any. NULL with errno on failure. Returns new. */
struct listener *listener_new(struct loop *l, struct ep at, struct conn_tls *tls, listener_fn *fn, void *arg);
void listener_free(struct listener *l); /* connections live on */
struct ep listener_addr(const struct listener *l);

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg);
/* Copies; all or nothing: -ERR_FULL above the queue limit, -ERR_CLOSED. */
MUST_CHECK int conn_send(struct conn *c, struct span data);
void conn_set_queue_max(struct conn *c, size_t bytes); /* default 1 MiB */
size_t conn_queued(const struct conn *c);
/* Stop or resume reading (back-pressure). */
void conn_pause(struct conn *c, bool paused);
/* Send what is queued, then close; on_close follows. */
void conn_finish(struct conn *c);
void conn_free(struct conn *c); /* at once; calls nothing back; fine inside callbacks */
struct ep conn_peer(const struct conn *c);
bool conn_is_tls(const struct conn *c);

#endif
