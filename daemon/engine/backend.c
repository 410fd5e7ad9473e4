/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/backend_priv.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/control/dial.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_ID_KEY "_meshd-log-id"

const char *ipn_state_text(enum ipn_state s)
{
	static const char *const text[] = { "NoState",		"InUseOtherUser", "NeedsLogin",
					    "NeedsMachineAuth", "Stopped",	  "Starting",
					    "Running" };
	return (size_t)s < ARRAY_LEN(text) ? text[s] : "NoState";
}

void backend_notify(struct backend *b, unsigned what, const char *text)
{
	if (b->notify)
		b->notify(b->notify_arg, what, text);
}

void backend_set_notify(struct backend *b, backend_notify_fn *fn, void *arg)
{
	b->notify = fn;
	b->notify_arg = arg;
}

enum ipn_state backend_state(const struct backend *b)
{
	return b->state;
}

bool backend_has_node_key(const struct backend *b)
{
	return b->prefs.has_config && !node_priv_is_zero(&b->prefs.config.node);
}

static void on_saved(void *arg, int err)
{
	struct backend *b = arg;
	if (err && state_file_trouble(b->file))
		LOG_LIMITED(60, LOG_ERROR, "state: %s", state_file_trouble(b->file));
}

void backend_save(struct backend *b)
{
	state_file_save(b->file, on_saved, b);
}

void backend_set_prefs(struct backend *b, const struct prefs *p)
{
	if (&b->prefs != p)
		prefs_copy(&b->prefs, p);
	if (!b->profiles)
		return;
	struct profile_network net = { 0 };
	char suffix[256] = "";
	if (b->nm) {
		netmap_dns_suffix(b->nm, suffix, sizeof(suffix));
		net.magic_dns_name = suffix;
		net.domain_name = b->nm->domain;
	}
	if (profiles_set_prefs(b->profiles, &b->prefs, &net, wall_now()))
		backend_save(b);
	backend_notify(b, NOTIFY_PREFS, NULL);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void step_now(struct loop_defer *d)
{
	struct backend *b = d->arg;
	backend_run_state(b);
	backend_dns_on_state(b);
	backend_peerapi_apply(b);
	loop_timer_arm(&b->health_timer, backend_health_deadline(b));
}

void backend_step(struct backend *b)
{
	loop_defer_arm(&b->step);
}

static void on_node_change(void *arg)
{
	backend_step(arg);
}

static void on_link_change(void *arg)
{
	struct backend *b = arg;
	if (b->ctl)
		ctl_link_change(b->ctl);
	backend_exit_on_link_change(b);
	backend_dns_on_link_change(b);
}

static void on_interfaces(void *arg)
{
	struct backend *b = arg;
	const struct nm_change self = { .mask = NM_CHANGED_SELF };
	if (b->prefs.want_running && b->nm && node_is_up(b->node))
		backend_apply(b, &self);
}

static void on_health_timer(struct loop_timer *t, mono_t now)
{
	struct backend *b = t->arg;
	(void)now;
	backend_notify(b, NOTIFY_HEALTH, NULL);
	backend_step(b);
}

const char *backend_log_id(const struct backend *b)
{
	return b->log_id;
}

static void make_log_id(struct backend *b)
{
	uint8_t raw[32];
	rng_fill(rng_system(), raw, sizeof(raw));
	hex_encode(span_of(raw, 32), b->log_id);
}

/* Where state cannot be used, the id is of this run only. */
static void load_log_id(struct backend *b)
{
	struct state *s = state_file_store(b->file);
	struct span have = state_get(s, LOG_ID_KEY);
	uint8_t raw[32];
	if (have.len == 64 && hex_decode(have, raw, 32) == 0)
		hex_encode(span_of(raw, 32), b->log_id);
	else
		state_put(s, LOG_ID_KEY, span_str(b->log_id));
}

/* Read what is stored. A state file that cannot be used leaves the daemon running without a
 * profile: it says so in status and refuses to log in, and never writes over the file. */
static void load_state(struct backend *b, const struct backend_opts *o)
{
	b->file = state_file_open(b->loop, o->state_path);
	b->ephemeral = state_file_is_mem(b->file);
	const char *why = state_file_health(b->file);
	if (why) {
		log_error("state: %s", why);
		return;
	}
	bool made = false;
	struct state *s = state_file_store(b->file);
	if (state_machine_key(s, rng_system(), &b->machine, &made) != 0) {
		log_error("state: %s: the machine key does not parse", o->state_path);
		return;
	}
	load_log_id(b);
	if (profiles_load(s, rng_system(), &b->profiles, &why) != 0) {
		log_error("state: %s: %s", o->state_path, why);
		b->profiles = NULL;
		return;
	}
	prefs_copy(&b->prefs, profiles_prefs(b->profiles));
	if (state_file_save_now(b->file) != 0)
		log_error("state: cannot write %s", o->state_path);
}

static struct node *open_node(struct backend *b, const struct backend_opts *o, char **why)
{
	static const struct node_ops ops = {
		.on_endpoints = backend_on_endpoints,
		.on_netinfo = backend_on_netinfo,
		.on_link_change = on_link_change,
		.on_interfaces = on_interfaces,
		.on_change = on_node_change,
		.on_dns = backend_dns_on_udp,
	};
	struct node_opts no = {
		.net = b->net,
		.tun_name = o->tun_name,
		.port = o->port,
		.routing = o->routing,
		.workers = o->workers,
		.no_offload = o->no_offload,
		.hands_fd = o->hands_fd,
		.no_tun = o->no_tun,
	};
	return node_new(&no, &ops, b, why);
}

/* What an earlier run left is not of this one; but the guard of an exit node stays shut until there
 * is a map. */
static void settle_routes(struct backend *b)
{
	if (backend_guards(b))
		node_block(b->node);
	else if (!b->prefs.want_running || b->prefs.logged_out)
		node_down(b->node, false);
}

struct backend *backend_new(struct net *net, const struct backend_opts *o, char **why)
{
	struct backend *b = xcalloc(1, sizeof(*b));
	b->net = net;
	b->loop = net_loop(net);
	b->tun_name = xstrdup(o->tun_name);
	b->no_tun = o->no_tun;
	b->say = o->say;
	b->reduced = xstrdup(o->reduced ? o->reduced : "");
	b->want_running_at = loop_now(b->loop);
	b->login_error = xstrdup("");
	b->control_error = xstrdup("");
	b->state_dir = xstrdup(o->state_dir ? o->state_dir : "");
	make_log_id(b);
	prefs_init(&b->prefs);
	list_init(&b->pings);
	list_init(&b->server_pings);
	loop_defer_init(b->loop, &b->step, step_now, b);
	loop_timer_init(b->loop, &b->cache_timer, backend_store_map, b);
	loop_timer_init(b->loop, &b->health_timer, on_health_timer, b);
	loop_timer_init(b->loop, &b->authkey_timer, backend_forget_authkey, b);
	loop_timer_init(b->loop, &b->start_login, backend_start_login, b);
	backend_exit_init(b);
	load_state(b, o);
	b->cache = netmap_cache_open(b->loop, b->ephemeral ? NULL : o->state_dir, wall_now());
	b->node = open_node(b, o, why);
	if (!b->node) {
		backend_free(b);
		return NULL;
	}
	backend_dns_init(b, o);
	backend_peerapi_init(b);
	settle_routes(b);
	backend_forget_numbers(b, &o->routing);
	if (b->profiles) {
		backend_ctl_start(b);
		if (b->prefs.want_running)
			backend_load_cached_map(b);
	}
	backend_step(b);
	return b;
}

void backend_free(struct backend *b)
{
	if (!b)
		return;
	b->notify = NULL;
	if (loop_timer_armed(&b->cache_timer))
		backend_store_map(&b->cache_timer, loop_now(b->loop));
	loop_timer_cancel(&b->cache_timer);
	loop_timer_cancel(&b->health_timer);
	loop_timer_cancel(&b->authkey_timer);
	loop_defer_cancel(&b->step);
	backend_ctl_stop(b);
	backend_peerapi_free(b);
	backend_dns_free(b);
	backend_exit_free(b);
	LIST_EACH (it, &b->pings)
		backend_ping_cancel((struct backend_ping *)it);
	node_free(b->node);
	loop_defer_cancel(&b->step);
	map_session_free(b->cached);
	netmap_cache_free(b->cache);
	profiles_free(b->profiles);
	if (b->file)
		state_file_free(b->file);
	prefs_fini(&b->prefs);
	machine_priv_wipe(&b->machine);
	if (b->authkey)
		wipe(b->authkey, strlen(b->authkey));
	free(b->authkey);
	free(b->auth_url);
	free(b->said);
	free(b->login_error);
	free(b->control_error);
	free(b->tun_name);
	free(b->state_dir);
	free(b->reduced);
	free(b);
}

/* ---- preferences -------------------------------------------------------------------------------
 */

json_t *backend_prefs(struct backend *b)
{
	return prefs_to_json(&b->prefs, true);
}

static bool server_url_ok(const struct prefs *p)
{
	struct dial_target target;
	char *url = prefs_control_url(p);
	bool ok = dial_target_parse(url, &target) == 0;
	free(url);
	return ok;
}

static int check(struct backend *b, const struct prefs *p, char **why)
{
	struct prefs_check facts = {
		.no_ssh_capability = b->nm && b->nm->self &&
				     !nm_node_cap(b->nm->self, "https://tailscale.com/cap/ssh"),
	};
	if (p->profile_name[0] && b->profiles &&
	    profiles_name_taken(b->profiles, p->profile_name)) {
		*why = xasprintf("profile name \"%s\" already in use", p->profile_name);
		return -ERR_RANGE;
	}
	if (str_cmp(p->control_url, b->prefs.control_url) != 0 && !server_url_ok(p)) {
		*why = xstrdup("the login server is not http://host[:port] or https://host[:port]");
		return -ERR_RANGE;
	}
	if (p->run_ssh) {
		*why = xstrdup("The SSH server is not part of this version of meshd.");
		return -ERR_RANGE;
	}
	return prefs_check(p, &facts, why);
}

int backend_check_prefs(struct backend *b, const json_t *prefs, char **why)
{
	struct prefs p;
	prefs_init(&p);
	int rc = prefs_from_json(&p, prefs, why);
	if (rc == 0)
		rc = check(b, &p, why);
	prefs_fini(&p);
	return rc;
}

/* An exit node named by address becomes its stable id once the map knows it. */
static void resolve_exit_node(struct backend *b, struct prefs *p)
{
	if (!ip_is_set(p->exit_node_ip) || !b->nm)
		return;
	const struct nm_node *peer = netmap_peer_by_address(b->nm, p->exit_node_ip);
	if (!peer)
		return;
	str_set(&p->exit_node_id, peer->stable_id);
	p->exit_node_ip = (struct ip){ 0 };
}

/* A node that waits for a login or a map has nothing but its guard, which comes and goes with the
 * choice of an exit node. */
static void apply_to_node(struct backend *b)
{
	if (!b->prefs.want_running)
		return;
	if (b->nm && b->state != IPN_NEEDS_LOGIN)
		backend_apply(b, NULL);
	else
		node_down(b->node, backend_guards(b));
}

static void apply_new_prefs(struct backend *b, const struct prefs *p)
{
	bool was_wanted = b->prefs.want_running;
	backend_set_prefs(b, p);
	if (b->prefs.want_running != was_wanted)
		b->want_running_at = loop_now(b->loop);
	backend_tell_hostinfo(b);
	if (b->prefs.want_running && !was_wanted && backend_has_node_key(b)) {
		backend_load_cached_map(b);
		if (b->ctl)
			ctl_login(b->ctl, 0, NULL);
	}
	backend_update_pause(b);
	apply_to_node(b);
	backend_step(b);
}

int backend_accept_prefs(struct backend *b, struct prefs *p, json_t **result, char **why)
{
	int rc = check(b, p, why);
	if (rc)
		return rc;
	resolve_exit_node(b, p);
	if (!prefs_equal(p, &b->prefs)) {
		backend_exit_on_edit(b, p);
		apply_new_prefs(b, p);
	}
	*result = backend_prefs(b);
	return 0;
}

int backend_edit_prefs(struct backend *b, const json_t *masked, json_t **result, char **why)
{
	if (!b->profiles) {
		*why = xstrdup(state_file_health(b->file) ? state_file_health(b->file)
							  : "state is not usable");
		return -ERR_IO;
	}
	struct prefs p;
	prefs_init(&p);
	prefs_copy(&p, &b->prefs);
	int rc = prefs_edit(&p, masked, NULL, why);
	if (rc == 0)
		rc = backend_accept_prefs(b, &p, result, why);
	prefs_fini(&p);
	return rc;
}

bool backend_operator_uid(struct backend *b, unsigned *uid)
{
	if (!b->prefs.operator_user || !b->prefs.operator_user[0])
		return false;
	struct passwd pw, *found = NULL;
	char room[4096];
	if (getpwnam_r(b->prefs.operator_user, &pw, room, sizeof(room), &found) != 0 || !found) {
		struct log_esc_buf esc;
		LOG_LIMITED(60, LOG_WARN, "localapi: operator user %s does not exist",
			    log_esc(span_str(b->prefs.operator_user), &esc));
		return false;
	}
	*uid = pw.pw_uid;
	return true;
}

/* ---- profiles ---- */

json_t *backend_profiles(struct backend *b)
{
	json_t *a = j_array();
	for (size_t i = 0; b->profiles && i < profiles_count(b->profiles); i++)
		j_add(a, login_profile_to_json(profiles_at(b->profiles, i)));
	return a;
}

json_t *backend_profile_current(struct backend *b)
{
	static char empty[] = "";
	static const struct login_profile none = { .name = empty };
	return login_profile_to_json(b->profiles ? profiles_current(b->profiles) : &none);
}

json_t *backend_profile_get(struct backend *b, const char *id)
{
	const struct login_profile *lp = b->profiles ? profiles_find(b->profiles, id) : NULL;
	return lp ? login_profile_to_json(lp) : NULL;
}

/* The current profile is another one now: leave the old network, join the new. */
static void profile_changed(struct backend *b)
{
	backend_ctl_stop(b);
	node_set_key(b->node, NULL);
	prefs_copy(&b->prefs, profiles_prefs(b->profiles));
	node_down(b->node, backend_guards(b));
	backend_save(b);
	b->state = IPN_NO_STATE;
	backend_notify(b, NOTIFY_PREFS, NULL);
	backend_ctl_start(b);
	if (b->prefs.want_running)
		backend_load_cached_map(b);
	backend_step(b);
}

static int need_profiles(struct backend *b, char **why)
{
	if (b->profiles)
		return 0;
	*why = xstrdup("state store is unhealthy");
	return -ERR_IO;
}

int backend_profile_new(struct backend *b, char **why)
{
	if (need_profiles(b, why))
		return -ERR_IO;
	profiles_new(b->profiles);
	profile_changed(b);
	return 0;
}

int backend_profile_switch(struct backend *b, const char *id, char **why)
{
	if (need_profiles(b, why))
		return -ERR_IO;
	if (strcmp(profiles_current(b->profiles)->id, id) == 0)
		return 0;
	int rc = profiles_switch(b->profiles, id);
	if (rc) {
		*why = xstrdup(rc == -ERR_NOENT ? "profile not found"
						: "the profile's preferences do not parse");
		return rc;
	}
	profile_changed(b);
	return 0;
}

int backend_profile_delete(struct backend *b, const char *id, char **why)
{
	if (need_profiles(b, why))
		return -ERR_IO;
	bool current = strcmp(profiles_current(b->profiles)->id, id) == 0;
	int rc = profiles_delete(b->profiles, id);
	if (rc) {
		*why = xstrdup("profile not found");
		return rc;
	}
	netmap_cache_drop(b->cache, id);
	if (current)
		profile_changed(b);
	else
		backend_save(b);
	return 0;
}
