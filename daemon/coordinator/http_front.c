/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/http_front.h"

#include "base/alloc.h"
#include "base/http1.h"
#include "daemon/control/upgrade_wire.h"
#include "daemon/coordinator/node_conn.h"
#include "daemon/coordinator/pings.h"
#include "daemon/coordinator/relay_io.h"

#include <ctype.h>
#include <stdlib.h>

#define HEAD_MS 10000 /* for the whole request head */
#define FRONTS_MAX 4096
#define KEY_CAPVER_MIN 39 /* older clients do not speak Noise */
#define CHALLENGE_MAX 64

struct front {
	struct list link;
	struct coord *coord;
	struct conn *conn;
	struct buf head;
	struct loop_timer timer;
};

static void front_release(struct front *f)
{
	f->coord->n_fronts--;
	list_remove(&f->link);
	loop_timer_cancel(&f->timer);
	buf_fini(&f->head);
	free(f);
}

static void front_close(struct front *f)
{
	conn_free(f->conn);
	front_release(f);
}

void http_fronts_close(struct coord *c)
{
	LIST_EACH (it, &c->fronts)
		front_close(LIST_ENTRY(it, struct front, link));
}

/* ---- answers ---- */

struct reply {
	int status;
	const char *reason;
	const char *type;    /* NULL: no content type */
	const char *headers; /* complete lines, or "" */
	struct span body;
};

static void answer(struct front *f, const struct http1_head *h, const struct reply *r)
{
	struct buf out;

	buf_init(&out, HTTP1_HEAD_MAX + r->body.len);
	buf_fmt(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\n%s", r->status, r->reason,
		r->headers);
	if (r->type)
		buf_fmt(&out, "Content-Type: %s\r\n", r->type);
	if (r->status != 204)
		buf_fmt(&out, "Content-Length: %zu\r\n", r->body.len);
	buf_add_str(&out, "\r\n");
	if (!h || !span_eq_str(h->method, "HEAD"))
		buf_add_span(&out, r->body);
	loop_timer_cancel(&f->timer);
	if (buf_ok(&out) && conn_send(f->conn, buf_span(&out)) == 0)
		conn_finish(f->conn); /* on_close follows */
	else
		front_close(f);
	buf_fini(&out);
}

static void answer_text(struct front *f, const struct http1_head *h, int status, const char *reason,
			const char *text)
{
	const struct reply r = { status, reason, "text/plain; charset=utf-8", "", span_str(text) };

	answer(f, h, &r);
}

/* ---- routes ---- */

struct target {
	struct span path;
	struct span query;
};

static struct target split_target(struct span t)
{
	const uint8_t *q = t.len ? memchr(t.p, '?', t.len) : NULL;
	size_t n = q ? (size_t)(q - t.p) : t.len;

	return (struct target){ span_of(t.p, n), span_from(t, q ? n + 1 : n) };
}

/* The value of name in a query; empty if absent. */
static struct span query_get(struct span query, const char *name)
{
	size_t len = strlen(name);

	while (query.len) {
		const uint8_t *amp = memchr(query.p, '&', query.len);
		struct span item = span_of(query.p, amp ? (size_t)(amp - query.p) : query.len);

		if (item.len > len && memcmp(item.p, name, len) == 0 && item.p[len] == '=')
			return span_from(item, len + 1);
		query = span_from(query, item.len + 1);
	}
	return span_of(NULL, 0);
}

static void route_key(struct front *f, const struct http1_head *h, const struct target *t)
{
	struct span v = query_get(t->query, "v");
	struct machine_key pub;
	char text[KEY_TEXT_MAX], *body;
	uint64_t version;

	if (!v.len) {
		answer_text(f, h, 400, "Bad Request", "capability version must be set\n");
		return;
	}
	if (u64_decode(v, INT32_MAX, &version) < 0) {
		answer_text(f, h, 400, "Bad Request", "invalid capability version\n");
		return;
	}
	machine_priv_public(&f->coord->st.noise_key, &pub);
	body = version < KEY_CAPVER_MIN
		   ? xstrdup("")
		   : xasprintf("{\"legacyPublicKey\":\"mkey:%064d\",\"publicKey\":\"%s\"}", 0,
			       machine_key_encode(&pub, text));
	answer(f, h, &(struct reply){ 200, "OK", "application/json", "", span_str(body) });
	free(body);
}

/* Official servers echo the challenge so that a captive portal cannot fake the answer. */
static void route_generate_204(struct front *f, const struct http1_head *h)
{
	struct span ch = http1_find(h, "X-Tailscale-Challenge");
	char header[CHALLENGE_MAX + 64] = "";
	struct wr w = wr_init(mspan_of(header, sizeof(header) - 1));
	bool good = ch.len > 0 && ch.len <= CHALLENGE_MAX;

	for (size_t i = 0; good && i < ch.len; i++)
		good = isalnum(ch.p[i]) || (ch.p[i] && strchr("._:-", ch.p[i]));
	if (good) {
		wr_fmt(&w, "X-Tailscale-Response: response %.*s\r\n", (int)ch.len,
		       (const char *)ch.p);
		header[wr_len(&w)] = 0;
	}
	answer(f, h, &(struct reply){ 204, "No Content", NULL, header, span_of(NULL, 0) });
}

static void route_ping_response(struct front *f, const struct http1_head *h, const struct target *t)
{
	if (ping_answered(f->coord, query_get(t->query, "id")))
		answer(f, h, &(struct reply){ 200, "OK", NULL, "", span_of(NULL, 0) });
	else
		answer_text(f, h, 404, "Not Found", "unknown ping\n");
}

static void route_register(struct front *f, const struct http1_head *h, struct span id)
{
	char text[LOGIN_ID_LEN + 1] = "";
	char *body;

	if (id.len == LOGIN_ID_LEN)
		memcpy(text, id.p, id.len);
	if (!login_find(&f->coord->logins, text)) {
		answer_text(f, h, 404, "Not Found",
			    "This login is not known (any more). Start it again on the machine.\n");
		return;
	}
	body = xasprintf("A machine asks to join this network. To allow it, type on the server:\n\n"
			 "    meshcoord node approve-login %s --state %s\n",
			 text, f->coord->conf->state_dir);
	answer_text(f, h, 200, "OK", body);
	free(body);
}

/* What came after the head belongs to the protocol that takes over. */
static void hand_over(struct front *f, const struct http1_head *h, struct span init, bool relay)
{
	struct coord *c = f->coord;
	struct conn *conn = f->conn;
	struct buf head = f->head; /* init and the rest may borrow from it */
	struct span rest = span_from(buf_span(&head), h->len);
	bool fast = relay && span_eq_str(http1_find(h, "Derp-Fast-Start"), "1");
	struct buf reply;
	char key[2 * 32 + 1];

	buf_init(&f->head, HTTP1_HEAD_MAX);
	front_release(f);
	if (relay) {
		buf_init(&reply, 1024);
		hex_encode(span_of(relay_server_key(c->relay)->b, 32), key);
		if (!fast)
			buf_fmt(
			    &reply,
			    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n"
			    "Connection: Upgrade\r\nDerp-Version: 2\r\nDerp-Public-Key: %s\r\n\r\n",
			    key);
		relay_server_accept(c->relay, conn, buf_span(&reply), rest);
		buf_fini(&reply);
	} else {
		node_conn_start(c, conn, init, rest);
	}
	buf_fini(&head);
}

static void route_derp(struct front *f, const struct http1_head *h)
{
	if (!span_eq_nocase(http1_find(h, "Upgrade"), "derp"))
		answer_text(f, h, 426, "Upgrade Required", "DERP requires connection upgrade\n");
	else if (f->coord->faults.no_relay)
		answer_text(f, h, 503, "Service Unavailable", "the relay is switched off\n");
	else
		hand_over(f, h, span_of(NULL, 0), true);
}

static void route_ts2021(struct front *f, const struct http1_head *h)
{
	uint8_t init[TS_INIT_LEN];
	size_t len = 0;
	const char *text;
	int status = upgrade_request_check(h, init, &len, &text);

	if (status)
		answer_text(f, h, status, "Refused", text);
	else
		hand_over(f, h, span_of(init, len), false);
}

static void route_get(struct front *f, const struct http1_head *h, const struct target *t)
{
	static const char page[] = LOGIN_PATH;

	if (span_eq_str(t->path, "/key"))
		route_key(f, h, t);
	else if (span_eq_str(t->path, "/derp"))
		route_derp(f, h);
	else if (span_eq_str(t->path, "/derp/probe") || span_eq_str(t->path, "/derp/latency-check"))
		answer(f, h,
		       &(struct reply){ 200, "OK", NULL, "Access-Control-Allow-Origin: *\r\n",
					span_of(NULL, 0) });
	else if (span_eq_str(t->path, "/generate_204"))
		route_generate_204(f, h);
	else if (span_eq_str(t->path, "/machine/ping-response"))
		route_ping_response(f, h, t);
	else if (t->path.len > sizeof(page) - 1 && memcmp(t->path.p, page, sizeof(page) - 1) == 0)
		route_register(f, h, span_from(t->path, sizeof(page) - 1));
	else
		answer_text(f, h, 404, "Not Found", "not found\n");
}

static void route(struct front *f, const struct http1_head *h)
{
	struct target t = split_target(h->target);

	if (span_eq_str(h->method, "GET") || span_eq_str(h->method, "HEAD"))
		route_get(f, h, &t);
	else if (span_eq_str(h->method, "POST") && span_eq_str(t.path, "/ts2021"))
		route_ts2021(f, h);
	else
		answer_text(f, h, 404, "Not Found", "not found\n");
}

/* ---- connection ---- */

static void on_data(void *arg, struct span data)
{
	struct front *f = arg;
	struct http1_head h;
	int rc;

	buf_add_span(&f->head, data);
	rc = buf_ok(&f->head) ? http1_parse(buf_span(&f->head), true, &h) : -ERR_TOOBIG;
	if (rc == -ERR_AGAIN)
		return;
	if (rc < 0)
		answer_text(f, NULL, 400, "Bad Request", "bad request\n");
	else
		route(f, &h);
}

static void on_close(void *arg, int err)
{
	(void)err;
	front_close(arg);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	front_close(t->arg);
}

static const struct conn_ops ops = { on_data, on_close, NULL };

void http_front_accept(void *arg, struct conn *conn)
{
	struct coord *c = arg;
	struct front *f;

	if (c->n_fronts >= FRONTS_MAX) {
		conn_free(conn);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->coord = c;
	f->conn = conn;
	/* bytes of the next protocol may come in the same read */
	buf_init(&f->head, 4 * HTTP1_HEAD_MAX);
	list_push_back(&c->fronts, &f->link);
	c->n_fronts++;
	loop_timer_init(c->loop, &f->timer, on_timer, f);
	loop_timer_arm_ms(&f->timer, HEAD_MS);
	conn_set_ops(conn, &ops, f);
}
