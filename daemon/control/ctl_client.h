/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl_client.h: the control client: logs in, keeps the map stream, keeps the server informed
 * (shared/spec/control.md). The engine's only door to the control server. Thread: control.
 *
 * Life: ctl_new (paused) -> ctl_login -> on_auth_url? -> save_persist -> on_login -> on_netmap ...
 * Callbacks are made from the loop, never from inside ctl_new; each function here may be called
 * from inside any of them. */
#ifndef DAEMON_CONTROL_CTL_CLIENT_H
#define DAEMON_CONTROL_CTL_CLIENT_H

#include "base/net.h"
#include "daemon/control/hostinfo.h"
#include "daemon/control/maprequest_wire.h"
#include "daemon/control/netmap.h"
#include "daemon/state/persist.h"

struct ctl;

enum ctl_error {
	CTL_ERR_NETWORK, /* server not reachable; retried */
	CTL_ERR_KEY,	 /* GET /key failed or is not what a server answers; retried */
	CTL_ERR_NOISE,	 /* server key does not match, or the server is no ts2021 server; retried */
	CTL_ERR_REFUSED, /* registration refused: text is the server's; retried slowly */
	CTL_ERR_VERSION, /* the server says that this client is too old */
	CTL_ERR_MAP,	 /* map stream: refused or malformed; retried */
	CTL_ERR_UPDATE,	 /* own endpoints or Hostinfo could not be told; retried */
	CTL_ERR_LOGGED_OUT, /* the server no longer knows this node: a login is needed */
	CTL_ERR_SAVE,	    /* state could not be written: the login is not used */
	CTL_ERR_CLEARED,    /* what failed before works again; text is "" */
};

enum ctl_login_state {
	CTL_LOGIN_NONE,	  /* no login wanted or in progress */
	CTL_LOGIN_TRYING, /* fetching the key, registering, waiting to retry */
	CTL_LOGIN_URL,	  /* a person has to open the URL */
	CTL_LOGIN_DONE,	  /* logged in; the map stream is wanted */
};

struct ctl_state {
	enum ctl_login_state login;
	bool polling; /* a map session has delivered its first map and is alive */
	bool paused;
	mono_t last_message; /* of the map stream, keep-alives included; MONO_ZERO: never */
	unsigned failures;   /* consecutive, of the loop that matters now */
};

/* A peer ping the server asks for (shared/spec/control.md 11). */
struct ctl_ping {
	uint64_t ticket;
	struct ip ip;
	const char *types; /* comma list of disco,TSMP,ICMP,peerapi */
};

struct ctl_ops {
	/* A map is complete and consistent. nm stays valid and unchanged until the next call of
	 * this, or of save_persist without a node key (logout); else use ctl_netmap. */
	void (*on_netmap)(void *arg, const struct netmap *nm, const struct nm_change *change);
	/* NULL: the URL is no longer needed. */
	void (*on_auth_url)(void *arg, const char *url);
	/* Make p durable, then call ctl_persist_saved(ticket, err), also from inside this call. p
	 * is borrowed for the call and secret. A new node key is not used before. */
	void (*save_persist)(void *arg, const struct persist *p, uint64_t ticket);
	/* Login complete and durable; p as saved. */
	void (*on_login)(void *arg, const struct persist *p);
	/* text is printable, fit for the user. */
	void (*on_error)(void *arg, enum ctl_error kind, const char *text);
	void (*on_state)(void *arg, const struct ctl_state *s);
	/* Answer with ctl_ping_done; false: not possible now. NULL: peer pings are not answered. */
	bool (*on_ping)(void *arg, const struct ctl_ping *p);
	/* http(s) URL the server wants shown; NULL: ignored. */
	void (*on_browser_url)(void *arg, const char *url);
	/* Bodies of c2n handlers; each may be NULL (404). */
	json_t *(*c2n_prefs)(void *arg);  /* new, redacted */
	json_t *(*c2n_health)(void *arg); /* new */
	void (*c2n_metrics)(void *arg, struct buf *out);
};

struct ctl_opts {
	const char *server_url;		    /* as prefs_control_url gives it */
	const struct machine_priv *machine; /* copied, wiped by ctl_free */
	const struct persist *persist;	    /* copied */
	const struct hostinfo *hostinfo;    /* turned to JSON */
	const struct disco_key *disco;	    /* must not be zero */
	bool ephemeral;
	struct rng *rng;
	const struct ctl_ops *ops; /* borrowed for the life of the client */
	void *arg;
};

/* Returns new, doing nothing until ctl_login; NULL with *why (static) if the URL is not usable. */
struct ctl *ctl_new(struct net *net, const struct ctl_opts *o, const char **why);
/* Drops connections at once, tells nobody; wipes keys. NULL is fine. */
void ctl_free(struct ctl *c);

enum ctl_login_flags {
	CTL_LOGIN_INTERACTIVE = 1 << 0, /* a person asked: a new node key if there was one */
	CTL_LOGIN_REAUTH = 1 << 1,	/* force a new node key and registration */
};
/* Log in, or in again: stored key if there is one and no flag says otherwise. authkey NULL: keep
 * the one given before ("" forgets it); the text is copied and wiped after it was used. Safe to
 * repeat. */
void ctl_login(struct ctl *c, unsigned flags, const char *authkey);
/* Tell the server that the key is given up (short deadline), then forget the login. done is called
 * once, not from inside: why NULL on success. save_persist is called with an empty persist before.
 */
void ctl_logout(struct ctl *c, void (*done)(void *arg, const char *why), void *arg);
void ctl_persist_saved(struct ctl *c, uint64_t ticket, int err);

/* Own state to tell; each bumps the update generation if anything changed. Values are copied. */
void ctl_set_hostinfo(struct ctl *c,
		      const struct hostinfo *h); /* its netinfo NULL: keep the last */
void ctl_set_netinfo(struct ctl *c, const struct netinfo *n);
void ctl_set_endpoints(struct ctl *c, const struct map_endpoint *ep,
		       size_t n); /* order is ignored */
void ctl_set_disco(struct ctl *c, const struct disco_key *k);
void ctl_set_tka_head(struct ctl *c, const char *head);
/* All traffic goes unanswered: ask the server by a lite update whether it still knows us. */
void ctl_check_login(struct ctl *c);

/* Stop or go on with all loops; keys and login stay. Starts unpaused. */
void ctl_pause(struct ctl *c, bool paused);
/* The network changed: dial anew, forget back-off. */
void ctl_link_change(struct ctl *c);

/* The present map; NULL before the first. */
const struct netmap *ctl_netmap(const struct ctl *c);
struct ctl_state ctl_get_state(const struct ctl *c);
const char *ctl_auth_url(const struct ctl *c); /* pending login URL or NULL */
/* The peer ping's answer: a PingResponse (taken; NULL: failed). */
void ctl_ping_done(struct ctl *c, uint64_t ticket, json_t *result);
/* Mark peers that expired by the clock; the client does so itself by timer, this is for resume. */
void ctl_check_expiry(struct ctl *c);

#endif
