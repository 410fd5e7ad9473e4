/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_noise.json: handshakes at several versions, records in both directions, nonces,
 * rejections, and one whole HTTP session fed in chunks. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "daemon/control/early.h"
#include "daemon/control/h2.h"
#include "daemon/control/upgrade_wire.h"

#include <stdio.h>
#include <stdlib.h>

#define BIG (1u << 20)

static json_t *file, *keys;
static struct machine_priv machine, control;
static struct machine_key control_pub;

static int load(void **state)
{
	(void)state;
	if (crypto_init())
		return 1;
	file = vec_load("control_noise.json");
	keys = j_get(file, "keys");
	vec_hex_into(keys, "machine_private", machine.b, 32);
	vec_hex_into(keys, "control_private", control.b, 32);
	vec_hex_into(keys, "control_public", control_pub.b, 32);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	j_free(file);
	return 0;
}

/* The ephemeral key comes out of the generator as it is in the vector (it is clamped already). */
static struct rng_script script(const json_t *obj, const char *member, uint8_t bytes[static 32])
{
	struct rng_script r;
	vec_hex_into(obj, member, bytes, 32);
	rng_script_init(&r, bytes, 32);
	return r;
}

static void assert_hex(const json_t *obj, const char *member, const void *p, size_t n)
{
	size_t len;
	uint8_t *want = vec_hex(obj, member, &len);
	assert_int_equal(len, n);
	assert_memory_equal(want, p, n);
	free(want);
}

struct pair {
	struct ts_tx ctx, stx;
	struct ts_rx crx, srx;
};

/* Both ends walk through a handshake; each byte is compared. */
static void handshake(const json_t *hs, const json_t *eph, uint16_t version, struct pair *p)
{
	uint8_t ce[32], se[32], init[TS_INIT_LEN], resp[TS_RESP_LEN];
	char text[TS_ERROR_TEXT_MAX];
	struct rng_script cr = script(eph, "machine_ephemeral_private", ce);
	struct rng_script sr = script(eph, "control_ephemeral_private", se);
	struct ts_client c;
	struct machine_key client, machine_pub;
	uint16_t got_version;
	const char *refusal;
	size_t used;

	assert_int_equal(ts_client_start(&c, version, &machine, &control_pub, &cr.seeded.rng, init),
			 0);
	assert_hex(hs, "initiation", init, sizeof(init));
	assert_int_equal(ts_server_accept(&control, span_of(init, sizeof(init)), &sr.seeded.rng,
					  resp, &got_version, &client, &p->stx, &p->srx, &refusal),
			 0);
	assert_hex(hs, "response", resp, sizeof(resp));
	assert_int_equal(got_version, version);
	machine_priv_public(&machine, &machine_pub);
	assert_true(machine_key_eq(&client, &machine_pub));
	assert_int_equal(
	    ts_client_finish(&c, span_of(resp, sizeof(resp)), &used, &p->ctx, &p->crx, text), 0);
	assert_int_equal(used, TS_RESP_LEN);
	assert_hex(hs, "k1_client_to_server", p->ctx.c.key, 32);
	assert_hex(hs, "k2_server_to_client", p->crx.c.key, 32);
	assert_memory_equal(p->ctx.c.key, p->srx.c.key, 32);
	assert_memory_equal(p->stx.c.key, p->crx.c.key, 32);
}

static void test_handshakes(void **state)
{
	json_t *list = j_get(file, "handshakes");
	(void)state;
	assert_true(j_len(list) >= 5);
	for (size_t i = 0; i < j_len(list); i++) {
		struct pair p;
		handshake(j_at(list, i), keys, (uint16_t)j_int(j_at(list, i), "version", 0), &p);
	}
}

/* Seal every write, compare with the records, then open them in chunks of `chunk` bytes. */
static void records(const json_t *writes, const json_t *recs, struct ts_tx *tx, struct ts_rx *rx,
		    size_t chunk)
{
	struct buf wire, want, plain, got;
	buf_init(&wire, BIG);
	buf_init(&want, BIG);
	buf_init(&plain, BIG);
	buf_init(&got, BIG);
	for (size_t i = 0; i < j_len(writes); i++) {
		struct span hex = j_text_span(j_at(writes, i));
		uint8_t *at = buf_reserve(&plain, hex.len / 2);
		assert_int_equal(hex_decode(hex, at, hex.len / 2), 0);
		buf_commit(&plain, hex.len / 2);
		assert_int_equal(ts_seal(tx, span_of(at, hex.len / 2), &wire), 0);
	}
	for (size_t i = 0; i < j_len(recs) && want.len < wire.len; i++) {
		size_t n;
		uint8_t *w = vec_hex(j_at(recs, i), "wire", &n);
		buf_add(&want, w, n);
		free(w);
	}
	/* the vector leaves out the last one-byte record of the server's last write */
	assert_true(wire.len == want.len || wire.len == want.len + TS_HEADER_LEN + TAG_LEN + 1);
	assert_memory_equal(wire.p, want.p, want.len);
	for (size_t off = 0; off < wire.len; off += chunk) {
		struct span in = span_from(buf_span(&wire), off), text;
		int more;
		if (in.len > chunk)
			in.len = chunk;
		while ((more = ts_open(rx, &in, &text)) == 1)
			buf_add_span(&got, text);
		assert_int_equal(more, 0);
		assert_int_equal(in.len, 0);
	}
	assert_int_equal(got.len, plain.len);
	assert_memory_equal(got.p, plain.p, got.len);
	buf_fini(&wire);
	buf_fini(&want);
	buf_fini(&plain);
	buf_fini(&got);
}

static void test_records(void **state)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 4096, BIG };
	json_t *hs = j_at(j_get(file, "handshakes"), 0);
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct pair p;
		handshake(hs, keys, 145, &p);
		records(j_get(hs, "client_writes"), j_get(hs, "client_records"), &p.ctx, &p.srx,
			chunks[i]);
		records(j_get(hs, "server_writes"), j_get(hs, "server_records"), &p.stx, &p.crx,
			chunks[i]);
	}
}

/* 300 two-byte writes follow; the vector keeps a few of their records. */
static void test_many_records(void **state)
{
	json_t *hs = j_at(j_get(file, "handshakes"), 0);
	json_t *recs = j_get(hs, "client_records");
	struct pair p;
	size_t next = 5, checked = 0;
	(void)state;
	handshake(hs, keys, 145, &p);
	p.ctx.c.counter = 5;
	for (int i = 0; i < 300; i++) {
		uint8_t two[2] = { (uint8_t)i, (uint8_t)(i >> 8) };
		struct buf wire;
		buf_init(&wire, BIG);
		assert_int_equal(ts_seal(&p.ctx, span_of(two, 2), &wire), 0);
		if (next < j_len(recs) && j_int(j_at(recs, next), "counter", -1) == 5 + i) {
			assert_hex(j_at(recs, next), "wire", wire.p, wire.len);
			next++;
			checked++;
		}
		buf_fini(&wire);
	}
	assert_int_equal(checked, 4);
}

static void test_nonces(void **state)
{
	json_t *v = j_get(file, "record_nonce_vectors");
	json_t *list = j_get(v, "records");
	struct ts_tx tx = { 0 };
	(void)state;
	vec_hex_into(v, "key", tx.c.key, 32);
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *r = j_at(list, i);
		struct buf wire;
		size_t n;
		buf_init(&wire, BIG);
		assert_int_equal(u64_decode(j_span(r, "counter"), UINT64_MAX, &tx.c.counter), 0);
		uint8_t *plain = vec_hex(r, "plaintext", &n);
		assert_int_equal(ts_seal(&tx, span_of(plain, n), &wire), 0);
		assert_hex(r, "wire", wire.p, wire.len);
		free(plain);
		buf_fini(&wire);
	}
	struct buf wire;
	buf_init(&wire, BIG);
	tx.c.counter = UINT64_MAX;
	assert_int_equal(ts_seal(&tx, span_str("x"), &wire), -ERR_STATE);
	buf_fini(&wire);
}

static void test_client_rejects(void **state)
{
	json_t *list = j_get(file, "client_rejects");
	(void)state;
	for (size_t i = 0; i < j_len(list); i++) {
		uint8_t eph[32], init[TS_INIT_LEN];
		char text[TS_ERROR_TEXT_MAX];
		struct rng_script r = script(keys, "machine_ephemeral_private", eph);
		struct ts_client c;
		struct ts_tx tx;
		struct ts_rx rx;
		size_t n, used = 0;
		uint8_t *sent = vec_hex(j_at(list, i), "server_sent", &n);
		const char *name = j_str(j_at(list, i), "name");
		assert_int_equal(
		    ts_client_start(&c, 145, &machine, &control_pub, &r.seeded.rng, init), 0);
		int err = ts_client_finish(&c, span_of(sent, n), &used, &tx, &rx, text);
		int want = strcmp(name, "error frame") == 0 ? -ERR_PERM
			   : strcmp(name, "truncated") == 0 ? -ERR_AGAIN
			   : strstr(name, "tampered")	    ? -ERR_AUTH
							    : -ERR_PROTO;
		assert_int_equal(err, want);
		assert_int_equal(used, 0);
		if (err == -ERR_PERM)
			assert_string_equal(text, "oops!");
		ts_client_wipe(&c);
		free(sent);
	}
	assert_true(j_len(list) >= 6);
}

static void test_server_rejects(void **state)
{
	json_t *list = j_get(file, "server_rejects");
	(void)state;
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *e = j_at(list, i);
		uint8_t resp[TS_RESP_LEN];
		struct rng_seeded r;
		struct machine_key client;
		struct ts_tx tx;
		struct ts_rx rx;
		uint16_t version;
		const char *refusal;
		size_t n, n_want;
		uint8_t *sent = vec_hex(e, "client_sent", &n);
		uint8_t *want = vec_hex(e, "server_sent", &n_want);
		struct buf answer;
		buf_init(&answer, 256);
		rng_seeded_init(&r, 1);
		int err = ts_server_accept(&control, span_of(sent, n), &r.rng, resp, &version,
					   &client, &tx, &rx, &refusal);
		assert_int_equal(err, n_want ? -ERR_PROTO : -ERR_AUTH);
		if (refusal)
			ts_error_frame(refusal, &answer);
		assert_int_equal(answer.len, n_want);
		if (n_want)
			assert_memory_equal(answer.p, want, n_want);
		buf_fini(&answer);
		free(sent);
		free(want);
	}
	assert_true(j_len(list) >= 8);
}

/* ---- the recorded HTTP session --------------------------------------------------------------- */

struct seen {
	int heads, ends;
	struct buf body;
	struct buf heads_text;
};

static void on_head(void *arg, int32_t id, const struct h2_head *h)
{
	struct seen *s = arg;
	(void)id;
	s->heads++;
	if (h->status)
		buf_fmt(&s->heads_text, "%d ", h->status);
	else
		buf_fmt(&s->heads_text, "%.*s %.*s %.*s %.*s;", (int)h->method.len, h->method.p,
			(int)h->authority.len, h->authority.p, (int)h->path.len, h->path.p,
			(int)h2_head_find(h, "ts-lb").len, h2_head_find(h, "ts-lb").p);
}

static void on_data(void *arg, int32_t id, struct span data)
{
	(void)id;
	buf_add_span(&((struct seen *)arg)->body, data);
}

static void on_end(void *arg, int32_t id)
{
	(void)id;
	((struct seen *)arg)->ends++;
}

static void on_close(void *arg, int32_t id, uint32_t code)
{
	(void)arg;
	(void)id;
	(void)code;
}

static void on_goaway(void *arg, int32_t last)
{
	(void)arg;
	(void)last;
}

static const struct h2_ops OPS = { .on_head = on_head,
				   .on_data = on_data,
				   .on_end = on_end,
				   .on_close = on_close,
				   .on_goaway = on_goaway };

static void seen_init(struct seen *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->body, BIG);
	buf_init(&s->heads_text, BIG);
}

static void seen_fini(struct seen *s)
{
	buf_fini(&s->body);
	buf_fini(&s->heads_text);
}

static void discard(struct h2 *h)
{
	struct buf out;
	buf_init(&out, BIG);
	assert_int_equal(h2_send(h, &out, BIG), 0);
	buf_fini(&out);
}

/* The client's plaintext on our server: two requests whose heads refer to HPACK's dynamic table. */
static void test_session_server(void **state)
{
	json_t *s = j_get(file, "http_session");
	json_t *recs = j_get(s, "client_plaintexts_by_record");
	json_t *want = j_get(s, "requests_as_seen_by_server");
	struct pair p;
	struct seen seen;
	struct buf expect;
	(void)state;
	handshake(s, s, 145, &p);
	seen_init(&seen);
	struct h2 *h = h2_new(true, &OPS, &seen);
	size_t n;
	uint8_t *wire = vec_hex(s, "after_upgrade_client_to_server_wire", &n);
	struct span in = span_of(wire, n), plain;
	size_t i = 0;
	int more;
	while ((more = ts_open(&p.srx, &in, &plain)) == 1) {
		char hex[2 * TS_PLAIN_MAX + 1];
		hex_encode(plain, hex);
		assert_string_equal(hex, j_text(j_at(recs, i++)));
		assert_int_equal(h2_recv(h, plain), 0);
		discard(h);
	}
	assert_int_equal(more, 0);
	assert_int_equal(i, j_len(recs));
	buf_init(&expect, BIG);
	for (i = 0; i < j_len(want); i++)
		buf_add_str(&expect, j_str(j_at(want, i), "body"));
	assert_int_equal(expect.len, seen.body.len);
	assert_memory_equal(expect.p, seen.body.p, expect.len);
	assert_int_equal(seen.ends, 2);
	buf_reset(&expect);
	for (i = 0; i < j_len(want); i++) {
		const json_t *r = j_at(want, i);
		buf_fmt(&expect, "%s %s %s %s;", j_str(r, "method"), j_str(r, "host"),
			j_str(r, "path"), j_text(j_at(j_get(j_get(r, "headers"), "Ts-Lb"), 0)));
	}
	assert_string_equal(buf_cstr(&expect), buf_cstr(&seen.heads_text));
	buf_fini(&expect);
	h2_free(h);
	seen_fini(&seen);
	free(wire);
}

/* Client's side of a chunked read: 101 head, Noise response, early payload, HTTP/2. */
struct client {
	struct buf in;
	enum { HEAD, NOISE, EARLY, HTTP2 } phase;
	struct ts_client hs;
	struct ts_tx tx;
	struct ts_rx rx;
	struct early_reader early;
	struct buf http2;
};

static void client_plain(struct client *c, struct span plain)
{
	if (c->phase == EARLY) {
		int done = early_feed(&c->early, &plain);
		assert_true(done >= 0);
		if (done == 0)
			return;
		c->phase = HTTP2;
		if (!c->early.present)
			buf_add(&c->http2, c->early.head, EARLY_HEADER_LEN);
	}
	buf_add_span(&c->http2, plain);
}

static void client_feed(struct client *c, struct span chunk)
{
	char text[TS_ERROR_TEXT_MAX];
	size_t used = 0;
	buf_add_span(&c->in, chunk);
	if (c->phase == HEAD && upgrade_response_parse(buf_span(&c->in), &used, text) == 0) {
		buf_drop(&c->in, used);
		c->phase = NOISE;
	}
	if (c->phase == NOISE &&
	    ts_client_finish(&c->hs, buf_span(&c->in), &used, &c->tx, &c->rx, text) == 0) {
		buf_drop(&c->in, used);
		c->phase = EARLY;
	}
	if (c->phase < EARLY)
		return;
	struct span in = buf_span(&c->in), plain;
	while (ts_open(&c->rx, &in, &plain) == 1)
		client_plain(c, plain);
	buf_reset(&c->in);
}

static void test_session_client(void **state)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 4096, BIG };
	json_t *s = j_get(file, "http_session");
	json_t *recs = j_get(s, "server_plaintexts_by_record");
	size_t n;
	uint8_t *wire = vec_hex(s, "after_upgrade_server_to_client_wire", &n);
	struct buf all, expect;
	(void)state;
	buf_init(&all, BIG);
	buf_init(&expect, BIG);
	buf_add_str(&all, j_str(s, "upgrade_response"));
	buf_add(&all, wire, n);
	for (size_t i = 3; i < j_len(recs); i++) { /* without the early payload's three */
		struct span hex = j_text_span(j_at(recs, i));
		assert_int_equal(hex_decode(hex, buf_reserve(&expect, hex.len), hex.len / 2), 0);
		buf_commit(&expect, hex.len / 2);
	}
	for (size_t k = 0; k < ARRAY_LEN(chunks); k++) {
		struct client c = { .phase = HEAD };
		uint8_t eph[32], init[TS_INIT_LEN];
		struct rng_script r = script(s, "machine_ephemeral_private", eph);
		buf_init(&c.in, BIG);
		buf_init(&c.http2, BIG);
		early_init(&c.early);
		assert_int_equal(
		    ts_client_start(&c.hs, 145, &machine, &control_pub, &r.seeded.rng, init), 0);
		for (size_t off = 0; off < all.len; off += chunks[k]) {
			struct span in = span_from(buf_span(&all), off);
			if (in.len > chunks[k])
				in.len = chunks[k];
			client_feed(&c, in);
		}
		assert_int_equal(c.phase, HTTP2);
		assert_true(c.early.present);
		assert_false(chal_key_is_zero(&c.early.challenge));
		assert_int_equal(c.http2.len, expect.len);
		assert_memory_equal(c.http2.p, expect.p, expect.len);
		buf_fini(&c.in);
		buf_fini(&c.http2);
		early_fini(&c.early);
	}
	/* and our HTTP/2 client reads the answer */
	struct seen seen;
	seen_init(&seen);
	struct h2 *h = h2_new(false, &OPS, &seen);
	struct h2_request rq = { .method = "POST",
				 .scheme = "https",
				 .authority = "a",
				 .path = "/machine/register",
				 .body = span_str("{}") };
	assert_int_equal(h2_request(h, &rq), 1);
	rq.path = "/machine/map";
	assert_int_equal(h2_request(h, &rq), 3);
	discard(h);
	assert_int_equal(h2_recv(h, buf_span(&expect)), 0);
	assert_string_equal(buf_cstr(&seen.heads_text), "200 200 ");
	assert_int_equal(seen.ends, 2);
	json_t *body = j_parse(buf_span(&seen.body), BIG, NULL);
	assert_non_null(j_get(body, "User"));
	j_free(body);
	h2_free(h);
	seen_fini(&seen);
	buf_fini(&all);
	buf_fini(&expect);
	free(wire);
}

static void test_upgrade_request(void **state)
{
	json_t *s = j_get(file, "http_session");
	struct http1_head theirs, ours;
	uint8_t init[TS_INIT_LEN], parsed[TS_INIT_LEN];
	size_t len;
	const char *text;
	struct buf out;
	(void)state;
	vec_hex_into(s, "initiation", init, sizeof(init));
	assert_int_equal(http1_parse(j_span(s, "upgrade_request"), true, &theirs), 0);
	assert_int_equal(upgrade_request_check(&theirs, parsed, &len, &text), 0);
	assert_int_equal(len, TS_INIT_LEN);
	assert_memory_equal(parsed, init, TS_INIT_LEN);
	buf_init(&out, BIG);
	upgrade_request_build("10.1.2.3", 8080, init, &out);
	assert_int_equal(http1_parse(buf_span(&out), true, &ours), 0);
	assert_int_equal(ours.len, out.len);
	for (size_t i = 0; i < theirs.n_headers; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)theirs.headers[i].name.len,
			 theirs.headers[i].name.p);
		if (strcmp(name, "User-Agent") != 0)
			assert_true(span_eq(http1_find(&ours, name), theirs.headers[i].value));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),	cmocka_unit_test(test_records),
		cmocka_unit_test(test_many_records),	cmocka_unit_test(test_nonces),
		cmocka_unit_test(test_client_rejects),	cmocka_unit_test(test_server_rejects),
		cmocka_unit_test(test_session_server),	cmocka_unit_test(test_session_client),
		cmocka_unit_test(test_upgrade_request),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
