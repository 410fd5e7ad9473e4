/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The update loop: lite map requests that tell our endpoints, disco key and Hostinfo. A generation
 * counts up with each change; what travels is always the present state. */
#include "daemon/control/ctl_core_priv.h"

static void send_update(struct ctl_core *c, struct ctl_now t)
{
	struct update_loop *u = &c->update;
	u->phase = UPDATE_SENDING;
	u->in_flight = u->want;
	u->status = 0;
	u->at = mono_add_s(t.mono, CTL_UPDATE_TIMEOUT_S);
	core_send_map(c, CTL_SLOT_UPDATE, false);
}

void update_bump(struct ctl_core *c, struct ctl_now t)
{
	struct update_loop *u = &c->update;
	u->want++;
	if (u->phase != UPDATE_IDLE)
		return;
	u->phase = UPDATE_DUE;
	u->at = mono_add_ms(t.mono, CTL_UPDATE_DELAY_MS);
}

static bool may_send(const struct ctl_core *c)
{
	return !c->dead && !c->paused && !c->logout.running && c->login.phase == LOGIN_DONE &&
	       !machine_key_is_zero(&c->server_key);
}

void update_go(struct ctl_core *c, struct ctl_now t)
{
	struct update_loop *u = &c->update;
	if (!may_send(c))
		return;
	if (u->phase == UPDATE_IDLE && u->want != u->sent) {
		u->phase = UPDATE_DUE;
		u->at = t.mono;
	}
	if (u->phase == UPDATE_IDLE || !mono_due(u->at, t.mono))
		return;
	if (u->phase == UPDATE_SENDING) {
		c->io->cancel(c->io_arg, CTL_SLOT_UPDATE);
		update_on_done(c, t, -ERR_TIMEOUT, CTL_CONN_NETWORK,
			       "the server does not answer an update");
		return;
	}
	mono_t allowed = backoff_allow(&u->backoff, t.mono);
	if (mono_due(allowed, t.mono))
		send_update(c, t);
	else
		u->at = allowed;
}

void update_stop(struct ctl_core *c)
{
	if (c->update.phase == UPDATE_SENDING)
		c->io->cancel(c->io_arg, CTL_SLOT_UPDATE);
	c->update.phase = UPDATE_IDLE;
}

static void failed(struct ctl_core *c, struct ctl_now t, enum ctl_error kind, const char *text)
{
	struct update_loop *u = &c->update;
	u->phase = UPDATE_WAIT;
	u->at = mono_add_ms(t.mono, backoff_next(&u->backoff, c->rng));
	core_error(c, kind, text);
}

/* The open map stream of a deleted node goes on in silence: only here it shows. */
static void unknown_node(struct ctl_core *c, struct ctl_now t)
{
	if (++c->map.unknown < CTL_UNKNOWN_NODE_MAX)
		return;
	c->map.unknown = 0;
	login_again(c, t);
}

void update_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		    const char *text)
{
	struct update_loop *u = &c->update;
	static const struct buf nothing;
	char refusal[CTL_TEXT_MAX];
	if (u->phase != UPDATE_SENDING)
		return;
	if (err) {
		failed(c, t, core_error_kind(why), text);
		return;
	}
	if (u->status == 200) {
		u->sent = u->in_flight;
		u->phase = UPDATE_IDLE;
		c->map.unknown = 0;
		backoff_reset(&u->backoff);
		return;
	}
	core_refusal(refusal, u->status, &nothing);
	failed(c, t, CTL_ERR_UPDATE, refusal);
	if (!c->dead && (u->status == 404 || u->status == 401 || u->status == 410))
		unknown_node(c, t);
}

mono_t update_deadline(const struct ctl_core *c)
{
	const struct update_loop *u = &c->update;
	if (!may_send(c))
		return MONO_NEVER;
	if (u->phase == UPDATE_IDLE)
		return u->want != u->sent ? MONO_ZERO : MONO_NEVER;
	return u->at;
}
