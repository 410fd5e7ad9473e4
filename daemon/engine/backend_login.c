/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend's side of the control client: starting and stopping it, logins, maps, what we tell.
 */
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/control/expiry.h"
#include "daemon/engine/backend_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_DELAY_MS 3000
#define START_LOGIN_MS 250
#define AUTHKEY_KEPT_MS 60000 /* `up` asks for the login right behind its start */
#define ENDPOINTS_TOLD_MAX ENDPOINTS_MAX

static void forget_map(struct backend *b)
{
	b->nm = NULL;
	map_session_free(b->cached);
	b->cached = NULL;
	loop_timer_cancel(&b->cache_timer);
	backend_exit_forget(b);
}

static void set_login_error(struct backend *b, const char *text)
{
	str_set(&b->login_error, text);
	backend_notify(b, NOTIFY_HEALTH, NULL);
}

static void set_control_error(struct backend *b, const char *text)
{
	if (strcmp(b->control_error, text) == 0)
		return;
	str_set(&b->control_error, text);
	backend_notify(b, NOTIFY_HEALTH, NULL);
}

/* ---- what the control client tells ------------------------------------------------------------
 */

static void on_netmap(void *arg, const struct netmap *nm, const struct nm_change *change)
{
	struct backend *b = arg;
	bool first = b->nm != nm;
	b->nm = nm;
	if (b->cached) {
		map_session_free(b->cached);
		b->cached = NULL;
	}
	if (b->prefs.want_running && !expiry_self(nm->self, wall_now()))
		backend_apply(b, first ? NULL : change);
	if (first)
		backend_set_prefs(b, &b->prefs);
	/* The first is kept at once: whoever is killed next wakes up with it. */
	if (first || !loop_timer_armed(&b->cache_timer))
		loop_timer_arm_ms(&b->cache_timer, first ? 0 : CACHE_DELAY_MS);
	unsigned what = NOTIFY_NETMAP;
	if (change->mask & NM_CHANGED_SELF)
		what |= NOTIFY_SELF;
	backend_notify(b, what, NULL);
	backend_step(b);
}

static void on_auth_url(void *arg, const char *url)
{
	struct backend *b = arg;
	if (str_cmp(b->auth_url, url) == 0)
		return;
	str_set(&b->auth_url, url);
	/* The server does not know the login that the kept map belongs to. */
	if (url && b->cached)
		forget_map(b);
	if (url) {
		struct log_esc_buf esc;
		log_info("control: AuthURL is %s", log_esc(span_str(url), &esc));
		backend_notify(b, NOTIFY_BROWSE_URL, url);
	}
	backend_step(b);
}

struct pending_save {
	struct backend *b;
	unsigned generation;
	uint64_t ticket;
};

static void on_saved(void *arg, int err)
{
	struct pending_save *s = arg;
	if (s->b->ctl && s->b->ctl_generation == s->generation)
		ctl_persist_saved(s->b->ctl, s->ticket, err);
	free(s);
}

static void save_persist(void *arg, const struct persist *p, uint64_t ticket)
{
	struct backend *b = arg;
	if (node_priv_is_zero(&p->node))
		forget_map(b); /* a logout: the client has dropped its own already */
	persist_copy(&b->prefs.config, p);
	b->prefs.has_config = true;
	backend_set_prefs(b, &b->prefs);
	struct pending_save *s = xcalloc(1, sizeof(*s));
	*s = (struct pending_save){ b, b->ctl_generation, ticket };
	state_file_save(b->file, on_saved, s);
}

static void on_login(void *arg, const struct persist *p)
{
	struct backend *b = arg;
	struct log_esc_buf esc;
	log_info("control: active login: %s",
		 log_esc(span_str(p->user.login ? p->user.login : ""), &esc));
	bool finished = b->login_running || b->prefs.logged_out;
	b->login_running = false;
	b->disowned = false;
	set_login_error(b, "");
	on_auth_url(b, NULL);
	node_set_key(b->node, &p->node);
	if (finished) {
		struct prefs next;
		prefs_init(&next);
		prefs_copy(&next, &b->prefs);
		next.want_running = true;
		next.logged_out = false;
		backend_set_prefs(b, &next);
		prefs_fini(&next);
	}
	backend_update_pause(b);
	backend_notify(b, NOTIFY_LOGIN_FINISHED, NULL);
	backend_step(b);
}

static void on_error(void *arg, enum ctl_error kind, const char *text)
{
	struct backend *b = arg;
	switch (kind) {
	case CTL_ERR_CLEARED:
		set_control_error(b, "");
		set_login_error(b, "");
		return;
	case CTL_ERR_REFUSED:
	case CTL_ERR_VERSION:
	case CTL_ERR_SAVE:
		set_login_error(b, text);
		/* Retries of a refused login say nothing new, and a later `up` would take it for
		 * its own. */
		if (!b->error_told)
			backend_notify(b, NOTIFY_ERROR, text);
		b->error_told = true;
		break;
	case CTL_ERR_LOGGED_OUT:
		b->disowned = true;
		set_login_error(b, text);
		break;
	case CTL_ERR_NETWORK:
	case CTL_ERR_KEY:
	case CTL_ERR_NOISE:
		if (b->login_running)
			set_login_error(b, text);
		set_control_error(b, text);
		break;
	case CTL_ERR_MAP:
		set_control_error(b, text);
		break;
	case CTL_ERR_UPDATE:
		break;
	}
	LOG_LIMITED(5, LOG_WARN, "control: %s", text);
	backend_step(b);
}

static void on_state(void *arg, const struct ctl_state *s)
{
	struct backend *b = arg;
	mono_t now = loop_now(b->loop);
	if (b->polling && !s->polling)
		b->poll_lost_at = now;
	b->had_poll |= s->polling;
	b->polling = s->polling;
	node_set_control_up(b->node, s->polling);
	backend_notify(b, NOTIFY_HEALTH, NULL);
	backend_step(b);
}

/* ---- pings that the server asks for -----------------------------------------------------------
 */

struct server_ping {
	struct list link;
	struct backend *b;
	uint64_t ticket;
	const char *type;
	struct backend_ping *ping;
};

static const struct {
	const char *type;
	enum ping_kind kind;
} ping_types[] = { { "disco", PING_DISCO },
		   { "TSMP", PING_TSMP },
		   { "ICMP", PING_ICMP },
		   { "peerapi", PING_PEERAPI } };

static void on_server_pong(void *arg, const json_t *result)
{
	struct server_ping *p = arg;
	json_t *o = j_copy(result);
	j_set_str(o, "Type", p->type);
	list_remove(&p->link);
	if (p->b->ctl)
		ctl_ping_done(p->b->ctl, p->ticket, o);
	else
		j_free(o);
	free(p);
}

/* The first type of the list that we can do. */
static bool on_ping(void *arg, const struct ctl_ping *ask)
{
	struct backend *b = arg;
	for (size_t i = 0; i < ARRAY_LEN(ping_types); i++) {
		const char *at = strstr(ask->types, ping_types[i].type);
		size_t len = strlen(ping_types[i].type);
		if (!at || (at != ask->types && at[-1] != ',') || (at[len] && at[len] != ','))
			continue;
		struct server_ping *p = xcalloc(1, sizeof(*p));
		*p = (struct server_ping){ .b = b,
					   .ticket = ask->ticket,
					   .type = ping_types[i].type };
		list_init(&p->link);
		list_push_back(&b->server_pings, &p->link);
		p->ping = backend_ping(b, ask->ip, ping_types[i].kind, 0, on_server_pong, p);
		return true;
	}
	return false;
}

static void cancel_server_pings(struct backend *b)
{
	LIST_EACH (it, &b->server_pings) {
		struct server_ping *p = LIST_ENTRY(it, struct server_ping, link);
		backend_ping_cancel(p->ping);
		list_remove(&p->link);
		free(p);
	}
}

static json_t *c2n_prefs(void *arg)
{
	return backend_prefs(arg);
}

static json_t *c2n_health(void *arg)
{
	return backend_health(arg);
}

static void c2n_metrics(void *arg, struct buf *out)
{
	backend_usermetrics(arg, out);
}

/* ---- starting and stopping --------------------------------------------------------------------
 */

struct hostinfo_owned {
	struct hostinfo h;
	struct nm_service services[3];
	struct hostinfo_text text;
};

static void make_hostinfo(struct backend *b, struct hostinfo_owned *o)
{
	backend_hostinfo_read(&o->text, &b->prefs);
	o->h = (struct hostinfo){
		.ipn_version = MESH_VERSION,
		.backend_log_id = b->log_id,
		.os = "linux",
		.os_version = o->text.os_version,
		.distro = o->text.distro,
		.distro_version = o->text.distro_version,
		.distro_codename = o->text.codename,
		.hostname = o->text.hostname,
		.machine = o->text.machine,
		.go_arch = o->text.arch,
		.shields_up = b->prefs.shields_up,
		.no_logs = true,
		.userspace = J_FALSE,
		.userspace_router = J_FALSE,
		.routable_ips = b->prefs.advertise_routes.v,
		.n_routable_ips = b->prefs.advertise_routes.n,
		.request_tags = (const char *const *)b->prefs.advertise_tags.v,
		.n_request_tags = b->prefs.advertise_tags.n,
		.exit_node_id = b->prefs.exit_node_id,
		.services = o->services,
		.n_services = backend_peerapi_services(b, o->services),
	};
}

void backend_tell_hostinfo(struct backend *b)
{
	if (!b->ctl)
		return;
	struct hostinfo_owned o;
	make_hostinfo(b, &o);
	ctl_set_hostinfo(b->ctl, &o.h);
}

/* What the node knows already, for a client of a server that knows nothing: without a home region
 * peers could reach us by UDP only. */
static void tell_node(struct backend *b)
{
	size_t n = 0;
	struct node_status st;
	const struct endpoint *eps = node_endpoints(b->node, &n);
	backend_on_endpoints(b, eps, n);
	node_status(b->node, &st);
	if (st.home)
		backend_on_netinfo(b, node_netcheck_last(b->node), st.home);
}

/* A key may be good for one registration only, and a login-interactive that follows at once makes
 * one with it: it gets the time. */
static void begin_login(struct backend *b, bool with_key)
{
	if (with_key)
		loop_timer_arm_ms(&b->start_login, START_LOGIN_MS);
	else
		ctl_login(b->ctl, 0, NULL);
}

void backend_start_login(struct loop_timer *t, mono_t now)
{
	struct backend *b = t->arg;
	(void)now;
	if (!b->ctl)
		return;
	ctl_login(b->ctl, 0, b->authkey);
	backend_step(b);
}

static void start_ctl(struct backend *b, bool with_key)
{
	static const struct ctl_ops ops = {
		.on_netmap = on_netmap,
		.on_auth_url = on_auth_url,
		.save_persist = save_persist,
		.on_login = on_login,
		.on_error = on_error,
		.on_state = on_state,
		.on_ping = on_ping,
		.c2n_prefs = c2n_prefs,
		.c2n_health = c2n_health,
		.c2n_metrics = c2n_metrics,
	};
	struct hostinfo_owned hi;
	make_hostinfo(b, &hi);
	char *url = prefs_control_url(&b->prefs);
	struct ctl_opts o = {
		.server_url = url,
		.machine = &b->machine,
		.persist = &b->prefs.config,
		.hostinfo = &hi.h,
		.disco = node_disco_key(b->node),
		.ephemeral = b->ephemeral,
		.rng = rng_system(),
		.ops = &ops,
		.arg = b,
	};
	const char *why = NULL;
	b->ctl_generation++;
	b->ctl = ctl_new(b->net, &o, &why);
	free(url);
	if (!b->ctl) {
		set_login_error(b, why);
		log_error("control: %s", why);
		return;
	}
	tell_node(b);
	backend_update_pause(b);
	if (backend_has_node_key(b)) {
		node_set_key(b->node, &b->prefs.config.node);
		if (b->prefs.want_running)
			begin_login(b, with_key);
	}
}

void backend_ctl_start(struct backend *b)
{
	start_ctl(b, false);
}

static void end_logout(struct backend *b, const char *why)
{
	void (*done)(void *, const char *) = b->logout_done;
	b->logout_done = NULL;
	if (done)
		done(b->logout_arg, why);
}

static void set_authkey(struct backend *b, const char *key)
{
	if (b->authkey)
		wipe(b->authkey, strlen(b->authkey));
	str_set(&b->authkey, key && *key ? key : NULL);
	if (b->authkey)
		loop_timer_arm_ms(&b->authkey_timer, AUTHKEY_KEPT_MS);
	else
		loop_timer_cancel(&b->authkey_timer);
}

void backend_forget_authkey(struct loop_timer *t, mono_t now)
{
	(void)now;
	set_authkey(t->arg, NULL);
}

void backend_ctl_stop(struct backend *b)
{
	end_logout(b, "the logout was interrupted");
	cancel_server_pings(b);
	forget_map(b);
	set_control_error(b, "");
	if (b->login_error[0])
		set_login_error(b, "");
	b->polling = false;
	b->login_running = false;
	b->disowned = false;
	str_set(&b->auth_url, NULL);
	loop_timer_cancel(&b->start_login);
	set_authkey(b, NULL); /* it was for this server */
	ctl_free(b->ctl);
	b->ctl = NULL;
}

void backend_update_pause(struct backend *b)
{
	if (b->ctl)
		ctl_pause(b->ctl, !(b->prefs.want_running || b->login_running));
}

/* ---- login and logout ---- */

void backend_login_interactive(struct backend *b)
{
	if (!b->ctl)
		return;
	if (b->auth_url) {
		backend_notify(b, NOTIFY_BROWSE_URL, b->auth_url);
		return;
	}
	b->login_running = true;
	b->error_told = false;
	loop_timer_cancel(&b->start_login);
	backend_update_pause(b);
	ctl_login(b->ctl, CTL_LOGIN_INTERACTIVE, b->authkey);
	backend_step(b);
}

int backend_start(struct backend *b, const json_t *options, char **why)
{
	if (!b->profiles) {
		*why = xstrdup("cannot start backend when state store is unhealthy");
		return -ERR_IO;
	}
	struct prefs p;
	prefs_init(&p);
	const json_t *update = j_get(options, "UpdatePrefs");
	int rc = 0;
	if (update) {
		rc = prefs_from_json(&p, update, why);
		persist_copy(&p.config, &b->prefs.config);
		p.has_config = b->prefs.has_config;
	} else {
		prefs_copy(&p, &b->prefs);
	}
	if (rc == 0) {
		json_t *asked = prefs_to_json(&p, true);
		rc = backend_check_prefs(b, asked, why);
		j_free(asked);
	}
	if (rc == 0) {
		backend_ctl_stop(b);
		b->error_told = false;
		b->state = IPN_NO_STATE;
		set_authkey(b, j_str(options, "AuthKey"));
		backend_set_prefs(b, &p);
		b->want_running_at = loop_now(b->loop);
		start_ctl(b, b->authkey != NULL);
		backend_step(b);
		if (!b->ctl) {
			*why = xstrdup(b->login_error);
			rc = -ERR_RANGE;
		}
	}
	prefs_fini(&p);
	return rc;
}

static void on_logged_out(void *arg, const char *why)
{
	struct backend *b = arg;
	void (*done)(void *, const char *) = b->logout_done;
	void *done_arg = b->logout_arg;
	if (why) {
		backend_update_pause(b);
		backend_step(b);
		end_logout(b, why);
		return;
	}
	b->logout_done = NULL;
	char id[PROFILE_ID_MAX];
	snprintf(id, sizeof(id), "%s", profiles_current(b->profiles)->id);
	backend_ctl_stop(b);
	node_set_key(b->node, NULL);
	node_down(b->node, false);
	netmap_cache_drop(b->cache, id);
	if (!id[0] || profiles_delete(b->profiles, id) != 0)
		profiles_new(b->profiles);
	prefs_copy(&b->prefs, profiles_prefs(b->profiles));
	backend_save(b);
	b->state = IPN_NO_STATE;
	backend_ctl_start(b);
	backend_notify(b, NOTIFY_PREFS, NULL);
	backend_step(b);
	done(done_arg, NULL);
}

struct logout_answer {
	void (*done)(void *arg, const char *why);
	void *arg;
	char *why;
};

static void logout_answered(void *arg)
{
	struct logout_answer *l = arg;
	l->done(l->arg, l->why);
	free(l->why);
	free(l);
}

static void no_work(void *arg)
{
	(void)arg;
}

void backend_logout(struct backend *b, void (*done)(void *arg, const char *why), void *arg)
{
	bool nothing = !backend_has_node_key(b);
	if (nothing || !b->ctl || b->logout_done) {
		struct logout_answer *l = xcalloc(1, sizeof(*l));
		const char *why = b->logout_done ? "a logout is under way" : b->login_error;
		*l = (struct logout_answer){ done, arg, nothing ? NULL : xstrdup(why) };
		loop_work_queue(b->loop, no_work, logout_answered, l);
		return;
	}
	struct prefs p;
	prefs_init(&p);
	prefs_copy(&p, &b->prefs);
	p.want_running = false;
	p.logged_out = true;
	backend_set_prefs(b, &p);
	prefs_fini(&p);
	b->logout_done = done;
	b->logout_arg = arg;
	ctl_pause(b->ctl, false);
	ctl_logout(b->ctl, on_logged_out, b);
}

/* ---- the kept network map ---- */

void backend_store_map(struct loop_timer *t, mono_t now)
{
	struct backend *b = t->arg;
	(void)now;
	const char *profile = b->profiles ? profiles_current(b->profiles)->id : "";
	if (!b->nm || b->cached || !profile[0])
		return;
	json_t *v = netmap_to_json(b->nm);
	struct buf text;
	buf_init(&text, NETMAP_CACHE_MAX);
	j_write(v, J_COMPACT, false, &text);
	if (buf_ok(&text))
		netmap_cache_store(b->cache, profile, buf_span(&text));
	buf_fini(&text);
	j_free(v);
}

/* Until the server answers, be what it last said: own address, known peers. */
void backend_load_cached_map(struct backend *b)
{
	const char *profile = profiles_current(b->profiles)->id;
	if (b->nm || !profile[0] || !backend_has_node_key(b))
		return;
	struct buf text;
	buf_init(&text, NETMAP_CACHE_MAX);
	if (netmap_cache_load(b->cache, profile, &text) != 0)
		goto out;
	struct map_session *s = map_session_new();
	struct map_result r;
	const char *why = "";
	struct node_key self;
	node_priv_public(&b->prefs.config.node, &self);
	if (map_session_apply(s, buf_span(&text), wall_now(), &r, &why) != 0 ||
	    !node_key_eq(&map_session_netmap(s)->self->key, &self)) {
		log_warn("state: the kept network map is not usable (%s)", why);
		map_session_free(s);
		goto out;
	}
	log_info("control: using the kept network map until the server answers");
	b->cached = s;
	b->nm = map_session_netmap(s);
	backend_apply(b, NULL);
out:
	buf_fini(&text);
}

/* ---- what the node tells ---- */

void backend_on_endpoints(void *arg, const struct endpoint *eps, size_t n)
{
	struct backend *b = arg;
	struct map_endpoint told[ENDPOINTS_TOLD_MAX];
	if (!b->ctl)
		return;
	if (n > ENDPOINTS_TOLD_MAX)
		n = ENDPOINTS_TOLD_MAX;
	for (size_t i = 0; i < n; i++)
		told[i] = (struct map_endpoint){ .ep = eps[i].ep, .type = eps[i].type };
	ctl_set_endpoints(b->ctl, told, n);
	backend_notify(b, NOTIFY_SELF, NULL);
}

static enum j_tri tri_of(enum nc_tri t)
{
	return t == NC_TRUE ? J_TRUE : t == NC_FALSE ? J_FALSE : J_UNSET;
}

void backend_on_netinfo(void *arg, const struct nc_report *r, int home)
{
	struct backend *b = arg;
	backend_exit_refresh(b);
	if (!b->ctl)
		return;
	struct netinfo_latency lat[HOSTINFO_LATENCIES_MAX];
	struct node_status s;
	node_status(b->node, &s);
	struct netinfo ni = { .preferred_derp = home,
			      .latencies = lat,
			      .firewall_mode = s.firewall_kind };
	if (r) {
		ni.mapping_varies_by_dest_ip = tri_of(r->mapping_varies);
		ni.working_ipv6 = r->ipv6 ? J_TRUE : J_FALSE;
		ni.os_has_ipv6 = r->os_has_ipv6 ? J_TRUE : J_FALSE;
		ni.working_udp = r->udp ? J_TRUE : J_FALSE;
		ni.working_icmpv4 = r->icmpv4 ? J_TRUE : J_UNSET;
		for (size_t i = 0; i < r->n_regions && ni.n_latencies + 2 <= ARRAY_LEN(lat); i++) {
			const struct nc_region *g = &r->regions[i];
			if (g->v4_ns >= 0)
				lat[ni.n_latencies++] =
				    (struct netinfo_latency){ g->id, false,
							      (double)g->v4_ns / 1e9 };
			if (g->v6_ns >= 0)
				lat[ni.n_latencies++] =
				    (struct netinfo_latency){ g->id, true, (double)g->v6_ns / 1e9 };
		}
	}
	ctl_set_netinfo(b->ctl, &ni);
	backend_step(b);
}
