/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole netcheck on loopback: STUN servers of our own, and an HTTPS server where UDP is silent.
 */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/conn.h"
#include "base/crypto/crypto.h"
#include "base/http1.h"
#include "magicsock/netcheck_io.h"
#include "magicsock/udp_linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	struct loop *loop;
	struct net *net;
	struct rng_seeded rng;
	struct conn_tls *tls;
} env;

/* ---- servers ------------------------------------------------------------------------------- */

struct stun_server {
	struct udp_socks socks;
	struct loop_fd fd;
	int requests;
	bool silent;
};

static void on_request(struct loop_fd *w, int events)
{
	struct stun_server *s = w->arg;
	uint8_t mem[256], out[STUN_RESPONSE_MAX];
	struct mspan room = mspan_of(mem, sizeof(mem));
	struct stun_txid txid;
	struct ep from;
	(void)events;
	if (udp_recv(w->fd, &room, &from) <= 0)
		return;
	assert_int_equal(stun_request_parse(span_const(room), &txid), 0);
	s->requests++;
	if (s->silent)
		return;
	size_t n = stun_response_build(&txid, from, out);
	assert_int_equal(udp_send(&s->socks, from, span_of(out, n)), UDP_SENT);
}

static void stun_start(struct stun_server *s)
{
	struct udp_opts o = { .no_v6 = true };
	assert_int_equal(udp_open(&s->socks, &o), 0);
	assert_int_equal(loop_fd_start(env.loop, &s->fd, s->socks.v4.fd, LOOP_READ, on_request, s),
			 0);
}

static void stun_stop(struct stun_server *s)
{
	loop_fd_stop(&s->fd);
	udp_close(&s->socks);
}

struct web {
	struct listener *listener;
	struct conn *conn;
	int requests;
	const char *status;
};

static void web_data(void *arg, struct span data)
{
	struct web *w = arg;
	struct http1_head head;
	char out[128];
	assert_int_equal(http1_parse(data, true, &head), 0);
	assert_true(span_eq_str(head.target, "/derp/latency-check"));
	w->requests++;
	int n = snprintf(out, sizeof(out), "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok", w->status);
	assert_int_equal(conn_send(w->conn, span_of(out, (size_t)n)), 0);
}
static void web_close(void *arg, int err)
{
	struct web *w = arg;
	(void)err;
	conn_free(w->conn);
	w->conn = NULL;
}
static const struct conn_ops web_ops = { web_data, web_close, NULL };
static void web_accept(void *arg, struct conn *c)
{
	struct web *w = arg;
	if (w->conn)
		conn_free(w->conn);
	w->conn = c;
	conn_set_ops(c, &web_ops, w);
}

static void web_start(struct web *w, const char *status)
{
	struct ep at = { ip_v4(127, 0, 0, 1), 0 };
	w->status = status;
	w->listener = listener_new(env.loop, at, env.tls, web_accept, w);
	assert_non_null(w->listener);
}
static void web_stop(struct web *w)
{
	if (w->conn)
		conn_free(w->conn);
	listener_free(w->listener);
}

/* ---- the check --------------------------------------------------------------------------------
 */

struct result {
	struct nc_report *report;
	int n;
	struct netcheck *free_me;
};

static void done(void *arg, struct nc_report *r)
{
	struct result *res = arg;
	nc_report_free(res->report);
	res->report = r;
	res->n++;
	if (res->free_me)
		netcheck_free(res->free_me);
}

static const struct netcheck_ops own_sockets = { NULL, NULL, done };

static struct derp_node *add(struct derp_map *m, int region, uint16_t stun_port)
{
	struct derp_node *n = derp_region_add_node(derp_map_add(m, region));
	str_set(&n->name, "x");
	str_set(&n->host, "relay.test");
	str_set(&n->ipv4, "127.0.0.1");
	str_set(&n->ipv6, "none");
	n->insecure = true;
	n->stun_port = stun_port;
	n->derp_port = 1;
	return n;
}

static void wait_for(struct result *r, int n)
{
	for (int i = 0; i < 2000 && r->n < n; i++)
		loop_turn(env.loop, 5);
	assert_int_equal(r->n, n);
}

static void stun_over_own_sockets(void **state)
{
	struct stun_server a = { .requests = 0 }, b = { .requests = 0 };
	struct result res = { .n = 0 };
	struct derp_map *map = derp_map_new();
	struct netcheck_opts o = { .map = map, .have_v4 = true };
	(void)state;
	stun_start(&a);
	stun_start(&b);
	struct netcheck *c = netcheck_new(env.net, &env.rng.rng, &own_sockets, &res);
	assert_int_equal(netcheck_start(c, &o), -ERR_NOENT); /* no region */
	add(map, 1, a.socks.v4.port);
	add(map, 2, b.socks.v4.port);
	assert_int_equal(netcheck_start(c, &o), 0);
	assert_true(netcheck_running(c));
	assert_int_equal(netcheck_start(c, &o), -ERR_BUSY);
	wait_for(&res, 1);
	assert_false(netcheck_running(c));
	assert_true(res.report->udp && res.report->ipv4);
	assert_int_equal(res.report->mapping_varies, NC_FALSE);
	assert_true(res.report->preferred_derp == 1 || res.report->preferred_derp == 2);
	assert_int_equal(res.report->n_regions, 2);
	assert_true(nc_report_region(res.report, 1)->latency_ns > 0);
	assert_true(ip_is_loopback(res.report->global_v4.ip));
	assert_false(wall_is_zero(res.report->now));
	assert_non_null(netcheck_last(c));
	assert_int_equal(netcheck_start(c, &o), 0); /* incremental */
	wait_for(&res, 2);
	netcheck_reset(c);
	assert_null(netcheck_last(c));
	netcheck_free(c);
	stun_stop(&a);
	stun_stop(&b);
	nc_report_free(res.report);
	derp_map_free(map);
}

/* ---- the daemon's way: its socket sends, it hands the answers in -------------------------------
 */

struct lender {
	struct result res;
	struct udp_socks socks;
	struct loop_fd fd;
	struct netcheck *check;
};

static int lend_send(void *arg, struct ep to, struct span pkt)
{
	struct lender *l = (struct lender *)arg;
	return udp_send(&l->socks, to, pkt) == UDP_SENT ? 0 : -ERR_IO;
}

static void lend_readable(struct loop_fd *w, int events)
{
	struct lender *l = w->arg;
	uint8_t mem[256];
	struct mspan room = mspan_of(mem, sizeof(mem));
	struct ep from;
	(void)events;
	if (udp_recv(w->fd, &room, &from) > 0)
		netcheck_input(l->check, loop_now(env.loop), from, span_const(room));
}

static const struct netcheck_ops lent_socket = { lend_send, NULL, done };

static void stun_over_a_lent_socket(void **state)
{
	struct stun_server a = { .requests = 0 };
	struct lender l = { .res = { .n = 0 } };
	struct derp_map *map = derp_map_new();
	struct udp_opts any = { .no_v6 = true };
	struct netcheck_opts o = { .map = map, .have_v4 = true, .full = true };
	(void)state;
	stun_start(&a);
	str_set(&add(map, 9, a.socks.v4.port)->ipv4, NULL); /* a name to look up */
	str_set(&map->regions[0].nodes[0].host, "localhost");
	assert_int_equal(udp_open(&l.socks, &any), 0);
	assert_int_equal(
	    loop_fd_start(env.loop, &l.fd, l.socks.v4.fd, LOOP_READ, lend_readable, &l), 0);
	l.check = netcheck_new(env.net, &env.rng.rng, &lent_socket, &l);
	assert_int_equal(netcheck_start(l.check, &o), 0);
	wait_for(&l.res, 1);
	assert_int_equal(l.res.report->global_v4.port, l.socks.v4.port);
	assert_int_equal(l.res.report->mapping_varies, NC_UNKNOWN); /* one answer says nothing */
	assert_int_equal(l.res.report->preferred_derp, 9);
	netcheck_free(l.check);
	loop_fd_stop(&l.fd);
	udp_close(&l.socks);
	stun_stop(&a);
	nc_report_free(l.res.report);
	derp_map_free(map);
}

static void https_where_udp_is_forbidden(void **state)
{
	struct web good = { .requests = 0 }, bad = { .requests = 0 };
	struct result res = { .n = 0 };
	struct derp_map *map = derp_map_new();
	struct netcheck_opts o = { .map = map, .have_v4 = true, .no_stun = true };
	(void)state;
	web_start(&good, "200 OK");
	web_start(&bad, "500 No");
	add(map, 1, 1)->derp_port = listener_addr(good.listener).port;
	add(map, 2, 1)->derp_port = listener_addr(bad.listener).port;
	struct derp_node *stun_only = add(map, 3, 1);
	stun_only->stun_only = true;
	struct netcheck *c = netcheck_new(env.net, &env.rng.rng, &own_sockets, &res);
	assert_int_equal(netcheck_start(c, &o), 0);
	wait_for(&res, 1);
	assert_false(res.report->udp);
	assert_true(res.report->ipv4);
	assert_int_equal(res.report->n_regions, 1);
	assert_int_equal(res.report->preferred_derp, 1);
	assert_int_equal(good.requests, 2); /* one to connect, one to measure */
	assert_int_equal(bad.requests, 1);
	netcheck_free(c);
	web_stop(&good);
	web_stop(&bad);
	nc_report_free(res.report);
	derp_map_free(map);
}

static void https_after_stun_silence(void **state)
{
	struct stun_server s = { .silent = true };
	struct web web = { .requests = 0 };
	struct result res = { .n = 0 };
	struct derp_map *map = derp_map_new();
	struct netcheck_opts o = { .map = map, .have_v4 = true };
	(void)state;
	stun_start(&s);
	web_start(&web, "200 OK");
	add(map, 4, s.socks.v4.port)->derp_port = listener_addr(web.listener).port;
	struct netcheck *c = netcheck_new(env.net, &env.rng.rng, &own_sockets, &res);
	res.free_me = c; /* from inside its own callback */
	assert_int_equal(netcheck_start(c, &o), 0);
	wait_for(&res, 1);
	assert_int_equal(s.requests, 3);
	assert_false(res.report->udp);
	assert_true(res.report->ipv4_can_send);
	assert_int_equal(res.report->preferred_derp, 4);
	stun_stop(&s);
	web_stop(&web);
	nc_report_free(res.report);
	derp_map_free(map);
}

static void freed_while_running(void **state)
{
	struct result res = { .n = 0 };
	struct derp_map *map = derp_map_new();
	struct netcheck_opts o = { .map = map, .have_v4 = true };
	(void)state;
	add(map, 1, 1);
	str_set(&map->regions[0].nodes[0].ipv4, NULL);
	struct netcheck *c = netcheck_new(env.net, &env.rng.rng, &own_sockets, &res);
	assert_int_equal(netcheck_start(c, &o), 0);
	loop_turn(env.loop, 1);
	netcheck_free(c);
	for (int i = 0; i < 20; i++)
		loop_turn(env.loop, 1);
	assert_int_equal(res.n, 0);
	derp_map_free(map);
}

static int setup(void **state)
{
	const char *why;
	char dir[] = "/tmp/netcheck-io-XXXXXX", cert[64], key[64];
	(void)state;
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	if (crypto_init() || !mkdtemp(dir))
		return -1;
	rng_seeded_init(&env.rng, 8);
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	if (conn_tls_make("relay.test", cert, key))
		return -1;
	env.tls = conn_tls_load(cert, key, &why);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	env.loop = loop_new();
	env.net = net_new(env.loop, NULL);
	return env.tls && env.loop && env.net ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		loop_turn(env.loop, 1);
	net_free(env.net);
	for (int i = 0; i < 5; i++)
		loop_turn(env.loop, 1);
	loop_free(env.loop);
	conn_tls_free(env.tls);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stun_over_own_sockets),
		cmocka_unit_test(stun_over_a_lent_socket),
		cmocka_unit_test(https_where_udp_is_forbidden),
		cmocka_unit_test(https_after_stun_silence),
		cmocka_unit_test(freed_while_running),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
