/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs.h: the user's preferences: JSON in and out as the reference writes it, masked edits, checks
 * and the one-line form (shared/spec/cli-localapi.md 4.2, 4.3). Pure. Thread: control. */
#ifndef DAEMON_STATE_PREFS_H
#define DAEMON_STATE_PREFS_H

#include "base/ip.h"
#include "daemon/state/persist.h"

#define PREFS_ROUTES_MAX 4096
#define PREFS_TAGS_MAX 256
#define PREFS_EXIT_NODES_MAX 16

enum netfilter_mode { NETFILTER_OFF = 0, NETFILTER_NODIVERT = 1, NETFILTER_ON = 2 };

/* Lists keep null and [] apart, as the JSON does: set is false for null. */
struct prefs_strings {
	char **v;
	size_t n;
	bool set;
};
struct prefs_prefixes {
	struct prefix *v;
	size_t n;
	bool set;
};

struct prefs {
	char *control_url; /* "" = the hosted control server; see prefs_control_url */
	bool route_all;
	char *exit_node_id;
	struct ip exit_node_ip;
	char *auto_exit_node;
	char *internal_exit_node_prior;
	bool exit_node_allow_lan;
	bool corp_dns;
	bool run_ssh;
	bool run_web_client;
	bool want_running;
	bool logged_out;
	bool shields_up;
	struct prefs_strings advertise_tags;
	char *hostname;
	bool notepad_urls;
	bool force_daemon;
	bool egg;
	struct prefs_prefixes advertise_routes;
	struct prefs_strings advertise_services;
	int sync; /* enum j_tri */
	bool no_snat;
	int no_stateful_filtering; /* enum j_tri */
	int netfilter_mode;	   /* enum netfilter_mode */
	char *operator_user;
	char *profile_name;
	bool auto_update_check;
	int auto_update_apply; /* enum j_tri */
	bool app_connector;
	bool posture_checking;
	char *netfilter_kind;
	bool remote_config;
	json_t *drive_shares;  /* kept as it came; NULL = null */
	int relay_server_port; /* -1 = unset */
	struct prefs_strings relay_static_endpoints;
	/* Ours, left out of the JSON when empty. What they mean: prefs_accept_routes(). */
	bool accept_routes_auto;
	struct prefs_prefixes accept_routes_only;
	/* Ours: exit nodes by name or address, the first that can be used is; "any" may be last. */
	struct prefs_strings exit_node_priority;
	bool has_config; /* Config is not null */
	struct persist config;
	json_t *extra; /* members we do not know, kept on rewrite; NULL if none */
};

/* Defaults of a new profile. Every other function wants an initialised struct. */
void prefs_init(struct prefs *p);
void prefs_fini(struct prefs *p);
void prefs_copy(struct prefs *dst, const struct prefs *src);
bool prefs_equal(const struct prefs *a, const struct prefs *b);

/* Read v over the present values (absent members stay). Names match in any case, the exact one
 * first. -ERR_SYNTAX or -ERR_RANGE with *why new text naming the member; then p may be half read:
 * read into a copy. */
MUST_CHECK int prefs_from_json(struct prefs *p, const json_t *v, char **why);
/* Members in the reference's order. redact: private keys as zero keys. New. */
json_t *prefs_to_json(const struct prefs *p, bool redact);
/* The text of profile-<id>: tab indent, real keys (secret: out should be a secret buffer). */
void prefs_text(const struct prefs *p, struct buf *out);
/* "Prefs{ra=false dns=true ... Persist{...}}" of `debug prefs --pretty`. New string. */
char *prefs_pretty(const struct prefs *p);

/* Bits telling which members a masked edit sets. */
enum prefs_field {
	PREFS_CONTROL_URL,
	PREFS_ROUTE_ALL,
	PREFS_EXIT_NODE_ID,
	PREFS_EXIT_NODE_IP,
	PREFS_AUTO_EXIT_NODE,
	PREFS_INTERNAL_EXIT_NODE_PRIOR,
	PREFS_EXIT_NODE_ALLOW_LAN,
	PREFS_CORP_DNS,
	PREFS_RUN_SSH,
	PREFS_RUN_WEB_CLIENT,
	PREFS_WANT_RUNNING,
	PREFS_LOGGED_OUT,
	PREFS_SHIELDS_UP,
	PREFS_ADVERTISE_TAGS,
	PREFS_HOSTNAME,
	PREFS_NOTEPAD_URLS,
	PREFS_FORCE_DAEMON,
	PREFS_EGG,
	PREFS_ADVERTISE_ROUTES,
	PREFS_ADVERTISE_SERVICES,
	PREFS_SYNC,
	PREFS_NO_SNAT,
	PREFS_NO_STATEFUL_FILTERING,
	PREFS_NETFILTER_MODE,
	PREFS_OPERATOR_USER,
	PREFS_PROFILE_NAME,
	PREFS_AUTO_UPDATE_CHECK,
	PREFS_AUTO_UPDATE_APPLY,
	PREFS_APP_CONNECTOR,
	PREFS_POSTURE_CHECKING,
	PREFS_NETFILTER_KIND,
	PREFS_REMOTE_CONFIG,
	PREFS_DRIVE_SHARES,
	PREFS_RELAY_SERVER_PORT,
	PREFS_RELAY_STATIC_ENDPOINTS,
	PREFS_ACCEPT_ROUTES_AUTO,
	PREFS_ACCEPT_ROUTES_ONLY,
	PREFS_EXIT_NODE_PRIORITY,
	PREFS_N_FIELDS
};
#define PREFS_BIT(field) (UINT64_C(1) << (field))

/* Which members a MaskedPrefs sets (<Field>Set, any letter case). */
uint64_t prefs_mask(const json_t *masked);
/* Apply a MaskedPrefs to p: the members its Set flags name, the exit-node adjustments of 4.3 (3),
 * everything else ignored. *mask: what was set (may be NULL). p is untouched on error:
 * -ERR_SYNTAX / -ERR_RANGE (a member does not parse), -ERR_PERM (internal field); *why new text. */
MUST_CHECK int prefs_edit(struct prefs *p, const json_t *masked, uint64_t *mask, char **why);

/* Facts the checks need from outside. */
struct prefs_check {
	bool no_ssh_capability; /* a map has come and lacks it */
	bool funnel_on;
	bool auto_update_supported;
};
/* 0, or -ERR_RANGE with *why the reference's texts joined by newlines (new). The rule about profile
 * names is profiles_name_taken(). */
MUST_CHECK int prefs_check(const struct prefs *p, const struct prefs_check *c, char **why);

#define PREFS_DEFAULT_CONTROL_URL "https://controlplane.tailscale.com"
/* The URL to talk to: the default for "", the synonym replaced, final slashes cut. New string. */
char *prefs_control_url(const struct prefs *p);
bool prefs_advertises_exit_node(const struct prefs *p);
/* An exit node is wanted, whether or not one can be had. */
bool prefs_wants_exit_node(const struct prefs *p);

/* Which of the peers' subnet routes are used. */
struct prefs_accept {
	bool any; /* --accept-routes=off: false, and then the rest does not matter */
	/* Routes never take a network that this machine is directly on (auto, and lists). */
	bool spare_attached;
	/* Only routes inside one of these; none: all. Borrowed from the preferences. */
	const struct prefix *only;
	size_t n_only;
};
struct prefs_accept prefs_accept_routes(const struct prefs *p);

#endif
