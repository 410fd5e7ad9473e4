/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two ends of HTTP/2 in one process: streams, flow control, refusals, floods. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "daemon/control/h2.h"

#include <stdio.h>
#include <stdlib.h>

#define BIG (64u << 20)
#define STREAMS 256

struct end {
	struct h2 *h;
	struct end *other;
	int heads, ends, closes, goaways, sents;
	int status;
	uint32_t code;
	int32_t last_stream;
	size_t n_fields;
	char path[64];
	size_t got[STREAMS];
	bool consume;	   /* give credit back at once */
	bool free_in_head; /* h2_free from inside a callback */
	bool freed;
};

static void on_head(void *arg, int32_t stream, const struct h2_head *h)
{
	struct end *e = arg;
	e->heads++;
	e->status = h->status;
	e->last_stream = stream;
	e->n_fields = h->n_fields;
	snprintf(e->path, sizeof(e->path), "%.*s", (int)h->path.len, h->path.p);
	if (e->free_in_head) {
		h2_free(e->h);
		e->freed = true;
	}
}

static void on_data(void *arg, int32_t stream, struct span data)
{
	struct end *e = arg;
	e->got[stream % STREAMS] += data.len;
	if (e->consume)
		h2_consume(e->h, stream, data.len);
}

static void on_end(void *arg, int32_t stream)
{
	(void)stream;
	((struct end *)arg)->ends++;
}

static void on_close(void *arg, int32_t stream, uint32_t code)
{
	struct end *e = arg;
	(void)stream;
	e->closes++;
	e->code = code;
}

static void on_goaway(void *arg, int32_t last)
{
	(void)last;
	((struct end *)arg)->goaways++;
}

static void on_sent(void *arg, int32_t stream)
{
	(void)stream;
	((struct end *)arg)->sents++;
}

static const struct h2_ops OPS = { on_head, on_data, on_end, on_close, on_goaway, on_sent };

/* Move bytes one way; returns how many. */
static size_t move(struct end *from, struct end *to)
{
	struct buf b;
	buf_init(&b, BIG);
	size_t n = 0;
	while (!from->freed && h2_wants_send(from->h)) {
		buf_reset(&b);
		if (h2_send(from->h, &b, 65536))
			break;
		n += b.len;
		if (b.len == 0 || to->freed || h2_recv(to->h, buf_span(&b)))
			break;
	}
	buf_fini(&b);
	return n;
}

static void pump(struct end *a, struct end *b)
{
	while (move(a, b) + move(b, a) > 0)
		;
}

static void pair(struct end *client, struct end *server)
{
	memset(client, 0, sizeof(*client));
	memset(server, 0, sizeof(*server));
	client->h = h2_new(false, &OPS, client);
	server->h = h2_new(true, &OPS, server);
	client->other = server;
	server->other = client;
	client->consume = server->consume = true;
	pump(client, server);
}

static void end_pair(struct end *client, struct end *server)
{
	if (!client->freed)
		h2_free(client->h);
	if (!server->freed)
		h2_free(server->h);
}

static int32_t post(struct end *c, const char *path, struct span body)
{
	struct h2_request rq = {
		.method = "POST", .scheme = "https", .authority = "x", .path = path, .body = body
	};
	return h2_request(c->h, &rq);
}

static void test_exchange(void **state)
{
	struct end c, s;
	static uint8_t body[300000];
	(void)state;
	pair(&c, &s);
	int32_t id = post(&c, "/a", span_of(body, sizeof(body)));
	assert_true(id > 0);
	h2_set_stream_arg(c.h, id, &c);
	assert_ptr_equal(h2_stream_arg(c.h, id), &c); /* before anything is sent, too */
	pump(&c, &s);
	assert_int_equal(s.heads, 1);
	assert_string_equal(s.path, "/a");
	assert_int_equal(s.got[id % STREAMS], sizeof(body));
	assert_int_equal(s.ends, 1);
	assert_int_equal(h2_respond(s.h, id, 200, NULL, 0, true), 0);
	assert_int_equal(h2_write(s.h, id, span_str("hello ")), 0);
	pump(&c, &s);
	assert_int_equal(c.status, 200);
	assert_int_equal(c.got[id % STREAMS], 6);
	assert_true(s.sents > 0);
	assert_int_equal(h2_write(s.h, id, span_str("world")), 0);
	assert_int_equal(h2_finish(s.h, id), 0);
	pump(&c, &s);
	assert_int_equal(c.got[id % STREAMS], 11);
	assert_int_equal(c.ends, 1);
	assert_int_equal(c.closes, 1);
	assert_int_equal(c.code, 0);
	assert_int_equal(h2_write(s.h, id, span_str("late")), -ERR_NOENT);
	assert_null(h2_stream_arg(c.h, id));
	end_pair(&c, &s);
}

/* A reader that gives no credit stops its own stream and no other, and later goes on. */
static void test_flow_control(void **state)
{
	struct end c, s;
	static uint8_t chunk[1 << 20];
	(void)state;
	pair(&c, &s);
	c.consume = false;
	int32_t slow = post(&c, "/slow", span_of(NULL, 0));
	pump(&c, &s);
	assert_int_equal(h2_respond(s.h, slow, 200, NULL, 0, true), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(h2_write(s.h, slow, span_of(chunk, sizeof(chunk))), 0);
	pump(&c, &s);
	assert_int_equal(c.got[slow], H2_WINDOW);
	assert_int_equal(h2_queued(s.h, slow), 8 * sizeof(chunk) - H2_WINDOW);
	int32_t quick = post(&c, "/quick", span_of(NULL, 0));
	pump(&c, &s);
	assert_int_equal(h2_respond(s.h, quick, 200, NULL, 0, true), 0);
	assert_int_equal(h2_write(s.h, quick, span_str("here")), 0);
	assert_int_equal(h2_finish(s.h, quick), 0);
	pump(&c, &s);
	assert_int_equal(c.got[quick], 4);
	c.consume = true;
	h2_consume(c.h, slow, H2_WINDOW);
	pump(&c, &s);
	assert_int_equal(c.got[slow], 8 * sizeof(chunk));
	end_pair(&c, &s);
}

/* Streams that are dropped with unread data must not eat the connection's window for good. */
static void test_cancelled_streams_give_credit_back(void **state)
{
	struct end c, s;
	static uint8_t chunk[1 << 20];
	(void)state;
	pair(&c, &s);
	c.consume = false;
	for (int i = 0; i < 40; i++) {
		int32_t id = post(&c, "/x", span_of(NULL, 0));
		pump(&c, &s);
		assert_int_equal(h2_respond(s.h, id, 200, NULL, 0, true), 0);
		assert_int_equal(h2_write(s.h, id, span_of(chunk, sizeof(chunk))), 0);
		pump(&c, &s);
		assert_int_equal(c.got[id % STREAMS], sizeof(chunk));
		c.got[id % STREAMS] = 0;
		h2_reset(c.h, id, 8);
		pump(&c, &s);
	}
	assert_int_equal(c.closes, 40);
	assert_int_equal(s.closes, 40);
	end_pair(&c, &s);
}

static void test_queue_is_bounded(void **state)
{
	struct end c, s;
	static uint8_t chunk[1 << 20];
	int err = 0, n = 0;
	(void)state;
	pair(&c, &s);
	c.consume = false;
	int32_t id = post(&c, "/x", span_of(NULL, 0));
	pump(&c, &s);
	assert_int_equal(h2_respond(s.h, id, 200, NULL, 0, true), 0);
	while (!err && n++ < 100)
		err = h2_write(s.h, id, span_of(chunk, sizeof(chunk)));
	assert_int_equal(err, -ERR_FULL);
	assert_true(h2_queued(s.h, id) <= H2_BODY_QUEUE_MAX);
	end_pair(&c, &s);
}

static void test_goaway(void **state)
{
	struct end c, s;
	(void)state;
	pair(&c, &s);
	int32_t id = post(&c, "/old", span_of(NULL, 0));
	pump(&c, &s);
	h2_goaway(s.h);
	pump(&c, &s);
	assert_int_equal(c.goaways, 1);
	assert_int_equal(post(&c, "/new", span_of(NULL, 0)), -ERR_CLOSED);
	/* what runs goes on to its end */
	assert_int_equal(h2_respond(s.h, id, 200, NULL, 0, true), 0);
	assert_int_equal(h2_write(s.h, id, span_str("x")), 0);
	assert_int_equal(h2_finish(s.h, id), 0);
	pump(&c, &s);
	assert_int_equal(c.got[id], 1);
	assert_true(h2_is_over(c.h));
	end_pair(&c, &s);
}

static void test_reset_by_server(void **state)
{
	struct end c, s;
	(void)state;
	pair(&c, &s);
	int32_t id = post(&c, "/x", span_of(NULL, 0));
	pump(&c, &s);
	h2_reset(s.h, id, 7);
	pump(&c, &s);
	assert_int_equal(c.closes, 1);
	assert_int_equal(c.code, 7);
	assert_false(h2_is_over(c.h));
	end_pair(&c, &s);
}

static void test_cancel_before_sending(void **state)
{
	struct end c, s;
	(void)state;
	pair(&c, &s);
	int32_t id = post(&c, "/x", span_str("body"));
	h2_reset(c.h, id, 8);
	pump(&c, &s);
	assert_int_equal(c.closes, 1);
	end_pair(&c, &s);
}

static void test_too_many_streams(void **state)
{
	struct end c, s;
	int n = 0;
	(void)state;
	pair(&c, &s);
	while (post(&c, "/x", span_of(NULL, 0)) > 0)
		n++;
	assert_int_equal(n, H2_STREAMS_MAX);
	pump(&c, &s);
	assert_int_equal(s.heads, H2_STREAMS_MAX);
	end_pair(&c, &s);
}

/* A header list above the caps ends its stream, not the process. */
static void test_header_caps(void **state)
{
	struct end c, s;
	struct h2_field f[H2_HEADERS_MAX];
	char *big = xcalloc(1, 40001);
	(void)state;
	memset(big, 'x', 40000);
	pair(&c, &s);
	for (int i = 0; i < H2_HEADERS_MAX; i++)
		f[i] = (struct h2_field){ span_str("a"), span_str("b") };
	struct h2_request rq = { .method = "POST",
				 .scheme = "https",
				 .authority = "x",
				 .path = "/many",
				 .fields = f,
				 .n_fields = H2_HEADERS_MAX };
	assert_true(h2_request(c.h, &rq) > 0); /* 64 and the pseudo headers: too many */
	pump(&c, &s);
	assert_int_equal(s.heads, 0);
	assert_int_equal(c.closes, 1);
	f[0].value = f[1].value = span_str(big);
	rq.n_fields = 2;
	rq.path = "/long";
	int32_t id = h2_request(c.h, &rq);
	assert_true(id > 0);
	pump(&c, &s);
	assert_int_equal(s.heads, 0);
	rq.n_fields = 1;
	rq.path = "/fine";
	assert_true(h2_request(c.h, &rq) > 0);
	pump(&c, &s);
	assert_int_equal(s.heads, 1);
	end_pair(&c, &s);
	free(big);
}

static void test_freed_inside_callback(void **state)
{
	struct end c, s;
	(void)state;
	pair(&c, &s);
	s.free_in_head = true;
	post(&c, "/x", span_str("body"));
	post(&c, "/y", span_str("body"));
	pump(&c, &s);
	assert_true(s.freed);
	assert_int_equal(s.heads, 1); /* nothing after that */
	end_pair(&c, &s);
}

static int feed(struct h2 *h, const char *hex, int times)
{
	uint8_t bytes[256];
	size_t n = strlen(hex) / 2;
	int err = hex_decode(span_of(hex, 2 * n), bytes, n);
	for (int i = 0; i < times && !err; i++)
		err = h2_recv(h, span_of(bytes, n));
	return err;
}

#define PREFACE "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"

static void test_violations(void **state)
{
	static const char *const bad[] = {
		"474554202f20485454502f312e310d0a0d0a", /* HTTP/1.1 */
		PREFACE "0000050400000000000000000000", /* SETTINGS of 5 bytes */
		PREFACE "000000040000000000"
			"0000010000000000000000000000", /* DATA on stream 0 */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct end s = { 0 };
		struct buf out;
		buf_init(&out, BIG);
		s.h = h2_new(true, &OPS, &s);
		int err = feed(s.h, bad[i], 1);
		if (!err)
			err = h2_send(s.h, &out, BIG); /* the GOAWAY */
		assert_true(err || h2_is_over(s.h));
		h2_free(s.h);
		buf_fini(&out);
	}
}

/* PINGs and SETTINGS that are never read from us: refused before memory grows. */
static void test_floods(void **state)
{
	static const char *const floods[] = { "0000080600000000000000000000000000",
					      "000000040000000000" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct end s = { 0 };
		s.h = h2_new(true, &OPS, &s);
		assert_int_equal(feed(s.h, PREFACE "000000040000000000", 1), 0);
		assert_int_equal(feed(s.h, floods[i], 100000), -ERR_PROTO);
		h2_free(s.h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_flow_control),
		cmocka_unit_test(test_cancelled_streams_give_credit_back),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_reset_by_server),
		cmocka_unit_test(test_cancel_before_sending),
		cmocka_unit_test(test_too_many_streams),
		cmocka_unit_test(test_header_caps),
		cmocka_unit_test(test_freed_inside_callback),
		cmocka_unit_test(test_violations),
		cmocka_unit_test(test_floods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
