/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_backend.h: a backend whose answers a test sets, in place of the engine's. Included once by
 * each test program, so that the linker never takes the real one. */
#ifndef TESTS_UNIT_LOCALAPI_FAKE_BACKEND_H
#define TESTS_UNIT_LOCALAPI_FAKE_BACKEND_H

#include "base/alloc.h"
#include "daemon/engine/backend.h"

#include <stdio.h>
#include <stdlib.h>

struct backend_ping {
	void (*done)(void *arg, const json_t *result);
	void *arg;
	struct ip to;
	enum ping_kind kind;
	size_t size;
};

/* Trees are owned here and copied out; NULL is the backend's NULL. */
struct backend {
	json_t *status, *prefs, *netmap, *derp_map, *self, *peers, *whois, *peer, *user, *debug;
	json_t *profiles, *profile_current, *suggestion;
	bool had_exit_node;
	int exit_switched; /* 0: not asked, 1: on, -1: off */
	enum ipn_state state;
	const char *auth_url;
	const char *refuse; /* why, for everything that can refuse */
	int refuse_code;
	bool has_operator;
	unsigned operator_uid;
	backend_notify_fn *notify;
	void *notify_arg;
	/* what was asked */
	json_t *last_edit, *last_start;
	unsigned edits, starts, logins, switches, deletes, creates, pings_cancelled;
	char last_profile[128];
	struct backend_ping *ping;
	void (*logout_done)(void *arg, const char *why);
	void *logout_arg;
};

static inline struct backend *fake_backend_new(void)
{
	struct backend *b = xcalloc(1, sizeof(*b));
	b->status = j_object();
	j_set_str(b->status, "Version", MESH_VERSION);
	j_set_str(b->status, "BackendState", "NoState");
	j_set(b->status, "Health", j_array());
	j_set_null(b->status, "CertDomains");
	b->prefs = j_object();
	j_set_str(b->prefs, "Hostname", "");
	b->profiles = j_array();
	b->profile_current = j_object();
	j_set_str(b->profile_current, "ID", "");
	return b;
}

static inline void fake_backend_free(struct backend *b)
{
	json_t **trees[] = { &b->status,    &b->prefs,	    &b->netmap,	   &b->derp_map,
			     &b->self,	    &b->peers,	    &b->whois,	   &b->peer,
			     &b->user,	    &b->debug,	    &b->profiles,  &b->profile_current,
			     &b->last_edit, &b->last_start, &b->suggestion };
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		j_free(*trees[i]);
	free(b->ping);
	free(b);
}

static inline json_t *fake_copy(const json_t *v)
{
	return v ? j_copy(v) : NULL;
}

static inline int fake_verdict(struct backend *b, char **why)
{
	if (!b->refuse)
		return 0;
	*why = xstrdup(b->refuse);
	return b->refuse_code ? b->refuse_code : -ERR_STATE;
}

const char *ipn_state_text(enum ipn_state s)
{
	return s == IPN_RUNNING ? "Running" : "NoState";
}
json_t *backend_status(struct backend *b, bool peers)
{
	json_t *s = j_copy(b->status);
	if (!peers)
		j_set_null(s, "Peer");
	return s;
}
json_t *backend_prefs(struct backend *b)
{
	return fake_copy(b->prefs);
}
enum ipn_state backend_state(const struct backend *b)
{
	return b->state;
}
json_t *backend_netmap(struct backend *b)
{
	return fake_copy(b->netmap);
}
json_t *backend_derp_map(struct backend *b)
{
	return fake_copy(b->derp_map);
}
json_t *backend_dns_config(struct backend *b)
{
	return b->netmap ? j_object() : NULL;
}
json_t *backend_peer_by_id(struct backend *b, int64_t id)
{
	return b->peer && j_int(b->peer, "ID", 0) == id ? j_copy(b->peer) : NULL;
}
json_t *backend_user_profile(struct backend *b, int64_t id)
{
	return b->user && j_int(b->user, "ID", 0) == id ? j_copy(b->user) : NULL;
}
json_t *backend_whois(struct backend *b, const char *addr, const char *proto)
{
	(void)addr;
	(void)proto;
	return fake_copy(b->whois);
}
#define FAKE_LOG_ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
const char *backend_log_id(const struct backend *b)
{
	(void)b;
	return FAKE_LOG_ID;
}
json_t *backend_debug(struct backend *b, const char *what)
{
	return b->debug && j_get(b->debug, what) ? j_copy(j_get(b->debug, what)) : NULL;
}
void backend_usermetrics(struct backend *b, struct buf *out)
{
	(void)b;
	buf_add_str(out, "# TYPE tailscaled_advertised_routes gauge\n");
}
bool backend_operator_uid(struct backend *b, unsigned *uid)
{
	*uid = b->operator_uid;
	return b->has_operator;
}
char *backend_ip_forwarding_warning(struct backend *b)
{
	(void)b;
	return xstrdup("");
}
int backend_edit_prefs(struct backend *b, const json_t *masked, json_t **result, char **why)
{
	int rc = fake_verdict(b, why);
	b->edits++;
	j_free(b->last_edit);
	b->last_edit = j_copy(masked);
	if (rc == 0)
		*result = j_copy(b->prefs);
	return rc;
}
int backend_use_exit_node(struct backend *b, bool on, json_t **result, char **why)
{
	b->exit_switched = on ? 1 : -1;
	if (on && !b->had_exit_node) {
		*why = xstrdup("no exit node IP to enable & prior exit node IP was never resolved "
			       "an a node");
		return -ERR_NOENT;
	}
	int rc = fake_verdict(b, why);
	if (rc == 0)
		*result = j_copy(b->prefs);
	return rc;
}
json_t *backend_suggest_exit_node(struct backend *b, char **why)
{
	if (!b->suggestion)
		*why = xstrdup("no preferred DERP, try again later");
	return fake_copy(b->suggestion);
}
int backend_check_prefs(struct backend *b, const json_t *prefs, char **why)
{
	(void)prefs;
	return fake_verdict(b, why);
}
int backend_start(struct backend *b, const json_t *options, char **why)
{
	b->starts++;
	j_free(b->last_start);
	b->last_start = j_copy(options);
	return fake_verdict(b, why);
}
void backend_login_interactive(struct backend *b)
{
	b->logins++;
}
void backend_logout(struct backend *b, void (*done)(void *arg, const char *why), void *arg)
{
	b->logout_done = done;
	b->logout_arg = arg;
}
int backend_debug_action(struct backend *b, const char *action, char **why)
{
	(void)b;
	(void)why;
	return strcmp(action, "restun") == 0 ? 0 : -ERR_NOENT;
}
json_t *backend_profiles(struct backend *b)
{
	return fake_copy(b->profiles);
}
json_t *backend_profile_current(struct backend *b)
{
	return fake_copy(b->profile_current);
}
json_t *backend_profile_get(struct backend *b, const char *id)
{
	snprintf(b->last_profile, sizeof(b->last_profile), "%s", id);
	return strcmp(id, "ab12") == 0 ? j_object() : NULL;
}
int backend_profile_new(struct backend *b, char **why)
{
	b->creates++;
	return fake_verdict(b, why);
}
int backend_profile_switch(struct backend *b, const char *id, char **why)
{
	snprintf(b->last_profile, sizeof(b->last_profile), "%s", id);
	b->switches++;
	if (strcmp(id, "ab12") == 0)
		return 0;
	*why = xstrdup("profile not found");
	return -ERR_NOENT;
}
int backend_profile_delete(struct backend *b, const char *id, char **why)
{
	(void)why;
	snprintf(b->last_profile, sizeof(b->last_profile), "%s", id);
	b->deletes++;
	return 0;
}
struct backend_ping *backend_ping(struct backend *b, struct ip to, enum ping_kind kind, size_t size,
				  void (*done)(void *arg, const json_t *result), void *arg)
{
	free(b->ping);
	b->ping = xcalloc(1, sizeof(*b->ping));
	*b->ping = (struct backend_ping){ done, arg, to, kind, size };
	return b->ping;
}
static unsigned fake_pings_cancelled;
void backend_ping_cancel(struct backend_ping *p)
{
	(void)p;
	fake_pings_cancelled++;
}
struct backend_netcheck {
	void (*done)(void *arg, const json_t *report);
	void *arg;
};
static struct backend_netcheck fake_netcheck; /* the last one asked for */
static unsigned fake_netchecks_cancelled;
struct backend_netcheck *backend_netcheck(struct backend *b,
					  void (*done)(void *arg, const json_t *report), void *arg)
{
	(void)b;
	fake_netcheck = (struct backend_netcheck){ done, arg };
	return &fake_netcheck;
}
void backend_netcheck_cancel(struct backend_netcheck *c)
{
	(void)c;
	fake_netchecks_cancelled++;
}
struct backend_dns_ask {
	void (*done)(void *arg, const json_t *reply);
	void *arg;
	char name[300], type[16];
};
static struct backend_dns_ask fake_dns_ask; /* the last one */
static unsigned fake_dns_cancelled;
struct backend_dns_ask *backend_dns_query(struct backend *b, const char *name, const char *type,
					  void (*done)(void *arg, const json_t *reply), void *arg,
					  char **why)
{
	(void)b;
	if (!*name) {
		*why = xstrdup("not a name");
		return NULL;
	}
	fake_dns_ask = (struct backend_dns_ask){ .done = done, .arg = arg };
	snprintf(fake_dns_ask.name, sizeof(fake_dns_ask.name), "%s", name);
	snprintf(fake_dns_ask.type, sizeof(fake_dns_ask.type), "%s", type);
	return &fake_dns_ask;
}
void backend_dns_query_cancel(struct backend_dns_ask *q)
{
	(void)q;
	fake_dns_cancelled++;
}
json_t *backend_dns_osconfig(struct backend *b, char **why)
{
	if (j_get(b->debug, "dns-osconfig"))
		return j_copy(j_get(b->debug, "dns-osconfig"));
	*why = xstrdup("getting OS base config is not supported");
	return NULL;
}
json_t *backend_dns_debug(struct backend *b)
{
	return b->debug && j_get(b->debug, "dns") ? j_copy(j_get(b->debug, "dns")) : j_object();
}
void backend_set_notify(struct backend *b, backend_notify_fn *fn, void *arg)
{
	b->notify = fn;
	b->notify_arg = arg;
}
json_t *backend_self_node(struct backend *b)
{
	return fake_copy(b->self);
}
json_t *backend_health(struct backend *b)
{
	json_t *h = j_object();
	json_t *given = j_get(b->debug, "health");
	if (given)
		j_set(h, "Warnings", j_copy(given));
	else
		j_set_null(h, "Warnings");
	return h;
}
json_t *backend_engine_status(struct backend *b)
{
	json_t *e = j_object();
	(void)b;
	j_set_int(e, "RBytes", 1);
	return e;
}
const char *backend_auth_url(struct backend *b)
{
	return b->auth_url;
}
json_t *backend_peers(struct backend *b)
{
	return b->peers ? j_copy(b->peers) : j_array();
}

#endif
