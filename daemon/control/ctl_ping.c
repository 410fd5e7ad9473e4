/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of the server to this node: HEAD pings (Headscale's probe of subnet routers), c2n, and
 * pings of peers. */
#include "daemon/control/ctl_core_priv.h"

#include "base/alloc.h"
#include "daemon/control/c2n.h"

#include <stdlib.h>
#include <string.h>

/* May the server have us ask for this URL? Its own host always; any other unless it names something
 * in the private networks around us, which are none of its business. */
static bool url_ok(const struct ctl_core *c, const char *url)
{
	struct dial_target to;
	struct ip ip;
	if (dial_target_parse(url, &to))
		return false;
	if (strcmp(to.host, c->target.host) == 0)
		return true;
	if (strcmp(to.host, "localhost") == 0)
		return false;
	/* What a name stands for is looked at when it is dialed (httpc_opts.public_only). */
	return ip_decode(span_str(to.host), &ip) || ip_is_public(ip);
}

static void answer_c2n(struct ctl_core *c, const struct map_ping *p)
{
	const struct c2n_sources src = { .prefs = c->ops->c2n_prefs,
					 .health = c->ops->c2n_health,
					 .metrics = c->ops->c2n_metrics,
					 .arg = c->arg };
	struct buf out;
	buf_init(&out, C2N_ANSWER_MAX + 1024);
	c2n_answer(buf_span(&p->payload), &src, &out);
	if (!c->dead)
		c->io->send(c->io_arg, true, "POST", p->url, buf_span(&out));
	buf_fini(&out);
}

static void ask_peer(struct ctl_core *c, struct ctl_now t, const struct map_ping *p)
{
	struct peer_ping *slot = NULL;
	for (size_t i = 0; i < CTL_PINGS_MAX && !slot; i++)
		if (!c->pings[i].ticket)
			slot = &c->pings[i];
	if (!slot || !c->ops->on_ping)
		return;
	struct ctl_ping ask = { .ticket = ++c->next_ticket, .ip = p->ip, .types = p->types };
	slot->ticket = ask.ticket;
	slot->noise = p->noise;
	slot->at = mono_add_s(t.mono, CTL_PING_S);
	str_set(&slot->url, p->url);
	if (!c->ops->on_ping(c->arg, &ask))
		slot->ticket = 0;
}

void ping_answer(struct ctl_core *c, struct ctl_now t, const struct map_ping *p)
{
	bool noise = p->noise || p->kind == MAP_PING_C2N;
	if (c->dead || (!noise && !url_ok(c, p->url)))
		return;
	switch (p->kind) {
	case MAP_PING_HEAD:
		c->io->send(c->io_arg, noise, "HEAD", p->url, span_of(NULL, 0));
		break;
	case MAP_PING_C2N:
		answer_c2n(c, p);
		break;
	case MAP_PING_PEER:
		ask_peer(c, t, p);
		break;
	}
}

void ctl_core_ping_done(struct ctl_core *c, struct ctl_now t, uint64_t ticket, json_t *taken)
{
	(void)t;
	for (size_t i = 0; i < CTL_PINGS_MAX && !c->dead; i++) {
		struct peer_ping *p = &c->pings[i];
		if (!ticket || p->ticket != ticket)
			continue;
		char *body = j_dump(taken);
		p->ticket = 0;
		if (taken)
			c->io->send(c->io_arg, p->noise, "POST", p->url, span_str(body));
		free(body);
	}
	j_free(taken);
}

void ping_tick(struct ctl_core *c, struct ctl_now t)
{
	for (size_t i = 0; i < CTL_PINGS_MAX; i++)
		if (c->pings[i].ticket && mono_due(c->pings[i].at, t.mono))
			c->pings[i].ticket = 0;
}

mono_t ping_deadline(const struct ctl_core *c)
{
	mono_t at = MONO_NEVER;
	for (size_t i = 0; i < CTL_PINGS_MAX; i++)
		if (c->pings[i].ticket)
			at = mono_min(at, c->pings[i].at);
	return at;
}

void ping_stop(struct ctl_core *c)
{
	for (size_t i = 0; i < CTL_PINGS_MAX; i++) {
		free(c->pings[i].url);
		c->pings[i].url = NULL;
		c->pings[i].ticket = 0;
	}
}
