/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/openssl.h"
#include "base/sockaddr.h"
#include "tests/unit/base/io_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct server srv;

static int setup(void **state)
{
	(void)state;
	io_start(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_stop();
	return 0;
}

/* ---- a blocking-less raw client ----------------------------------------------------------------
 */

static int connect_to(uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ ip_v4(127, 0, 0, 1), port }, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What can be read now, appended; false at the end. */
static bool read_into(int fd, struct buf *b)
{
	char room[65536];
	ssize_t n;

	while ((n = recv(fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		buf_add(b, room, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

static void expect_text(int fd, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	UNTIL((read_into(fd, &b), b.len >= strlen(want)));
	assert_true(span_eq_str(buf_span(&b), want));
	buf_fini(&b);
}

static void expect_end(int fd)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	UNTIL(!read_into(fd, &b));
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

/* ---- a TLS client ------------------------------------------------------------------------------
 */

struct tls_client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void tls_open(struct tls_client *c, uint16_t port, int max_version)
{
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";

	c->fd = connect_to(port);
	c->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(c->ctx);
	if (max_version)
		SSL_CTX_set_max_proto_version(c->ctx, max_version);
	SSL_CTX_set_min_proto_version(c->ctx, TLS1_VERSION);
	SSL_CTX_set_security_level(c->ctx, 0);
	assert_int_equal(SSL_CTX_set_alpn_protos(c->ctx, alpn, sizeof(alpn) - 1), 0);
	c->ssl = SSL_new(c->ctx);
	assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
	SSL_set_connect_state(c->ssl);
}

static void tls_close(struct tls_client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
	ERR_clear_error();
}

/* 1 done, 0 not yet, -1 failed */
static int tls_step(struct tls_client *c)
{
	int rc = SSL_do_handshake(c->ssl);
	int err = SSL_get_error(c->ssl, rc);

	if (rc == 1)
		return 1;
	return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int tls_handshake(struct tls_client *c)
{
	int rc = 0;

	UNTIL((rc = tls_step(c)) != 0);
	return rc;
}

/* ---- plain ---- */

static void test_echo_and_peer(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	send_text(fd, "hello");
	expect_text(fd, "hello");
	assert_true(ep_eq(conn_peer(srv.got[0].c), sockaddr_of_fd(fd, false)));
	assert_false(conn_is_tls(srv.got[0].c));
	close(fd);
	UNTIL(srv.got[0].closed);
	assert_int_equal(srv.got[0].err, 0);
	server_stop(&srv);
}

static void test_finish_sends_everything_first(void **state)
{
	static uint8_t block[900000];
	struct buf b;
	int fd;

	(void)state;
	buf_init(&b, 1 << 21);
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	assert_int_equal(conn_send(srv.got[0].c, span_of(block, sizeof(block))), 0);
	conn_finish(srv.got[0].c);
	conn_finish(srv.got[0].c);
	send_text(fd, "nobody listens any more");
	UNTIL(!read_into(fd, &b));
	assert_int_equal(b.len, sizeof(block));
	assert_false(srv.got[0].closed); /* waits for us */
	close(fd);
	UNTIL(srv.got[0].closed);
	assert_int_equal(srv.got[0].err, 0);
	assert_int_equal(srv.got[0].in.len, 0);
	buf_fini(&b);
	server_stop(&srv);
}

static void test_finish_does_not_wait_for_ever(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_finish(srv.got[0].c);
	expect_end(fd);
	UNTIL(srv.got[0].closed); /* although we keep our side open */
	close(fd);
	server_stop(&srv);
}

static void test_queue_limit_and_drain(void **state)
{
	static uint8_t block[10000];
	struct buf b;
	size_t sent = 0;
	int fd;

	(void)state;
	buf_init(&b, 64 << 20);
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_set_queue_max(srv.got[0].c, 50000);
	for (;;) {
		int rc = conn_send(srv.got[0].c, span_of(block, sizeof(block)));

		assert_true(conn_queued(srv.got[0].c) <= 50000);
		loop_turn(loop, 0);
		if (rc == -ERR_FULL)
			break;
		sent += sizeof(block);
	}
	settle(20);
	assert_int_equal(srv.got[0].drained, 0);
	UNTIL((read_into(fd, &b), b.len == sent));
	UNTIL(srv.got[0].drained == 1);
	assert_int_equal(conn_queued(srv.got[0].c), 0);
	close(fd);
	buf_fini(&b);
	server_stop(&srv);
}

static void test_paused_connection_loses_nothing(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_pause(srv.got[0].c, true);
	send_text(fd, "the end of it");
	shutdown(fd, SHUT_WR);
	settle(30);
	assert_int_equal(srv.got[0].in.len, 0);
	assert_false(srv.got[0].closed);
	conn_pause(srv.got[0].c, false);
	UNTIL(srv.got[0].closed);
	assert_true(span_eq_str(buf_span(&srv.got[0].in), "the end of it"));
	assert_int_equal(srv.got[0].err, 0);
	close(fd);
	server_stop(&srv);
}

static void test_paused_connection_sees_a_reset(void **state)
{
	struct linger now = { .l_onoff = 1 };
	int fd;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_pause(srv.got[0].c, true);
	settle(10);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	UNTIL(srv.got[0].closed);
	assert_int_equal(srv.got[0].err, -ERR_CLOSED);
	server_stop(&srv);
}

static void free_on_data(void *arg, struct span data)
{
	struct served *s = arg;

	(void)data;
	s->data_calls++;
	conn_free(s->c);
	s->c = NULL;
}

static void test_free_inside_data(void **state)
{
	static const struct conn_ops ops = { free_on_data, served_on_close, NULL };
	int fd;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_set_ops(srv.got[0].c, &ops, &srv.got[0]);
	send_text(fd, "x");
	UNTIL(srv.got[0].data_calls == 1);
	expect_end(fd);
	assert_false(srv.got[0].closed);
	close(fd);
	server_stop(&srv);
}

static void free_at_once(void *arg, struct conn *c)
{
	unsigned *calls = arg;

	(*calls)++;
	conn_free(c);
}

static void test_free_inside_accept(void **state)
{
	unsigned calls = 0;
	struct listener *l = listener_new(loop, (struct ep){ .ip = ip_v4(127, 0, 0, 1) }, NULL,
					  free_at_once, &calls);
	int fd;

	(void)state;
	assert_non_null(l);
	fd = connect_to(listener_addr(l).port);
	UNTIL(calls == 1);
	close(fd);
	listener_free(l);
}

struct last_listener {
	struct listener *l;
	unsigned calls;
};

static void free_listener(void *arg, struct conn *c)
{
	struct last_listener *x = arg;

	x->calls++;
	conn_free(c);
	listener_free(x->l);
	x->l = NULL;
}

static void test_free_listener_inside_accept(void **state)
{
	struct last_listener x = { .calls = 0 };
	uint16_t port;
	int a, b;

	(void)state;
	x.l = listener_new(loop, (struct ep){ .ip = ip_v4(127, 0, 0, 1) }, NULL, free_listener, &x);
	port = listener_addr(x.l).port;
	a = connect_to(port);
	b = connect_to(port);
	UNTIL(!x.l);
	settle(10);
	assert_int_equal(x.calls, 1);
	close(a);
	close(b);
}

static void test_address_in_use(void **state)
{
	unsigned calls;

	(void)state;
	server_start(&srv, NULL);
	errno = 0;
	assert_null(listener_new(loop, listener_addr(srv.l), NULL, free_at_once, &calls));
	assert_int_equal(errno, EADDRINUSE);
	server_stop(&srv);
}

/* Without descriptors the backlog stays readable: that must not burn the processor, and the
 * connection is accepted once there is room. */
static void test_no_descriptors_left(void **state)
{
	struct rlimit old, tight;
	struct timespec before, after;
	int fd, top;

	(void)state;
	server_start(&srv, NULL);
	fd = connect_to(srv.port);
	send_text(fd, "hello");
	top = dup(fd);
	assert_true(top >= 0);
	getrlimit(RLIMIT_NOFILE, &old);
	tight = (struct rlimit){ .rlim_cur = (rlim_t)top, .rlim_max = old.rlim_max };
	close(top);
	setrlimit(RLIMIT_NOFILE, &tight);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	settle(150);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(srv.n, 0);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			(after.tv_nsec - before.tv_nsec) / 1000000 <
		    100);
	expect_text(fd, "hello");
	close(fd);
	server_stop(&srv);
}

/* ---- TLS ---- */

static void test_both_on_one_port(void **state)
{
	struct tls_client c;
	char room[16];
	int fd, n;

	(void)state;
	server_start(&srv, "srv");
	fd = connect_to(srv.port);
	send_text(fd, "plain");
	expect_text(fd, "plain");
	assert_false(conn_is_tls(srv.got[0].c));
	tls_open(&c, srv.port, 0);
	assert_int_equal(tls_handshake(&c), 1);
	assert_int_equal(SSL_write(c.ssl, "secret", 6), 6);
	UNTIL((n = SSL_read(c.ssl, room, sizeof(room))) > 0);
	assert_int_equal(n, 6);
	assert_memory_equal(room, "secret", 6);
	assert_true(conn_is_tls(srv.got[1].c));
	tls_close(&c);
	close(fd);
	server_stop(&srv);
}

static void test_alpn_is_never_h2(void **state)
{
	const unsigned char *name = NULL;
	struct tls_client c;
	unsigned len = 0;

	(void)state;
	server_start(&srv, "srv");
	tls_open(&c, srv.port, 0);
	assert_int_equal(tls_handshake(&c), 1);
	SSL_get0_alpn_selected(c.ssl, &name, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(name, "http/1.1", 8);
	tls_close(&c);
	tls_open(&c, srv.port, 0);
	assert_int_equal(SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2", 3), 0);
	assert_int_equal(tls_handshake(&c), 1);
	SSL_get0_alpn_selected(c.ssl, &name, &len);
	assert_int_equal(len, 0);
	tls_close(&c);
	server_stop(&srv);
}

static void test_versions(void **state)
{
	struct tls_client c;

	(void)state;
	server_start(&srv, "srv");
	tls_open(&c, srv.port, TLS1_1_VERSION);
	assert_int_equal(tls_handshake(&c), -1);
	tls_close(&c);
	UNTIL(srv.n == 1 && srv.got[0].closed);
	assert_int_equal(srv.got[0].err, -ERR_PROTO);
	tls_open(&c, srv.port, TLS1_2_VERSION);
	assert_int_equal(tls_handshake(&c), 1);
	tls_close(&c);
	server_stop(&srv);
}

static void test_garbage_after_the_first_byte(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, "srv");
	fd = connect_to(srv.port);
	send_text(fd, "\x16garbage that is no handshake");
	UNTIL(srv.n == 1 && srv.got[0].closed);
	assert_int_equal(srv.got[0].err, -ERR_PROTO);
	assert_int_equal(srv.got[0].in.len, 0);
	close(fd);
	server_stop(&srv);
}

static void test_send_before_the_first_byte_waits(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, "srv");
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	assert_int_equal(conn_send(srv.got[0].c, span_str("early ")), 0);
	settle(20);
	assert_int_equal(conn_queued(srv.got[0].c), 6);
	send_text(fd, "x");
	expect_text(fd, "early x");
	close(fd);
	server_stop(&srv);
}

static void test_finish_before_the_first_byte(void **state)
{
	int fd;

	(void)state;
	server_start(&srv, "srv");
	fd = connect_to(srv.port);
	UNTIL(srv.n == 1);
	conn_finish(srv.got[0].c);
	UNTIL(srv.got[0].closed);
	expect_end(fd);
	close(fd);
	server_stop(&srv);
}

static void test_certificate_outlives_its_owner(void **state)
{
	struct tls_client c;

	(void)state;
	server_start(&srv, "srv");
	conn_tls_free(srv.tls);
	srv.tls = NULL;
	tls_open(&c, srv.port, 0);
	assert_int_equal(tls_handshake(&c), 1);
	UNTIL(srv.n == 1);
	listener_free(srv.l);
	srv.l = NULL;
	assert_int_equal(SSL_write(c.ssl, "x", 1), 1);
	UNTIL(srv.got[0].in.len == 1);
	tls_close(&c);
	server_stop(&srv);
}

/* ---- certificates ---- */

static X509 *load_cert(const char *file)
{
	BIO *b = BIO_new_file(in_dir(file), "r");
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	assert_non_null(x);
	BIO_free(b);
	return x;
}

static void test_certificate_made(void **state)
{
	uint8_t der_hash[32], hash[32];
	const char *why;
	struct conn_tls *t;
	int days, seconds;
	struct stat st;
	unsigned len;
	X509 *x;

	(void)state;
	server_cert("host.test", "made");
	x = load_cert("made.crt");
	assert_int_equal(
	    X509_check_host(x, "host.test", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
	assert_int_equal(X509_check_host(x, "other.test", 0, 0, NULL), 0);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)), 1);
	assert_in_range(days, 3650, 3653);
	assert_int_equal(X509_digest(x, EVP_sha256(), der_hash, &len), 1);
	t = conn_tls_load(in_dir("made.crt"), in_dir("made.key"), &why);
	assert_non_null(t);
	conn_tls_sha256(t, hash);
	assert_memory_equal(hash, der_hash, 32);
	conn_tls_free(t);
	X509_free(x);
	assert_int_equal(stat(in_dir("made.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_certificate_for_addresses_and_long_names(void **state)
{
	char name[200];
	X509 *x;

	(void)state;
	server_cert("192.0.2.7", "v4");
	x = load_cert("v4.crt");
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
	X509_free(x);
	server_cert("2001:db8::7", "v6");
	x = load_cert("v6.crt");
	assert_int_equal(X509_check_ip_asc(x, "2001:db8::7", 0), 1);
	X509_free(x);
	memset(name, 'n', sizeof(name));
	memcpy(name + 60, ".", 1);
	memcpy(name + 120, ".", 1);
	memcpy(name + 180, ".test", 6);
	server_cert(name, "long");
	x = load_cert("long.crt");
	assert_int_equal(X509_check_host(x, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
	X509_free(x);
}

static void test_certificate_refusals(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_null(conn_tls_load(in_dir("absent"), in_dir("srv.key"), &why));
	assert_non_null(why);
	server_cert("other.test", "other");
	assert_null(conn_tls_load(in_dir("srv.crt"), in_dir("other.key"), &why));
	assert_non_null(why);
	assert_int_equal(conn_tls_make("h.test", in_dir("no/such/dir/c"), in_dir("no/such/dir/k")),
			 -ERR_IO);
}

static int make_certs(void **state)
{
	if (io_make_dir(state) < 0)
		return -1;
	server_cert("srv.test", "srv");
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_echo_and_peer),
		T(test_finish_sends_everything_first),
		T(test_finish_does_not_wait_for_ever),
		T(test_queue_limit_and_drain),
		T(test_paused_connection_loses_nothing),
		T(test_paused_connection_sees_a_reset),
		T(test_free_inside_data),
		T(test_free_inside_accept),
		T(test_free_listener_inside_accept),
		T(test_address_in_use),
		T(test_no_descriptors_left),
		T(test_both_on_one_port),
		T(test_alpn_is_never_h2),
		T(test_versions),
		T(test_garbage_after_the_first_byte),
		T(test_send_before_the_first_byte_waits),
		T(test_finish_before_the_first_byte),
		T(test_certificate_outlives_its_owner),
		T(test_certificate_made),
		T(test_certificate_for_addresses_and_long_names),
		T(test_certificate_refusals),
	};

	return cmocka_run_group_tests(tests, make_certs, io_remove_dir);
}
