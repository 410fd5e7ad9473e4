/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/relay.h"

#include "daemon/coordinator/relay_queue.h"
#include "magicsock/disco_wire.h"

#include <stdlib.h>

#define GONE_BURST 3
#define GONE_EVERY_MS 1000

/* A key and its connections, last registered or last to send first. */
struct relay_peer {
	struct node_key key;
	struct list conns;
};

struct relay {
	struct node_priv priv;
	struct node_key key;
	struct rng *rng;
	const struct relay_ops *ops;
	void *arg;
	struct map peers; /* node key -> struct relay_peer */
	struct relay_stats stats;
};

struct relay_client {
	struct list link; /* in peer->conns */
	struct relay *relay;
	struct relay_peer *peer; /* NULL before login */
	struct node_key key;
	void *arg;
	struct derp_reader reader;
	struct relay_queue control, disco, other;
	struct map sent_to; /* keys this client sent packets to */
	bool pong_waits;
	unsigned gone_tokens;
	mono_t gone_refill;
	mono_t deadline;
};

struct relay *relay_new(const struct node_priv *key, struct rng *rng, const struct relay_ops *ops,
			void *arg)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	r->priv = *key;
	node_priv_public(key, &r->key);
	r->rng = rng;
	r->ops = ops;
	r->arg = arg;
	map_init(&r->peers, 32);
	return r;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	map_fini(&r->peers);
	node_priv_wipe(&r->priv);
	free(r);
}

const struct node_key *relay_key(const struct relay *r)
{
	return &r->key;
}

struct relay_stats relay_get_stats(const struct relay *r)
{
	return r->stats;
}

/* ---- frames to a client ---- */

static struct wr frame_writer(struct relay_frame *f)
{
	return wr_init(mspan_of(f->bytes, f->len));
}

/* A frame of our own, to be filled and then committed with own_frame_done. */
static struct relay_frame *own_frame(struct relay_client *c, size_t room, struct wr *w)
{
	bool dropped;
	struct relay_frame *f = relay_queue_push(&c->control, room, &dropped);

	if (f)
		*w = frame_writer(f);
	return f;
}

static void own_frame_done(struct relay_client *c, struct relay_frame *f, const struct wr *w)
{
	f->len = wr_len(w);
	c->relay->ops->wake(c->arg);
}

static void send_gone(struct relay_client *to, const struct node_key *peer, enum derp_gone why)
{
	struct wr w;
	struct relay_frame *f = own_frame(to, DERP_HEADER_LEN + DERP_KEY_LEN + 1, &w);

	if (!f)
		return;
	derp_peer_gone_build(&w, peer, why);
	own_frame_done(to, f, &w);
}

static void send_keep_alive(struct relay_client *c)
{
	struct wr w;
	struct relay_frame *f = own_frame(c, DERP_HEADER_LEN, &w);

	if (!f)
		return;
	derp_keep_alive_build(&w);
	own_frame_done(c, f, &w);
}

static struct relay_queue *queue_next(struct relay_client *c)
{
	if (c->control.n)
		return &c->control;
	return c->disco.n ? &c->disco : &c->other;
}

struct span relay_client_next(struct relay_client *c)
{
	const struct relay_frame *f = relay_queue_first(queue_next(c));

	return f ? span_of(f->bytes, f->len) : span_of(NULL, 0);
}

void relay_client_sent(struct relay_client *c)
{
	struct relay_frame *f = relay_queue_pop(queue_next(c));

	if (f && f->bytes[0] == DERP_PONG)
		c->pong_waits = false;
	free(f);
}

/* ---- connections ---- */

static mono_t next_keep_alive(struct relay *r, mono_t now)
{
	return mono_add_ms(now, RELAY_KEEP_ALIVE_MS + (int64_t)rng_below(r->rng, 5000));
}

struct relay_client *relay_client_new(struct relay *r, void *client_arg, mono_t now)
{
	struct relay_client *c = xcalloc(1, sizeof(*c));
	struct wr w;
	struct relay_frame *f;

	c->relay = r;
	c->arg = client_arg;
	list_init(&c->link);
	derp_reader_init(&c->reader, DERP_FRAME_MAX);
	relay_queue_init(&c->control, RELAY_CONTROL_MAX);
	relay_queue_init(&c->disco, RELAY_QUEUE_MAX);
	relay_queue_init(&c->other, RELAY_QUEUE_MAX);
	map_init(&c->sent_to, 32);
	c->gone_tokens = GONE_BURST;
	c->deadline = mono_add_ms(now, RELAY_LOGIN_MS);
	f = own_frame(c, DERP_HEADER_LEN + 8 + DERP_KEY_LEN, &w);
	if (f) {
		derp_server_key_build(&w, &r->key);
		f->len = wr_len(&w);
	}
	return c;
}

static struct relay_client *active(const struct relay_peer *p)
{
	return LIST_ENTRY(list_first(&p->conns), struct relay_client, link);
}

static void announce_gone(struct relay_client *c)
{
	const void *key;
	size_t it = 0;

	while (map_next(&c->sent_to, &it, &key)) {
		struct relay_peer *p = map_get(&c->relay->peers, key);

		if (p && !list_empty(&p->conns) && active(p) != c)
			send_gone(active(p), &c->key, DERP_GONE_DISCONNECTED);
	}
}

void relay_client_free(struct relay_client *c)
{
	struct relay_peer *p;

	if (!c)
		return;
	p = c->peer;
	list_remove(&c->link);
	if (p) {
		c->relay->stats.clients--;
		if (list_empty(&p->conns)) {
			map_del(&c->relay->peers, p->key.b);
			free(p);
			announce_gone(c);
		}
	}
	derp_reader_fini(&c->reader);
	relay_queue_fini(&c->control);
	relay_queue_fini(&c->disco);
	relay_queue_fini(&c->other);
	map_fini(&c->sent_to);
	free(c);
}

void relay_kick(struct relay *r, const struct node_key *key)
{
	struct relay_peer *p = map_get(&r->peers, key->b);

	if (!p)
		return;
	LIST_EACH (it, &p->conns)
		r->ops->close(LIST_ENTRY(it, struct relay_client, link)->arg);
}

static void enlist(struct relay_client *c)
{
	struct relay *r = c->relay;
	struct relay_peer *p = map_get(&r->peers, c->key.b);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->key = c->key;
		list_init(&p->conns);
		map_put(&r->peers, p->key.b, p);
	}
	c->peer = p;
	list_push_front(&p->conns, &c->link);
	r->stats.clients++;
}

static void send_server_info(struct relay_client *c, const struct box_key *box)
{
	const struct derp_server_info info = { .version = 2 };
	uint8_t json[DERP_INFO_JSON_MAX];
	struct wr jw = wr_init(mspan_of(json, sizeof(json))), w;
	struct relay_frame *f = own_frame(c, DERP_LOGIN_LEN(sizeof(json)), &w);

	if (!f)
		return;
	derp_server_info_json(&jw, &info);
	derp_server_info_build(&w, box, c->relay->rng, wr_span_of(&jw));
	own_frame_done(c, f, &w);
}

static int login(struct relay_client *c, const struct derp_frame *f, mono_t now)
{
	struct derp_client_info info;
	struct box_key box;
	int rc = derp_client_info_key(f, &c->key);

	if (rc == 0)
		rc = box_precompute(&box, c->relay->priv.b, c->key.b);
	if (rc < 0)
		return rc;
	rc = derp_client_info_open(f, &box, &info);
	if (rc == 0 && !c->relay->ops->admit(c->relay->arg, &c->key))
		rc = -ERR_PERM;
	if (rc == 0) {
		enlist(c);
		send_server_info(c, &box);
		c->deadline = next_keep_alive(c->relay, now);
	}
	wipe(&box, sizeof(box));
	return rc;
}

/* ---- frames from a client ---- */

static bool gone_allowed(struct relay_client *c, mono_t now)
{
	while (c->gone_tokens < GONE_BURST && mono_due(c->gone_refill, now)) {
		c->gone_tokens++;
		c->gone_refill = mono_add_ms(c->gone_refill, GONE_EVERY_MS);
	}
	if (!c->gone_tokens)
		return false;
	if (c->gone_tokens-- == GONE_BURST)
		c->gone_refill = mono_add_ms(now, GONE_EVERY_MS);
	return true;
}

static void unknown_destination(struct relay_client *c, const struct node_key *dst,
				struct span payload, mono_t now)
{
	c->relay->stats.dropped_unknown++;
	if (disco_is_wrapped(payload) && gone_allowed(c, now))
		send_gone(c, dst, DERP_GONE_NOT_HERE);
}

static void forward(struct relay_client *to, const struct node_key *src, struct span payload)
{
	struct relay_stats *st = &to->relay->stats;
	bool dropped;
	struct relay_frame *f =
	    relay_queue_push(disco_is_wrapped(payload) ? &to->disco : &to->other,
			     DERP_SEND_LEN(payload.len), &dropped);
	struct wr w;

	if (!f || dropped)
		st->dropped_full++;
	if (!f)
		return;
	w = frame_writer(f);
	derp_recv_build(&w, src, payload);
	st->forwarded++;
	to->relay->ops->wake(to->arg);
}

static int on_send(struct relay_client *c, const struct derp_frame *f, mono_t now)
{
	struct node_key dst;
	struct span payload;
	struct relay_peer *p;
	int rc = derp_packet_parse(f, &dst, &payload);

	if (rc < 0)
		return rc;
	/* with several connections of one key the last to send is the active one */
	list_remove(&c->link);
	list_push_front(&c->peer->conns, &c->link);
	p = map_get(&c->relay->peers, dst.b);
	if (!p) {
		unknown_destination(c, &dst, payload, now);
		return 0;
	}
	if (map_len(&c->sent_to) < RELAY_SENT_TO_MAX && !map_get(&c->sent_to, dst.b))
		map_put(&c->sent_to, dst.b, c);
	forward(active(p), &c->key, payload);
	return 0;
}

static int on_ping(struct relay_client *c, const struct derp_frame *f)
{
	uint8_t data[DERP_PING_LEN];
	struct wr w;
	struct relay_frame *out;
	int rc = f->len > DERP_PING_MAX ? -ERR_TOOBIG : derp_ping_parse(f, data);

	if (rc < 0 || c->pong_waits)
		return rc;
	out = own_frame(c, DERP_HEADER_LEN + DERP_PING_LEN, &w);
	if (!out)
		return 0;
	c->pong_waits = true;
	derp_pong_build(&w, data);
	own_frame_done(c, out, &w);
	return 0;
}

static int on_frame(struct relay_client *c, const struct derp_frame *f, mono_t now)
{
	bool home;

	if (!c->peer)
		return login(c, f, now);
	switch (f->type) {
	case DERP_SEND_PACKET:
		return on_send(c, f, now);
	case DERP_PING:
		return on_ping(c, f);
	case DERP_NOTE_PREFERRED:
		return derp_note_preferred_parse(f, &home);
	case DERP_FORWARD_PACKET: /* only relays of one mesh may, and we have none */
	case DERP_WATCH_CONNS:
	case DERP_CLOSE_PEER:
		return -ERR_PERM;
	default:
		return 0;
	}
}

/* A stranger's first frame must be a login of a sane length: judge by its header, before the body.
 */
static int check_first_header(const struct relay_client *c)
{
	struct rd r = rd_init(buf_span(&c->reader.head));
	uint8_t type = rd_u8(&r);
	uint32_t len = rd_be32(&r);

	if (!rd_ok(&r))
		return 0;
	if (type != DERP_CLIENT_INFO || len < DERP_CLIENT_INFO_MIN)
		return -ERR_PROTO;
	return len > DERP_CLIENT_INFO_MAX ? -ERR_TOOBIG : 0;
}

int relay_client_input(struct relay_client *c, struct span in, mono_t now)
{
	struct derp_frame f;
	int rc;

	while ((rc = derp_reader_next(&c->reader, &in, &f)) == 1) {
		rc = on_frame(c, &f, now);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && !c->peer)
		rc = check_first_header(c);
	return rc;
}

/* ---- time ---- */

mono_t relay_client_deadline(const struct relay_client *c)
{
	return c->deadline;
}

int relay_client_tick(struct relay_client *c, mono_t now)
{
	if (!mono_due(c->deadline, now))
		return 0;
	if (!c->peer)
		return -ERR_TIMEOUT;
	send_keep_alive(c);
	c->deadline = next_keep_alive(c->relay, now);
	return 0;
}
