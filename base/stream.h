/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h: an outgoing byte stream over TCP or TLS, directly or through an HTTP proxy from the
 * environment: the transport under ts2021 and DERP. libcurl (CURLOPT_CONNECT_ONLY) on the loop;
 * names are resolved by base/resolve. HTTP/2 is never negotiated. Thread: the loop's.
 *
 * States: connecting -> on_open -> (on_data ...) -> on_close. on_close comes once, also for a failed
 * connect, and never from inside stream_open; after it the stream sends nothing. stream_free may be
 * called at any time, also inside callbacks, and calls nothing back. */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/ip.h"
#include "base/loop.h"

struct stream;
struct net; /* base/net.h: proxies, CA, marks, resolver; shared by all outgoing connections */

enum stream_verify {
	STREAM_VERIFY,        /* system or configured roots, name must match */
	STREAM_VERIFY_LOG,    /* check, log a failure once, go on (TLS under ts2021) */
	STREAM_VERIFY_NONE,   /* InsecureForTests */
	STREAM_VERIFY_NAME,   /* chain for cert_name, SNI stays host */
	STREAM_VERIFY_SHA256, /* exactly this leaf certificate */
};

struct stream_opts {
	const char *host; /* name or literal; SNI and verification name (a literal sends no SNI) */
	uint16_t port;
	bool tls;
	enum stream_verify verify;
	const char *cert_name;
	uint8_t cert_sha256[32];
	/* If n_addrs > 0 these addresses are used instead of resolving host. */
	const struct ip *addrs;
	size_t n_addrs;
	bool no_proxy;
	int timeout_ms; /* until on_open */
};

struct stream_ops {
	void (*on_open)(void *arg);
	/* All bytes that came are handed over at once; borrowed. */
	void (*on_data)(void *arg, struct span data);
	/* err 0: the other side closed in order; else -ERR_*; text (borrowed) says why for people. */
	void (*on_close)(void *arg, int err, const char *text);
	/* The queue fell below half after stream_send had said ERR_FULL; may be NULL. */
	void (*on_drain)(void *arg);
};

/* opts and its strings are copied. Returns new. */
struct stream *stream_open(struct net *net, const struct stream_opts *opts, const struct stream_ops *ops, void *arg);
void stream_free(struct stream *s); /* NULL is fine */
/* Queue bytes (copied). -ERR_FULL if the queue would exceed STREAM_QUEUE_MAX, nothing is taken then;
 * -ERR_STATE before on_open or after on_close. */
#define STREAM_QUEUE_MAX (1u << 20)
MUST_CHECK int stream_send(struct stream *s, struct span data);
/* Another limit than STREAM_QUEUE_MAX (default), never above it. */
void stream_set_queue_max(struct stream *s, size_t bytes);
/* How much the system's send buffer may hold that TCP could not send yet: little, or what is sent next waits
 * behind it. No limit by default, and where the system has none. */
void stream_set_unsent_max(struct stream *s, unsigned bytes);
/* Under load let this much time pass between two reads, so that many bytes come in one on_data; after a
 * quiet time bytes come at once. Default 0: read whenever there is something. */
void stream_set_gather_us(struct stream *s, unsigned us);
size_t stream_queued(const struct stream *s);
/* local and remote address of the connection; unset before on_open */
struct ep stream_local(const struct stream *s);
struct ep stream_remote(const struct stream *s);
/* The other side proved that it is who its name says: net_note_good, unless a proxy is between. */
void stream_proved(struct stream *s);

#endif
