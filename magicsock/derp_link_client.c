/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One DERP connection: stream, session on top of it, queue, back-off after failures. */
#include "magicsock/derp_client_priv.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_S 60
#define HEALTHY_S 30 /* up this long: the next failure is the first again */
#define HEARD_S 5
#define STREAM_QUEUE (64u << 10) /* below the queue: little, or old packets wait */
#define UNSENT_MAX (128u << 10)	 /* below that, in the socket, beyond what TCP has sent */
#define GATHER_US 250 /* between reads under load: long runs for the worker, fewer wakes */
#define FLUSH_CHUNK (32u << 10) /* frames merged into one write */

static const struct derp_session_ops session_ops;
static void on_timer(struct loop_timer *t, mono_t now);

struct derp_link *derp_link_new(struct derp_mgr *m, int region)
{
	struct derp_link *c = xcalloc(1, sizeof(*c));
	c->mgr = m;
	c->region = region;
	c->queue = derp_queue_new();
	loop_timer_init(m->loop, &c->timer, on_timer, c);
	return c;
}

const struct derp_region *derp_link_region(const struct derp_link *c)
{
	return derp_map_find(c->mgr->map, c->region);
}

void derp_link_set_text(struct derp_link *c, const char *text)
{
	struct log_esc_buf esc;
	snprintf(c->text, sizeof(c->text), "%s", log_esc(span_str(text), &esc));
}

/* ---- queue -------------------------------------------------------------------------------- */

/* With nothing waiting the datagram becomes a frame at once, without a copy on the heap. */
void derp_link_push(struct derp_link *c, const struct node_key *dst, struct span datagram)
{
	bool clear = c->state == LINK_OPEN && derp_queue_len(c->queue) == 0 &&
		     derp_session_output(c->session)->len < FLUSH_CHUNK;
	mono_t now = loop_now(c->mgr->loop);
	int rc = clear ? derp_session_send(c->session, now, dst, datagram) : -ERR_STATE;
	if (rc == -ERR_STATE)
		c->tx_dropped += derp_queue_put(c->queue, now, dst, datagram);
	else if (rc)
		c->tx_dropped++; /* over the relay's rate limit */
}

/* What waited for the connection to come may be older than what waits on one that stands. */
static void drop_late(struct derp_link *c, mono_t now)
{
	mono_t at = mono_add_ms(now, -DERP_WAIT_MS);
	if (c->up && mono_before(c->up_at, at))
		c->tx_dropped += derp_queue_expire(c->queue, at);
}

static void queue_to_session(struct derp_link *c, mono_t now)
{
	const struct node_key *dst;
	struct span d;
	enum derp_state st = derp_session_state(c->session);
	if (st != DERP_LOGIN && st != DERP_UP)
		return;
	drop_late(c, now);
	while (derp_session_output(c->session)->len < FLUSH_CHUNK &&
	       derp_queue_next(c->queue, &dst, &d)) {
		if (derp_session_send(c->session, now, dst, d))
			c->tx_dropped++; /* over the relay's rate limit */
		derp_queue_pop(c->queue);
	}
}

void derp_link_flush(struct derp_link *c)
{
	while (c->state == LINK_OPEN) {
		queue_to_session(c, loop_now(c->mgr->loop));
		struct buf *out = derp_session_output(c->session);
		if (out->len == 0 || stream_send(c->stream, buf_span(out)))
			return; /* on_drain calls again */
		buf_reset(out);
	}
}

/* ---- end ------------------------------------------------------------------------------------ */

void derp_link_set_state(struct derp_link *c, enum derp_link_state state)
{
	c->state = state;
	c->since = loop_now(c->mgr->loop);
}

void derp_link_reap(struct derp_link *c)
{
	derp_session_free(c->dead);
	c->dead = NULL;
}

static void end_session(struct derp_link *c)
{
	if (!c->session)
		return;
	derp_session_close(c->session);
	derp_link_reap(c); /* an earlier one; its callbacks are long over */
	c->dead = c->session;
	c->session = NULL;
}

void derp_link_close(struct derp_link *c, const char *text)
{
	if (c->state == LINK_IDLE)
		return;
	resolve_cancel(c->resolve);
	c->resolve = NULL;
	end_session(c);
	stream_free(c->stream);
	c->stream = NULL;
	c->broken |= c->up;
	c->news |= c->up;
	c->up = false;
	c->health[0] = '\0';
	c->retry_at = MONO_ZERO;
	derp_link_set_text(c, text);
	derp_link_set_state(c, LINK_IDLE);
	derp_mgr_forget_routes(c->mgr, c->region);
	derp_mgr_sweep_later(c->mgr);
}

/* A relay that is down is asked every few seconds; one that lets us in and then misbehaves waits
 * for longer and longer. */
static int64_t backoff_ms(const struct derp_link *c, bool reached)
{
	static const int64_t first[] = { 100, 400, 1000 };
	int64_t cap = reached ? 60000 : 5000;
	int64_t ms = cap;
	if (c->fails <= ARRAY_LEN(first))
		ms = first[c->fails - 1];
	else if (c->fails < 20)
		ms = INT64_C(1000) << (c->fails - ARRAY_LEN(first));
	if (ms > cap)
		ms = cap;
	return ms * 3 / 4 + (int64_t)rng_below(c->mgr->rng, (uint32_t)(ms / 2 + 1));
}

void derp_link_fail(struct derp_link *c, const char *text)
{
	mono_t now = loop_now(c->mgr->loop);
	bool reached = c->state == LINK_OPEN;
	if (c->up && mono_diff_ns(now, c->up_at) >= HEALTHY_S * NS_PER_S)
		c->fails = 0;
	c->fails++;
	int64_t wait = backoff_ms(c, reached);
	derp_link_close(c, text);
	c->news = true;
	c->retry_at = mono_add_ms(now, wait);
	c->tx_dropped += derp_queue_clear(c->queue);
}

void derp_link_free(struct derp_link *c)
{
	derp_queue_free(c->queue);
	resolve_cancel(c->resolve);
	stream_free(c->stream);
	derp_session_free(c->session);
	derp_session_free(c->dead);
	loop_timer_cancel(&c->timer);
	free(c);
}

/* ---- stream -------------------------------------------------------------------------------------
 */

static void on_open(void *arg)
{
	struct derp_link *c = arg;
	struct derp_mgr *m = c->mgr;
	const struct derp_region *r = derp_link_region(c);
	const struct derp_node *n = &r->nodes[c->node];
	const char *ideal = c->node > 0 ? r->nodes[0].name : NULL;
	stream_set_queue_max(c->stream, STREAM_QUEUE);
	stream_set_unsent_max(c->stream, UNSENT_MAX);
	stream_set_gather_us(c->stream, GATHER_US);
	c->session = derp_session_new(loop_now(m->loop), &m->key, n->host, derp_node_port(n), ideal,
				      m->home == c->region, m->rng, &session_ops, c);
	derp_link_set_state(c, LINK_OPEN);
	derp_link_flush(c);
	derp_link_settle(c, loop_now(m->loop));
}

/* A relay whose addresses the map does not say must be found again without a name server. */
static void remember_address(const struct derp_link *c)
{
	const struct derp_region *r = derp_map_find(c->mgr->map, c->region);
	const struct derp_node *n = r && c->node < r->n_nodes ? &r->nodes[c->node] : NULL;
	if (n && c->up && !(n->ipv4 && *n->ipv4) && !(n->ipv6 && *n->ipv6))
		stream_proved(c->stream);
}

static void tell_heard(struct derp_link *c, mono_t now)
{
	if (!c->session || derp_session_last_frame(c->session).ns != now.ns)
		return;
	c->last_frame = now;
	if (!mono_is_zero(c->told_heard) && mono_diff_ns(now, c->told_heard) < HEARD_S * NS_PER_S)
		return;
	c->told_heard = now;
	remember_address(c);
	c->mgr->ops->on_heard(c->mgr->arg, c->region, now);
}

static void on_data(void *arg, struct span data)
{
	struct derp_link *c = arg;
	struct derp_session *s = c->session;
	mono_t now = loop_now(c->mgr->loop);
	int rc = derp_session_input(s, now, data);
	if (c->mgr->ops->on_read_end)
		c->mgr->ops->on_read_end(c->mgr->arg);
	if (c->session != s)
		return; /* closed by its owner meanwhile */
	if (rc) {
		derp_link_fail(c, derp_session_error(s));
		return;
	}
	tell_heard(c, now);
	derp_link_flush(c);
	derp_link_settle(c, now);
}

static void on_stream_close(void *arg, int err, const char *text)
{
	struct derp_link *c = arg;
	bool connecting = c->state == LINK_CONNECTING;
	stream_free(c->stream);
	c->stream = NULL;
	if (!connecting) {
		derp_link_fail(c, err ? text : "the relay closed the connection");
		return;
	}
	derp_link_set_text(c, text);
	if (mono_due(c->dial_deadline, loop_now(c->mgr->loop)))
		derp_link_fail(c, "no connection to the relay in time");
	else
		derp_dial_node(c, c->node + 1);
	derp_link_settle(c, loop_now(c->mgr->loop));
}

static void on_drain(void *arg)
{
	derp_link_flush(arg);
}

const struct stream_ops derp_link_stream_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_stream_close,
	.on_drain = on_drain,
};

/* ---- session ---- */

static void on_packet(void *arg, const struct node_key *src, struct span payload)
{
	struct derp_link *c = arg;
	struct derp_mgr *m = c->mgr;
	if (m->ops->on_packet(m->arg, c->region, src, payload) && c->session)
		derp_mgr_learn_route(m, src, c->region);
}

static void on_up(void *arg)
{
	struct derp_link *c = arg;
	c->up = true;
	c->up_at = c->since = loop_now(c->mgr->loop);
	c->text[0] = '\0';
	c->news = true;
	derp_mgr_sweep_later(c->mgr);
}

static void on_peer_gone(void *arg, const struct node_key *peer, uint8_t reason)
{
	struct derp_link *c = arg;
	struct derp_mgr *m = c->mgr;
	if ((intptr_t)map_get(&m->routes, peer->b) == c->region)
		map_del(&m->routes, peer->b);
	m->ops->on_peer_gone(m->arg, c->region, peer, reason);
}

static void on_health(void *arg, struct span text)
{
	struct derp_link *c = arg;
	struct log_esc_buf esc;
	snprintf(c->health, sizeof(c->health), "%s", log_esc(text, &esc));
}

static const struct derp_session_ops session_ops = {
	.on_packet = on_packet,
	.on_up = on_up,
	.on_peer_gone = on_peer_gone,
	.on_health = on_health,
};

/* ---- what should be ---- */

static mono_t idle_at(const struct derp_link *c)
{
	if (c->mgr->home == c->region)
		return MONO_NEVER;
	return mono_is_zero(c->last_use) ? MONO_ZERO : mono_add_s(c->last_use, IDLE_S);
}

bool derp_link_wanted(const struct derp_link *c, mono_t now)
{
	const struct derp_mgr *m = c->mgr;
	const struct derp_region *r = derp_link_region(c);
	if (!m->has_key || !m->network_up || !r || !derp_region_dialable(r))
		return false;
	return !mono_due(idle_at(c), now);
}

static mono_t deadline(const struct derp_link *c)
{
	switch (c->state) {
	case LINK_IDLE:
		return mono_min(c->retry_at, idle_at(c));
	case LINK_RESOLVING:
	case LINK_CONNECTING:
		return c->dial_deadline;
	case LINK_OPEN:
		break;
	}
	return mono_min(derp_session_deadline(c->session), idle_at(c));
}

void derp_link_settle(struct derp_link *c, mono_t now)
{
	bool wanted = derp_link_wanted(c, now);
	if (!wanted) {
		derp_link_close(c, "");
		loop_timer_cancel(&c->timer);
		return;
	}
	if (c->state == LINK_IDLE && mono_due(c->retry_at, now))
		derp_dial_start(c, now);
	loop_timer_arm(&c->timer, deadline(c));
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct derp_link *c = t->arg;
	if (c->state == LINK_OPEN && derp_session_tick(c->session, now))
		derp_link_fail(c, derp_session_error(c->session));
	else if ((c->state == LINK_RESOLVING || c->state == LINK_CONNECTING) &&
		 mono_due(c->dial_deadline, now))
		derp_link_fail(c, "no connection to the relay in time");
	derp_link_settle(c, now);
	if (c->state == LINK_IDLE)
		derp_mgr_sweep_later(c->mgr); /* unless wanted, it goes */
}
