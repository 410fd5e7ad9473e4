/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pings that people ask for: disco (which path), TSMP (is WireGuard up), ICMP (is the host up). */
#include "daemon/engine/engine_priv.h"

#include "netstack/icmp.h"
#include "netstack/tsmp.h"

#include <stdlib.h>

#define PING_TIMEOUT_S 10
#define DISCO_AGAIN_MS 1000 /* one that reaches a peer before its map names us is lost silently */

struct engine_ping {
	struct list link; /* first: engine_free walks the list */
	struct engine *e;
	enum engine_ping_kind kind;
	const struct epeer *peer; /* NULL once it is gone */
	mono_t sent, deadline;	  /* disco: when to send one more */
	size_t size;
	uint8_t data[8];
	uint32_t token;
	bool waiting;	 /* token is in the worker's list */
	const char *err; /* to be told at the deadline */
	engine_pong_fn *fn;
	void *arg;
};

static void release(struct engine_ping *p)
{
	if (p->waiting)
		echo_waits_del(&p->e->waits, p->token);
	if (p->kind == ENGINE_PING_DISCO && p->peer && p->peer->disco)
		disco_ping_stop(p->peer->disco, p);
	list_remove(&p->link);
	free(p);
}

static void finish(struct engine_ping *p, const struct engine_pong *r)
{
	engine_pong_fn *fn = p->fn;
	void *arg = p->arg;
	release(p);
	fn(arg, r);
}

void engine_ping_stop(struct engine_ping *p)
{
	release(p);
}

/* ---- sending ------------------------------------------------------------------------------------
 */

static const char *send_tsmp(struct engine_ping *p, struct ip src, struct ip dst)
{
	uint8_t bytes[TSMP_PACKET_MAX];
	rng_fill(p->e->rng, p->data, sizeof(p->data));
	size_t n = tsmp_ping_build(mspan_of(bytes, sizeof(bytes)), src, dst, p->data);
	engine_command(p->e, DP_CMD_SEND_INNER, p->peer, true, span_of(bytes, n));
	return NULL;
}

static const char *send_echo(struct engine_ping *p, struct ip src, struct ip dst)
{
	uint8_t bytes[IP6_HDR_LEN + ICMP_ECHO_LEN + 8], token[4];
	do
		p->token = rng_u32(p->e->rng);
	while (p->token == 0);
	struct wr w = wr_init(mspan_of(token, sizeof(token)));
	wr_be32(&w, p->token);
	if (!echo_waits_add(&p->e->waits, p->token))
		return "too many pings at once";
	p->waiting = true;
	size_t n = icmp_echo_request_build(mspan_of(bytes, sizeof(bytes)), src, dst, token,
					   span_of(p->data, sizeof(p->data)));
	engine_command(p->e, DP_CMD_SEND_INNER, p->peer, true, span_of(bytes, n));
	return NULL;
}

static const char *send_disco(struct engine_ping *p)
{
	if (!p->peer->disco)
		return "the peer does not tell a disco key; it may be too old or not connected yet";
	switch (disco_ping_start(p->e->disco, p->peer->disco, p->e->now, p->size, p)) {
	case 0:
		return NULL;
	case -ERR_TOOBIG:
		return "ping size is too large";
	case -ERR_NOENT:
		return "no way to the peer: it has no address and no relay";
	default:
		return "too many pings at once";
	}
}

static const char *send(struct engine_ping *p, struct ip to)
{
	if (!p->peer || !p->peer->wg)
		return "the peer is expired or has never been connected";
	if (p->kind == ENGINE_PING_DISCO)
		return send_disco(p);
	struct ip src = to.fam == IP_V4 ? p->e->tables->self.addr4 : p->e->tables->self.addr6;
	if (!ip_is_set(src))
		return "this node has no address of that family";
	return p->kind == ENGINE_PING_TSMP ? send_tsmp(p, src, to) : send_echo(p, src, to);
}

struct engine_ping *engine_ping_start(struct engine *e, mono_t now, wall_t wall,
				      const struct node_key *peer, struct ip to,
				      enum engine_ping_kind kind, size_t size, engine_pong_fn *fn,
				      void *arg)
{
	struct engine_ping *p = xcalloc(1, sizeof(*p));
	engine_enter(e, now, wall);
	*p = (struct engine_ping){
		.e = e, .kind = kind, .sent = now, .size = size, .fn = fn, .arg = arg
	};
	p->peer = engine_peer(e, peer);
	list_init(&p->link);
	list_push_back(&e->pings, &p->link);
	p->deadline =
	    mono_add_ms(now, kind == ENGINE_PING_DISCO ? DISCO_AGAIN_MS : PING_TIMEOUT_S * 1000);
	p->err = e->tables ? send(p, to) : "not connected";
	if (p->err)
		p->deadline = now;
	else if (kind != ENGINE_PING_DISCO)
		p->err = "timeout waiting for pong";
	e->ops->rearm(e->arg);
	return p;
}

/* ---- answers ---- */

void engine_on_cli_pong(struct engine *e, const struct path_cli_pong *pong)
{
	LIST_EACH (it, &e->pings) {
		struct engine_ping *p = LIST_ENTRY(it, struct engine_ping, link);
		if (p != pong->token)
			continue;
		finish(p, &(struct engine_pong){ .latency_ns = pong->latency_ns,
						 .ep = pong->via.ep,
						 .region = pong->via.region });
		return;
	}
}

void engine_on_tsmp_pong(struct engine *e, const struct epeer *from, const uint8_t data[static 8],
			 uint16_t port)
{
	LIST_EACH (it, &e->pings) {
		struct engine_ping *p = LIST_ENTRY(it, struct engine_ping, link);
		if (p->kind != ENGINE_PING_TSMP || p->peer != from || !secret_eq(p->data, data, 8))
			continue;
		finish(p, &(struct engine_pong){ .latency_ns = mono_diff_ns(e->now, p->sent),
						 .peerapi_port = port });
		return;
	}
}

void engine_on_echo_reply(struct engine *e, const struct epeer *from, uint32_t token)
{
	LIST_EACH (it, &e->pings) {
		struct engine_ping *p = LIST_ENTRY(it, struct engine_ping, link);
		if (p->kind != ENGINE_PING_ICMP || p->peer != from || p->token != token)
			continue;
		finish(p, &(struct engine_pong){ .latency_ns = mono_diff_ns(e->now, p->sent) });
		return;
	}
}

mono_t engine_pings_deadline(const struct engine *e)
{
	mono_t at = MONO_NEVER;
	LIST_EACH (it, &e->pings)
		at = mono_min(at, LIST_ENTRY(it, struct engine_ping, link)->deadline);
	return at;
}

static struct engine_ping *first_due(struct engine *e, mono_t now)
{
	LIST_EACH (it, &e->pings) {
		struct engine_ping *p = LIST_ENTRY(it, struct engine_ping, link);
		if (mono_due(p->deadline, now))
			return p;
	}
	return NULL;
}

static void send_again(struct engine_ping *p, mono_t now)
{
	p->deadline = mono_add_ms(now, DISCO_AGAIN_MS);
	(void)send_disco(p); /* no way now: the next second may have one */
}

void engine_pings_tick(struct engine *e, mono_t now)
{
	/* The callback may stop other pings: look anew each time. */
	for (struct engine_ping *p; (p = first_due(e, now));) {
		if (p->err)
			finish(p, &(struct engine_pong){ .err = p->err });
		else
			send_again(p, now);
	}
}

void engine_pings_forget(struct engine *e, const struct epeer *gone)
{
	LIST_EACH (it, &e->pings) {
		struct engine_ping *p = LIST_ENTRY(it, struct engine_ping, link);
		if (p->peer != gone)
			continue;
		p->peer = NULL;
		p->err = "the peer left the network";
		p->deadline = e->now;
	}
}
