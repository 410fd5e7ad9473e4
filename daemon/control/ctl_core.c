/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life, own state to tell, time and events of the control client's core. */
#include "daemon/control/ctl_core_priv.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/control/register_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (1u << 20)
#define HELD_MAX (1u << 20)

/* ---- life ---- */

static void init_buffers(struct ctl_core *c)
{
	buf_init(&c->login.answer, ANSWER_MAX);
	buf_init(&c->logout.answer, ANSWER_MAX);
	buf_init(&c->map.error, CTL_BODY_ERROR_MAX);
	buf_init(&c->map.held, HELD_MAX);
}

struct ctl_core *ctl_core_new(const struct ctl_core_opts *o, const char **why)
{
	const struct ctl_opts *k = o->client;
	struct dial_target target;
	if (dial_target_parse(k->server_url, &target)) {
		*why = "the control server's URL is not http://host[:port] or https://host[:port]";
		return NULL;
	}
	struct ctl_core *c = xcalloc(1, sizeof(*c));
	c->io = o->io;
	c->io_arg = o->io_arg;
	c->ops = k->ops;
	c->arg = k->arg;
	c->rng = k->rng;
	c->url = xstrdup(k->server_url);
	c->target = target;
	c->ephemeral = k->ephemeral;
	c->disco = *k->disco;
	c->tka_head = xstrdup("");
	persist_init(&c->persist);
	persist_copy(&c->persist, k->persist);
	struct hostinfo h = *k->hostinfo;
	if (h.netinfo) {
		c->netinfo_json = netinfo_to_json(h.netinfo);
		h.netinfo = NULL;
	}
	c->hostinfo = hostinfo_to_json(&h);
	c->login.retry_ms = c->map.retry_ms = -1;
	init_buffers(c);
	return c;
}

void ctl_core_stop(struct ctl_core *c)
{
	c->dead = true;
}

static void forget_secret(char *s)
{
	if (s)
		wipe(s, strlen(s));
	free(s);
}

void ctl_core_free(struct ctl_core *c)
{
	if (!c)
		return;
	c->dead = true;
	map_forget(c);
	ping_stop(c);
	persist_fini(&c->persist);
	wipe(&c->login.trial, sizeof(c->login.trial));
	forget_secret(c->login.auth_key);
	free(c->login.auth_url);
	buf_fini(&c->login.answer);
	buf_fini(&c->logout.answer);
	buf_fini(&c->map.error);
	buf_fini(&c->map.held);
	j_free(c->hostinfo);
	j_free(c->netinfo_json);
	free(c->endpoints);
	free(c->tka_head);
	free(c->url);
	free(c);
}

/* ---- telling the owner ---- */

void core_error(struct ctl_core *c, enum ctl_error kind, const char *text)
{
	struct log_esc_buf esc;
	c->error_shown = kind != CTL_ERR_CLEARED;
	if (!c->dead && c->ops->on_error)
		c->ops->on_error(c->arg, kind, log_esc(span_str(text), &esc));
}

void core_error_over(struct ctl_core *c)
{
	c->noise_failures = 0;
	if (c->error_shown)
		core_error(c, CTL_ERR_CLEARED, "");
}

static enum ctl_login_state login_state(const struct ctl_core *c)
{
	switch (c->login.phase) {
	case LOGIN_OFF:
		return CTL_LOGIN_NONE;
	case LOGIN_DONE:
		return CTL_LOGIN_DONE;
	default:
		return c->login.auth_url ? CTL_LOGIN_URL : CTL_LOGIN_TRYING;
	}
}

struct ctl_state ctl_core_state(const struct ctl_core *c)
{
	const struct backoff *b =
	    c->login.phase == LOGIN_DONE ? &c->map.backoff : &c->login.backoff;
	return (struct ctl_state){
		.login = login_state(c),
		.polling =
		    c->map.phase == MAP_OPEN && c->map.session && map_session_ready(c->map.session),
		.paused = c->paused,
		.last_message = c->map.last_message,
		.failures = b->failures,
	};
}

void core_tell_state(struct ctl_core *c)
{
	struct ctl_state s = ctl_core_state(c);
	bool same = s.login == c->told.login && s.polling == c->told.polling &&
		    s.paused == c->told.paused && (s.failures > 0) == (c->told.failures > 0);
	c->told = s;
	if (!same && !c->dead && c->ops->on_state)
		c->ops->on_state(c->arg, &s);
}

uint64_t core_save(struct ctl_core *c)
{
	uint64_t ticket = ++c->next_ticket;
	if (!c->dead)
		c->ops->save_persist(c->arg, &c->persist, ticket);
	return ticket;
}

/* ---- helpers of the loops ---- */

json_t *core_hostinfo(const struct ctl_core *c, bool no_tags)
{
	json_t *h = j_copy(c->hostinfo);
	if (c->netinfo_json)
		j_set(h, "NetInfo", j_copy(c->netinfo_json));
	if (no_tags)
		j_del(h, "RequestTags");
	return h;
}

void core_note_failure(struct ctl_core *c, enum ctl_conn_error why)
{
	/* A server that cannot open our initiation, because its key is another now, hangs up just
	 * like one that does not take our version. */
	if (why != CTL_CONN_NOISE && why != CTL_CONN_REFUSED)
		return;
	if (++c->noise_failures < CTL_NOISE_FAILURES_MAX)
		return;
	c->noise_failures = 0;
	memset(&c->server_key, 0, sizeof(c->server_key));
}

enum ctl_error core_error_kind(enum ctl_conn_error why)
{
	switch (why) {
	case CTL_CONN_NOISE:
	case CTL_CONN_UPGRADE:
	case CTL_CONN_PROTOCOL:
		return CTL_ERR_NOISE;
	case CTL_CONN_REFUSED:
		return CTL_ERR_VERSION;
	default:
		return CTL_ERR_NETWORK;
	}
}

bool core_is_version_refusal(const char *text)
{
	return strstr(text, "unsupported client version") != NULL;
}

void core_collect(struct buf *b, struct span data)
{
	size_t room = b->max - b->len;
	buf_add(b, data.p, data.len < room ? data.len : room);
}

void core_refusal(char out[static CTL_TEXT_MAX], int status, const struct buf *body)
{
	size_t n = body->len < CTL_BODY_ERROR_MAX ? body->len : CTL_BODY_ERROR_MAX;
	while (n && (body->p[n - 1] == '\n' || body->p[n - 1] == '\r'))
		n--;
	snprintf(out, CTL_TEXT_MAX, "the server answers HTTP %d%s%.*s", status, n ? ": " : "",
		 (int)n, n ? (const char *)body->p : "");
}

void core_fetch_key(struct ctl_core *c)
{
	if (c->fetching)
		return;
	c->fetching = true;
	c->io->fetch_key(c->io_arg);
}

void core_public(const struct ctl_core *c, struct node_key *out)
{
	node_priv_public(&c->persist.node, out);
}

/* ---- own state to tell ---- */

void ctl_core_set_hostinfo(struct ctl_core *c, struct ctl_now t, const struct hostinfo *h)
{
	struct hostinfo bare = *h;
	bare.netinfo = NULL;
	json_t *v = hostinfo_to_json(&bare);
	bool same = j_equal(v, c->hostinfo);
	j_free(c->hostinfo);
	c->hostinfo = v;
	if (!same)
		update_bump(c, t);
	if (h->netinfo)
		ctl_core_set_netinfo(c, t, h->netinfo);
}

void ctl_core_set_netinfo(struct ctl_core *c, struct ctl_now t, const struct netinfo *n)
{
	json_t *v = netinfo_to_json(n);
	json_t *was = c->netinfo_json ? j_copy(c->netinfo_json) : NULL;
	json_t *is = j_copy(v);
	/* latencies travel along but are not worth a message of their own */
	j_del(was, "DERPLatency");
	j_del(is, "DERPLatency");
	bool same = was && j_equal(was, is);
	j_free(was);
	j_free(is);
	j_free(c->netinfo_json);
	c->netinfo_json = v;
	if (!same)
		update_bump(c, t);
}

static int by_endpoint(const void *a, const void *b)
{
	const struct map_endpoint *x = a, *y = b;
	int d = ip_cmp(x->ep.ip, y->ep.ip);
	if (d == 0)
		d = (int)x->ep.port - (int)y->ep.port;
	return d ? d : (int)x->type - (int)y->type;
}

void ctl_core_set_endpoints(struct ctl_core *c, struct ctl_now t, const struct map_endpoint *ep,
			    size_t n)
{
	if (n > MAPREQUEST_ENDPOINTS_MAX)
		n = MAPREQUEST_ENDPOINTS_MAX;
	struct map_endpoint *v = n ? xcalloc(n, sizeof(*v)) : NULL;
	for (size_t i = 0; i < n; i++)
		v[i] = ep[i];
	if (n)
		qsort(v, n, sizeof(*v), by_endpoint);
	bool same = n == c->n_endpoints;
	for (size_t i = 0; i < n && same; i++)
		same = by_endpoint(&v[i], &c->endpoints[i]) == 0;
	free(c->endpoints);
	c->endpoints = v;
	c->n_endpoints = n;
	if (!same)
		update_bump(c, t);
}

void ctl_core_set_disco(struct ctl_core *c, struct ctl_now t, const struct disco_key *k)
{
	if (disco_key_eq(k, &c->disco))
		return;
	c->disco = *k;
	update_bump(c, t);
}

void ctl_core_set_tka_head(struct ctl_core *c, struct ctl_now t, const char *head)
{
	if (strcmp(head, c->tka_head) == 0)
		return;
	str_set(&c->tka_head, head);
	update_bump(c, t);
}

void ctl_core_check_login(struct ctl_core *c, struct ctl_now t)
{
	update_bump(c, t);
}

/* ---- pause, link ---- */

static void go_all(struct ctl_core *c, struct ctl_now t)
{
	login_go(c, t);
	map_go(c, t);
	update_go(c, t);
	core_tell_state(c);
}

static void stop_all(struct ctl_core *c)
{
	login_stop(c);
	map_stop(c);
	update_stop(c);
	c->io->drop(c->io_arg);
	c->fetching = false;
}

void ctl_core_pause(struct ctl_core *c, struct ctl_now t, bool paused)
{
	if (paused == c->paused || c->dead)
		return;
	c->paused = paused;
	if (paused && !c->logout.running)
		stop_all(c);
	go_all(c, t);
}

void ctl_core_link_change(struct ctl_core *c, struct ctl_now t)
{
	if (c->dead || c->paused || c->logout.running)
		return;
	stop_all(c);
	backoff_reset(&c->login.backoff);
	backoff_reset(&c->map.backoff);
	backoff_reset(&c->update.backoff);
	go_all(c, t);
}

/* ---- events ---- */

void ctl_core_tick(struct ctl_core *c, struct ctl_now t)
{
	if (c->dead)
		return;
	logout_tick(c, t);
	map_expire(c, t);
	ping_tick(c, t);
	if (!c->dead)
		go_all(c, t);
}

mono_t ctl_core_deadline(const struct ctl_core *c)
{
	if (c->dead)
		return MONO_NEVER;
	mono_t at = mono_min(login_deadline(c), map_deadline(c));
	return mono_min(at, mono_min(update_deadline(c), ping_deadline(c)));
}

void ctl_core_on_key(struct ctl_core *c, struct ctl_now t, int err, const struct machine_key *key,
		     const char *text)
{
	if (c->dead)
		return;
	c->fetching = false;
	if (!err)
		c->server_key = *key;
	login_on_key(c, t, err, text);
	logout_on_key(c, t, err, text);
	map_on_key(c, t, err);
	if (!c->dead)
		go_all(c, t);
}

void ctl_core_on_head(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, int status,
		      struct span retry_after)
{
	int64_t retry_ms = -1;
	if (c->dead)
		return;
	if (status == 429)
		retry_ms = register_retry_after_ms(retry_after_parse(retry_after, t.wall), c->rng);
	if (slot == CTL_SLOT_LOGIN) {
		c->login.status = status;
		c->login.retry_ms = retry_ms;
	} else if (slot == CTL_SLOT_LOGOUT) {
		c->logout.status = status;
	} else if (slot == CTL_SLOT_UPDATE) {
		c->update.status = status;
	} else {
		map_on_head(c, status, retry_ms);
	}
}

void ctl_core_on_data(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, struct span data)
{
	if (c->dead)
		return;
	if (slot == CTL_SLOT_LOGIN)
		buf_add_span(&c->login.answer, data);
	else if (slot == CTL_SLOT_LOGOUT)
		buf_add_span(&c->logout.answer, data);
	else if (slot == CTL_SLOT_MAP)
		map_on_data(c, t, data);
}

void ctl_core_on_done(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, int err,
		      enum ctl_conn_error why, const char *text)
{
	if (c->dead)
		return;
	if (err)
		core_note_failure(c, why);
	if (slot == CTL_SLOT_LOGIN)
		login_on_done(c, t, err, why, text);
	else if (slot == CTL_SLOT_LOGOUT)
		logout_on_done(c, t, err, text);
	else if (slot == CTL_SLOT_UPDATE)
		update_on_done(c, t, err, why, text);
	else
		map_on_done(c, t, err, why, text);
	if (!c->dead)
		go_all(c, t);
}

const struct machine_key *ctl_core_server_key(const struct ctl_core *c)
{
	return &c->server_key;
}

const struct dial_target *ctl_core_target(const struct ctl_core *c)
{
	return &c->target;
}

void ctl_core_saved(struct ctl_core *c, struct ctl_now t, uint64_t ticket, int err)
{
	if (c->dead)
		return;
	if (c->login.phase == LOGIN_SAVING && ticket == c->login.ticket) {
		login_saved(c, t, err);
		if (!c->dead)
			go_all(c, t);
	} else if (err) {
		core_error(c, CTL_ERR_SAVE, "the state file cannot be written");
	}
}

void ctl_core_check_expiry(struct ctl_core *c, struct ctl_now t)
{
	c->map.expire_at = t.mono;
	map_expire(c, t);
}

const struct netmap *ctl_core_netmap(const struct ctl_core *c)
{
	return c->map.current ? map_session_netmap(c->map.current) : NULL;
}

const char *ctl_core_auth_url(const struct ctl_core *c)
{
	return c->login.auth_url;
}
