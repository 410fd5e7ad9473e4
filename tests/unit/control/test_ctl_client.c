/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole client over loopback sockets against a small ts2021 server that misbehaves on demand.
 */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/conn.h"
#include "base/crypto/crypto.h"
#include "base/http1.h"
#include "base/log.h"
#include "daemon/control/ctl_client.h"
#include "daemon/control/early.h"
#include "daemon/control/h2.h"
#include "daemon/control/map_wire.h"
#include "daemon/control/upgrade_wire.h"

#include <stdio.h>
#include <stdlib.h>

enum fault {
	NONE,
	NO_EARLY,     /* HTTP/2 right after the handshake */
	CLOSE_AT_101, /* as Headscale does with versions it does not take */
	ERROR_FRAME,
	NOT_HTTP,
	STATUS_500,
	WRONG_KEY,  /* /key says another than the handshake has, until it is asked again */
	GARBAGE,    /* junk after the handshake */
	GOAWAY,	    /* after the registration */
	RESET_MAP,  /* the map stream is reset once */
	SLOW_BYTES, /* everything in single bytes */
};

struct server {
	struct loop *loop;
	struct listener *listener;
	struct machine_priv key, other_key;
	enum fault fault;
	int n_keys, n_upgrades, n_registers, n_maps, n_updates, n_heads;
	struct peer *peers;
};

struct peer {
	struct server *s;
	struct peer *next;
	struct conn *conn;
	struct buf in;
	bool noise;
	struct ts_tx tx;
	struct ts_rx rx;
	struct h2 *h2;
};

static void put(struct peer *p, struct span data)
{
	size_t step = p->s->fault == SLOW_BYTES ? 1 : data.len;
	for (size_t off = 0; off < data.len; off += step)
		assert_int_equal(conn_send(p->conn, span_of(data.p + off, step)), 0);
}

static void put_sealed(struct peer *p, struct span plain)
{
	struct buf b;
	buf_init(&b, 4u << 20);
	assert_int_equal(ts_seal(&p->tx, plain, &b), 0);
	put(p, buf_span(&b));
	buf_fini(&b);
}

static void flush(struct peer *p)
{
	struct buf b;
	buf_init(&b, 4u << 20);
	assert_int_equal(h2_send(p->h2, &b, 1u << 20), 0);
	put_sealed(p, buf_span(&b));
	buf_fini(&b);
}

#define OK_ANSWER                                                                                  \
	"{\"User\":{\"ID\":1},\"Login\":{\"LoginName\":\"a\"},\"MachineAuthorized\":true,"         \
	"\"AuthURL\":\"\",\"Error\":\"\"}"
#define MAP_MESSAGE "{\"Node\":{\"ID\":7,\"StableID\":\"7\",\"Name\":\"n.\",\"User\":1}}"

static void serve_map(struct peer *p, int32_t stream)
{
	struct buf b;
	struct server *s = p->s;
	buf_init(&b, 65536);
	assert_int_equal(map_frame_build(span_str(MAP_MESSAGE), true, &b), 0);
	assert_int_equal(h2_respond(p->h2, stream, 200, NULL, 0, true), 0);
	if (s->n_maps++ == 0 && s->fault == RESET_MAP)
		h2_reset(p->h2, stream, 2);
	else
		assert_int_equal(h2_write(p->h2, stream, buf_span(&b)), 0);
	buf_fini(&b);
}

static void serve_text(struct peer *p, int32_t stream, const char *text)
{
	assert_int_equal(h2_respond(p->h2, stream, 200, NULL, 0, true), 0);
	assert_int_equal(h2_write(p->h2, stream, span_str(text)), 0);
	assert_int_equal(h2_finish(p->h2, stream), 0);
}

static void on_h2_head(void *arg, int32_t stream, const struct h2_head *h)
{
	struct peer *p = arg;
	bool map = span_eq_str(h->path, "/machine/map");
	h2_set_stream_arg(p->h2, stream, map ? arg : NULL);
	if (map)
		return;
	p->s->n_registers++;
	serve_text(p, stream, OK_ANSWER);
	if (p->s->fault == GOAWAY)
		h2_goaway(p->h2);
}

/* Long polls and updates are told apart by their bodies. */
static void on_h2_data(void *arg, int32_t stream, struct span data)
{
	struct peer *p = arg;
	h2_consume(p->h2, stream, data.len);
	if (!h2_stream_arg(p->h2, stream))
		return;
	h2_set_stream_arg(p->h2, stream, NULL);
	json_t *v = j_parse(data, 65536, NULL);
	assert_non_null(v);
	if (j_bool(v, "Stream", false)) {
		serve_map(p, stream);
	} else {
		p->s->n_updates++;
		serve_text(p, stream, "");
	}
	j_free(v);
}

static void on_h2_end(void *arg, int32_t stream)
{
	(void)arg;
	(void)stream;
}

static void on_h2_close(void *arg, int32_t stream, uint32_t code)
{
	(void)arg;
	(void)stream;
	(void)code;
}

static void on_h2_goaway(void *arg, int32_t last)
{
	(void)arg;
	(void)last;
}

static const struct h2_ops H2_OPS = { .on_head = on_h2_head,
				      .on_data = on_h2_data,
				      .on_end = on_h2_end,
				      .on_close = on_h2_close,
				      .on_goaway = on_h2_goaway };

static void start_noise(struct peer *p, const struct http1_head *head)
{
	struct server *s = p->s;
	uint8_t init[TS_INIT_LEN], resp[TS_RESP_LEN];
	size_t len;
	const char *why;
	uint16_t version;
	struct machine_key client;
	struct chal_key challenge = { { 3 } };
	struct buf out;
	s->n_upgrades++;
	buf_init(&out, 4096);
	assert_int_equal(upgrade_request_check(head, init, &len, &why), 0);
	if (s->fault == STATUS_500 || s->fault == NOT_HTTP) {
		buf_add_str(&out, s->fault == NOT_HTTP ? "220 mail.example.com ESMTP\r\n\r\n"
						       : "HTTP/1.1 500 Internal error\r\n\r\n");
		put(p, buf_span(&out));
		buf_fini(&out);
		return;
	}
	upgrade_response_build(&out);
	put(p, buf_span(&out));
	buf_reset(&out);
	int err = ts_server_accept(&s->key, span_of(init, len), rng_system(), resp, &version,
				   &client, &p->tx, &p->rx, &why);
	if (s->fault == CLOSE_AT_101 || err) {
		conn_finish(p->conn);
	} else if (s->fault == ERROR_FRAME) {
		ts_error_frame("no thanks", &out);
		put(p, buf_span(&out));
	} else {
		put(p, span_of(resp, sizeof(resp)));
		p->noise = true;
		early_build(&challenge, &out);
		if (s->fault == GARBAGE)
			put(p, span_str("this is no record, is it? this is no record"));
		else if (s->fault != NO_EARLY)
			put_sealed(p, buf_span(&out));
		p->h2 = h2_new(true, &H2_OPS, p);
		if (s->fault != GARBAGE)
			flush(p);
	}
	buf_fini(&out);
}

static void serve_key(struct peer *p)
{
	struct server *s = p->s;
	struct machine_key pub;
	char text[KEY_TEXT_MAX], body[256], head[256];
	bool lie = s->fault == WRONG_KEY && s->n_keys == 0;
	s->n_keys++;
	machine_priv_public(lie ? &s->other_key : &s->key, &pub);
	snprintf(body, sizeof(body), "{\"publicKey\":\"%s\"}", machine_key_encode(&pub, text));
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		 strlen(body));
	put(p, span_str(head));
	put(p, span_str(body));
	conn_finish(p->conn);
}

static void serve_http(struct peer *p)
{
	struct http1_head h;
	if (http1_parse(buf_span(&p->in), true, &h))
		return;
	if (span_eq_str(h.method, "HEAD")) {
		p->s->n_heads++;
		put(p, span_str("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	} else if (h.target.len > 4 && memcmp(h.target.p, "/key", 4) == 0) {
		serve_key(p);
	} else {
		start_noise(p, &h);
	}
	buf_drop(&p->in, h.len);
}

static void on_conn_data(void *arg, struct span data)
{
	struct peer *p = arg;
	struct span in = data, plain;
	if (!p->noise) {
		buf_add_span(&p->in, data);
		serve_http(p);
		return;
	}
	while (ts_open(&p->rx, &in, &plain) == 1)
		if (h2_recv(p->h2, plain) == 0)
			flush(p);
}

static void on_conn_close(void *arg, int err)
{
	struct peer *p = arg;
	(void)err;
	conn_free(p->conn);
	p->conn = NULL;
}

static const struct conn_ops CONN_OPS = { .on_data = on_conn_data, .on_close = on_conn_close };

static void on_accept(void *arg, struct conn *c)
{
	struct server *s = arg;
	struct peer *p = xcalloc(1, sizeof(*p));
	p->s = s;
	p->conn = c;
	p->next = s->peers;
	s->peers = p;
	buf_init(&p->in, 1u << 20);
	conn_set_ops(c, &CONN_OPS, p);
}

/* ---- the client ---- */

struct run {
	struct server s;
	struct net *net;
	struct ctl *ctl;
	int n_maps, n_logins, n_errors;
	enum ctl_error kind;
	char *text;
	bool free_in_map;
	int logout;
};

static void on_netmap(void *arg, const struct netmap *nm, const struct nm_change *ch)
{
	struct run *r = arg;
	(void)ch;
	assert_int_equal(nm->self->id, 7);
	r->n_maps++;
	if (r->free_in_map) {
		ctl_free(r->ctl);
		r->ctl = NULL;
	}
}

static void save_persist(void *arg, const struct persist *p, uint64_t ticket)
{
	(void)p;
	ctl_persist_saved(((struct run *)arg)->ctl, ticket, 0);
}

static void on_login(void *arg, const struct persist *p)
{
	(void)p;
	((struct run *)arg)->n_logins++;
}

static void on_error(void *arg, enum ctl_error kind, const char *text)
{
	struct run *r = arg;
	if (kind == CTL_ERR_CLEARED)
		return;
	r->n_errors++;
	r->kind = kind;
	str_set(&r->text, text);
}

static const struct ctl_ops OPS = { .on_netmap = on_netmap,
				    .save_persist = save_persist,
				    .on_login = on_login,
				    .on_error = on_error };

static void start(struct run *r, enum fault fault)
{
	struct persist p;
	struct machine_priv machine;
	struct disco_key disco = { { 1 } };
	struct hostinfo h = { .hostname = "n" };
	struct ep any = { .ip = ip_v4(127, 0, 0, 1) };
	char url[64];
	const char *why;
	memset(r, 0, sizeof(*r));
	r->s.loop = loop_new();
	r->s.fault = fault;
	machine_priv_generate(&r->s.key, rng_system());
	machine_priv_generate(&r->s.other_key, rng_system());
	machine_priv_generate(&machine, rng_system());
	r->s.listener = listener_new(r->s.loop, any, NULL, on_accept, &r->s);
	assert_non_null(r->s.listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", listener_addr(r->s.listener).port);
	r->net = net_new(r->s.loop, NULL);
	persist_init(&p);
	struct ctl_opts o = { .server_url = url,
			      .machine = &machine,
			      .persist = &p,
			      .hostinfo = &h,
			      .disco = &disco,
			      .rng = rng_system(),
			      .ops = &OPS,
			      .arg = r };
	r->ctl = ctl_new(r->net, &o, &why);
	assert_non_null(r->ctl);
	persist_fini(&p);
	ctl_login(r->ctl, 0, "key");
}

static void stop(struct run *r)
{
	ctl_free(r->ctl);
	for (int i = 0; i < 5; i++)
		loop_turn(r->s.loop, 10);
	for (struct peer *p = r->s.peers, *next; p; p = next) {
		next = p->next;
		h2_free(p->h2);
		conn_free(p->conn);
		buf_fini(&p->in);
		free(p);
	}
	listener_free(r->s.listener);
	net_free(r->net);
	loop_free(r->s.loop);
	free(r->text);
}

#define UNTIL(r, condition)                                                                        \
	do {                                                                                       \
		for (int turn_ = 0; turn_ < 600 && !(condition); turn_++)                          \
			loop_turn((r)->s.loop, 20);                                                \
		assert_true(condition);                                                            \
	} while (0)

static void good_session(enum fault fault)
{
	struct run r;
	start(&r, fault);
	UNTIL(&r, r.n_maps == 1 && r.s.n_updates == 1);
	assert_int_equal(r.n_logins, 1);
	assert_int_equal(r.n_errors, 0);
	assert_int_equal(r.s.n_keys, 1);
	assert_int_equal(r.s.n_upgrades, 1); /* one connection carries everything */
	assert_true(ctl_get_state(r.ctl).polling);
	stop(&r);
}

static void test_session(void **state)
{
	(void)state;
	good_session(NONE);
}

static void test_without_early_payload(void **state)
{
	(void)state;
	good_session(NO_EARLY);
}

static void test_single_bytes(void **state)
{
	(void)state;
	good_session(SLOW_BYTES);
}

static void failing(enum fault fault, enum ctl_error kind, const char *word)
{
	struct run r;
	start(&r, fault);
	UNTIL(&r, r.n_errors >= 2); /* tried again */
	assert_int_equal(r.kind, kind);
	if (!strstr(r.text, word))
		print_error("%s\n", r.text);
	assert_non_null(strstr(r.text, word));
	assert_int_equal(r.n_logins, 0);
	stop(&r);
}

static void test_failures(void **state)
{
	(void)state;
	failing(CLOSE_AT_101, CTL_ERR_VERSION, "too old");
	failing(ERROR_FRAME, CTL_ERR_NOISE, "no thanks");
	failing(NOT_HTTP, CTL_ERR_NOISE, "not HTTP");
	failing(STATUS_500, CTL_ERR_NOISE, "500");
	failing(GARBAGE, CTL_ERR_NOISE, "broke the protocol");
}

/* The key told first does not fit; after some failures it is asked for again. */
static void test_changed_key(void **state)
{
	struct run r;
	(void)state;
	start(&r, WRONG_KEY);
	UNTIL(&r, r.n_maps == 1);
	assert_int_equal(r.s.n_keys, 2);
	assert_true(r.n_errors >= 1);
	stop(&r);
}

static void test_goaway(void **state)
{
	struct run r;
	(void)state;
	start(&r, GOAWAY);
	UNTIL(&r, r.n_maps == 1 && r.s.n_updates == 1);
	assert_int_equal(r.s.n_upgrades, 2); /* what came after went over another connection */
	stop(&r);
}

static void test_map_stream_reset(void **state)
{
	struct run r;
	(void)state;
	start(&r, RESET_MAP);
	UNTIL(&r, r.n_maps == 1);
	assert_int_equal(r.s.n_maps, 2);
	assert_int_equal(r.s.n_upgrades, 1); /* the connection itself was fine */
	stop(&r);
}

static void test_connection_lost(void **state)
{
	struct run r;
	(void)state;
	start(&r, NONE);
	UNTIL(&r, r.n_maps == 1);
	for (struct peer *p = r.s.peers; p; p = p->next)
		if (p->conn)
			conn_finish(p->conn);
	UNTIL(&r, r.n_maps == 2);
	assert_int_equal(r.s.n_keys, 1);
	assert_int_equal(r.s.n_registers, 1);
	stop(&r);
}

static void test_freed_inside_callback(void **state)
{
	struct run r;
	(void)state;
	start(&r, NONE);
	r.free_in_map = true;
	UNTIL(&r, r.n_maps == 1);
	assert_null(r.ctl);
	stop(&r);
}

static void on_logout(void *arg, const char *why)
{
	struct run *r = arg;
	assert_null(why);
	r->logout++;
}

static void test_logout(void **state)
{
	struct run r;
	(void)state;
	start(&r, NONE);
	UNTIL(&r, r.n_maps == 1);
	ctl_logout(r.ctl, on_logout, &r);
	UNTIL(&r, r.logout == 1);
	assert_int_equal(r.s.n_registers, 2);
	assert_null(ctl_netmap(r.ctl));
	stop(&r);
}

static void test_nobody_there(void **state)
{
	struct run r;
	(void)state;
	start(&r, NONE);
	listener_free(r.s.listener);
	r.s.listener = NULL;
	UNTIL(&r, r.n_errors >= 2);
	assert_int_equal(r.kind, CTL_ERR_KEY);
	assert_non_null(strstr(r.text, "cannot be reached"));
	struct ep any = { .ip = ip_v4(127, 0, 0, 1) };
	r.s.listener = listener_new(r.s.loop, any, NULL, on_accept, &r.s);
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_without_early_payload),
		cmocka_unit_test(test_single_bytes),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_changed_key),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_map_stream_reset),
		cmocka_unit_test(test_connection_lost),
		cmocka_unit_test(test_freed_inside_callback),
		cmocka_unit_test(test_logout),
		cmocka_unit_test(test_nobody_there),
	};
	log_set_level(LOG_ERROR);
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
