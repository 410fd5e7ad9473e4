/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stream.h"
#include "base/http1.h"
#include "tests/unit/base/io_test.h"

/* ---- a client ------------------------------------------------------------------------------ */

enum free_in { FREE_NEVER, FREE_IN_OPEN, FREE_IN_DATA, FREE_IN_CLOSE };

struct client {
	struct stream *s;
	struct buf in;
	enum free_in free_in;
	int opened, closed, drained;
	int err;
	char text[256];
};

static void free_if(struct client *c, enum free_in here)
{
	if (c->free_in != here)
		return;
	stream_free(c->s);
	c->s = NULL;
}

static void on_open(void *arg)
{
	struct client *c = arg;

	c->opened++;
	free_if(c, FREE_IN_OPEN);
}

static void on_data(void *arg, struct span data)
{
	struct client *c = arg;

	assert_true(data.len > 0);
	buf_add_span(&c->in, data);
	free_if(c, FREE_IN_DATA);
}

static void on_close(void *arg, int err, const char *text)
{
	struct client *c = arg;

	c->closed++;
	c->err = err;
	snprintf(c->text, sizeof(c->text), "%s", text);
	if (c->s) /* NULL would mean: called from inside stream_open */
		assert_int_equal(stream_send(c->s, span_str("x")), -ERR_STATE);
	free_if(c, FREE_IN_CLOSE);
}

static void on_drain(void *arg)
{
	struct client *c = arg;

	c->drained++;
}

static const struct stream_ops ops = { on_open, on_data, on_close, on_drain };
static const struct ip local4 = { IP_V4, { 127, 0, 0, 1 } };
static const struct ip local6 = { IP_V6, { [15] = 1 } };

static void client_open(struct client *c, struct stream_opts o)
{
	*c = (struct client){ .free_in = FREE_NEVER };
	buf_init(&c->in, 64u << 20);
	if (o.timeout_ms == 0)
		o.timeout_ms = 4000;
	c->s = stream_open(net, &o, &ops, c);
	assert_non_null(c->s);
	assert_int_equal(c->closed, 0);
	assert_int_equal(stream_send(c->s, span_str("x")), -ERR_STATE);
}

static void client_end(struct client *c)
{
	stream_free(c->s);
	c->s = NULL;
	buf_fini(&c->in);
}

static struct stream_opts opts_to(const struct server *srv, const char *host)
{
	return (struct stream_opts){ .host = host,
				     .port = srv->port,
				     .tls = srv->tls != NULL,
				     .addrs = &local4,
				     .n_addrs = 1 };
}

/* Say hello, get it back. */
static void check_echo(struct client *c)
{
	UNTIL(c->opened || c->closed);
	if (c->closed)
		fail_msg("closed: %s", c->text);
	assert_int_equal(stream_send(c->s, span_str("hello")), 0);
	UNTIL(c->in.len >= 5);
	assert_true(span_eq_str(buf_span(&c->in), "hello"));
}

static int setup(void **state)
{
	(void)state;
	io_start(NULL);
	return 0;
}

static int setup_ca(void **state)
{
	(void)state;
	io_start(in_dir("relay.crt"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("https_proxy");
	unsetenv("http_proxy");
	io_stop();
	return 0;
}

/* ---- plain --------------------------------------------------------------------------------- */

static void test_plain_echo(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, (struct stream_opts){ .host = "127.0.0.1", .port = srv.port });
	assert_false(ep_is_set(stream_local(c.s)));
	check_echo(&c);
	assert_true(ep_eq(stream_local(c.s), conn_peer(srv.got[0].c)));
	assert_true(ep_eq(stream_remote(c.s), listener_addr(srv.l)));
	assert_false(conn_is_tls(srv.got[0].c));
	client_end(&c);
	UNTIL(srv.got[0].closed);
	assert_int_equal(srv.got[0].err, 0);
	server_stop(&srv);
}

static void test_localhost_by_name(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, (struct stream_opts){ .host = "localhost", .port = srv.port });
	check_echo(&c);
	client_end(&c);
	server_stop(&srv);
}

static void test_families_race(void **state)
{
	struct ip addrs[2] = { local6, local4 }; /* nobody listens on the first */
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, (struct stream_opts){
			    .host = "h.test", .port = srv.port, .addrs = addrs, .n_addrs = 2 });
	check_echo(&c);
	client_end(&c);
	server_stop(&srv);
}

static void test_small_sends_become_one_write(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, opts_to(&srv, "h.test"));
	UNTIL(c.opened);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(stream_send(c.s, span_str("0123456789")), 0);
	assert_int_equal(stream_queued(c.s), 10000);
	UNTIL(c.in.len == 10000);
	assert_true(srv.got[0].data_calls < 10);
	assert_int_equal(stream_queued(c.s), 0);
	client_end(&c);
	server_stop(&srv);
}

static void fill_pattern(uint8_t *p, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((from + i) * 31 + ((from + i) >> 8));
}

static void check_pattern(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != (uint8_t)(i * 31 + (i >> 8)))
			fail_msg("byte %zu differs", i);
}

/* Far more than the queue and the sockets hold, against a reader that pauses. */
static void check_bulk(struct server *srv, struct client *c)
{
	static uint8_t block[65536];
	size_t total = 12u << 20, sent = 0;
	int full = 0, rc;

	UNTIL(c->opened);
	UNTIL(srv->n == 1);
	srv->got[0].echo = false;
	conn_pause(srv->got[0].c, true);
	while (!full) {
		fill_pattern(block, sizeof(block), sent);
		rc = stream_send(c->s, span_of(block, sizeof(block)));
		if (rc == 0)
			sent += sizeof(block);
		else
			full++;
		loop_turn(loop, 0);
	}
	assert_int_equal(rc, -ERR_FULL);
	assert_true(stream_queued(c->s) <= STREAM_QUEUE_MAX);
	settle(50);
	assert_int_equal(c->drained, 0);
	conn_pause(srv->got[0].c, false);
	UNTIL(c->drained == 1);
	while (sent < total) {
		fill_pattern(block, sizeof(block), sent);
		if (stream_send(c->s, span_of(block, sizeof(block))) == 0)
			sent += sizeof(block);
		loop_turn(loop, 0);
	}
	UNTIL(srv->got[0].in.len == total);
	check_pattern(buf_span(&srv->got[0].in));
	assert_int_equal(conn_send(srv->got[0].c, span_str("done")), 0);
	UNTIL(c->in.len == 4);
}

static void test_plain_bulk(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, opts_to(&srv, "h.test"));
	check_bulk(&srv, &c);
	client_end(&c);
	server_stop(&srv);
}

static void test_too_big_a_send_takes_nothing(void **state)
{
	static uint8_t block[STREAM_QUEUE_MAX + 1];
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, opts_to(&srv, "h.test"));
	UNTIL(c.opened);
	assert_int_equal(stream_send(c.s, span_of(block, sizeof(block))), -ERR_FULL);
	assert_int_equal(stream_queued(c.s), 0);
	check_echo(&c);
	client_end(&c);
	server_stop(&srv);
}

static void test_other_side_closes(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	client_open(&c, opts_to(&srv, "h.test"));
	check_echo(&c);
	assert_int_equal(conn_send(srv.got[0].c, span_str(" and good bye")), 0);
	conn_finish(srv.got[0].c);
	assert_int_equal(conn_send(srv.got[0].c, span_str("late")), -ERR_CLOSED);
	UNTIL(c.closed);
	assert_int_equal(c.err, 0);
	assert_true(span_eq_str(buf_span(&c.in), "hello and good bye"));
	assert_int_equal(stream_send(c.s, span_str("x")), -ERR_STATE);
	settle(20);
	assert_int_equal(c.closed, 1);
	client_end(&c);
	UNTIL(srv.got[0].closed);
	assert_int_equal(srv.got[0].err, 0);
	server_stop(&srv);
}

static void test_refused(void **state)
{
	struct server srv;
	struct client c;
	uint16_t port;

	(void)state;
	server_start(&srv, NULL);
	port = srv.port;
	server_stop(&srv);
	client_open(&c, (struct stream_opts){ .host = "127.0.0.1", .port = port });
	UNTIL(c.closed);
	assert_int_equal(c.err, -ERR_IO);
	assert_int_equal(c.opened, 0);
	assert_true(strlen(c.text) > 0);
	client_end(&c);
}

static void test_what_is_no_host(void **state)
{
	static const char *const bad[] = { "", "a/b", "a@b", "a b", "a..b", ".a", "a:1", "a\nb" };
	struct client c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		client_open(&c, (struct stream_opts){ .host = bad[i], .port = 80 });
		UNTIL(c.closed);
		assert_int_equal(c.err, -ERR_SYNTAX);
		client_end(&c);
	}
}

static void test_freed_before_anything_happens(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	for (int turns = 0; turns < 6; turns++) {
		client_open(&c, opts_to(&srv, "h.test"));
		for (int i = 0; i < turns; i++)
			loop_turn(loop, 1);
		client_end(&c);
		assert_int_equal(c.closed, 0);
	}
	settle(20);
	server_stop(&srv);
}

static void check_free_in(enum free_in where, const char *cert)
{
	struct server srv;
	struct client c;

	server_start(&srv, cert);
	client_open(&c, opts_to(&srv, "relay.test"));
	c.free_in = where;
	UNTIL(c.opened || !c.s);
	if (where != FREE_IN_OPEN) {
		assert_int_equal(stream_send(c.s, span_str("hello")), 0);
		UNTIL(c.in.len == 5);
	}
	if (where == FREE_IN_CLOSE)
		conn_finish(srv.got[0].c);
	UNTIL(!c.s);
	settle(10);
	assert_int_equal(c.closed, where == FREE_IN_CLOSE);
	client_end(&c);
	server_stop(&srv);
}

static void test_free_inside_callbacks(void **state)
{
	(void)state;
	for (int where = FREE_IN_OPEN; where <= FREE_IN_CLOSE; where++) {
		check_free_in((enum free_in)where, NULL);
		check_free_in((enum free_in)where, "relay");
	}
}

static void test_free_inside_close_of_failed_connect(void **state)
{
	struct client c;

	(void)state;
	client_open(&c, (struct stream_opts){ .host = "127.0.0.1", .port = 1 });
	c.free_in = FREE_IN_CLOSE;
	UNTIL(!c.s);
	assert_int_equal(c.closed, 1);
	client_end(&c);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void check_tls(const char *cert, struct stream_opts o, int want_err)
{
	struct server srv;
	struct client c;

	server_start(&srv, cert);
	o.port = srv.port;
	o.tls = true;
	o.addrs = &local4;
	o.n_addrs = 1;
	client_open(&c, o);
	if (want_err == 0) {
		check_echo(&c);
		assert_true(conn_is_tls(srv.got[0].c));
	} else {
		UNTIL(c.opened || c.closed);
		assert_int_equal(c.opened, 0);
		if (c.err != want_err)
			fail_msg("%s (%d)", c.text, c.err);
	}
	client_end(&c);
	server_stop(&srv);
}

static void test_tls_verified(void **state)
{
	(void)state;
	check_tls("relay", (struct stream_opts){ .host = "relay.test" }, 0);
	check_tls("relay", (struct stream_opts){ .host = "RELAY.test" }, 0);
	check_tls("relay", (struct stream_opts){ .host = "other.test" }, -ERR_AUTH);
	check_tls("relay", (struct stream_opts){ .host = "127.0.0.1" }, -ERR_AUTH);
	check_tls("stranger", (struct stream_opts){ .host = "relay.test" }, -ERR_AUTH);
}

static void test_tls_literal_host(void **state)
{
	struct net *saved = net;

	(void)state;
	net = net_new(loop, &(struct net_opts){ .ca_file = in_dir("ip.crt") });
	check_tls("ip", (struct stream_opts){ .host = "127.0.0.1" }, 0);
	check_tls("ip", (struct stream_opts){ .host = "127.0.0.2" }, -ERR_AUTH);
	net_free(net);
	net = saved;
}

static void test_tls_checked_and_logged(void **state)
{
	enum stream_verify v = STREAM_VERIFY_LOG;

	(void)state;
	check_tls("relay", (struct stream_opts){ .host = "relay.test", .verify = v }, 0);
	check_tls("relay", (struct stream_opts){ .host = "other.test", .verify = v }, 0);
	check_tls("stranger", (struct stream_opts){ .host = "relay.test", .verify = v }, 0);
	check_tls("stranger", (struct stream_opts){ .host = "127.0.0.1", .verify = v }, 0);
}

/* A bad SSL_CERT_FILE breaks what needs verified TLS, not the link that authenticates itself. */
static void test_tls_roots_that_do_not_load(void **state)
{
	struct net *saved = net;

	(void)state;
	net = net_new(loop, &(struct net_opts){ .ca_file = in_dir("absent") });
	check_tls("relay",
		  (struct stream_opts){ .host = "relay.test", .verify = STREAM_VERIFY_LOG }, 0);
	check_tls("relay", (struct stream_opts){ .host = "relay.test" }, -ERR_IO);
	net_free(net);
	net = saved;
}

static void test_tls_not_verified(void **state)
{
	enum stream_verify v = STREAM_VERIFY_NONE;

	(void)state;
	check_tls("stranger", (struct stream_opts){ .host = "other.test", .verify = v }, 0);
}

static void test_tls_other_name(void **state)
{
	struct stream_opts o = { .host = "front.test", .verify = STREAM_VERIFY_NAME };

	(void)state;
	o.cert_name = "relay.test";
	check_tls("relay", o, 0);
	check_tls("stranger", o, -ERR_AUTH);
	o.cert_name = "front.test";
	check_tls("relay", o, -ERR_AUTH);
}

static void pin_of(const char *cert, uint8_t out[static 32])
{
	char file[64], key[64];
	const char *why;
	struct conn_tls *t;

	snprintf(file, sizeof(file), "%s.crt", cert);
	snprintf(key, sizeof(key), "%s.key", cert);
	t = conn_tls_load(in_dir(file), in_dir(key), &why);
	assert_non_null(t);
	conn_tls_sha256(t, out);
	conn_tls_free(t);
}

static void test_tls_pinned(void **state)
{
	struct stream_opts o = { .host = "stranger.test", .verify = STREAM_VERIFY_SHA256 };

	(void)state;
	pin_of("stranger", o.cert_sha256);
	check_tls("stranger", o, 0);	  /* trusted by no root */
	check_tls("relay", o, -ERR_AUTH); /* trusted, not the pinned one */
	check_tls("meta", o, 0);	  /* the same leaf and a relay's key certificate */
	check_tls("extra", o, -ERR_AUTH); /* the same leaf and another certificate */
	o.host = "other.test";
	check_tls("stranger", o, -ERR_AUTH);
	o.host = "127.0.0.1"; /* no SNI, no name to match */
	check_tls("stranger", o, 0);
	o.cert_sha256[0] ^= 1;
	check_tls("stranger", o, -ERR_AUTH);
}

static void test_tls_unrelated_certificate_in_chain(void **state)
{
	(void)state;
	check_tls("relaymeta", (struct stream_opts){ .host = "relay.test" }, 0);
}

static void test_tls_bulk(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, "relay");
	client_open(&c, opts_to(&srv, "relay.test"));
	check_bulk(&srv, &c);
	client_end(&c);
	server_stop(&srv);
}

/* Whole records wait inside TLS while the fd is quiet. */
static void test_tls_hidden_bytes_come_out(void **state)
{
	static uint8_t block[1 << 20];
	struct server srv;
	struct client c;

	(void)state;
	fill_pattern(block, sizeof(block), 0);
	server_start(&srv, "relay");
	client_open(&c, opts_to(&srv, "relay.test"));
	UNTIL(c.opened && srv.n == 1);
	assert_int_equal(conn_send(srv.got[0].c, span_of(block, sizeof(block))), 0);
	UNTIL(c.in.len == sizeof(block));
	check_pattern(buf_span(&c.in));
	client_end(&c);
	server_stop(&srv);
}

static void test_tls_other_side_closes(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, "relay");
	client_open(&c, opts_to(&srv, "relay.test"));
	check_echo(&c);
	conn_finish(srv.got[0].c);
	UNTIL(c.closed);
	assert_int_equal(c.err, 0);
	client_end(&c);
	server_stop(&srv);
}

static void test_timeout_while_server_says_nothing(void **state)
{
	struct server srv;
	struct client c;
	mono_t start = mono_now();

	(void)state;
	server_start(&srv, NULL);
	srv.echo = false;
	client_open(&c,
		    (struct stream_opts){
			.host = "127.0.0.1", .port = srv.port, .tls = true, .timeout_ms = 100 });
	UNTIL(c.closed);
	assert_int_equal(c.err, -ERR_TIMEOUT);
	assert_true(mono_diff_ns(mono_now(), start) >= 95 * NS_PER_MS);
	client_end(&c);
	server_stop(&srv);
}

static void test_server_speaks_no_tls(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL); /* echoes the ClientHello */
	client_open(&c, (struct stream_opts){ .host = "127.0.0.1", .port = srv.port, .tls = true });
	UNTIL(c.closed);
	assert_int_equal(c.err, -ERR_PROTO);
	client_end(&c);
	server_stop(&srv);
}

/* Two streams that stay open while others come and go must not be pruned. */
static void test_streams_do_not_disturb_each_other(void **state)
{
	struct server srv;
	struct client c[6];

	(void)state;
	server_start(&srv, "relay");
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		client_open(&c[i], opts_to(&srv, "relay.test"));
		UNTIL(c[i].opened);
	}
	client_end(&c[2]);
	UNTIL(srv.n == 6);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		if (i != 2)
			check_echo(&c[i]);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		if (i != 2)
			client_end(&c[i]);
	server_stop(&srv);
}

/* ---- through a proxy ------------------------------------------------------------------------ */

struct proxy {
	struct listener *l;
	struct conn *in;
	struct stream *out;
	struct buf head;
	char request[128];
	uint16_t target;
	bool refuse;
};

static void proxy_out_open(void *arg)
{
	struct proxy *p = arg;

	assert_int_equal(conn_send(p->in, span_str("HTTP/1.1 200 Fine\r\n\r\n")), 0);
}

static void proxy_out_data(void *arg, struct span data)
{
	struct proxy *p = arg;

	assert_int_equal(conn_send(p->in, data), 0);
}

static void proxy_out_close(void *arg, int err, const char *text)
{
	struct proxy *p = arg;

	(void)err;
	(void)text;
	conn_finish(p->in);
}

static const struct stream_ops proxy_out_ops = { proxy_out_open, proxy_out_data, proxy_out_close,
						 NULL };

static void proxy_connect(struct proxy *p, const struct http1_head *h)
{
	struct stream_opts o = { .host = "127.0.0.1", .port = p->target };

	assert_true(span_eq_str(h->method, "CONNECT"));
	snprintf(p->request, sizeof(p->request), "%.*s", (int)h->target.len, h->target.p);
	if (p->refuse) {
		assert_int_equal(conn_send(p->in, span_str("HTTP/1.1 403 No\r\nContent-Length: "
							   "4\r\n\r\nno!\n")),
				 0);
		conn_finish(p->in);
		return;
	}
	p->out = stream_open(net, &o, &proxy_out_ops, p);
}

static void proxy_in_data(void *arg, struct span data)
{
	struct proxy *p = arg;
	struct http1_head h;

	if (p->out) {
		assert_int_equal(stream_send(p->out, data), 0);
		return;
	}
	buf_add_span(&p->head, data);
	if (http1_parse(buf_span(&p->head), true, &h) == 0)
		proxy_connect(p, &h);
}

static void proxy_in_close(void *arg, int err)
{
	struct proxy *p = arg;

	(void)err;
	conn_free(p->in);
	p->in = NULL;
	stream_free(p->out);
	p->out = NULL;
}

static const struct conn_ops proxy_in_ops = { proxy_in_data, proxy_in_close, NULL };

static void proxy_on_conn(void *arg, struct conn *c)
{
	struct proxy *p = arg;

	p->in = c;
	conn_set_ops(c, &proxy_in_ops, p);
}

static void proxy_start(struct proxy *p, uint16_t target, bool refuse, const char *host)
{
	char url[64];

	*p = (struct proxy){ .target = target, .refuse = refuse };
	buf_init(&p->head, 8192);
	p->l = listener_new(loop, (struct ep){ .ip = local4 }, NULL, proxy_on_conn, p);
	assert_non_null(p->l);
	snprintf(url, sizeof(url), "http://%s:%u", host, listener_addr(p->l).port);
	setenv("https_proxy", url, 1);
	setenv("http_proxy", url, 1);
}

static void proxy_stop(struct proxy *p)
{
	conn_free(p->in);
	stream_free(p->out);
	listener_free(p->l);
	buf_fini(&p->head);
	unsetenv("https_proxy");
	unsetenv("http_proxy");
}

static void check_proxied(const char *cert, const char *proxy_host)
{
	struct server srv;
	struct proxy p;
	struct client c;
	char want[64];

	server_start(&srv, cert);
	proxy_start(&p, srv.port, false, proxy_host);
	client_open(
	    &c, (struct stream_opts){ .host = "relay.test", .port = 4321, .tls = cert != NULL });
	check_echo(&c);
	snprintf(want, sizeof(want), "relay.test:%u", 4321);
	assert_string_equal(p.request, want);
	assert_int_equal(stream_remote(c.s).port, listener_addr(p.l).port);
	client_end(&c);
	proxy_stop(&p);
	server_stop(&srv);
}

static void test_proxy_connect(void **state)
{
	(void)state;
	check_proxied(NULL, "127.0.0.1"); /* a tunnel also for what is not TLS */
	check_proxied("relay", "127.0.0.1");
	check_proxied("relay", "localhost"); /* a proxy whose name is looked up */
}

static void test_proxy_refuses(void **state)
{
	struct proxy p;
	struct client c;

	(void)state;
	proxy_start(&p, 0, true, "127.0.0.1");
	client_open(&c, (struct stream_opts){ .host = "relay.test", .port = 443, .tls = true });
	UNTIL(c.closed);
	assert_int_equal(c.opened, 0);
	assert_true(c.err < 0);
	assert_non_null(strstr(c.text, "403"));
	client_end(&c);
	proxy_stop(&p);
}

static void test_proxy_left_out(void **state)
{
	struct server srv;
	struct client c;

	(void)state;
	server_start(&srv, NULL);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	client_open(&c, (struct stream_opts){ .host = "h.test",
					      .port = srv.port,
					      .addrs = &local4,
					      .n_addrs = 1,
					      .no_proxy = true });
	check_echo(&c);
	client_end(&c);
	client_open(&c, (struct stream_opts){ .host = "127.0.0.1", .port = srv.port });
	check_echo(&c); /* loopback needs no proxy */
	client_end(&c);
	server_stop(&srv);
}

static void test_proxy_that_is_no_url(void **state)
{
	struct client c;

	(void)state;
	setenv("http_proxy", "http://[", 1);
	client_open(&c, (struct stream_opts){ .host = "h.test", .port = 80 });
	UNTIL(c.closed);
	assert_int_equal(c.err, -ERR_SYNTAX);
	client_end(&c);
}

static int make_certs(void **state)
{
	static const char meta[] =
	    "derpkey0123456789abcdef0123456789abcdef0123456789abcdef012345678";

	if (io_make_dir(state) < 0)
		return -1;
	server_cert("relay.test", "relay");
	server_cert("127.0.0.1", "ip");
	server_cert("stranger.test", "stranger");
	server_cert(meta, "derpkey");
	append_file(in_dir("meta.crt"), in_dir("stranger.crt"));
	append_file(in_dir("meta.crt"), in_dir("derpkey.crt"));
	append_file(in_dir("meta.key"), in_dir("stranger.key"));
	append_file(in_dir("extra.crt"), in_dir("stranger.crt"));
	append_file(in_dir("extra.crt"), in_dir("relay.crt"));
	append_file(in_dir("extra.key"), in_dir("stranger.key"));
	append_file(in_dir("relaymeta.crt"), in_dir("relay.crt"));
	append_file(in_dir("relaymeta.crt"), in_dir("derpkey.crt"));
	append_file(in_dir("relaymeta.key"), in_dir("relay.key"));
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, setup_ca, teardown)
	const struct CMUnitTest tests[] = {
		T(test_plain_echo),
		T(test_localhost_by_name),
		T(test_families_race),
		T(test_small_sends_become_one_write),
		T(test_plain_bulk),
		T(test_too_big_a_send_takes_nothing),
		T(test_other_side_closes),
		T(test_refused),
		T(test_what_is_no_host),
		T(test_freed_before_anything_happens),
		C(test_free_inside_callbacks),
		T(test_free_inside_close_of_failed_connect),
		C(test_tls_verified),
		T(test_tls_literal_host),
		C(test_tls_checked_and_logged),
		T(test_tls_roots_that_do_not_load),
		T(test_tls_not_verified),
		C(test_tls_other_name),
		C(test_tls_pinned),
		C(test_tls_unrelated_certificate_in_chain),
		C(test_tls_bulk),
		C(test_tls_hidden_bytes_come_out),
		C(test_tls_other_side_closes),
		T(test_timeout_while_server_says_nothing),
		T(test_server_speaks_no_tls),
		C(test_streams_do_not_disturb_each_other),
		C(test_proxy_connect),
		T(test_proxy_refuses),
		T(test_proxy_left_out),
		T(test_proxy_that_is_no_url),
	};

	return cmocka_run_group_tests(tests, make_certs, io_remove_dir);
}
