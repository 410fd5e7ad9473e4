/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map loop: one endless request after the other, its messages applied, the map handed over. */
#include "daemon/control/ctl_core_priv.h"

#include "base/alloc.h"
#include "daemon/control/capver.h"

#include <stdio.h>
#include <stdlib.h>

#define BIG_TEXT (256u << 10) /* after a message of this size buffers are given back */

/* ---- opening ---- */

static void drop_stream(struct ctl_core *c)
{
	struct map_loop *m = &c->map;
	map_reader_free(m->reader);
	m->reader = NULL;
	if (m->session != m->current)
		map_session_free(m->session);
	m->session = NULL;
	m->hold = MONO_ZERO;
	m->ready_at = MONO_ZERO;
	buf_reset(&m->held);
	buf_reset(&m->error);
}

void core_send_map(struct ctl_core *c, enum ctl_slot slot, bool stream)
{
	struct buf body;
	json_t *hostinfo = core_hostinfo(c, false);
	struct map_request r = {
		.version = CTL_CAPVER,
		.zstd = true,
		.keepalive = true,
		.stream = stream,
		.omit_peers = !stream,
		.disco = c->disco,
		.hostinfo = hostinfo,
		.endpoints = c->endpoints,
		.n_endpoints = c->n_endpoints,
		.tka_head = c->tka_head,
	};
	core_public(c, &r.node);
	json_t *v = map_request_to_json(&r);
	buf_init(&body, MAPREQUEST_MAX);
	j_write(v, J_COMPACT, true, &body);
	c->io->request(c->io_arg, slot, "/machine/map", buf_span(&body));
	buf_fini(&body);
	j_free(v);
	j_free(hostinfo);
}

static void wait_until(struct ctl_core *c, mono_t at)
{
	c->map.phase = MAP_WAIT;
	c->map.at = at;
}

static void open_stream(struct ctl_core *c, struct ctl_now t)
{
	struct map_loop *m = &c->map;
	mono_t allowed = backoff_allow(&m->backoff, t.mono);
	if (!mono_due(allowed, t.mono)) {
		wait_until(c, allowed);
		return;
	}
	if (machine_key_is_zero(&c->server_key)) {
		wait_until(c, MONO_NEVER); /* map_on_key goes on */
		core_fetch_key(c);
		return;
	}
	m->phase = MAP_OPEN;
	m->status = 0;
	m->retry_ms = -1;
	m->at = mono_add_s(t.mono, CTL_WATCHDOG_S);
	core_send_map(c, CTL_SLOT_MAP, true);
	update_bump(c, t);
}

void map_on_key(struct ctl_core *c, struct ctl_now t, int err)
{
	struct map_loop *m = &c->map;
	if (m->phase != MAP_WAIT || !mono_is_never(m->at))
		return;
	m->at = err ? mono_add_ms(t.mono, backoff_next(&m->backoff, c->rng)) : t.mono;
	if (err)
		core_error(c, CTL_ERR_KEY, "the server's key cannot be fetched");
}

void map_stop(struct ctl_core *c)
{
	if (c->map.phase == MAP_OPEN)
		c->io->cancel(c->io_arg, CTL_SLOT_MAP);
	drop_stream(c);
	c->map.phase = MAP_OFF;
	core_tell_state(c);
}

void map_forget(struct ctl_core *c)
{
	struct map_session *old = c->map.current;
	if (c->map.phase == MAP_OPEN && !c->dead)
		c->io->cancel(c->io_arg, CTL_SLOT_MAP);
	drop_stream(c);
	c->map.phase = MAP_OFF;
	c->map.current = NULL;
	c->map.expire_at = MONO_NEVER;
	map_session_free(old);
}

void map_restart(struct ctl_core *c, struct ctl_now t)
{
	map_stop(c);
	backoff_reset(&c->map.backoff);
	map_go(c, t);
}

/* ---- ending ---- */

/* The stream is over; the map it delivered stays in use. */
static void session_over(struct ctl_core *c, struct ctl_now t, enum ctl_error kind,
			 const char *text)
{
	struct map_loop *m = &c->map;
	bool healthy =
	    !mono_is_zero(m->ready_at) && mono_due(mono_add_s(m->ready_at, CTL_HEALTHY_S), t.mono);
	int64_t retry_ms = m->retry_ms;
	drop_stream(c);
	if (healthy)
		backoff_reset(&m->backoff);
	int64_t wait_ms = backoff_next(&m->backoff, c->rng);
	wait_until(c, mono_add_ms(t.mono, retry_ms > wait_ms ? retry_ms : wait_ms));
	core_error(c, kind, text);
	core_tell_state(c);
}

static void end_session(struct ctl_core *c, struct ctl_now t, enum ctl_error kind, const char *text)
{
	c->io->cancel(c->io_arg, CTL_SLOT_MAP);
	session_over(c, t, kind, text);
}

static bool is_unknown_node(int status)
{
	return status == 401 || status == 404 || status == 410;
}

static void on_refusal(struct ctl_core *c, struct ctl_now t)
{
	struct map_loop *m = &c->map;
	char text[CTL_TEXT_MAX];
	bool unknown = is_unknown_node(m->status);
	core_refusal(text, m->status, &m->error);
	session_over(c, t, core_is_version_refusal(text) ? CTL_ERR_VERSION : CTL_ERR_MAP, text);
	if (!unknown || c->dead)
		return;
	if (++m->unknown >= CTL_UNKNOWN_NODE_MAX) {
		m->unknown = 0;
		login_again(c, t);
	}
}

void map_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		 const char *text)
{
	struct map_loop *m = &c->map;
	if (m->phase != MAP_OPEN)
		return;
	if (m->status && m->status != 200)
		on_refusal(c, t);
	else if (err)
		session_over(c, t, core_error_kind(why), text);
	else
		session_over(c, t, CTL_ERR_MAP, "the server ended the map stream");
}

/* ---- messages ---- */

void map_on_head(struct ctl_core *c, int status, int64_t retry_ms)
{
	struct map_loop *m = &c->map;
	m->status = status;
	m->retry_ms = retry_ms;
	if (status != 200 || m->reader)
		return;
	m->reader = map_reader_new(true);
	m->session = map_session_new();
}

/* After a first map: what the stored login should know of it. */
static void learn_identity(struct ctl_core *c, const struct netmap *nm)
{
	struct persist before;
	const struct nm_user *u = netmap_user(nm, nm->self->user);
	persist_init(&before);
	persist_copy(&before, &c->persist);
	str_set(&c->persist.node_id, nm->self->stable_id);
	/* a tagged node's user is a placeholder; the login's own stays */
	if (u && nm->self->n_tags == 0) {
		c->persist.user.id = u->id;
		str_set(&c->persist.user.login, u->login);
		str_set(&c->persist.user.display, u->display);
		str_set(&c->persist.user.picture, u->picture);
	}
	bool same = persist_equal(&before, &c->persist);
	persist_fini(&before);
	if (!same)
		core_save(c);
}

static void hand_over(struct ctl_core *c, const struct nm_change *change)
{
	if (!c->dead && c->ops->on_netmap)
		c->ops->on_netmap(c->arg, ctl_core_netmap(c), change);
}

/* When peers' keys have to be looked at again. */
static void plan_expiry(struct ctl_core *c, struct ctl_now t, wall_t next)
{
	int64_t in_s = next.s - t.wall.s;
	c->map.expire_at =
	    wall_is_zero(next) ? MONO_NEVER : mono_add_s(t.mono, in_s > 1 ? in_s : 1);
}

void map_expire(struct ctl_core *c, struct ctl_now t)
{
	struct nm_change change;
	wall_t next;
	if (!c->map.current || !mono_due(c->map.expire_at, t.mono))
		return;
	bool changed = map_session_expire(c->map.current, t.wall, &change, &next);
	plan_expiry(c, t, next);
	if (changed)
		hand_over(c, &change);
}

/* The first map of a session takes the place of the last one's. */
static void first_map(struct ctl_core *c, struct ctl_now t, const struct nm_change *change)
{
	struct map_loop *m = &c->map;
	struct map_session *old = m->current;
	struct nm_change ignored;
	wall_t next;
	m->current = m->session;
	m->ready_at = t.mono;
	m->unknown = 0;
	map_session_expire(m->current, t.wall, &ignored, &next);
	plan_expiry(c, t, next);
	core_error_over(c);
	hand_over(c, change);
	map_session_free(old);
	if (c->dead || m->current != m->session || !m->current)
		return;
	core_tell_state(c);
	learn_identity(c, map_session_netmap(m->current));
}

static void deliver(struct ctl_core *c, struct ctl_now t, const struct nm_change *change)
{
	struct map_loop *m = &c->map;
	if (m->current != m->session) {
		first_map(c, t, change);
		return;
	}
	/* not at once: looking at every peer for each small change would make it cost O(n) */
	if (change->mask & (NM_CHANGED_PEERS | NM_CHANGED_CLOCK))
		m->expire_at = mono_min(m->expire_at, mono_add_s(t.mono, 1));
	hand_over(c, change);
}

/* false: the session ended, or the core. */
static bool on_message(struct ctl_core *c, struct ctl_now t, struct span text)
{
	struct map_loop *m = &c->map;
	struct map_session *s = m->session;
	struct map_result res;
	const char *why;
	int err = map_session_apply(s, text, t.wall, &res, &why);
	if (err) {
		char msg[CTL_TEXT_MAX];
		snprintf(msg, sizeof(msg), "a map message is not usable: %s: %s", why,
			 err_text(err));
		end_session(c, t, CTL_ERR_MAP, msg);
		return false;
	}
	m->last_message = t.mono;
	if (res.keepalive && !res.ping && !res.pop_browser_url && wall_is_zero(res.control_time))
		map_reader_mark_keepalive(m->reader);
	else if (text.len > BIG_TEXT)
		map_reader_shrink(m->reader);
	if (res.ping)
		ping_answer(c, t, res.ping);
	if (res.pop_browser_url && !c->dead && c->ops->on_browser_url)
		c->ops->on_browser_url(c->arg, res.pop_browser_url);
	if (res.change.mask && map_session_ready(s) && !c->dead && m->session == s)
		deliver(c, t, &res.change);
	if (c->dead || m->session != s)
		return false;
	if (res.exit_requested) {
		end_session(c, t, CTL_ERR_MAP, "the server asked this program to end; refused");
		return false;
	}
	if (res.sleep_s)
		m->hold = mono_add_s(t.mono, res.sleep_s);
	return true;
}

static void hold_back(struct ctl_core *c, struct ctl_now t, struct span data)
{
	buf_add_span(&c->map.held, data);
	if (!buf_ok(&c->map.held))
		end_session(c, t, CTL_ERR_MAP, "the server sends too much while it has us wait");
}

static void read_messages(struct ctl_core *c, struct ctl_now t, struct span data)
{
	struct map_loop *m = &c->map;
	struct span text;
	bool same;
	int got = 1;
	while (mono_is_zero(m->hold) &&
	       (got = map_reader_next(m->reader, &data, &text, &same)) == 1) {
		if (!on_message(c, t, text))
			return;
		m->at = mono_add_s(t.mono, CTL_WATCHDOG_S);
	}
	if (got < 0)
		end_session(c, t, CTL_ERR_MAP, "the map stream is malformed");
	else if (!mono_is_zero(m->hold) && data.len)
		hold_back(c, t, data);
}

void map_on_data(struct ctl_core *c, struct ctl_now t, struct span data)
{
	struct map_loop *m = &c->map;
	if (m->phase != MAP_OPEN)
		return;
	if (!m->reader)
		core_collect(&m->error, data);
	else if (!mono_is_zero(m->hold))
		hold_back(c, t, data);
	else
		read_messages(c, t, data);
}

/* The time the server had us wait is over. */
static void release(struct ctl_core *c, struct ctl_now t)
{
	struct buf held = c->map.held;
	buf_init(&c->map.held, held.max);
	c->map.hold = MONO_ZERO;
	c->map.at = mono_add_s(t.mono, CTL_WATCHDOG_S);
	read_messages(c, t, buf_span(&held));
	buf_fini(&held);
}

/* ---- time ---- */

/* A silent connection is given up whole: it may be half open. */
static void watchdog(struct ctl_core *c, struct ctl_now t)
{
	login_stop(c);
	update_stop(c);
	c->io->drop(c->io_arg);
	c->fetching = false;
	session_over(c, t, CTL_ERR_NETWORK, "nothing heard from the server for two minutes");
}

void map_go(struct ctl_core *c, struct ctl_now t)
{
	struct map_loop *m = &c->map;
	if (c->dead || c->paused || c->logout.running)
		return;
	if (m->phase == MAP_OPEN && !mono_is_zero(m->hold)) {
		if (mono_due(m->hold, t.mono))
			release(c, t);
		return;
	}
	if (m->phase == MAP_OPEN) {
		if (mono_due(m->at, t.mono))
			watchdog(c, t);
		return;
	}
	bool due = m->phase == MAP_OFF || mono_due(m->at, t.mono);
	if (c->login.phase == LOGIN_DONE && due)
		open_stream(c, t);
}

mono_t map_deadline(const struct ctl_core *c)
{
	const struct map_loop *m = &c->map;
	mono_t at = MONO_NEVER;
	if (m->current)
		at = m->expire_at;
	if (c->paused || c->logout.running || m->phase == MAP_OFF)
		return at;
	if (m->phase == MAP_WAIT && c->login.phase != LOGIN_DONE)
		return at;
	bool held = m->phase == MAP_OPEN && !mono_is_zero(m->hold);
	return mono_min(at, held ? m->hold : m->at);
}
