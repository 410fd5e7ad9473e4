/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The login loop: server key, registration, follow-up poll, node-key rotation, logout. */
#include "daemon/control/ctl_core_priv.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/control/capver.h"
#include "daemon/control/expiry.h"
#include "daemon/control/register_wire.h"

#include <stdlib.h>
#include <string.h>

#define LOGOUT_EXPIRY_S 123 /* long past: the server reads it as a logout */

/* ---- the node key on probation ---- */

static void trial_clear(struct trial *t)
{
	wipe(t, sizeof(*t));
}

/* A new key; the one used so far becomes the old one. */
static void trial_rotate(struct ctl_core *c)
{
	struct trial *t = &c->login.trial;
	t->old = t->node;
	t->fresh = true;
	node_priv_generate(&t->node, c->rng);
}

static bool stored_key_expired(const struct ctl_core *c, wall_t now)
{
	const struct netmap *nm = ctl_core_netmap(c);
	return c->login.key_expired || (nm && nm->self && expiry_self(nm->self, now));
}

static void trial_choose(struct ctl_core *c, wall_t now, bool want_new)
{
	struct trial *t = &c->login.trial;
	bool have = !node_priv_is_zero(&c->persist.node);
	trial_clear(t);
	t->set = true;
	t->node = c->persist.node;
	t->old = c->persist.old_node;
	if (!have || want_new || stored_key_expired(c, now))
		trial_rotate(c);
}

static void public_or_zero(const struct node_priv *k, struct node_key *out)
{
	memset(out, 0, sizeof(*out));
	if (!node_priv_is_zero(k))
		node_priv_public(k, out);
}

/* ---- requests ---- */

static bool have_server_key(const struct ctl_core *c)
{
	return !machine_key_is_zero(&c->server_key);
}

static void send_json(struct ctl_core *c, enum ctl_slot slot, json_t *taken)
{
	struct buf body;
	buf_init(&body, MAPREQUEST_MAX);
	body.secret = true;
	j_write(taken, J_COMPACT, true, &body);
	c->io->request(c->io_arg, slot, "/machine/register", buf_span(&body));
	buf_fini(&body);
	j_free(taken);
}

static bool have_auth_key(const struct ctl_core *c)
{
	return c->login.auth_key && *c->login.auth_key;
}

static void send_register(struct ctl_core *c, struct ctl_now t)
{
	struct login *l = &c->login;
	struct register_request r = { .version = CTL_CAPVER, .ephemeral = c->ephemeral };
	struct nl_key nl;
	if (!l->trial.set)
		trial_choose(c, t.wall, false);
	/* A new node with an auth key gets the key's tags; asking for others is refused. */
	json_t *hostinfo = core_hostinfo(c, have_auth_key(c));
	public_or_zero(&l->trial.node, &r.node);
	public_or_zero(&l->trial.old, &r.old_node);
	nl_priv_public(&c->persist.nl, &nl);
	r.nl = nl;
	r.auth_key = l->auth_key;
	r.followup = l->auth_url;
	r.hostinfo = hostinfo;
	l->phase = LOGIN_SEND;
	l->status = 0;
	l->retry_ms = -1;
	l->at = mono_add_s(t.mono, l->auth_url ? CTL_FOLLOWUP_S : CTL_REGISTER_TIMEOUT_S);
	buf_reset(&l->answer);
	send_json(c, CTL_SLOT_LOGIN, register_request_to_json(&r));
	j_free(hostinfo);
}

static void wait_until(struct ctl_core *c, mono_t at)
{
	c->login.phase = LOGIN_WAIT;
	c->login.at = at;
}

static void back_off(struct ctl_core *c, struct ctl_now t)
{
	wait_until(c, mono_add_ms(t.mono, backoff_next(&c->login.backoff, c->rng)));
}

static void attempt(struct ctl_core *c, struct ctl_now t)
{
	mono_t allowed = backoff_allow(&c->login.backoff, t.mono);
	if (!mono_due(allowed, t.mono)) {
		wait_until(c, allowed);
		return;
	}
	if (have_server_key(c)) {
		send_register(c, t);
		return;
	}
	c->login.phase = LOGIN_KEY;
	c->login.at = MONO_NEVER;
	core_fetch_key(c);
}

/* No answer. Unless the map stream, which has its own watchdog, shows that the connection lives, it
 * may be half open and must not be used again. A follow-up poll just takes as long as the person.
 */
static void timed_out(struct ctl_core *c, struct ctl_now t)
{
	c->io->cancel(c->io_arg, CTL_SLOT_LOGIN);
	if (c->map.phase != MAP_OPEN) {
		update_stop(c);
		c->io->drop(c->io_arg);
		c->fetching = false;
	}
	if (c->login.auth_url)
		wait_until(c, t.mono);
	else
		login_on_done(c, t, -ERR_TIMEOUT, CTL_CONN_NETWORK,
			      "the server does not answer the registration");
}

void login_go(struct ctl_core *c, struct ctl_now t)
{
	struct login *l = &c->login;
	if (c->dead || c->paused || c->logout.running)
		return;
	if (l->phase == LOGIN_SEND && mono_due(l->at, t.mono))
		timed_out(c, t);
	if (!c->dead && l->phase == LOGIN_WAIT && mono_due(l->at, t.mono))
		attempt(c, t);
}

void login_stop(struct ctl_core *c)
{
	struct login *l = &c->login;
	if (l->phase == LOGIN_SEND)
		c->io->cancel(c->io_arg, CTL_SLOT_LOGIN);
	if (l->phase == LOGIN_SEND || l->phase == LOGIN_KEY)
		wait_until(c, MONO_ZERO);
}

mono_t login_deadline(const struct ctl_core *c)
{
	if (c->logout.running)
		return c->logout.at;
	if (c->paused || (c->login.phase != LOGIN_WAIT && c->login.phase != LOGIN_SEND))
		return MONO_NEVER;
	return c->login.at;
}

/* ---- answers ---- */

static void drop_url(struct ctl_core *c)
{
	if (!c->login.auth_url)
		return;
	str_set(&c->login.auth_url, NULL);
	if (!c->dead && c->ops->on_auth_url)
		c->ops->on_auth_url(c->arg, NULL);
}

static void refused(struct ctl_core *c, struct ctl_now t, enum ctl_error kind, const char *text)
{
	back_off(c, t);
	drop_url(c);
	core_error(c, kind, text);
}

/* A page to show to a person: https, or what the user's own choice of server makes no worse. */
static bool url_ok(const struct ctl_core *c, const char *url)
{
	if (strncmp(url, "https://", 8) == 0)
		return true;
	return !c->target.https && strncmp(url, "http://", 7) == 0;
}

static void on_url(struct ctl_core *c, struct ctl_now t, const char *url)
{
	struct login *l = &c->login;
	if (!url_ok(c, url)) {
		refused(c, t, CTL_ERR_REFUSED,
			"the server names a login page that is not https; it is not shown");
		return;
	}
	if (str_cmp(url, l->auth_url) == 0) {
		back_off(c, t);
		return;
	}
	backoff_reset(&l->backoff);
	str_set(&l->auth_url, url);
	wait_until(c, t.mono); /* the follow-up poll goes out at once */
	core_error_over(c);
	if (!c->dead && c->ops->on_auth_url)
		c->ops->on_auth_url(c->arg, l->auth_url);
}

static void take_user(struct persist *p, const struct register_answer *a)
{
	p->user.id = a->user_id;
	str_set(&p->user.login, a->login_name);
	str_set(&p->user.display, a->display_name);
	str_set(&p->user.picture, a->picture);
}

/* Registered: on disk first, only then is a new key used. */
static void on_success(struct ctl_core *c, struct ctl_now t, const struct register_answer *a)
{
	struct login *l = &c->login;
	struct persist before;
	persist_init(&before);
	persist_copy(&before, &c->persist);
	c->persist.node = l->trial.node;
	c->persist.old_node = l->trial.old;
	take_user(&c->persist, a);
	bool same = persist_equal(&before, &c->persist);
	persist_fini(&before);
	l->phase = LOGIN_SAVING;
	l->at = MONO_NEVER;
	l->ticket = c->next_ticket + 1; /* core_save's; its answer may come from inside */
	if (same)
		login_saved(c, t, 0);
	else
		core_save(c);
}

void login_saved(struct ctl_core *c, struct ctl_now t, int err)
{
	struct login *l = &c->login;
	if (err) {
		back_off(c, t);
		core_error(c, CTL_ERR_SAVE,
			   "the state file cannot be written; the login is not used");
		return;
	}
	trial_clear(&l->trial);
	if (l->auth_key)
		wipe(l->auth_key, strlen(l->auth_key));
	str_set(&l->auth_key, NULL);
	l->key_expired = false;
	l->phase = LOGIN_DONE;
	backoff_reset(&l->backoff);
	drop_url(c);
	core_error_over(c);
	if (!c->dead && c->ops->on_login)
		c->ops->on_login(c->arg, &c->persist);
	if (c->dead || l->phase != LOGIN_DONE)
		return;
	map_restart(c, t);
	update_bump(c, t);
}

static void on_expired(struct ctl_core *c, struct ctl_now t)
{
	if (c->login.trial.fresh) {
		refused(c, t, CTL_ERR_REFUSED, "the server says that a new node key is expired");
		return;
	}
	trial_rotate(c);
	wait_until(c, t.mono);
}

/* The order of the chapter's 7.2. */
static void on_answer(struct ctl_core *c, struct ctl_now t, const struct register_answer *a)
{
	if (*a->error)
		refused(c, t, CTL_ERR_REFUSED, a->error);
	else if (a->signature.len)
		refused(c, t, CTL_ERR_REFUSED,
			"this network is locked (tailnet lock) and wants a signature that this "
			"client cannot make yet");
	else if (a->node_key_expired)
		on_expired(c, t);
	else if (*a->auth_url)
		on_url(c, t, a->auth_url);
	else
		on_success(c, t, a);
}

static void on_status(struct ctl_core *c, struct ctl_now t)
{
	struct login *l = &c->login;
	char text[CTL_TEXT_MAX];
	core_refusal(text, l->status, &l->answer);
	if (l->status == 429) {
		wait_until(c, mono_add_ms(t.mono, l->retry_ms));
		core_error(c, CTL_ERR_REFUSED, text);
	} else {
		/* the URL stays: the person may be on its page while the server is in trouble */
		back_off(c, t);
		core_error(c, core_is_version_refusal(text) ? CTL_ERR_VERSION : CTL_ERR_REFUSED,
			   text);
	}
}

void login_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		   const char *text)
{
	struct login *l = &c->login;
	struct register_answer a;
	if (l->phase != LOGIN_SEND)
		return;
	if (err) {
		back_off(c, t);
		core_error(c, core_error_kind(why), text);
		return;
	}
	if (l->status != 200) {
		on_status(c, t);
		return;
	}
	if (!buf_ok(&l->answer) || register_answer_parse(buf_span(&l->answer), &a)) {
		refused(c, t, CTL_ERR_REFUSED,
			"the server's answer to the registration cannot be read");
		return;
	}
	on_answer(c, t, &a);
	register_answer_fini(&a);
}

void login_on_key(struct ctl_core *c, struct ctl_now t, int err, const char *text)
{
	if (c->login.phase != LOGIN_KEY)
		return;
	if (err) {
		back_off(c, t);
		core_error(c, CTL_ERR_KEY, text);
		return;
	}
	send_register(c, t);
}

/* ---- what people ask for ---- */

static void restart(struct ctl_core *c, struct ctl_now t, bool want_new)
{
	login_stop(c);
	drop_url(c);
	trial_choose(c, t.wall, want_new);
	backoff_reset(&c->login.backoff);
	wait_until(c, t.mono);
	login_go(c, t);
	core_tell_state(c);
}

static void set_auth_key(struct ctl_core *c, const char *key)
{
	struct login *l = &c->login;
	if (l->auth_key)
		wipe(l->auth_key, strlen(l->auth_key));
	str_set(&l->auth_key, *key ? key : NULL);
}

void ctl_core_login(struct ctl_core *c, struct ctl_now t, unsigned flags, const char *authkey)
{
	struct login *l = &c->login;
	bool anew = flags & (CTL_LOGIN_INTERACTIVE | CTL_LOGIN_REAUTH);
	if (c->dead || c->logout.running)
		return;
	if (authkey)
		set_auth_key(c, authkey);
	if (l->phase == LOGIN_SAVING || (l->phase == LOGIN_DONE && !anew))
		return;
	/* Somebody asks again for the page that is open already. */
	if (l->auth_url && !(flags & CTL_LOGIN_REAUTH) && !authkey) {
		if (c->ops->on_auth_url)
			c->ops->on_auth_url(c->arg, l->auth_url);
		return;
	}
	restart(c, t, anew);
}

void login_again(struct ctl_core *c, struct ctl_now t)
{
	if (c->login.phase != LOGIN_DONE)
		return;
	core_error(c, CTL_ERR_LOGGED_OUT, "the server does not know this node any more");
	if (!c->dead && c->login.phase == LOGIN_DONE)
		restart(c, t, false);
}

/* ---- logout ---- */

static void logout_finish(struct ctl_core *c, const char *why)
{
	void (*done)(void *, const char *) = c->logout.done;
	struct log_esc_buf esc;
	c->logout.running = false;
	c->logout.done = NULL;
	buf_reset(&c->logout.answer);
	if (c->paused)
		c->io->drop(c->io_arg);
	if (done)
		done(c->logout.arg, why ? log_esc(span_str(why), &esc) : NULL);
}

/* Nothing of the login is left but what the machine is. */
static void forget_login(struct ctl_core *c)
{
	persist_fini(&c->persist);
	persist_init(&c->persist);
	trial_clear(&c->login.trial);
	set_auth_key(c, "");
	c->login.phase = LOGIN_OFF;
	c->login.key_expired = false;
	drop_url(c);
	map_forget(c);
	core_save(c);
}

static void logout_send(struct ctl_core *c)
{
	struct register_request r = { .version = CTL_CAPVER,
				      .expiry = { LOGOUT_EXPIRY_S, 0 },
				      .ephemeral = c->ephemeral };
	json_t *hostinfo = core_hostinfo(c, false);
	public_or_zero(&c->persist.node, &r.node);
	public_or_zero(&c->persist.old_node, &r.old_node);
	nl_priv_public(&c->persist.nl, &r.nl);
	r.hostinfo = hostinfo;
	c->logout.status = 0;
	send_json(c, CTL_SLOT_LOGOUT, register_request_to_json(&r));
	j_free(hostinfo);
}

void ctl_core_logout(struct ctl_core *c, struct ctl_now t, void (*done)(void *, const char *),
		     void *arg)
{
	if (c->dead || c->logout.running)
		return;
	login_stop(c);
	map_stop(c);
	update_stop(c);
	c->logout.running = true;
	c->logout.done = done;
	c->logout.arg = arg;
	c->logout.empty = node_priv_is_zero(&c->persist.node);
	c->logout.at = c->logout.empty ? t.mono : mono_add_s(t.mono, CTL_LOGOUT_S);
	buf_reset(&c->logout.answer);
	if (c->logout.empty)
		return;
	if (have_server_key(c))
		logout_send(c);
	else
		core_fetch_key(c);
}

void logout_on_key(struct ctl_core *c, struct ctl_now t, int err, const char *text)
{
	(void)t;
	if (!c->logout.running || c->logout.empty)
		return;
	if (err)
		logout_finish(c, text);
	else
		logout_send(c);
}

void logout_on_done(struct ctl_core *c, struct ctl_now t, int err, const char *text)
{
	char refusal[CTL_TEXT_MAX];
	struct register_answer a;
	(void)t;
	if (!c->logout.running)
		return;
	if (err) {
		logout_finish(c, text);
		return;
	}
	if (c->logout.status != 200) {
		core_refusal(refusal, c->logout.status, &c->logout.answer);
		logout_finish(c, refusal);
		return;
	}
	if (register_answer_parse(buf_span(&c->logout.answer), &a)) {
		logout_finish(c, "the server's answer to the logout cannot be read");
		return;
	}
	if (!*a.error)
		forget_login(c);
	logout_finish(c, *a.error ? a.error : NULL);
	register_answer_fini(&a);
}

void logout_tick(struct ctl_core *c, struct ctl_now t)
{
	if (!c->logout.running || !mono_due(c->logout.at, t.mono))
		return;
	if (c->logout.empty) {
		forget_login(c);
		logout_finish(c, NULL);
		return;
	}
	c->io->cancel(c->io_arg, CTL_SLOT_LOGOUT);
	logout_finish(c, "no answer from the control server");
}
