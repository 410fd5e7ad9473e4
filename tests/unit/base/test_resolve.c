/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/resolve.h"
#include "base/sockaddr.h"
#include "tests/unit/base/io_test.h"

#include <sys/socket.h>

enum { TYPE_A = 1, TYPE_AAAA = 28 };

/* ---- a name server in this process -------------------------------------------------------------
 */

struct dns {
	struct loop_fd fd;
	struct ep at;
	unsigned queries;
	bool silent;
	uint8_t rcode;
	unsigned n_a; /* addresses to answer with: 192.0.2.1.. */
	bool aaaa;    /* 2001:db8::1 */
	char last[256];
};

static struct dns dns;

/* The name of the question in dotted form; the reader is behind type and class then. */
static uint16_t parse_question(struct rd *r, char *name, size_t size)
{
	struct wr w = wr_init(mspan_of(name, size - 1));
	uint16_t type;
	uint8_t n;

	memset(name, 0, size);
	while ((n = rd_u8(r)) > 0) {
		if (wr_len(&w) > 0)
			wr_u8(&w, '.');
		wr_span(&w, rd_take(r, n));
	}
	type = rd_be16(r);
	rd_skip(r, 2);
	assert_true(rd_ok(r));
	return type;
}

static void put_record(struct wr *w, uint16_t type, const void *data, size_t len)
{
	wr_be16(w, 0xc00c); /* the question's name */
	wr_be16(w, type);
	wr_be16(w, 1);
	wr_be32(w, 60);
	wr_be16(w, (uint16_t)len);
	wr_bytes(w, data, len);
}

static void put_answers(struct wr *w, const struct dns *d, uint16_t type)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	if (type == TYPE_AAAA && d->aaaa)
		put_record(w, TYPE_AAAA, v6, 16);
	for (unsigned i = 0; type == TYPE_A && i < d->n_a; i++)
		put_record(w, TYPE_A, (uint8_t[]){ 192, 0, 2, (uint8_t)(i + 1) }, 4);
}

static size_t build_answer(struct dns *d, struct span query, struct mspan out)
{
	struct rd r = rd_init(query);
	struct wr w = wr_init(out);
	uint16_t id = rd_be16(&r), type;
	size_t question;

	rd_skip(&r, 10);
	question = rd_left(&r);
	type = parse_question(&r, d->last, sizeof(d->last));
	question -= rd_left(&r);
	wr_be16(&w, id);
	wr_be16(&w, (uint16_t)(0x8180 | d->rcode));
	wr_be16(&w, 1);
	wr_be16(&w, (uint16_t)(type == TYPE_A ? d->n_a : d->aaaa));
	wr_be32(&w, 0);
	wr_bytes(&w, query.p + 12, question);
	put_answers(&w, d, type);
	assert_true(wr_ok(&w));
	return wr_len(&w);
}

static void on_query(struct loop_fd *w, int events)
{
	struct dns *d = w->arg;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t in[512], out[2048];
	ssize_t n = recvfrom(w->fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_len);
	size_t len;

	(void)events;
	if (n < 12)
		return;
	d->queries++;
	len = build_answer(d, span_of(in, (size_t)n), mspan_of(out, sizeof(out)));
	if (!d->silent)
		sendto(w->fd, out, len, 0, (struct sockaddr *)&from, from_len);
}

static void dns_start(struct dns *d)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ .ip = ip_v4(127, 0, 0, 1) }, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*d = (struct dns){ .n_a = 1 };
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	d->at = sockaddr_of_fd(fd, false);
	assert_int_equal(loop_fd_start(loop, &d->fd, fd, LOOP_READ, on_query, d), 0);
}

static void dns_stop(struct dns *d)
{
	loop_fd_stop(&d->fd);
	close(d->fd.fd);
}

static int setup(void **state)
{
	char text[EP_TEXT_MAX];

	(void)state;
	io_start(NULL);
	dns_start(&dns);
	net_set_dns_servers(net, ep_encode(dns.at, text));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_stop(&dns);
	io_stop();
	return 0;
}

/* ---- look-ups ---- */

struct result {
	int calls, err;
	struct ip addrs[RESOLVE_MAX];
	size_t n;
};

static void on_result(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct result *r = arg;

	r->calls++;
	r->err = err;
	r->n = n;
	assert_true(n <= RESOLVE_MAX);
	if (n > 0)
		memcpy(r->addrs, addrs, n * sizeof(addrs[0]));
}

static struct resolve_req *start(struct result *r, const char *name)
{
	struct resolve_req *q;

	*r = (struct result){ .calls = 0 };
	q = resolve_start(net, name, on_result, r);
	assert_non_null(q);
	assert_int_equal(r->calls, 0);
	return q;
}

static void run(struct result *r, const char *name)
{
	start(r, name);
	UNTIL(r->calls);
	settle(2);
	assert_int_equal(r->calls, 1);
}

static bool has(const struct result *r, const char *ip)
{
	struct ip want;

	assert_int_equal(ip_decode(span_str(ip), &want), 0);
	for (size_t i = 0; i < r->n; i++)
		if (ip_eq(r->addrs[i], want))
			return true;
	return false;
}

static void test_answers_without_a_query(void **state)
{
	struct result r;

	(void)state;
	run(&r, "192.0.2.9");
	assert_true(r.err == 0 && r.n == 1 && has(&r, "192.0.2.9"));
	run(&r, "2001:db8::9");
	assert_true(r.err == 0 && r.n == 1 && has(&r, "2001:db8::9"));
	run(&r, "LocalHost");
	assert_true(r.err == 0 && r.n == 2 && has(&r, "127.0.0.1") && has(&r, "::1"));
	run(&r, "x.localhost");
	assert_true(r.err == 0 && has(&r, "127.0.0.1"));
	assert_int_equal(dns.queries, 0);
}

static void test_what_is_no_name(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", "..", "a..b", "a\n", "192.0.2.1:80" };
	char longest[300];
	struct result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		run(&r, bad[i]);
		assert_int_equal(r.err, -ERR_NOENT);
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	run(&r, longest);
	assert_int_equal(r.err, -ERR_NOENT);
	assert_int_equal(dns.queries, 0);
}

static void test_both_families(void **state)
{
	struct result r;

	(void)state;
	dns.aaaa = true;
	dns.n_a = 2;
	run(&r, "relay.test");
	assert_int_equal(r.err, 0);
	assert_int_equal(r.n, 3);
	assert_true(has(&r, "192.0.2.1") && has(&r, "192.0.2.2") && has(&r, "2001:db8::1"));
	assert_string_equal(dns.last, "relay.test");
	assert_int_equal(dns.queries, 2);
}

static void test_one_family(void **state)
{
	struct result r;

	(void)state;
	run(&r, "relay.test");
	assert_true(r.err == 0 && r.n == 1 && has(&r, "192.0.2.1"));
}

static void test_more_addresses_than_we_take(void **state)
{
	struct result r;

	(void)state;
	dns.n_a = RESOLVE_MAX + 5;
	run(&r, "many.test");
	assert_int_equal(r.err, 0);
	assert_int_equal(r.n, RESOLVE_MAX);
}

static void test_no_such_name(void **state)
{
	struct result r;

	(void)state;
	dns.rcode = 3;
	dns.n_a = 0;
	run(&r, "absent.test");
	assert_int_equal(r.err, -ERR_NOENT);
	assert_int_equal(r.n, 0);
	dns.rcode = 0; /* the name is there, addresses are not */
	run(&r, "empty.test");
	assert_int_equal(r.err, -ERR_NOENT);
}

static void test_no_answer(void **state)
{
	mono_t limit = mono_add_s(mono_now(), 30);
	struct result r;

	(void)state;
	dns.silent = true;
	start(&r, "silent.test");
	while (!r.calls && !mono_due(limit, mono_now()))
		loop_turn(loop, 100);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, -ERR_TIMEOUT);
	assert_true(dns.queries >= 4); /* tried again, both families */
}

static void test_too_many_at_once(void **state)
{
	struct result r[70];
	struct resolve_req *q[70];
	int busy = 0;

	(void)state;
	dns.silent = true;
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		q[i] = start(&r[i], "silent.test");
	settle(20);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		if (r[i].calls) {
			assert_int_equal(r[i].err, -ERR_BUSY);
			busy++;
		} else {
			resolve_cancel(q[i]);
		}
	}
	assert_int_equal(busy, 6);
}

static void test_cancel(void **state)
{
	struct result r;

	(void)state;
	for (int turns = 0; turns < 5; turns++) {
		struct resolve_req *q = start(&r, turns % 2 ? "a.test" : "192.0.2.1");

		for (int i = 0; i < turns && !r.calls; i++)
			loop_turn(loop, 0);
		if (!r.calls)
			resolve_cancel(q);
	}
	resolve_cancel(start(&r, "b.test"));
	settle(20);
	assert_int_equal(r.calls, 0);
	resolve_cancel(NULL);
}

static void test_net_is_freed_with_cancelled_queries(void **state)
{
	struct result r;

	(void)state;
	dns.silent = true;
	resolve_cancel(start(&r, "a.test"));
	resolve_cancel(start(&r, "b.test"));
	/* teardown frees the net */
}

static void test_servers_change_while_a_query_runs(void **state)
{
	struct dns other;
	char text[EP_TEXT_MAX];
	struct result a, b;

	(void)state;
	dns_start(&other);
	other.n_a = 3;
	start(&a, "a.test");
	net_set_dns_servers(net, ep_encode(other.at, text));
	start(&b, "b.test");
	UNTIL(a.calls && b.calls);
	assert_int_equal(a.n, 1); /* ends where it began */
	assert_int_equal(b.n, 3);
	assert_string_equal(other.last, "b.test");
	settle(5);
	dns_stop(&other);
}

static void test_servers_that_do_not_parse(void **state)
{
	struct result r;

	(void)state;
	net_set_dns_servers(net, "nonsense");
	run(&r, "a.test");
	assert_int_equal(r.err, -ERR_IO);
}

static void start_another(void *arg, int err, const struct ip *addrs, size_t n)
{
	(void)addrs;
	(void)n;
	assert_int_equal(err, 0);
	start(arg, "next.test");
}

static void test_start_inside_callback(void **state)
{
	struct result r = { .calls = 0 };

	(void)state;
	resolve_start(net, "first.test", start_another, &r);
	UNTIL(r.calls);
	assert_int_equal(r.err, 0);
	assert_string_equal(dns.last, "next.test");
}

/* ---- without a name server that helps ---- */

static void test_good_address(void **state)
{
	struct result r;

	(void)state;
	net_note_good(net, "Control.Test", ip_v4(192, 0, 2, 77));
	dns.rcode = 3; /* it is wrong, or a portal */
	dns.n_a = 0;
	run(&r, "control.test");
	assert_true(r.err == 0 && r.n == 1 && has(&r, "192.0.2.77"));
	run(&r, "other.test");
	assert_int_equal(r.err, -ERR_NOENT);
	dns.rcode = 0; /* who answers comes first */
	dns.n_a = 1;
	run(&r, "control.test");
	assert_true(r.err == 0 && r.n == 2 && has(&r, "192.0.2.77"));
	assert_true(ip_eq(r.addrs[0], ip_v4(192, 0, 2, 1)));
}

/* Nobody answers: the address that is known comes before a connection would give up. */
static void test_good_address_in_time(void **state)
{
	struct result r;
	mono_t start_at = mono_now();

	(void)state;
	net_note_good(net, "control.test", ip_v4(192, 0, 2, 77));
	dns.silent = true;
	run(&r, "control.test");
	assert_true(r.err == 0 && r.n == 1 && has(&r, "192.0.2.77"));
	assert_true(mono_diff_ns(mono_now(), start_at) >= 2 * NS_PER_S);
	/* What c-ares says later of this and of a cancelled one does not matter any more. */
	struct resolve_req *q = start(&r, "control.test");
	settle(20);
	resolve_cancel(q);
	dns.silent = false;
	settle(1500);
	assert_int_equal(r.calls, 0);
}

static void test_no_servers(void **state)
{
	struct result r;

	(void)state;
	net_set_dns_servers(net, "");
	run(&r, "relay.test");
	assert_int_equal(r.err, -ERR_IO);
	run(&r, "192.0.2.9");
	assert_int_equal(r.err, 0);
	net_note_good(net, "relay.test", ip_v4(192, 0, 2, 77));
	run(&r, "relay.test");
	assert_true(r.err == 0 && has(&r, "192.0.2.77"));
	assert_int_equal(dns.queries, 0);
}

/* Interfaces that are gone cost only the servers behind them. */
static void test_link_local_server(void **state)
{
	char text[EP_TEXT_MAX], list[256];
	struct result r;

	(void)state;
	snprintf(list, sizeof(list), "[fe80::1%%gone0]:53,%s", ep_encode(dns.at, text));
	net_set_dns_servers(net, list);
	run(&r, "relay.test");
	assert_true(r.err == 0 && has(&r, "192.0.2.1"));
	net_set_dns_servers(net, "[fe80::1%gone0]:53");
	run(&r, "relay.test");
	assert_int_equal(r.err, -ERR_IO);
}

static int told;

static void on_good(void *arg)
{
	(void)arg;
	told++;
}

static void test_good_addresses_as_text(void **state)
{
	static const char odd[] = "\n \nname\nx.test nonsense 192.0.2.5\n"
				  "y.test 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5";
	struct net *other = net_new(loop, NULL);
	struct buf a, b;

	(void)state;
	told = 0;
	net_on_good(net, on_good, NULL);
	for (int i = 0; i < 2; i++) {
		net_note_good(net, "one.test", ip_v4(192, 0, 2, 1));
		net_note_good(net, "one.test", ip_v4(192, 0, 2, 2));
		net_note_good(net, "192.0.2.3", ip_v4(192, 0, 2, 3));
		net_note_good(net, "a b", ip_v4(192, 0, 2, 3));
	}
	assert_int_equal(told, 2);
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "h%d.test", i % 16);
		net_note_good(net, name, ip_v4(192, 0, 2, (uint8_t)i));
	}
	buf_init(&a, 1 << 16);
	buf_init(&b, 1 << 16);
	net_good_encode(net, &a);
	net_good_decode(other, buf_span(&a));
	net_good_encode(other, &b);
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
	assert_non_null(strstr(buf_cstr(&a), "h3.test 192.0.2.99 192.0.2.83 "));
	assert_null(strstr(buf_cstr(&a), "one.test"));
	net_good_decode(other, span_str(odd));
	buf_reset(&b);
	net_good_encode(other, &b);
	assert_string_equal(buf_cstr(&b), "x.test 192.0.2.5\n"
					  "y.test 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4\n");
	buf_fini(&a);
	buf_fini(&b);
	net_free(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_answers_without_a_query),
		T(test_what_is_no_name),
		T(test_both_families),
		T(test_one_family),
		T(test_more_addresses_than_we_take),
		T(test_no_such_name),
		T(test_no_answer),
		T(test_too_many_at_once),
		T(test_cancel),
		T(test_net_is_freed_with_cancelled_queries),
		T(test_servers_change_while_a_query_runs),
		T(test_servers_that_do_not_parse),
		T(test_start_inside_callback),
		T(test_good_address),
		T(test_good_address_in_time),
		T(test_no_servers),
		T(test_link_local_server),
		T(test_good_addresses_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
