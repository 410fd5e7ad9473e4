/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shell around ctl_core: connections, HTTP, time, and the promise that the object may be freed
 * from inside any of its callbacks. */
#include "daemon/control/ctl_client.h"

#include "base/alloc.h"
#include "base/httpc.h"
#include "base/log.h"
#include "daemon/control/capver.h"
#include "daemon/control/ctl_conn.h"
#include "daemon/control/ctl_core.h"
#include "daemon/control/dial.h"
#include "daemon/control/register_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TIMEOUT_MS 15000
#define SEND_TIMEOUT_MS 15000
#define SENDS_MAX 4 /* ping answers in flight */
/* The present connection, and those that drain after a GOAWAY: each of them carries a request. */
#define CONNS_MAX (CTL_N_SLOTS + SENDS_MAX + 2)

struct conn {
	struct ctl *ctl;
	struct ctl_conn *conn; /* NULL: free slot */
	bool draining;
};

struct slot {
	struct ctl *ctl;
	enum ctl_slot id;
	struct ctl_req *req;
	struct conn *conn;
};

/* An answer under way, by HTTP or over Noise. */
struct sending {
	struct ctl *ctl;
	struct httpc_req *http;
	struct ctl_req *noise;
};

struct ctl {
	struct net *net;
	struct ctl_core *core;
	struct machine_priv machine;
	struct rng *rng;
	char *key_url;
	struct httpc_req *key_req;
	struct conn conns[CONNS_MAX];
	struct slot slots[CTL_N_SLOTS];
	struct sending sends[SENDS_MAX];
	mono_t last_dial;
	struct loop_timer timer;
	int depth;
	bool freed;
};

static struct ctl_now now_of(const struct ctl *c)
{
	return (struct ctl_now){ loop_now(net_loop(c->net)), wall_now() };
}

static void destroy(struct ctl *c)
{
	ctl_core_free(c->core);
	machine_priv_wipe(&c->machine);
	free(c->key_url);
	free(c);
}

static void enter(struct ctl *c)
{
	c->depth++;
}

/* Every way into the core ends here: its next deadline may have moved. */
static void leave(struct ctl *c)
{
	if (--c->depth)
		return;
	if (c->freed)
		destroy(c);
	else
		loop_timer_arm(&c->timer, ctl_core_deadline(c->core));
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct ctl *c = t->arg;
	(void)now;
	enter(c);
	ctl_core_tick(c->core, now_of(c));
	leave(c);
}

/* ---- connections ---- */

static void on_up(void *arg)
{
	struct conn *k = arg;
	(void)k;
	log_debug("control: connected");
}

static void conn_close(struct conn *k)
{
	ctl_conn_free(k->conn);
	k->conn = NULL;
	k->draining = false;
}

static void on_down(void *arg, enum ctl_conn_error why, const char *text)
{
	struct log_esc_buf esc;
	(void)why;
	log_debug("control: connection ended: %s", log_esc(span_str(text), &esc));
	conn_close(arg);
}

static void on_goaway(void *arg)
{
	struct conn *k = arg;
	k->draining = true;
}

static const struct ctl_conn_ops CONN_OPS = { .on_up = on_up,
					      .on_down = on_down,
					      .on_goaway = on_goaway };

static void conn_dial(struct ctl *c, struct conn *k)
{
	mono_t now = loop_now(net_loop(c->net));
	struct ctl_conn_opts o = {
		.target = ctl_core_target(c->core),
		.machine = &c->machine,
		.server = ctl_core_server_key(c->core),
		.rng = c->rng,
		.previous_dial = c->last_dial,
		.ops = &CONN_OPS,
		.arg = k,
	};
	c->last_dial = now;
	k->ctl = c;
	k->conn = ctl_conn_open(c->net, &o);
}

static bool usable(const struct conn *k)
{
	return k->conn && !k->draining && ctl_conn_reason(k->conn) == CTL_CONN_OK;
}

/* The connection for new requests, dialled if there is none. */
static struct conn *conn_get(struct ctl *c)
{
	struct conn *spare = NULL;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (usable(&c->conns[i]))
			return &c->conns[i];
		if (!c->conns[i].conn)
			spare = &c->conns[i];
	}
	/* CONNS_MAX counts everything that can hold on to one; ones that ended are still told. */
	if (!spare)
		spare = &c->conns[0];
	else
		conn_dial(c, spare);
	return spare;
}

/* ---- requests in slots ---- */

static void slot_head(void *arg, int status, struct span retry_after)
{
	struct slot *s = arg;
	struct ctl *c = s->ctl;
	enter(c);
	ctl_core_on_head(c->core, now_of(c), s->id, status, retry_after);
	leave(c);
}

static void slot_data(void *arg, struct span data)
{
	struct slot *s = arg;
	struct ctl *c = s->ctl;
	enter(c);
	ctl_core_on_data(c->core, now_of(c), s->id, data);
	leave(c);
}

static void slot_done(void *arg, int err, const char *text)
{
	struct slot *s = arg;
	struct ctl *c = s->ctl;
	enum ctl_conn_error why =
	    s->conn && s->conn->conn ? ctl_conn_reason(s->conn->conn) : CTL_CONN_NETWORK;
	s->req = NULL;
	s->conn = NULL;
	enter(c);
	ctl_core_on_done(c->core, now_of(c), s->id, err, why, text);
	leave(c);
}

static const struct ctl_req_ops SLOT_OPS = { .on_head = slot_head,
					     .on_data = slot_data,
					     .on_done = slot_done };

static void io_cancel(void *io, enum ctl_slot id)
{
	struct ctl *c = io;
	struct slot *s = &c->slots[id];
	if (s->req)
		ctl_req_cancel(s->req);
	s->req = NULL;
	s->conn = NULL;
}

static void io_request(void *io, enum ctl_slot id, const char *path, struct span body)
{
	struct ctl *c = io;
	struct slot *s = &c->slots[id];
	io_cancel(c, id);
	s->conn = conn_get(c);
	s->req = ctl_conn_request(s->conn->conn, "POST", path, body, &SLOT_OPS, s);
}

/* ---- the server's key ---- */

static void on_key(void *arg, const struct httpc_answer *a)
{
	struct ctl *c = arg;
	struct machine_key key = { { 0 } };
	char text[256];
	int err = a->err;
	c->key_req = NULL;
	if (!err && a->status != 200)
		err = -ERR_PROTO;
	if (a->err)
		snprintf(text, sizeof(text), "the control server cannot be reached: %s", a->text);
	else if (err)
		snprintf(text, sizeof(text), "no control server here: HTTP status %d for /key",
			 a->status);
	else
		err = server_key_parse(a->body, &key);
	if (err && !a->err && a->status == 200)
		snprintf(text, sizeof(text), "no control server here: %s",
			 err == -ERR_UNSUPPORTED ? "it is too old and has no Noise key"
						 : "the answer to /key is not a key");
	enter(c);
	ctl_core_on_key(c->core, now_of(c), err, &key, err ? text : "");
	leave(c);
}

static void io_fetch_key(void *io)
{
	struct ctl *c = io;
	struct httpc_opts o = { .method = "GET",
				.url = c->key_url,
				.max_body = SERVER_KEY_MAX,
				.timeout_ms = KEY_TIMEOUT_MS };
	httpc_cancel(c->key_req);
	c->key_req = httpc_start(c->net, &o, on_key, c);
}

/* ---- answers to pings ---- */

static void send_http_done(void *arg, const struct httpc_answer *a)
{
	struct sending *s = arg;
	s->http = NULL;
	log_debug("control: ping answered: %s", a->err ? a->text : "sent");
}

static void send_noise_head(void *arg, int status, struct span retry_after)
{
	(void)arg;
	(void)status;
	(void)retry_after;
}

static void send_noise_data(void *arg, struct span data)
{
	(void)arg;
	(void)data;
}

static void send_noise_done(void *arg, int err, const char *text)
{
	struct sending *s = arg;
	s->noise = NULL;
	log_debug("control: request of the server answered: %s", err ? text : "sent");
}

static const struct ctl_req_ops SEND_OPS = { .on_head = send_noise_head,
					     .on_data = send_noise_data,
					     .on_done = send_noise_done };

/* Path and query of a URL; "/" if it has none. */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = strchr(host ? host + 3 : url, '/');
	return path ? path : "/";
}

static bool is_our_server(const struct ctl *c, const char *url)
{
	struct dial_target ours, asked;
	return !dial_target_parse(c->key_url, &ours) && !dial_target_parse(url, &asked) &&
	       strcmp(ours.host, asked.host) == 0;
}

static void io_send(void *io, bool noise, const char *method, const char *url, struct span body)
{
	struct ctl *c = io;
	struct sending *s = NULL;
	for (size_t i = 0; i < SENDS_MAX && !s; i++)
		if (!c->sends[i].http && !c->sends[i].noise)
			s = &c->sends[i];
	if (!s)
		return; /* the server asks faster than it takes answers */
	s->ctl = c;
	if (noise) {
		s->noise =
		    ctl_conn_request(conn_get(c)->conn, method, path_of(url), body, &SEND_OPS, s);
		return;
	}
	struct httpc_opts o = { .method = method,
				.url = url,
				.body = body,
				.content_type = body.len ? "application/json" : NULL,
				.max_body = 4096,
				.public_only = !is_our_server(c, url),
				.timeout_ms = SEND_TIMEOUT_MS };
	s->http = httpc_start(c->net, &o, send_http_done, s);
}

static void io_drop(void *io)
{
	struct ctl *c = io;
	httpc_cancel(c->key_req);
	c->key_req = NULL;
	for (size_t i = 0; i < SENDS_MAX; i++) {
		httpc_cancel(c->sends[i].http);
		c->sends[i].http = NULL;
		c->sends[i].noise = NULL; /* goes with its connection */
	}
	for (size_t i = 0; i < CTL_N_SLOTS; i++) {
		c->slots[i].req = NULL;
		c->slots[i].conn = NULL;
	}
	for (size_t i = 0; i < CONNS_MAX; i++)
		conn_close(&c->conns[i]);
}

static const struct ctl_io IO = {
	.fetch_key = io_fetch_key,
	.request = io_request,
	.cancel = io_cancel,
	.drop = io_drop,
	.send = io_send,
};

/* ---- life ---- */

struct ctl *ctl_new(struct net *net, const struct ctl_opts *o, const char **why)
{
	struct ctl *c = xcalloc(1, sizeof(*c));
	struct ctl_core_opts co = { .client = o, .io = &IO, .io_arg = c };
	c->core = ctl_core_new(&co, why);
	if (!c->core) {
		free(c);
		return NULL;
	}
	c->net = net;
	c->machine = *o->machine;
	c->rng = o->rng;
	c->key_url = xasprintf("%s/key?v=%d", o->server_url, CTL_CAPVER);
	for (size_t i = 0; i < CTL_N_SLOTS; i++)
		c->slots[i] = (struct slot){ .ctl = c, .id = (enum ctl_slot)i };
	loop_timer_init(net_loop(net), &c->timer, on_timer, c);
	return c;
}

void ctl_free(struct ctl *c)
{
	if (!c || c->freed)
		return;
	c->freed = true;
	ctl_core_stop(c->core);
	loop_timer_cancel(&c->timer);
	io_drop(c);
	if (c->depth == 0)
		destroy(c);
}

/* ---- calls handed to the core ---- */

void ctl_login(struct ctl *c, unsigned flags, const char *authkey)
{
	enter(c);
	ctl_core_login(c->core, now_of(c), flags, authkey);
	leave(c);
}

void ctl_logout(struct ctl *c, void (*done)(void *arg, const char *why), void *arg)
{
	enter(c);
	ctl_core_logout(c->core, now_of(c), done, arg);
	leave(c);
}

void ctl_persist_saved(struct ctl *c, uint64_t ticket, int err)
{
	enter(c);
	ctl_core_saved(c->core, now_of(c), ticket, err);
	leave(c);
}

void ctl_set_hostinfo(struct ctl *c, const struct hostinfo *h)
{
	enter(c);
	ctl_core_set_hostinfo(c->core, now_of(c), h);
	leave(c);
}

void ctl_set_netinfo(struct ctl *c, const struct netinfo *n)
{
	enter(c);
	ctl_core_set_netinfo(c->core, now_of(c), n);
	leave(c);
}

void ctl_set_endpoints(struct ctl *c, const struct map_endpoint *ep, size_t n)
{
	enter(c);
	ctl_core_set_endpoints(c->core, now_of(c), ep, n);
	leave(c);
}

void ctl_set_disco(struct ctl *c, const struct disco_key *k)
{
	enter(c);
	ctl_core_set_disco(c->core, now_of(c), k);
	leave(c);
}

void ctl_set_tka_head(struct ctl *c, const char *head)
{
	enter(c);
	ctl_core_set_tka_head(c->core, now_of(c), head);
	leave(c);
}

void ctl_check_login(struct ctl *c)
{
	enter(c);
	ctl_core_check_login(c->core, now_of(c));
	leave(c);
}

void ctl_pause(struct ctl *c, bool paused)
{
	enter(c);
	ctl_core_pause(c->core, now_of(c), paused);
	leave(c);
}

void ctl_link_change(struct ctl *c)
{
	enter(c);
	ctl_core_link_change(c->core, now_of(c));
	leave(c);
}

void ctl_check_expiry(struct ctl *c)
{
	enter(c);
	ctl_core_check_expiry(c->core, now_of(c));
	leave(c);
}

void ctl_ping_done(struct ctl *c, uint64_t ticket, json_t *result)
{
	enter(c);
	ctl_core_ping_done(c->core, now_of(c), ticket, result);
	leave(c);
}

const struct netmap *ctl_netmap(const struct ctl *c)
{
	return ctl_core_netmap(c->core);
}

struct ctl_state ctl_get_state(const struct ctl *c)
{
	return ctl_core_state(c->core);
}

const char *ctl_auth_url(const struct ctl *c)
{
	return ctl_core_auth_url(c->core);
}
