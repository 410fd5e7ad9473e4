/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwarder against scripted name servers on loopback. What takes its time is on the clock of
 * test_race.c; here it is waited for. */
#include "tests/lib/cm.h"

#include "dns/forward_priv.h"
#include "tests/unit/dns/scripted.h"

#include "base/counters.h"
#include "base/http1.h"

#include <sys/resource.h>

static struct net *net;
static struct dns_forward *f;
static struct scripted up, other;

struct got {
	int calls;
	struct bytes query;
	uint8_t reply[65536];
	size_t n;
	struct dns_ask *ask;
};

static void on_reply(void *arg, struct span reply)
{
	struct got *g = arg;

	g->calls++;
	g->n = reply.len;
	if (reply.len)
		memcpy(g->reply, reply.p, reply.len);
}

static const struct dns_client local = { .from = { IP_V4, { 100, 64, 0, 1 } }, .udp = true };
static const struct dns_client local_tcp = { .from = { IP_V4, { 100, 64, 0, 1 } } };

static void ask_bytes(struct got *g, const struct bytes *query, const struct dns_client *who)
{
	struct dns_query q;

	memset(g, 0, sizeof(*g));
	g->query = *query;
	assert_int_equal(dns_query_parse(bytes_span(query), &q), 0);
	g->ask = dns_forward_ask(f, &q, bytes_span(query), who, on_reply, g);
	assert_int_equal(g->calls, 0);
}

static void ask(struct got *g, const char *name, const struct dns_client *who)
{
	struct bytes m = bytes_query(name, DNS_A);

	ask_bytes(g, &m, who);
}

static void run(struct got *g, const char *name, const struct dns_client *who)
{
	ask(g, name, who);
	assert_non_null(g->ask);
	UNTIL(g->calls);
	assert_int_equal(g->calls, 1);
}

static uint8_t rcode(const struct got *g)
{
	assert_true(g->n >= DNS_HEADER_LEN);
	return g->reply[3] & 0x0f;
}

static bool has_tc(const struct got *g)
{
	return g->reply[2] & (DNS_TC >> 8);
}

/* It answers this query: id, question as spelled. */
static void assert_own(const struct got *g)
{
	assert_memory_equal(g->reply, g->query.b, 2);
	assert_memory_equal(g->reply + DNS_HEADER_LEN, g->query.b + DNS_HEADER_LEN,
			    g->query.n - DNS_HEADER_LEN);
}

static uint64_t found;
static const char *sought;

static void look(void *arg, const char *name, uint64_t v)
{
	(void)arg;
	if (strcmp(name, sought) == 0)
		found = v;
}

static uint64_t counted(const char *name)
{
	found = UINT64_MAX;
	sought = name;
	counters_each(look, NULL);
	assert_true(found != UINT64_MAX);
	return found;
}

static void route_to(const char *a, const char *b)
{
	static char text[2][128];
	struct dns_upstream v[2] = { { .addr = text[0] }, { .addr = text[1] } };
	static char root[] = "";
	struct dns_suffix_route r = { .suffix = root, .to = { v, b ? 2 : a ? 1 : 0 } };

	snprintf(text[0], sizeof(text[0]), "%s", a ? a : "");
	snprintf(text[1], sizeof(text[1]), "%s", b ? b : "");
	dns_forward_set_routes(f, &r, 1);
}

static void start(struct dns_forward_opts o)
{
	loop = loop_new();
	net = net_new(loop, &(struct net_opts){ .fwmark = 0x80000 });
	f = dns_forward_new(net, &o);
	scripted_start(&up, answer_a);
	scripted_start(&other, answer_a);
	route_to(up.addr, NULL);
}

static int setup(void **state)
{
	(void)state;
	start((struct dns_forward_opts){ 0 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_forward_free(f);
	scripted_stop(&up);
	scripted_stop(&other);
	net_free(net);
	loop_free(loop);
	return 0;
}

/* ---- one upstream ------------------------------------------------------------------------------ */

static void test_answer(void **state)
{
	static struct got g;

	(void)state;
	run(&g, "wWw.eXample.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	assert_own(&g);
	assert_memory_equal(g.reply + g.n - 4, "\xc0\x00\x02\x01", 4);
	assert_int_equal(up.n_udp, 1);
	assert_int_equal(up.n_tcp, 0);
	assert_int_equal(dns_forward_in_flight(f), 0);
}

/* Who cannot see the question must guess both; neither is the client's. */
static void test_ids_and_ports_are_random(void **state)
{
	enum { N = 64 };
	static struct got g;
	size_t near = 0, same_id = 0, same_port = 0;
	char name[64];

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		run(&g, name, &local);
		assert_own(&g);
	}
	for (size_t i = 0; i < N; i++) {
		same_id += up.ids[i] == 0xabcd;
		for (size_t k = 0; k < i; k++)
			same_port += up.ports[i] == up.ports[k];
		near += i > 0 && abs(up.ids[i] - up.ids[i - 1]) < 64;
	}
	assert_true(same_id <= 1);
	assert_true(near <= 4);
	assert_true(same_port <= 8); /* 2016 pairs, 28,000 ports */
}

static size_t lie_first(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	struct sockaddr_storage to;
	size_t n = answer_a(s, query, tcp, out);
	struct ep client = sockaddr_to_ep((struct sockaddr *)&s->from);
	uint8_t lie[512];

	memcpy(lie, out, n);
	lie[n - 1] = 66;
	/* the right bytes from another port */
	(void)!sendto(other.udp.fd, lie, n, 0, (struct sockaddr *)&to,
		      sockaddr_from_ep(client, &to));
	lie[0] ^= 1; /* another id */
	scripted_send(s, lie, n);
	lie[0] ^= 1;
	lie[DNS_HEADER_LEN + 1] ^= 1; /* another name */
	scripted_send(s, lie, n);
	lie[DNS_HEADER_LEN + 1] ^= 1;
	lie[2] ^= 0x80; /* no answer */
	scripted_send(s, lie, n);
	scripted_send(s, lie, 5);
	scripted_send(s, lie, 0);
	return n;
}

static void test_lies_are_waited_past(void **state)
{
	uint64_t ignored = counted("dns_forward_ignored");
	static struct got g;

	(void)state;
	up.fn = lie_first;
	run(&g, "www.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	assert_int_equal(g.reply[g.n - 1], 1);
	assert_int_equal(counted("dns_forward_ignored") - ignored, 5);
}

static size_t truncated_by_udp(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	size_t n = answer_a(s, query, tcp, out);

	if (!tcp) {
		out[2] |= DNS_TC >> 8;
		return n;
	}
	memset(out + n, 0, SCRIPT_REPLY_MAX - n);
	return SCRIPT_REPLY_MAX;
}

static void test_truncated_goes_on_by_tcp(void **state)
{
	static struct got g;

	(void)state;
	up.fn = truncated_by_udp;
	run(&g, "www.test", &local_tcp);
	assert_int_equal(g.n, SCRIPT_REPLY_MAX);
	assert_false(has_tc(&g));
	assert_own(&g);
	assert_int_equal(up.n_tcp, 1);
	/* who asked by UDP comes again by TCP himself */
	run(&g, "www.test", &local);
	assert_true(has_tc(&g));
	assert_int_equal(up.n_tcp, 1);
}

static size_t long_by_udp(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	size_t n = answer_a(s, query, tcp, out);

	memset(out + n, 0, 6000);
	return tcp ? 6000 : (size_t)(uintptr_t)s->arg;
}

static void test_long_answers_are_cut_for_who_takes_less(void **state)
{
	static struct got g;
	struct bytes m = bytes_query("www.test", DNS_A);

	(void)state;
	up.fn = long_by_udp;
	up.arg = (void *)600;
	run(&g, "www.test", &local);
	assert_true(has_tc(&g));
	assert_int_equal(g.n, g.query.n);
	bytes_opt(&m, 1232, 0, 0);
	ask_bytes(&g, &m, &local);
	UNTIL(g.calls);
	assert_false(has_tc(&g));
	assert_int_equal(g.n, 600);
	/* got by TCP: no more than UDP may ever be */
	m = bytes_query("www3.test", DNS_A);
	bytes_opt(&m, 65535, 0, 0);
	up.arg = NULL;
	ask_bytes(&g, &m, &local);
	UNTIL(g.calls);
	assert_true(has_tc(&g));
	assert_true(g.n <= DNS_UDP_MAX);
	assert_int_equal(up.n_tcp, 1);
	up.arg = (void *)5000; /* more than we take by UDP */
	run(&g, "www2.test", &local_tcp);
	assert_int_equal(g.n, 6000);
	assert_int_equal(up.n_tcp, 2);
}

static size_t answer_code(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	answer_a(s, query, tcp, out);
	out[3] = (uint8_t)(0x80 | (uintptr_t)s->arg);
	out[7] = 0;
	return query.len;
}

static void test_codes(void **state)
{
	static const uintptr_t codes[] = { DNS_SERVFAIL, DNS_REFUSED, DNS_NXDOMAIN, DNS_NOTIMP };
	static struct got g;

	(void)state;
	up.fn = answer_code;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		up.arg = (void *)codes[i];
		up.n_tcp = 0;
		run(&g, "www.test", &local);
		assert_int_equal(rcode(&g), codes[i]);
		assert_own(&g);
		assert_int_equal(g.reply[3] & 0x80, 0x80); /* its bytes, not ours */
		assert_int_equal(up.n_tcp, i < 2);
	}
}

static void test_tcp_that_ends_too_soon(void **state)
{
	static struct got g;

	(void)state;
	up.fn = truncated_by_udp;
	for (up.cut = 1; up.cut < 6; up.cut += 2) {
		run(&g, "www.test", &local_tcp);
		assert_int_equal(rcode(&g), DNS_SERVFAIL);
		assert_own(&g);
	}
}

/* ---- several upstreams ---------------------------------------------------------------------------- */

static void test_second_when_the_first_is_dead(void **state)
{
	static struct got g;
	char name[64];

	(void)state;
	route_to("127.0.0.1:1", up.addr);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		run(&g, name, &local);
		assert_int_equal(rcode(&g), DNS_NOERROR);
	}
	other.silent = true;
	route_to(other.addr, up.addr);
	run(&g, "silent.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	up.fn = answer_code;
	up.arg = (void *)DNS_REFUSED;
	other.silent = false;
	run(&g, "refused.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	route_to("garbage", other.addr);
	run(&g, "garbage.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
}

static void test_nobody_there(void **state)
{
	static struct got g;

	(void)state;
	route_to("127.0.0.1:1", NULL);
	run(&g, "www.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_own(&g);
	assert_int_equal(g.n, g.query.n);
}

static void test_no_route(void **state)
{
	static struct got g;

	(void)state;
	dns_forward_set_routes(f, NULL, 0);
	run(&g, "www.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_memory_equal(g.reply + 2, "\x85\x02", 2);
	route_to(NULL, NULL);
	run(&g, "www.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_null(dns_forward_route(f, "www.test"));
	route_to("tls://192.0.2.1", "https://example.com/dns-query");
	run(&g, "www.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_int_equal(dns_forward_route(f, "www.test")->n, 2);
}

static void test_browsing_stays_here(void **state)
{
	static struct got g;

	(void)state;
	run(&g, "b._dns-sd._udp.corp.example", &local);
	assert_memory_equal(g.reply + 2, "\x81\x83", 2);
	assert_own(&g);
	assert_int_equal(up.n_udp, 0);
}

/* ---- many questions -------------------------------------------------------------------------------- */

static void test_identical_questions_share_one_request(void **state)
{
	static struct got g[5];
	struct dns_client peer = { .from = ip_v4(100, 64, 0, 9), .udp = true };

	(void)state;
	up.silent = true;
	ask(&g[0], "www.example.test", &local);
	ask(&g[1], "WWW.example.TEST", &local);
	ask(&g[2], "www.example.test", &peer);
	ask(&g[3], "www.example.test", &local_tcp); /* takes more */
	ask(&g[4], "www2.example.test", &local);
	assert_int_equal(dns_forward_in_flight(f), 5);
	assert_int_equal(f->n_runs, 3);
	UNTIL(up.n_udp == 3);
	settle(30);
	assert_int_equal(up.n_udp, 3);
	dns_ask_cancel(g[0].ask);
	dns_ask_cancel(g[3].ask);
	dns_ask_cancel(g[4].ask);
	assert_int_equal(f->n_runs, 1);
	up.silent = false; /* its TCP answers after two seconds */
	UNTIL(g[1].calls && g[2].calls);
	assert_own(&g[1]);
	assert_own(&g[2]);
	assert_int_equal(g[0].calls + g[3].calls + g[4].calls, 0);
}

static size_t keep_query(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	struct bytes *kept = s->arg;

	(void)tcp;
	(void)out;
	kept->n = 0;
	bytes_add(kept, query.p, query.len);
	return 0;
}

static void test_an_answer_after_the_end_is_nothing(void **state)
{
	static struct got g;
	static struct bytes kept;
	uint8_t out[512];
	size_t n;

	(void)state;
	up.fn = keep_query;
	up.arg = &kept;
	ask(&g, "www.test", &local);
	UNTIL(up.n_udp == 1);
	dns_ask_cancel(g.ask);
	assert_int_equal(f->env.n_sockets, 0);
	n = answer_a(&up, bytes_span(&kept), false, out);
	scripted_send(&up, out, n);
	settle(30);
	assert_int_equal(g.calls, 0);
}

static void test_cache(void **state)
{
	static struct got g;

	(void)state;
	run(&g, "www.test", &local);
	run(&g, "WWW.test", &local);
	assert_own(&g);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	assert_int_equal(up.n_udp, 1);
	run(&g, "www.test", &local_tcp);
	assert_int_equal(up.n_udp, 1);
	dns_forward_on_link_change(f);
	run(&g, "www.test", &local);
	assert_int_equal(up.n_udp, 2);
	route_to(up.addr, NULL); /* nothing is different */
	run(&g, "www.test", &local);
	assert_int_equal(up.n_udp, 2);
	route_to(other.addr, NULL);
	run(&g, "www.test", &local);
	assert_int_equal(other.n_udp, 1);
	route_to(up.addr, NULL);
	run(&g, "www.test", &local);
	assert_int_equal(up.n_udp, 3);
}

static void run_via(struct got *g, const char *addr)
{
	static char text[64];
	struct dns_upstream v = { .addr = text };
	struct dns_query q;

	snprintf(text, sizeof(text), "%s", addr);
	memset(g, 0, sizeof(*g));
	g->query = bytes_query("via.test", DNS_A);
	assert_int_equal(dns_query_parse(bytes_span(&g->query), &q), 0);
	g->ask = dns_forward_ask_via(f, &(struct dns_upstreams){ &v, 1 }, &q,
				     bytes_span(&g->query), &local_tcp, on_reply, g);
	UNTIL(g->calls);
	assert_int_equal(rcode(g), DNS_NOERROR);
}

static void test_explicit_upstreams(void **state)
{
	static struct got g;

	(void)state;
	run_via(&g, other.addr);
	assert_int_equal(other.n_udp, 1);
	run_via(&g, other.addr);
	assert_int_equal(other.n_udp, 1); /* kept */
	run_via(&g, up.addr);
	assert_int_equal(up.n_udp, 1); /* but not for others */
	for (int i = 0; i < 20; i++) {
		char addr[64];

		snprintf(addr, sizeof(addr), "127.0.0.1:%d", other.at.port);
		run_via(&g, addr);
		run_via(&g, up.addr);
	}
	assert_int_equal(up.n_udp, 1);
}

static void test_the_ceiling_is_shared(void **state)
{
	static struct got g[60], late, quiet;
	struct dns_client peer = { .from = ip_v4(100, 64, 0, 9), .udp = true };
	char name[64];
	int refused = 0;

	(void)state;
	teardown(NULL);
	start((struct dns_forward_opts){ .in_flight_max = 50 });
	up.silent = true;
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		ask(&g[i], name, &local);
		refused += !g[i].ask;
	}
	assert_int_equal(refused, 10);
	assert_int_equal(dns_forward_in_flight(f), 50);
	ask(&quiet, "quiet.test", &peer);
	assert_non_null(quiet.ask);
	assert_int_equal(dns_forward_in_flight(f), 50);
	UNTIL(g[49].calls);
	assert_int_equal(g[49].n, 0); /* the newest of the flood gets no answer */
	assert_int_equal(g[48].calls, 0);
	ask(&late, "late.test", &local);
	assert_null(late.ask);
	UNTIL(up.n_udp == 51 || up.n_udp == 50);
	up.silent = false;
	UNTIL(quiet.calls); /* by TCP: the last connection is the one that is answered */
	assert_int_equal(rcode(&quiet), DNS_NOERROR);
}

/* The upstream is a stub of this host that asks us again, each time a little differently. */
static size_t ask_back(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	static struct got g[64];
	static size_t n;
	struct bytes m = bytes_query("loop.test", DNS_A);

	(void)query;
	(void)tcp;
	(void)out;
	if (s->n_udp < 64) {
		bytes_opt(&m, 1000 + (unsigned)s->n_udp, 0, 0);
		ask_bytes(&g[n++ % 64], &m, &local);
	}
	return 0;
}

static void test_loops_end(void **state)
{
	uint64_t loops = counted("dns_forward_loop");
	static struct got g;

	(void)state;
	up.fn = ask_back;
	ask(&g, "loop.test", &local);
	UNTIL(counted("dns_forward_loop") > loops);
	settle(50);
	assert_int_equal(up.n_udp, LOOP_DEPTH);
}

static void test_free_with_questions_under_way(void **state)
{
	static struct got g[3];

	(void)state;
	up.silent = true;
	ask(&g[0], "a.test", &local);
	ask(&g[1], "a.test", &local);
	ask(&g[2], "b._dns-sd._udp.x", &local); /* its answer is known, but not told */
	dns_forward_free(f);
	f = NULL;
	settle(30);
	for (int i = 0; i < 3; i++)
		assert_int_equal(g[i].calls, 0);
}

/* ---- HTTP ------------------------------------------------------------------------------------------- */

static struct {
	struct listener *l;
	struct conn *conn;
	struct buf in;
	const char *type;
	int status;
	int n;
	bool silent;
} web;

static void web_answer(struct span body)
{
	uint8_t reply[512], head[256];
	size_t n = answer_a(NULL, body, true, reply);
	int len = snprintf((char *)head, sizeof(head),
			   "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
			   web.status, web.type, n);

	assert_int_equal(body.p[0] | body.p[1], 0);
	assert_int_equal(conn_send(web.conn, span_of(head, (size_t)len)), 0);
	assert_int_equal(conn_send(web.conn, span_of(reply, n)), 0);
}

static void web_on_data(void *arg, struct span data)
{
	struct http1_head h;
	uint64_t n = 0;

	(void)arg;
	buf_add_span(&web.in, data);
	if (http1_parse(buf_span(&web.in), true, &h) < 0)
		return;
	assert_int_equal(u64_decode(http1_find(&h, "Content-Length"), 1000, &n), 0);
	if (web.in.len < h.len + n)
		return;
	assert_true(strncmp(buf_cstr(&web.in), "POST /dns-query HTTP/1.1\r\n", 26) == 0);
	assert_true(span_eq_str(http1_find(&h, "Content-Type"), "application/dns-message"));
	assert_true(span_eq_str(http1_find(&h, "Accept"), "application/dns-message"));
	web.n++;
	if (!web.silent)
		web_answer(span_of(web.in.p + h.len, n));
	buf_reset(&web.in);
}

static void web_on_close(void *arg, int err)
{
	(void)arg;
	(void)err;
	conn_free(web.conn);
	web.conn = NULL;
}

static void web_on_conn(void *arg, struct conn *c)
{
	static const struct conn_ops ops = { web_on_data, web_on_close, NULL };

	(void)arg;
	conn_free(web.conn);
	web.conn = c;
	buf_reset(&web.in);
	conn_set_ops(c, &ops, NULL);
}

static void web_start(struct conn_tls *tls)
{
	memset(&web, 0, sizeof(web));
	web.l = listener_new(loop, (struct ep){ .ip = ip_v4(127, 0, 0, 1) }, tls, web_on_conn,
			     NULL);
	assert_non_null(web.l);
	buf_init(&web.in, 65536);
	web.type = "application/dns-message";
	web.status = 200;
}

/* After the forwarder, whose requests are to it. */
static void web_stop(void)
{
	dns_forward_free(f);
	f = NULL;
	listener_free(web.l);
	conn_free(web.conn);
	buf_fini(&web.in);
}

static void test_over_http(void **state)
{
	static struct got g;
	char url[64];

	(void)state;
	web_start(NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/dns-query", listener_addr(web.l).port);
	route_to(url, NULL);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	run(&g, "WWW.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	assert_own(&g);
	web.type = "text/html";
	run(&g, "2.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	web.type = "application/dns-message";
	web.status = 503;
	run(&g, "3.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_int_equal(web.n, 3);
	unsetenv("http_proxy");
	web_stop();
}

/* The head start of one that never uses it is lost. */
static void test_a_dead_first_costs_only_a_few_their_time(void **state)
{
	static struct got g;
	char url[64], name[64];
	struct dns_group *group;

	(void)state;
	web_start(NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/dns-query", listener_addr(web.l).port);
	route_to(url, up.addr);
	group = f->routes[0].to;
	group->targets[1].delay_ms = 500;
	web.silent = true;
	for (int i = 0; i < DEAD_AFTER; i++) {
		mono_t begun = mono_now();

		snprintf(name, sizeof(name), "n%d.test", i);
		run(&g, name, &local);
		assert_int_equal(rcode(&g), DNS_NOERROR);
		assert_true(mono_diff_ns(mono_now(), begun) > 400 * NS_PER_MS);
	}
	assert_int_equal(web.n, DEAD_AFTER);
	assert_true(dead_is(&f->dead, group->keys[0]));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "m%d.test", i);
		run(&g, name, &local);
	}
	assert_true(web.n <= DEAD_AFTER + 1); /* a probe perhaps, on a slow machine */
	/* another network, another chance */
	dns_forward_on_link_change(f);
	run(&g, "l.test", &local);
	assert_true(web.n > DEAD_AFTER);
	web_stop();
}

/* The provider's name is not looked up, its certificate is looked at. */
static void https_to(const char *name)
{
	static char google[] = "https://dns.google/dns-query";
	struct dns_group *g;

	route_to(google, NULL);
	g = f->routes[0].to;
	assert_int_equal(g->targets[0].kind, DNS_UP_HTTPS);
	free(g->targets[0].url);
	g->targets[0].url = xasprintf("https://%s:%u/dns-query", name, listener_addr(web.l).port);
	g->targets[0].addrs[0] = ip_v4(127, 0, 0, 1);
	g->targets[0].n_addrs = 1;
}

static void test_over_https(void **state)
{
	char dir[] = "/tmp/mesh-doh-XXXXXX", crt[64], key[64];
	const char *why = NULL;
	struct conn_tls *tls;
	static struct got g;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(crt, sizeof(crt), "%s/crt", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	assert_int_equal(conn_tls_make("doh.test", crt, key), 0);
	tls = conn_tls_load(crt, key, &why);
	assert_non_null(tls);
	teardown(NULL);
	setenv("SSL_CERT_FILE", crt, 1);
	start((struct dns_forward_opts){ 0 });
	unsetenv("SSL_CERT_FILE");
	web_start(tls);
	https_to("doh.test");
	run(&g, "WWW.test", &local);
	assert_int_equal(rcode(&g), DNS_NOERROR);
	assert_own(&g);
	https_to("other.test");
	run(&g, "2.test", &local);
	assert_int_equal(rcode(&g), DNS_SERVFAIL);
	assert_int_equal(web.n, 1);
	assert_int_equal(f->env.n_http, 0);
	web_stop();
	conn_tls_free(tls);
	unlink(crt);
	unlink(key);
	rmdir(dir);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static int told;

static void on_trouble(void *arg)
{
	(void)arg;
	told++;
}

static void test_trouble_is_told_and_ends(void **state)
{
	struct dns_group *group;
	static struct got g;

	(void)state;
	dns_forward_on_trouble(f, on_trouble, NULL);
	route_to("127.0.0.1:1", NULL);
	run(&g, "www.test", &local);
	assert_false(mono_is_zero(f->failing_since));
	assert_string_equal(dns_forward_trouble(f), ""); /* not yet */
	/* as if that had been a while ago */
	dns_trouble_reset(f);
	group = f->routes[0].to;
	dns_trouble_on_silence(f, group, mono_add_ms(mono_now(), -TROUBLE_MS));
	UNTIL(told == 1);
	assert_non_null(strstr(dns_forward_trouble(f), "127.0.0.1:1"));
	/* SERVFAIL is a sign of life */
	up.fn = answer_code;
	up.arg = (void *)DNS_SERVFAIL;
	route_to(up.addr, NULL);
	run(&g, "www.test", &local);
	assert_int_equal(told, 2);
	assert_string_equal(dns_forward_trouble(f), "");
	/* no route is no trouble */
	dns_forward_set_routes(f, NULL, 0);
	run(&g, "www.test", &local);
	assert_true(mono_is_zero(f->failing_since));
}

static struct ip asked_about[8];
static size_t n_asked_about;
static bool covered;

static bool in_tunnel(void *arg, struct ip to)
{
	(void)arg;
	asked_about[n_asked_about++ % 8] = to;
	return covered;
}

/* And what was learnt on one way is not told on the other. */
static void test_the_tunnel_is_asked_about_each_address(void **state)
{
	static struct got g;

	(void)state;
	teardown(NULL);
	start((struct dns_forward_opts){ .in_tunnel = in_tunnel });
	for (int i = 0; i < 2; i++, covered = true) {
		n_asked_about = 0;
		run(&g, "www.test", &local);
		run(&g, "www.test", &local);
		assert_int_equal(up.n_udp, i + 1);
		assert_true(n_asked_about > 0);
		assert_true(ip_eq(asked_about[0], ip_v4(127, 0, 0, 1)));
	}
	covered = false;
	run(&g, "www.test", &local);
	assert_int_equal(up.n_udp, 2);
}

static void test_queries_of_all_sizes(void **state)
{
	static struct got g;
	struct bytes m = bytes_query("www.test", DNS_A);
	static uint8_t big[DNS_FORWARD_MSG_MAX + 1];
	struct dns_query q;

	(void)state;
	assert_int_equal(dns_query_parse(bytes_span(&m), &q), 0);
	memcpy(big, m.b, m.n);
	assert_null(dns_forward_ask(f, &q, span_of(big, sizeof(big)), &local, on_reply, &g));
	assert_null(dns_forward_ask(f, &q, span_of(big, 11), &local, on_reply, &g));
	memset(&g, 0, sizeof(g));
	assert_non_null(
	    dns_forward_ask(f, &q, span_of(big, sizeof(big) - 1), &local, on_reply, &g));
	UNTIL(g.calls);
	assert_int_equal(rcode(&g), DNS_NOERROR);
}

/* The last one: the limit stays low. */
static void test_no_more_than_there_are_descriptors(void **state)
{
	struct rlimit r = { 300, 600 };

	(void)state;
	teardown(NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	start((struct dns_forward_opts){ .in_flight_max = 10000 });
	assert_int_equal(dns_forward_in_flight_max(f), 600 - 256);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(r.rlim_cur, 600);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_answer),
		T(test_ids_and_ports_are_random),
		T(test_lies_are_waited_past),
		T(test_truncated_goes_on_by_tcp),
		T(test_long_answers_are_cut_for_who_takes_less),
		T(test_codes),
		T(test_tcp_that_ends_too_soon),
		T(test_second_when_the_first_is_dead),
		T(test_nobody_there),
		T(test_no_route),
		T(test_browsing_stays_here),
		T(test_identical_questions_share_one_request),
		T(test_an_answer_after_the_end_is_nothing),
		T(test_cache),
		T(test_explicit_upstreams),
		T(test_the_ceiling_is_shared),
		T(test_loops_end),
		T(test_free_with_questions_under_way),
		T(test_over_http),
		T(test_over_https),
		T(test_a_dead_first_costs_only_a_few_their_time),
		T(test_trouble_is_told_and_ends),
		T(test_the_tunnel_is_asked_about_each_address),
		T(test_queries_of_all_sizes),
		T(test_no_more_than_there_are_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
