/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl_conn.h: one ts2021 connection: dial race (plain, TLS), upgrade, Noise, early payload, HTTP/2;
 * requests with streamed answers over it. Thread: control. */
#ifndef DAEMON_CONTROL_CTL_CONN_H
#define DAEMON_CONTROL_CTL_CONN_H

#include "base/net.h"
#include "base/keys.h"
#include "daemon/control/dial.h"

struct ctl_conn;
struct ctl_req;

enum ctl_conn_error {
	CTL_CONN_OK,
	CTL_CONN_NETWORK,  /* could not connect, or the connection broke */
	CTL_CONN_UPGRADE,  /* HTTP answered something else than 101 */
	CTL_CONN_NOISE,	   /* the handshake did not authenticate: changed server key? */
	CTL_CONN_REFUSED,  /* closed after 101 without a word: version too old, or a changed key */
	CTL_CONN_PROTOCOL, /* Noise record or HTTP/2 violation */
};

struct ctl_conn_ops {
	/* Requests may be started before; they wait. */
	void (*on_up)(void *arg);
	/* Once; text is for people (printable). All requests ended before. Then call ctl_conn_free.
	 */
	void (*on_down)(void *arg, enum ctl_conn_error why, const char *text);
	/* The server takes no new requests here: open another connection for them. */
	void (*on_goaway)(void *arg);
};

struct ctl_conn_opts {
	const struct dial_target *target; /* copied */
	const struct machine_priv *machine;
	const struct machine_key *server;
	struct rng *rng;
	mono_t previous_dial;
	const struct ctl_conn_ops *ops;
	void *arg;
};

/* Starts dialling. Returns new. */
struct ctl_conn *ctl_conn_open(struct net *net, const struct ctl_conn_opts *o);
void ctl_conn_free(
    struct ctl_conn *c); /* requests included, nothing is called back; NULL is fine */

/* Why it went down; set before the requests' on_done. CTL_CONN_OK while it lives. */
enum ctl_conn_error ctl_conn_reason(const struct ctl_conn *c);

struct ctl_req_ops {
	/* retry_after: the header's text, empty if absent */
	void (*on_head)(void *arg, int status, struct span retry_after);
	void (*on_data)(void *arg, struct span data);
	/* Once, last; err 0: the answer ended in order. Never from inside ctl_conn_request. */
	void (*on_done)(void *arg, int err, const char *text);
};
/* method POST or HEAD; path begins with '/'; body is copied. Returns new; it frees itself after
 * on_done. */
struct ctl_req *ctl_conn_request(struct ctl_conn *c, const char *method, const char *path,
				 struct span body, const struct ctl_req_ops *ops, void *arg);
void ctl_req_cancel(struct ctl_req *r); /* nothing is called back */

#endif
