/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backend.h: what a person can see and change: preferences, profiles, login state, status, health,
 * ping. It owns the control client, the state file and the engine, and is what the LocalAPI talks
 * to. Shapes and texts: shared/spec/cli-localapi.md 4, 5, 8, 9. Thread: control.
 *
 * JSON results are new trees (j_free) in the chapter's field order. Functions that can refuse set
 * *why to a new string (free) that is fit for the user, and return a negative code. */
#ifndef DAEMON_ENGINE_BACKEND_H
#define DAEMON_ENGINE_BACKEND_H

#include "base/json.h"
#include "base/net.h"
#include "netstack/router.h"

struct backend;

/* Backend states, numbered as on the bus. */
enum ipn_state {
	IPN_NO_STATE = 0,
	IPN_IN_USE_OTHER_USER = 1,
	IPN_NEEDS_LOGIN = 2,
	IPN_NEEDS_MACHINE_AUTH = 3,
	IPN_STOPPED = 4,
	IPN_STARTING = 5,
	IPN_RUNNING = 6,
};
const char *ipn_state_text(enum ipn_state s); /* "NeedsLogin" ... */

struct backend_opts {
	const char *state_path; /* file, or "mem:" */
	const char *state_dir;	/* NULL: features that need one are off */
	const char *tun_name;
	uint16_t port;
	struct router_params routing;
	unsigned workers;    /* threads of the packet path, 1 or 2; 0 = 1 */
	uint32_t no_offload; /* set of base/offload.h */
	int hands_fd;	     /* of hands_fork: iptables; -1: nftables */
	int osdns_fd;	     /* of osdns_fork; -1: the system's resolver is left alone */
	unsigned dns_in_flight; /* questions asked of others at once; 0 = 1000 */
	bool no_tun;	     /* tests: no interface, no routes */
	const char
	    *reduced; /* what of the sandbox is not in force, for the health list; NULL = nothing */
	void (*say)(const char *text); /* one line for the service manager; NULL: nobody listens */
};

/* Loads state and, if the stored preferences want it, starts. Returns new, or NULL with *why. */
struct backend *backend_new(struct net *net, const struct backend_opts *o, char **why);
/* Orderly stop: interface, routes and rules removed; blocks at most 2 s. */
void backend_free(struct backend *b);

/* ---- reading ---------------------------------------------------------------------------- */
json_t *backend_status(struct backend *b, bool peers);
json_t *backend_prefs(struct backend *b); /* keys redacted */
enum ipn_state backend_state(const struct backend *b);
/* 64 random hex digits that stay with this installation; also in Hostinfo. For bug reports. */
const char *backend_log_id(const struct backend *b);
/* NULL when no network map has come yet */
json_t *backend_netmap(struct backend *b);
json_t *backend_derp_map(struct backend *b);
json_t *backend_dns_config(struct backend *b);
json_t *backend_peer_by_id(struct backend *b, int64_t id);
json_t *backend_user_profile(struct backend *b, int64_t id);
/* addr: IP, IP:port or nodekey:..; NULL if nothing matches */
json_t *backend_whois(struct backend *b, const char *addr, const char *proto);
/* What the peers see of this node that a person may want to debug. */
json_t *backend_debug(struct backend *b, const char *what); /* NULL: unknown */
/* {"ID","Name","Location"}, ID and Name "" if there is no suggestion. NULL: not now, *why new. */
json_t *backend_suggest_exit_node(struct backend *b, char **why);
/* Prometheus text of spec 9 */
void backend_usermetrics(struct backend *b, struct buf *out);
/* uid of Prefs.OperatorUser, looked up now; false if there is none */
bool backend_operator_uid(struct backend *b, unsigned *uid);
/* "" or what `up` should warn about before routes are advertised */
char *backend_ip_forwarding_warning(struct backend *b); /* new */

/* ---- changing ----------------------------------------------------------------------------- */
/* MaskedPrefs; *result: the preferences afterwards (redacted). -ERR_SYNTAX, -ERR_RANGE, -ERR_IO. */
MUST_CHECK int backend_edit_prefs(struct backend *b, const json_t *masked, json_t **result,
				  char **why);
/* Would these preferences be accepted? */
MUST_CHECK int backend_check_prefs(struct backend *b, const json_t *prefs, char **why);
/* Stop using the exit node, or go back to the one used before. Results as backend_edit_prefs;
 * -ERR_NOENT: there was none before. */
MUST_CHECK int backend_use_exit_node(struct backend *b, bool on, json_t **result, char **why);
/* Options of spec 4.4 */
MUST_CHECK int backend_start(struct backend *b, const json_t *options, char **why);
void backend_login_interactive(struct backend *b);
/* done is called once, never from inside this call; why is NULL on success (borrowed). */
void backend_logout(struct backend *b, void (*done)(void *arg, const char *why), void *arg);
/* One of the actions of spec 3.3; -ERR_NOENT: unknown. */
MUST_CHECK int backend_debug_action(struct backend *b, const char *action, char **why);

/* ---- profiles ------------------------------------------------------------------------------- */
json_t *backend_profiles(struct backend *b); /* array of LoginProfile */
json_t *backend_profile_current(struct backend *b);
json_t *backend_profile_get(struct backend *b, const char *id); /* NULL: unknown */
MUST_CHECK int backend_profile_new(struct backend *b, char **why);
MUST_CHECK int backend_profile_switch(struct backend *b, const char *id, char **why);
MUST_CHECK int backend_profile_delete(struct backend *b, const char *id, char **why);

/* ---- ping -------------------------------------------------------------------------------------
 */
struct backend_ping;
enum ping_kind { PING_DISCO, PING_TSMP, PING_ICMP, PING_PEERAPI };
/* done gets a PingResult (borrowed) once, never from inside this call, and never after cancel.
 * No time-out of its own but 10 s for all others than disco. */
struct backend_ping *backend_ping(struct backend *b, struct ip to, enum ping_kind kind, size_t size,
				  void (*done)(void *arg, const json_t *result), void *arg);
void backend_ping_cancel(struct backend_ping *p);

/* ---- netcheck -----------------------------------------------------------------------------------
 */
struct backend_netcheck;
/* A fresh look at relays and NAT; done gets the report as JSON (borrowed; NULL: not possible now,
 * or the daemon ends) once, never from inside this call, and never after cancel. */
struct backend_netcheck *backend_netcheck(struct backend *b,
					  void (*done)(void *arg, const json_t *report), void *arg);
void backend_netcheck_cancel(struct backend_netcheck *c);

/* ---- DNS ------------------------------------------------------------------------------------
 */
/* What the system's resolver would do without us, as spec 8 of dns.md has it. NULL: not known,
 * *why new. */
json_t *backend_dns_osconfig(struct backend *b, char **why);
/* For `dns status` and `debug dns`: how the system is told and why, what is installed, what it did
 * before, how that went, what our resolver knows and whom it asks. New, with the members below;
 * names without final dot, the root is ".", texts are "" and lists empty where there is nothing.
 *   Mode        name of enum dns_os_mode        Split      it can send us some suffixes only
 *   Trace       [how the mode was found]
 *   Installed   {Nameservers,SearchDomains,MatchDomains} as given to the system; all empty: nothing
 *   Base        the same as it was before us; null: not readable in this mode
 *   Error       of the last attempt to install  OverwrittenBy, Warning   as osdns_status
 *   Routes      [{Suffix, Resolvers:[{Addr}]}] of our forwarder
 *   LocalZones  [suffixes that this node alone answers]
 *   Nodes, Records   how many names it knows    Trouble    text of dns_forward_trouble */
json_t *backend_dns_debug(struct backend *b);
struct backend_dns_ask;
/* Ask our own resolver as a local TCP client would. type: one of the chapter's words, any case.
 * done gets {"Bytes","Resolvers","Local"} (borrowed; NULL: no answer in time, or no room) once,
 * never from inside this call, and never after cancel. Returns new, or NULL with *why new: name or
 * type is none. */
struct backend_dns_ask *backend_dns_query(struct backend *b, const char *name, const char *type,
					  void (*done)(void *arg, const json_t *reply), void *arg,
					  char **why);
void backend_dns_query_cancel(struct backend_dns_ask *q);

/* ---- bus ----------------------------------------------------------------------------------------
 */
/* Changes are told as Notify values; the LocalAPI's bus turns them into each watcher's stream. */
enum {
	NOTIFY_STATE = 1 << 0,
	NOTIFY_PREFS = 1 << 1,
	NOTIFY_NETMAP =
	    1 << 2, /* peers or self changed: ask backend_netmap if a watcher wants it */
	NOTIFY_SELF = 1 << 3,
	NOTIFY_HEALTH = 1 << 4,
	NOTIFY_LOGIN_FINISHED = 1 << 5,
	NOTIFY_BROWSE_URL = 1 << 6, /* text: the URL */
	NOTIFY_ERROR = 1 << 7,	    /* text: what the control server refused */
	NOTIFY_ENGINE = 1 << 8,
};
/* text as above, else NULL. Called on the control thread, may not call back into changing
 * functions. */
typedef void backend_notify_fn(void *arg, unsigned what, const char *text);
void backend_set_notify(struct backend *b, backend_notify_fn *fn, void *arg);

json_t *backend_self_node(struct backend *b);	  /* NULL before a netmap */
json_t *backend_health(struct backend *b);	  /* HealthState of spec 4.9 */
json_t *backend_engine_status(struct backend *b); /* {RBytes,WBytes,NumLive,LiveDERPs,LivePeers} */
const char *backend_auth_url(struct backend *b);  /* pending login URL or NULL */
/* peers as tailcfg.Node array, for bus watchers that want PeersChanged */
json_t *backend_peers(struct backend *b);

#endif
