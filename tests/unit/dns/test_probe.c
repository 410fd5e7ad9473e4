/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to one server: the answer, and everything that is none. */
#include "dns/probe_io.h"
#include "base/alloc.h"
#include "base/sockaddr.h"
#include "dns/msg.h"
#include "tests/lib/cm.h"

#include <unistd.h>

static struct loop *loop;

/* ---- a server in this process ---- */

static struct server {
	struct loop_fd fd;
	struct ep at;
	unsigned queries;
	bool silent;
	uint8_t rcode;
	bool wrong_id_first;
	unsigned n_addrs;
	struct dns_query last;
} srv;

static void reply(struct server *s, const struct sockaddr *to, socklen_t len, uint16_t id)
{
	uint8_t out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	wr_be16(&w, id);
	wr_be16(&w, (uint16_t)(DNS_QR | DNS_RD | s->rcode));
	wr_be16(&w, 1);
	wr_be16(&w, (uint16_t)s->n_addrs);
	wr_be32(&w, 0);
	wr_bytes(&w, s->last.question, s->last.question_len);
	for (unsigned i = 0; i < s->n_addrs; i++) {
		wr_be16(&w, 0xc00c);
		wr_be16(&w, s->last.type);
		wr_be16(&w, DNS_IN);
		wr_be32(&w, 5);
		wr_be16(&w, s->last.type == DNS_A ? 4 : 16);
		for (int k = 0; k < (s->last.type == DNS_A ? 4 : 16); k++)
			wr_u8(&w, (uint8_t)(i + 1));
	}
	assert_true(wr_ok(&w));
	sendto(s->fd.fd, out, wr_len(&w), 0, to, len);
}

static void on_query(struct loop_fd *w, int events)
{
	struct server *s = w->arg;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t in[512];
	ssize_t n = recvfrom(w->fd, in, sizeof(in), 0, (struct sockaddr *)&from, &len);
	(void)events;
	if (n <= 0)
		return;
	assert_int_equal(dns_query_parse(span_of(in, (size_t)n), &s->last), 0);
	s->queries++;
	if (s->silent)
		return;
	if (s->wrong_id_first)
		reply(s, (struct sockaddr *)&from, len, (uint16_t)(s->last.id ^ 1));
	reply(s, (struct sockaddr *)&from, len, s->last.id);
}

static int setup(void **state)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ ip_v4(127, 0, 0, 1), 0 }, &ss);
	(void)state;
	loop = loop_new();
	srv = (struct server){ .n_addrs = 1 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	srv.at = sockaddr_of_fd(fd, false);
	return loop_fd_start(loop, &srv.fd, fd, LOOP_READ, on_query, &srv);
}

static int teardown(void **state)
{
	int fd = srv.fd.fd;
	(void)state;
	loop_fd_stop(&srv.fd);
	close(fd);
	loop_free(loop);
	return 0;
}

/* ---- */

struct result {
	unsigned calls, rcode;
	int err;
	size_t n;
	struct ip addrs[DNS_PROBE_ADDRS_MAX];
};

static void on_result(void *arg, int err, unsigned rcode, const struct ip *addrs, size_t n)
{
	struct result *r = arg;
	r->calls++;
	r->err = err;
	r->rcode = rcode;
	r->n = n;
	for (size_t i = 0; i < n; i++)
		r->addrs[i] = addrs[i];
}

static struct result run(const char *name, enum ip_family fam, struct ep server)
{
	struct result r = { 0 };
	mono_t give_up = mono_add_s(mono_now(), 60);
	dns_probe_start(loop, server, name, fam, on_result, &r);
	assert_int_equal(r.calls, 0);
	while (!r.calls && !mono_due(give_up, mono_now()))
		loop_turn(loop, 100);
	assert_int_equal(r.calls, 1);
	return r;
}

static void answers(void **state)
{
	(void)state;
	struct result r = run("host1.tail.example.com", IP_V4, srv.at);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.n, 1);
	assert_true(ip_eq(r.addrs[0], ip_v4(1, 1, 1, 1)));
	assert_string_equal(srv.last.name, "host1.tail.example.com");
	srv.n_addrs = 9;
	r = run("host1", IP_V6, srv.at);
	assert_int_equal(r.n, DNS_PROBE_ADDRS_MAX);
	assert_int_equal(r.addrs[0].fam, IP_V6);
	srv.n_addrs = 0;
	srv.rcode = DNS_NXDOMAIN;
	r = run("host1", IP_V4, srv.at);
	assert_true(r.err == 0 && r.rcode == DNS_NXDOMAIN && r.n == 0);
}

static void not_an_answer(void **state)
{
	(void)state;
	srv.wrong_id_first = true;
	struct result r = run("host1", IP_V4, srv.at);
	assert_true(r.err == 0 && r.n == 1);
	srv.silent = true;
	r = run("host1", IP_V4, srv.at);
	assert_int_equal(r.err, -ERR_TIMEOUT);
}

static void nobody_there(void **state)
{
	(void)state;
	struct ep gone = { ip_v4(127, 0, 0, 77), 1 };
	assert_int_equal(run("host1", IP_V4, gone).err, -ERR_IO);
	assert_int_equal(run("a..b", IP_V4, srv.at).err, -ERR_IO);
	assert_int_equal(run("host1", IP_V4, (struct ep){ .port = 53 }).err, -ERR_IO);
}

static void cancelled(void **state)
{
	(void)state;
	struct result r = { 0 };
	dns_probe_cancel(dns_probe_start(loop, srv.at, "host1", IP_V4, on_result, &r));
	struct dns_probe *p = dns_probe_start(loop, srv.at, "host1", IP_V4, on_result, &r);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, 5);
	if (!r.calls)
		dns_probe_cancel(p);
	dns_probe_cancel(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(answers), T(not_an_answer), T(nobody_there),
					    T(cancelled) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
