/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend's states (shared/spec/cli-localapi.md 5): one table, first match wins. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/control/expiry.h"
#include "daemon/engine/backend_priv.h"

#include <stdio.h>
#include <stdlib.h>

static bool waits_for_person(const struct backend *b)
{
	return b->auth_url != NULL;
}

/* A login that is under way blocks "Stopped", so that `up` on a new node is not seen as stopped. */
static bool login_blocks(const struct backend *b)
{
	return b->login_running;
}

static enum ipn_state next_state(struct backend *b)
{
	const struct netmap *nm = b->nm;
	if (!b->profiles)
		return IPN_NO_STATE;
	if (!b->prefs.want_running && !b->prefs.logged_out && !login_blocks(b) &&
	    backend_has_node_key(b))
		return IPN_STOPPED;
	if (!nm) {
		if (waits_for_person(b) || b->prefs.logged_out)
			return IPN_NEEDS_LOGIN;
		if (b->state == IPN_NO_STATE && !backend_has_node_key(b) && !b->login_running)
			return IPN_NEEDS_LOGIN;
		return b->state == IPN_STOPPED || b->state == IPN_RUNNING ? IPN_STARTING : b->state;
	}
	if (!b->prefs.want_running)
		return IPN_STOPPED;
	if (expiry_self(nm->self, wall_now()))
		return IPN_NEEDS_LOGIN;
	/* Deleted on the server: its last map is worth nothing (shared/spec/control.md 8). */
	if (b->disowned && waits_for_person(b))
		return IPN_NEEDS_LOGIN;
	if (!(nm->self->flags & NM_MACHINE_AUTHORIZED))
		return IPN_NEEDS_MACHINE_AUTH;
	if (b->state == IPN_RUNNING)
		return IPN_RUNNING;
	if (b->state == IPN_STARTING)
		return node_is_live(b->node) ? IPN_RUNNING : IPN_STARTING;
	return IPN_STARTING;
}

bool backend_guards(const struct backend *b)
{
	return b->profiles && b->prefs.want_running && !b->prefs.logged_out &&
	       prefs_wants_exit_node(&b->prefs);
}

static void enter(struct backend *b, enum ipn_state s)
{
	switch (s) {
	case IPN_NO_STATE:
	case IPN_NEEDS_LOGIN:
	case IPN_STOPPED:
		node_down(b->node, backend_guards(b));
		break;
	case IPN_STARTING:
	case IPN_NEEDS_MACHINE_AUTH:
		if (b->nm)
			backend_apply(b, NULL);
		break;
	case IPN_RUNNING:
		free(b->auth_url);
		b->auth_url = NULL;
		break;
	case IPN_IN_USE_OTHER_USER:
		break;
	}
}

/* The line that `systemctl status` shows. A login page often comes after its state. */
static void say(struct backend *b)
{
	char line[400], a4[IP_TEXT_MAX], a6[IP_TEXT_MAX];
	if (!b->say)
		return;
	if (b->state == IPN_NEEDS_LOGIN && b->auth_url)
		snprintf(line, sizeof(line), "Needs login: %s", b->auth_url);
	else if (b->state == IPN_STOPPED || b->state == IPN_NEEDS_LOGIN)
		snprintf(line, sizeof(line), "Stopped; run 'meshctl up' to log in");
	else if (b->state == IPN_RUNNING)
		snprintf(line, sizeof(line), "Connected; %s; %s %s",
			 b->prefs.config.user.login ? b->prefs.config.user.login : "",
			 ip_encode(nm_node_address(b->nm->self, IP_V4), a4),
			 ip_encode(nm_node_address(b->nm->self, IP_V6), a6));
	else
		return;
	if (str_cmp(line, b->said) == 0)
		return;
	str_set(&b->said, line);
	b->say(line);
}

void backend_run_state(struct backend *b)
{
	/* Two steps are needed at most: into Starting, and on to Running. */
	for (int i = 0; i < 3; i++) {
		enum ipn_state next = next_state(b);
		if (next == b->state)
			break;
		log_info("Switching ipn state %s -> %s (WantRunning=%s, nm=%s)",
			 ipn_state_text(b->state), ipn_state_text(next),
			 b->prefs.want_running ? "true" : "false", b->nm ? "true" : "false");
		b->state = next;
		enter(b, next);
		backend_notify(b, NOTIFY_STATE, NULL);
	}
	say(b);
}
