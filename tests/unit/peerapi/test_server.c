/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server on loopback addresses: 127.0.77.1 is ours, 127.0.77.2 and .3 are peers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/sockaddr.h"
#include "daemon/peerapi/askers.h"
#include "daemon/peerapi/peerapi.h"
#include "daemon/peerapi/rules.h"
#include "tests/lib/raw_client.h"
#include "tests/unit/base/io_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static struct peerapi *api;

struct peerapi_ask {
	peerapi_dns_fn *fn;
	void *arg;
	bool open;
};
static struct {
	struct ip peers[3];
	size_t n_peers;
	bool may_resolve;
	struct ip knows4;
	bool no_resolver;
	struct peerapi_ask asks[200];
	size_t n_asks, n_cancelled;
	struct ip from;
	uint8_t query[512];
	size_t query_len;
	int told;
} fake;

static struct ip local(uint8_t n)
{
	return ip_v4(127, 0, 77, n);
}

static bool whois(void *arg, struct ip from, struct peerapi_peer *out)
{
	(void)arg;
	for (size_t i = 0; i < fake.n_peers; i++) {
		if (!ip_eq(fake.peers[i], from))
			continue;
		*out = (struct peerapi_peer){ .id = from.b[3],
					      .name = "some-peer",
					      .owner = "Some <One>",
					      .same_user = true,
					      .may_resolve = fake.may_resolve,
					      .knows4 = fake.knows4 };
		return true;
	}
	return false;
}

static struct peerapi_ask *dns(void *arg, struct ip from, struct span query, peerapi_dns_fn *fn,
			       void *fn_arg)
{
	(void)arg;
	if (fake.no_resolver)
		return NULL;
	assert_true(fake.n_asks < ARRAY_LEN(fake.asks));
	fake.from = from;
	fake.query_len = query.len < sizeof(fake.query) ? query.len : sizeof(fake.query);
	memcpy(fake.query, query.p, fake.query_len);
	struct peerapi_ask *a = &fake.asks[fake.n_asks++];
	*a = (struct peerapi_ask){ fn, fn_arg, true };
	return a;
}

static void dns_cancel(struct peerapi_ask *a)
{
	assert_true(a->open);
	a->open = false;
	fake.n_cancelled++;
}

static void on_ports(void *arg)
{
	(void)arg;
	fake.told++;
}

static void answer(struct peerapi_ask *a, int err, struct span reply)
{
	assert_true(a->open);
	a->open = false;
	a->fn(a->arg, err, reply);
}

static const struct peerapi_ops ops = { whois, dns, dns_cancel, on_ports };

static int setup(void **state)
{
	(void)state;
	io_start(NULL);
	memset(&fake, 0, sizeof(fake));
	fake.peers[0] = local(2);
	fake.peers[1] = local(3);
	fake.n_peers = 2;
	fake.may_resolve = true;
	api = peerapi_new(loop, "", &ops, NULL);
	struct ip own = local(1);
	peerapi_set_addresses(api, &own, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peerapi_free(api);
	io_stop();
	return 0;
}

/* ---- clients ---- */

static bool client_try(struct client *c, uint8_t from, struct ep to)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ local(from), 0 }, &ss);
	int on = 1;
	client_init(c, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(bind(c->fd, (struct sockaddr *)&ss, len), 0);
	len = sockaddr_from_ep(to, &ss);
	return connect(c->fd, (struct sockaddr *)&ss, len) == 0;
}

static void client_open(struct client *c, uint8_t from)
{
	assert_true(client_try(c, from, (struct ep){ local(1), peerapi_port(api, IP_V4) }));
}

static void say(struct client *c, const char *head, struct span body)
{
	assert_int_equal(send(c->fd, head, strlen(head), MSG_NOSIGNAL), (ssize_t)strlen(head));
	if (body.len)
		assert_int_equal(send(c->fd, body.p, body.len, MSG_NOSIGNAL), (ssize_t)body.len);
}

#define NO_BODY span_of(NULL, 0)
#define HOST "Host: peer\r\n"
#define QUERY "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"
#define POST_QUERY                                                                                 \
	"POST /dns-query HTTP/1.1\r\n" HOST                                                        \
	"Content-Type: application/dns-message\r\nContent-Length: 19\r\n\r\n"

/* ---- tests ---- */

static void test_greeting(void **state)
{
	(void)state;
	struct client c;
	client_open(&c, 2);
	say(&c, "GET / HTTP/1.1\r\nHost: 127.0.77.1:1\r\nAccept-Language: de\r\n\r\n", NO_BODY);
	UNTIL(client_has(&c, "You are the owner"));
	assert_true(client_has(&c, "Hello, Some &lt;One&gt; (127.0.77.2)"));
	assert_true(client_has(&c, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_true(client_has(&c, "X-Frame-Options: DENY\r\n"));
	assert_true(client_has(&c, "X-Content-Type-Options: nosniff\r\n"));
	assert_true(
	    client_has(&c, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; "
			   "script-src 'none'; script-src-elem 'none'; script-src-attr 'none'; "
			   "style-src 'unsafe-inline'\r\n"));
	client_close(&c);
	client_open(&c, 2);
	say(&c, "HEAD / HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(client_has(&c, "\r\n\r\n"));
	settle(20);
	assert_false(client_has(&c, "<html>"));
	assert_false(client_has(&c, "X-Frame-Options"));
	client_close(&c);
}

static void test_stranger(void **state)
{
	(void)state;
	struct client c;
	client_open(&c, 99);
	UNTIL(client_closed(&c));
	assert_int_equal(c.in.len, 0);
	client_close(&c);
}

/* Who is a peer no more while its connection stands is a stranger with the next request. */
static void test_peer_that_goes(void **state)
{
	(void)state;
	struct client c;
	client_open(&c, 2);
	say(&c, "GET / HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(client_has(&c, "owner"));
	buf_reset(&c.in);
	fake.n_peers = 0;
	say(&c, "GET / HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(client_closed(&c));
	assert_int_equal(c.in.len, 0);
	client_close(&c);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *request, *status, *text;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: evil.example.com:1\r\n\r\n", " 403 ",
		  "invalid peerapi request\n" },
		{ "GET / HTTP/1.0\r\n\r\n", " 403 ", "invalid peerapi request\n" },
		{ "GET / HTTP/1.1\r\n" HOST "Origin: http://evil\r\n\r\n", " 403 ",
		  "invalid peerapi request\n" },
		{ "GET / HTTP/1.1\r\n" HOST "Referer: http://evil\r\n\r\n", " 403 ",
		  "invalid peerapi request\n" },
		{ "POST /dns-query HTTP/1.1\r\n" HOST "Origin: null\r\nContent-Length: 100\r\n\r\n",
		  " 403 ", "invalid peerapi request\n" },
		{ "GET /nope HTTP/1.1\r\n" HOST "\r\n", " 404 ", "unsupported peerapi path\n" },
		{ "GET /v0/env HTTP/1.1\r\n" HOST "\r\n", " 403 ", "denied; no debug access\n" },
		{ "POST /v0/ingress HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", " 403 ",
		  "denied; no ingress cap\n" },
		{ "PUT /v0/put/x HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n", " 500 ",
		  "failed to get taildrop manager\n" },
		{ "GET * HTTP/1.1\r\n" HOST "\r\n", " 404 ", "unsupported peerapi path\n" },
		{ "CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", " 404 ", "unsupported peerapi path\n" },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 505 ", "" },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  " 400 ", "bad request\n" },
		{ "PUT /dns-query HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", " 400 ",
		  "bad HTTP method\n" },
		{ "GET /dns-query HTTP/1.1\r\n" HOST "\r\n", " 400 ", "missing" },
		{ "GET /dns-query?dns=%2B%2F8 HTTP/1.1\r\n" HOST "\r\n", " 400 ",
		  "invalid 'dns' base64 encoding\n" },
		{ "GET /dns-query?q=a..b HTTP/1.1\r\n" HOST "\r\n", " 400 ", "not a name" },
		{ "POST /dns-query HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", " 400 ",
		  "unexpected Content-Type\n" },
		{ "POST /dns-query HTTP/1.1\r\n" HOST "Content-Length: 262145\r\n\r\n", " 413 ",
		  "body too large\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c;
		client_open(&c, 2);
		say(&c, cases[i].request, NO_BODY);
		UNTIL(client_has(&c, cases[i].text) && client_has(&c, cases[i].status));
		client_close(&c);
	}
	assert_int_equal(fake.n_asks, 0);
}

static void test_masquerade(void **state)
{
	(void)state;
	struct client c;
	fake.knows4 = ip_v4(100, 99, 99, 99);
	client_open(&c, 2);
	say(&c, "GET / HTTP/1.1\r\nHost: 127.0.77.1:1\r\n\r\n", NO_BODY);
	UNTIL(client_has(&c, " 403 "));
	client_close(&c);
	client_open(&c, 2);
	say(&c, "GET / HTTP/1.1\r\nHost: 100.99.99.99:1\r\n\r\n", NO_BODY);
	UNTIL(client_has(&c, " 200 "));
	client_close(&c);
}

static void test_dns(void **state)
{
	(void)state;
	struct client c;
	struct span q = span_of(QUERY, 19);
	client_open(&c, 2);
	for (size_t i = 0; i < 3; i++) { /* the connection is kept */
		say(&c, POST_QUERY, q);
		UNTIL(fake.n_asks == i + 1);
		assert_true(span_eq(span_of(fake.query, fake.query_len), q));
		assert_true(ip_eq(fake.from, local(2)));
		settle(10);
		assert_int_equal(c.in.len, 0);
		answer(&fake.asks[i], 0, span_str("reply"));
		UNTIL(client_has(&c, "\r\n\r\nreply"));
		assert_true(client_has(&c, " 200 "));
		assert_true(client_has(&c, "Content-Type: application/dns-message\r\n"));
		assert_true(client_has(&c, "Content-Length: 5\r\n"));
		buf_reset(&c.in);
	}
	say(&c, "GET /dns-query?dns=AAEBAAABAAAAAAAAAWEAAAEAAQ HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(fake.n_asks == 4);
	assert_true(span_eq(span_of(fake.query, fake.query_len), q));
	answer(&fake.asks[3], -ERR_TIMEOUT, NO_BODY);
	UNTIL(client_has(&c, " 500 "));
	buf_reset(&c.in);
	say(&c, POST_QUERY, span_of("aaaaaaaaaaaaaaaaaaa", 19));
	UNTIL(fake.n_asks == 5);
	answer(&fake.asks[4], -ERR_SYNTAX, NO_BODY);
	UNTIL(client_has(&c, " 400 "));
	buf_reset(&c.in);
	say(&c, "GET /dns-query?q=a&t=a HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(fake.n_asks == 6);
	assert_true(span_eq(span_of(fake.query, fake.query_len), q));
	answer(
	    &fake.asks[5], 0,
	    span_of(
		"\0\1\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\7",
		35));
	UNTIL(client_has(&c, "[\"192.0.2.7\"]\n"));
	client_close(&c);
}

static void test_odd_framing(void **state)
{
	(void)state;
	struct client c;
	client_open(&c, 2);
	say(&c,
	    "POST /dns-query HTTP/1.1\r\n" HOST "Content-Type: application/dns-message\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n9\r\n",
	    span_of(QUERY, 9));
	say(&c, "\r\na\r\n", span_of(&QUERY[9], 10));
	say(&c, "\r\n0\r\n\r\n", NO_BODY);
	UNTIL(fake.n_asks == 1);
	assert_true(span_eq(span_of(fake.query, fake.query_len), span_of(QUERY, 19)));
	/* The next is asked when this one is answered. */
	say(&c, POST_QUERY, span_of(QUERY, 19));
	settle(20);
	assert_int_equal(fake.n_asks, 1);
	answer(&fake.asks[0], 0, span_str("first"));
	UNTIL(fake.n_asks == 2);
	answer(&fake.asks[1], 0, span_str("second"));
	UNTIL(client_has(&c, "first") && client_has(&c, "second"));
	client_close(&c);

	client_open(&c, 2);
	say(&c, "GET / HTTP/1.1\r\nX: ", NO_BODY);
	char *big = xcalloc(1, 65537);
	memset(big, 'x', 65536);
	send(c.fd, big, 65536, MSG_NOSIGNAL);
	free(big);
	UNTIL(client_has(&c, " 431 ") || client_closed(&c));
	assert_false(client_has(&c, " 200 "));
	client_close(&c);
}

static void test_dns_denied(void **state)
{
	(void)state;
	struct client c;
	fake.may_resolve = false;
	client_open(&c, 2);
	say(&c, POST_QUERY, NO_BODY); /* refused before the body comes */
	UNTIL(client_has(&c, " 403 ") && client_has(&c, "DNS access denied\n"));
	client_close(&c);
	fake.may_resolve = true;
	client_open(&c, 2);
	say(&c, POST_QUERY, span_of(QUERY, 9));
	settle(20);
	fake.may_resolve = false; /* while the body comes */
	say(&c, "0123456789", NO_BODY);
	UNTIL(client_has(&c, " 403 ") && client_has(&c, "DNS access denied\n"));
	client_close(&c);
	fake.may_resolve = fake.no_resolver = true;
	client_open(&c, 2);
	say(&c, POST_QUERY, span_of(QUERY, 19));
	UNTIL(client_has(&c, " 501 ") && client_has(&c, "DNS not wired up\n"));
	client_close(&c);
	assert_int_equal(fake.n_asks, 0);
}

/* A question whose asker has gone is not asked any longer, nor counted. */
static void test_asker_goes(void **state)
{
	(void)state;
	struct client c;
	for (size_t i = 0; i < 5; i++) {
		client_open(&c, 2);
		say(&c, POST_QUERY, span_of(QUERY, 19));
		UNTIL(fake.n_asks == i + 1);
		client_close(&c);
		UNTIL(fake.n_cancelled == i + 1);
	}
	client_open(&c, 2);
	say(&c, POST_QUERY, span_of(QUERY, 19));
	UNTIL(fake.n_asks == 6);
	peerapi_set_addresses(api, NULL, 0); /* and when the server goes */
	assert_int_equal(fake.n_cancelled, 6);
	UNTIL(client_closed(&c));
	client_close(&c);
}

/* Too fast: the others are answered all the same. */
static void test_rate(void **state)
{
	(void)state;
	struct client c, other;
	size_t taken = 0;
	mono_t limit = mono_add_s(mono_now(), 60);
	client_open(&c, 2);
	while (!client_has(&c, " 429 ") && !mono_due(limit, mono_now())) {
		buf_reset(&c.in);
		fake.n_asks = 0;
		say(&c, POST_QUERY, span_of(QUERY, 19));
		UNTIL(fake.n_asks || client_has(&c, " 429 "));
		if (!fake.n_asks)
			break;
		taken++;
		answer(&fake.asks[0], 0, span_str("reply"));
		UNTIL(client_has(&c, "reply"));
	}
	assert_true(client_has(&c, " 429 "));
	assert_true(taken >= ASKERS_BURST);
	client_open(&other, 3);
	say(&other, POST_QUERY, span_of(QUERY, 19));
	UNTIL(fake.n_asks == 1);
	answer(&fake.asks[0], 0, span_str("reply"));
	UNTIL(client_has(&other, "reply"));
	client_close(&c);
	client_close(&other);
}

/* A hundred connections of one peer that never finish their request. */
static void test_slow_loris(void **state)
{
	(void)state;
	struct client many[100], other;
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		client_open(&many[i], 2);
		send(many[i].fd, "GET / HTTP/1.1\r\nX", 17, MSG_NOSIGNAL);
		loop_turn(loop, 0);
	}
	client_open(&other, 3);
	say(&other, "GET / HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(client_has(&other, "owner"));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		client_close(&many[i]);
	client_close(&other);
}

/* ---- ports ---- */

static void test_ports(void **state)
{
	(void)state;
	struct ip both[2] = { local(1), local(4) };
	uint16_t first = peerapi_port(api, IP_V4);
	bool expected = false;
	for (unsigned i = 0; i < PEERAPI_TRIES; i++)
		expected |= first == peerapi_port_of(local(1), i);
	assert_true(expected);
	assert_int_equal(peerapi_port(api, IP_V6), 0);
	UNTIL(fake.told == 1);

	struct client c;
	client_open(&c, 2); /* is not disturbed by a new address */
	peerapi_set_addresses(api, both, 2);
	UNTIL(fake.told == 2);
	assert_int_equal(peerapi_port(api, IP_V4), first);
	say(&c, "GET / HTTP/1.1\r\n" HOST "\r\n", NO_BODY);
	UNTIL(client_has(&c, "owner"));
	peerapi_set_addresses(api, both, 2);
	peerapi_set_addresses(api, &both[1], 1);
	UNTIL(fake.told == 3);
	UNTIL(client_closed(&c));
	client_close(&c);
	assert_false(client_try(&c, 2, (struct ep){ local(1), first }));
	client_close(&c);
	peerapi_set_addresses(api, NULL, 0);
	UNTIL(fake.told == 4);
	assert_int_equal(peerapi_port(api, IP_V4), 0);
}

/* Somebody else has the ports. */
static void test_ports_taken(void **state)
{
	(void)state;
	struct ip own = local(5);
	int fds[PEERAPI_TRIES];
	for (unsigned i = 0; i < PEERAPI_TRIES; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sockaddr_from_ep((struct ep){ own, peerapi_port_of(own, i) }, &ss);
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)!bind(fds[i], (struct sockaddr *)&ss, len);
		(void)!listen(fds[i], 1);
		peerapi_set_addresses(api, &own, 1);
		uint16_t port = peerapi_port(api, IP_V4);
		assert_int_not_equal(port, 0);
		assert_int_not_equal(port, peerapi_port_of(own, i));
		peerapi_set_addresses(api, NULL, 0);
	}
	for (unsigned i = 0; i < PEERAPI_TRIES; i++)
		close(fds[i]);
}

/* The address is not on the machine yet: nothing is told, nothing fails. */
static void test_address_to_come(void **state)
{
	(void)state;
	struct ip none[2] = { ip_v4(192, 0, 2, 1), local(1) };
	uint16_t first = peerapi_port(api, IP_V4);
	peerapi_set_addresses(api, none, 2);
	settle(600);
	assert_int_equal(peerapi_port(api, IP_V4), 0); /* of the first address */
	peerapi_set_addresses(api, &none[1], 1);
	assert_int_equal(peerapi_port(api, IP_V4), first);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_greeting),    T(test_stranger),	      T(test_peer_that_goes),
		T(test_refusals),    T(test_masquerade),      T(test_dns),
		T(test_odd_framing), T(test_dns_denied),      T(test_asker_goes),
		T(test_rate),	     T(test_slow_loris),      T(test_ports),
		T(test_ports_taken), T(test_address_to_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
