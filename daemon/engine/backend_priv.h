/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backend_priv.h: the backend's inside, shared by the backend_*.c files only. */
#ifndef DAEMON_ENGINE_BACKEND_PRIV_H
#define DAEMON_ENGINE_BACKEND_PRIV_H

#include "daemon/control/ctl_client.h"
#include "daemon/control/map_session.h"
#include "daemon/engine/backend.h"
#include "daemon/engine/node.h"
#include "daemon/state/netmap_cache.h"
#include "daemon/state/profiles.h"
#include "daemon/state/state_io.h"

struct backend_exit;	/* backend_exit.c */
struct backend_dns;	/* backend_dns.c */
struct backend_peerapi; /* backend_peerapi.c */
struct dns_forward;
struct dns_os_config;

struct backend {
	struct net *net;
	struct loop *loop;
	char *tun_name;
	char *state_dir; /* "" if there is none */
	bool no_tun;
	bool ephemeral; /* state in memory only */
	char *reduced;	/* parts of the sandbox that are missing, "" if none */

	struct state_file *file;
	struct profiles *profiles; /* NULL while the state file is unusable */
	struct prefs prefs;	   /* current, real keys in Config */
	struct machine_priv machine;
	char log_id[65]; /* random id of this installation, hex */

	struct ctl *ctl;
	unsigned ctl_generation; /* which one this is: what the last one asked for is not its */
	struct node *node;
	char *authkey; /* for the registration asked for next; secret, and not kept for long */
	struct loop_timer authkey_timer, start_login;

	enum ipn_state state;
	bool login_running; /* a person or `up` started a login that is not finished */
	char *auth_url;
	bool disowned;	     /* the server said that it does not know this node any more */
	char *login_error;   /* what the server last refused; "" none */
	bool error_told;     /* watchers know that this login was refused */
	char *control_error; /* why the server is not heard; "" none */
	bool polling;
	mono_t poll_lost_at;
	bool had_poll;

	const struct netmap *nm;    /* of ctl, or of cached; NULL: none */
	struct map_session *cached; /* the kept map, until the server's arrives */
	struct netmap_cache *cache;
	struct loop_timer cache_timer;
	struct loop_timer health_timer;
	struct backend_exit *exit;
	struct backend_dns *dns;
	struct backend_peerapi *peerapi;
	struct node_ports ports; /* each writer sets its own, then node_set_ports */
	struct loop_defer step; /* run the state machine at the end of the turn */
	mono_t want_running_at;

	void (*say)(const char *text);
	char *said; /* what it said last */
	backend_notify_fn *notify;
	void *notify_arg;
	struct list pings;
	struct list server_pings;
	void (*logout_done)(void *arg, const char *why);
	void *logout_arg;
};

/* backend.c */
void backend_notify(struct backend *b, unsigned what, const char *text);
bool backend_has_node_key(const struct backend *b);
/* Replace the preferences (copied), store and tell; starts nothing. */
/* Write the state soon; a failure is logged here and shown in health. */
void backend_save(struct backend *b);
void backend_set_prefs(struct backend *b, const struct prefs *p);
void backend_step(struct backend *b);
/* Check and apply changed preferences (borrowed); *result as backend_edit_prefs has it. */
MUST_CHECK int backend_accept_prefs(struct backend *b, struct prefs *p, json_t **result,
				    char **why);

/* backend_login.c */
void backend_ctl_start(struct backend *b);
void backend_ctl_stop(struct backend *b);
void backend_update_pause(struct backend *b);
void backend_tell_hostinfo(struct backend *b);
void backend_load_cached_map(struct backend *b);
void backend_store_map(struct loop_timer *t, mono_t now);
void backend_forget_authkey(struct loop_timer *t, mono_t now);
void backend_start_login(struct loop_timer *t, mono_t now);
void backend_on_endpoints(void *arg, const struct endpoint *eps, size_t n);
void backend_on_netinfo(void *arg, const struct nc_report *report, int home);

/* backend_hostinfo.c */
struct hostinfo_text {
	char os_version[128], distro[64], distro_version[64], codename[64], hostname[256],
	    machine[65];
	const char *arch;
};
void backend_hostinfo_read(struct hostinfo_text *t, const struct prefs *p);

/* backend_state.c */
/* An exit node is wanted: nothing may leave past it, whatever state we are in. */
bool backend_guards(const struct backend *b);
void backend_run_state(struct backend *b);
/* backend_numbers.c: take back what the last run left in another table or under other rules */
void backend_forget_numbers(struct backend *b, const struct router_params *now);

/* backend_exit.c: which exit node is used */
struct exit_choice;
void backend_exit_init(struct backend *b);
void backend_exit_free(struct backend *b);
/* The map is gone, and with it what is known of its peers. */
void backend_exit_forget(struct backend *b);
/* The user is about to change the preferences to p: a new choice forgets the old one's place. */
void backend_exit_on_edit(struct backend *b, const struct prefs *p);
/* We are somewhere else: the nearest may be another. */
void backend_exit_on_link_change(struct backend *b);
/* Facts changed: go over to another exit node if need be, soon. */
void backend_exit_refresh(struct backend *b);
/* Give map and preferences to the node, the exit node decided. ch as node_apply has it. */
void backend_apply(struct backend *b, const struct nm_change *ch);
/* As last decided; borrowed. */
const struct exit_choice *backend_exit_choice(const struct backend *b);

/* backend_dns.c: names. All calls are harmless while there is none. */
void backend_dns_init(struct backend *b, const struct backend_opts *o);
/* Puts the system's resolver back. */
void backend_dns_free(struct backend *b);
/* Facts changed (map, preferences, routes): decide anew, soon. ch NULL: any of them. */
void backend_dns_refresh(struct backend *b, const struct nm_change *ch);
/* The state may be another: after each step. */
void backend_dns_on_state(struct backend *b);
void backend_dns_on_link_change(struct backend *b);
/* node_ops.on_dns */
void backend_dns_on_udp(void *arg, struct ep from, struct ep to, struct span msg);
/* The forwarder, for peers that use us as exit node. Borrowed; NULL: there is none now. */
struct dns_forward *backend_dns_forward(struct backend *b);
/* What the system would ask without us, service addresses taken out. Borrowed until the next turn;
 * NULL: not known. */
const struct dns_os_config *backend_dns_base(const struct backend *b);

/* backend_peerapi.c */
void backend_peerapi_init(struct backend *b);
void backend_peerapi_free(struct backend *b);
/* Own addresses, map or state may have changed. */
void backend_peerapi_apply(struct backend *b);
/* Where we reach that of a peer (backend_status.c). False, out untouched: nowhere. */
#define PEERAPI_URL_MAX (EP_TEXT_MAX + 8)
bool backend_peerapi_url(const struct nm_node *self, const struct nm_node *peer,
			 char out[static PEERAPI_URL_MAX]);
/* For Hostinfo: returns how many. */
size_t backend_peerapi_services(const struct backend *b, struct nm_service out[static 3]);

/* backend_routes.c: what is wrong with routes and exit nodes; text is borrowed during the call */
struct backend_item {
	const char *code, *severity, *title, *text;
	bool impacts; /* connectivity */
};
typedef void backend_item_fn(void *arg, const struct backend_item *i);
void backend_route_items(struct backend *b, backend_item_fn *fn, void *arg);
/* backend_dns_show.c: likewise, with names */
void backend_dns_items(struct backend *b, backend_item_fn *fn, void *arg);
/* The one that stands also while we are down. */
void backend_dns_kept_item(struct backend *b, backend_item_fn *fn, void *arg);

/* backend_health.c: adds strings; the deadline is when the list may change by itself */
json_t *backend_health_texts(struct backend *b);
mono_t backend_health_deadline(const struct backend *b);

#endif
