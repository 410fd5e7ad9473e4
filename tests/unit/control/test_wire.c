/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small pure pieces: server URL and dial plan, back-off, upgrade, early payload, records, key
 * reply, register answers, tags. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/backoff.h"
#include "daemon/control/dial.h"
#include "daemon/control/early.h"
#include "daemon/control/hostinfo.h"
#include "daemon/control/register_wire.h"
#include "daemon/control/upgrade_wire.h"

#include <stdlib.h>

/* ---- dial -------------------------------------------------------------------------------------
 */

static void test_targets(void **state)
{
	static const struct {
		const char *url, *host, *authority;
		uint16_t plain, tls;
	} cases[] = {
		{ "https://hs.example.com", "hs.example.com", "hs.example.com", 0, 443 },
		{ "https://hs.example.com:8443/", "hs.example.com", "hs.example.com:8443", 0,
		  8443 },
		{ "http://hs.example.com", "hs.example.com", "hs.example.com", 80, 443 },
		{ "http://hs.example.com:8080/x?y", "hs.example.com", "hs.example.com:8080", 8080,
		  443 },
		{ "http://10.0.0.1:8080", "10.0.0.1", "10.0.0.1:8080", 8080, 0 },
		{ "http://127.0.0.1", "127.0.0.1", "127.0.0.1", 80, 0 },
		{ "http://localhost:1", "localhost", "localhost:1", 1, 0 },
		{ "http://[fd00::1]:8080", "fd00::1", "[fd00::1]:8080", 8080, 0 },
		{ "https://[2001:db8::1]", "2001:db8::1", "[2001:db8::1]", 0, 443 },
		{ "http://203.0.113.1:80", "203.0.113.1", "203.0.113.1:80", 80, 443 },
	};
	static const char *const bad[] = {
		"",
		"hs",
		"HTTP://x",
		"http://",
		"http:///x",
		"http://a:",
		"http://a:b",
		"http://a:0",
		"http://a:65536",
		"http://a:1:2",
		"http://u:p@h",
		"http://a\r\nb",
		"http://[::1",
		"http://[::1]x",
	};
	struct dial_target t;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(dial_target_parse(cases[i].url, &t), 0);
		assert_string_equal(t.host, cases[i].host);
		assert_string_equal(t.authority, cases[i].authority);
		assert_int_equal(t.plain_port, cases[i].plain);
		assert_int_equal(t.tls_port, cases[i].tls);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dial_target_parse(bad[i], &t), -ERR_SYNTAX);
	char *huge = xcalloc(1, 4096);
	memset(huge, 'a', 4000);
	memcpy(huge, "http://", 7);
	assert_int_equal(dial_target_parse(huge, &t), -ERR_TOOBIG);
	free(huge);
}

static void test_plans(void **state)
{
	struct dial_target t;
	mono_t now = { 1000 * NS_PER_S };
	(void)state;
	assert_int_equal(dial_target_parse("http://hs.example.com", &t), 0);
	struct dial_plan p = dial_plan_make(&t, now, MONO_ZERO);
	assert_int_equal(mono_diff_ns(p.plain_at, now), 0);
	assert_int_equal(mono_diff_ns(p.tls_at, now), 500 * NS_PER_MS);
	assert_int_equal(mono_diff_ns(p.deadline, now), 10 * NS_PER_S);
	/* shortly after the last dial: TLS goes first */
	p = dial_plan_make(&t, now, mono_add_s(now, -119));
	assert_int_equal(mono_diff_ns(p.tls_at, now), 0);
	assert_int_equal(mono_diff_ns(p.plain_at, now), 500 * NS_PER_MS);
	p = dial_plan_make(&t, now, mono_add_s(now, -121));
	assert_int_equal(mono_diff_ns(p.plain_at, now), 0);
	assert_int_equal(dial_target_parse("http://127.0.0.1:1", &t), 0);
	p = dial_plan_make(&t, now, mono_add_s(now, -1));
	assert_int_equal(mono_diff_ns(p.plain_at, now), 0); /* no TLS there to go first */
	assert_true(mono_is_never(p.tls_at));
	assert_int_equal(dial_target_parse("https://hs.example.com", &t), 0);
	p = dial_plan_make(&t, now, MONO_ZERO);
	assert_true(mono_is_never(p.plain_at));
	assert_int_equal(mono_diff_ns(p.tls_at, now), 0);
}

/* ---- back-off ---- */

static void test_backoff(void **state)
{
	struct backoff b = { 0 };
	struct rng_seeded r;
	(void)state;
	rng_seeded_init(&r, 1);
	for (int n = 1; n < 300; n++) {
		int64_t base = n * n * 10 < BACKOFF_MAX_MS ? n * n * 10 : BACKOFF_MAX_MS;
		int64_t ms = backoff_next(&b, &r.rng);
		assert_in_range(ms, base / 2, base * 3 / 2);
	}
	backoff_reset(&b);
	assert_in_range(backoff_next(&b, &r.rng), 5, 15);
}

static void test_pacing(void **state)
{
	struct backoff b = { 0 };
	mono_t now = { 1000 * NS_PER_S };
	int made = 0;
	(void)state;
	/* asked every 10 ms for a minute */
	for (int i = 0; i < 6000; i++) {
		mono_t at = backoff_allow(&b, now);
		if (mono_due(at, now))
			made++;
		else
			assert_true(mono_diff_ns(at, now) <= NS_PER_S);
		backoff_reset(&b); /* success does not make it faster */
		now = mono_add_ms(now, 10);
	}
	assert_in_range(made, 60, 60 + BACKOFF_BURST);
	now = mono_add_s(now, 10); /* rest earns a burst again, not more */
	for (made = 0; mono_due(backoff_allow(&b, now), now); made++)
		;
	assert_int_equal(made, BACKOFF_BURST);
}

/* ---- upgrade ---- */

static void test_upgrade(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "HTTP/1.1 101 X\r\nUpgrade: tailscale-control-protocol\r\n\r\nrest", 0 },
		{ "HTTP/1.1 101 X\r\nUpgrade: tailscale-control", -ERR_AGAIN },
		{ "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", -ERR_PROTO },
		{ "HTTP/1.1 101 X\r\n\r\n", -ERR_PROTO },
		{ "HTTP/1.1 200 OK\r\nUpgrade: tailscale-control-protocol\r\n\r\n", -ERR_PROTO },
		{ "HTTP/1.1 500 Internal error\r\n\r\n", -ERR_PROTO },
		{ "SSH-2.0-OpenSSH\r\n\r\n", -ERR_PROTO },
	};
	size_t used;
	char text[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int err = upgrade_response_parse(span_str(cases[i].text), &used, text);
		assert_int_equal(err, cases[i].want);
		if (!err)
			assert_string_equal(cases[i].text + used, "rest");
		assert_int_equal(err == -ERR_PROTO, *text != 0);
	}
}

static void test_upgrade_server(void **state)
{
	static const struct {
		const char *headers;
		int want;
	} cases[] = {
		{ "X-Tailscale-Handshake: AAAA\r\n", 400 },
		{ "Upgrade: tailscale-control-protocol\r\n", 400 },
		{ "Upgrade: tailscale-control-protocol\r\nX-Tailscale-Handshake: !!\r\n", 400 },
		{ "Upgrade: Tailscale-Control-Protocol\r\nX-Tailscale-Handshake: AAAA\r\n", 0 },
	};
	struct http1_head h;
	uint8_t init[TS_INIT_LEN];
	size_t len;
	const char *why;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 4096);
		buf_fmt(&b, "POST /ts2021 HTTP/1.1\r\nHost: x\r\n%s\r\n", cases[i].headers);
		assert_int_equal(http1_parse(buf_span(&b), true, &h), 0);
		assert_int_equal(upgrade_request_check(&h, init, &len, &why), cases[i].want);
		if (!cases[i].want)
			assert_int_equal(len, 3);
		buf_fini(&b);
	}
}

/* ---- early payload ---- */

static void test_early(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 'T', 'S', 0xff, 0xff, 0xff, 0xff };
	static const uint8_t none[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 'x' };
	static const uint8_t empty[] = { 0xff, 0xff, 0xff, 'T', 'S', 0, 0, 0, 0, 'x' };
	struct early_reader e;
	(void)state;
	early_init(&e);
	struct span in = span_of(huge, sizeof(huge));
	assert_int_equal(early_feed(&e, &in), -ERR_TOOBIG);
	early_fini(&e);
	early_init(&e);
	in = span_of(none, sizeof(none));
	assert_int_equal(early_feed(&e, &in), 1);
	assert_false(e.present);
	assert_memory_equal(e.head, none, EARLY_HEADER_LEN);
	assert_true(span_eq_str(in, "x"));
	early_fini(&e);
	early_init(&e);
	in = span_of(empty, sizeof(empty));
	assert_int_equal(early_feed(&e, &in), 1); /* no JSON in it: as good as none */
	assert_true(e.present);
	assert_true(span_eq_str(in, "x"));
	early_fini(&e);
}

/* ---- records ---- */

static int open_frame(const uint8_t *p, size_t n)
{
	struct ts_rx rx = { 0 };
	struct span in = span_of(p, n), plain;
	int got = ts_open(&rx, &in, &plain);
	if (got < 0) /* sticky: the connection is over */
		assert_int_equal(ts_open(&rx, &in, &plain), got);
	return got;
}

static void test_record_lengths(void **state)
{
	static const struct {
		uint16_t len;
		int want;
	} cases[] = {
		{ 0, -ERR_PROTO }, { 1, -ERR_PROTO },	{ 15, -ERR_PROTO },   { 16, -ERR_AUTH },
		{ 17, -ERR_AUTH }, { 4093, -ERR_AUTH }, { 4094, -ERR_PROTO }, { 65535, -ERR_PROTO },
	};
	uint8_t frame[TS_HEADER_LEN + 65535] = { 4 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		frame[1] = (uint8_t)(cases[i].len >> 8);
		frame[2] = (uint8_t)cases[i].len;
		assert_int_equal(open_frame(frame, TS_HEADER_LEN + cases[i].len), cases[i].want);
	}
	frame[0] = 3; /* an error frame has no place after the handshake */
	assert_int_equal(open_frame(frame, 100), -ERR_PROTO);
	frame[0] = 4;
	frame[1] = 0;
	frame[2] = 20;
	assert_int_equal(open_frame(frame, 22), 0);
}

static void test_empty_records(void **state)
{
	struct ts_tx tx = { 0 };
	struct ts_rx rx = { 0 };
	uint8_t wire[2][TS_HEADER_LEN + TAG_LEN] = { { 4, 0, 16 }, { 4, 0, 16 } };
	uint8_t nonce[12] = { 0 };
	struct span plain;
	(void)state;
	for (int i = 0; i < 2; i++) {
		nonce[11] = (uint8_t)i;
		aead_seal(wire[i] + TS_HEADER_LEN, tx.c.key, nonce, span_of(NULL, 0),
			  span_of(NULL, 0));
	}
	struct span in = span_of(wire, sizeof(wire));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ts_open(&rx, &in, &plain), 1);
		assert_int_equal(plain.len, 0);
	}
	assert_int_equal(rx.c.counter, 2);
	struct buf out;
	buf_init(&out, 64);
	assert_int_equal(ts_seal(&tx, span_of(NULL, 0), &out), 0);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

static void test_seal_respects_ceiling(void **state)
{
	struct ts_tx tx = { 0 };
	uint8_t data[5000] = { 0 };
	struct buf out;
	(void)state;
	buf_init(&out, 4500);
	assert_int_equal(ts_seal(&tx, span_of(data, sizeof(data)), &out), -ERR_TOOBIG);
	buf_fini(&out);
	assert_int_equal(ts_sealed_len(0), 0);
	assert_int_equal(ts_sealed_len(1), 20);
	assert_int_equal(ts_sealed_len(TS_PLAIN_MAX), TS_FRAME_MAX);
	assert_int_equal(ts_sealed_len(TS_PLAIN_MAX + 1), TS_FRAME_MAX + 20);
}

/* A server key that gives nothing away cannot be talked to. */
static void test_low_order_server(void **state)
{
	struct ts_client c;
	struct machine_priv m;
	struct machine_key zero = { { 0 } };
	struct rng_seeded r;
	uint8_t init[TS_INIT_LEN];
	(void)state;
	rng_seeded_init(&r, 1);
	machine_priv_generate(&m, &r.rng);
	assert_int_equal(ts_client_start(&c, 131, &m, &zero, &r.rng, init), -ERR_AUTH);
}

/* ---- JSON bodies ---- */

static void test_server_keys(void **state)
{
	static const struct {
		const char *body;
		int want;
	} cases[] = {
		{ "{\"publicKey\":\"mkey:"
		  "0101010101010101010101010101010101010101010101010101010101010101\"}",
		  0 },
		{ "{\"publicKey\":\"mkey:"
		  "0000000000000000000000000000000000000000000000000000000000000000\"}",
		  -ERR_UNSUPPORTED },
		{ "0101010101010101010101010101010101010101010101010101010101010101\n",
		  -ERR_UNSUPPORTED },
		{ "{\"publicKey\":\"mkey:01\"}", -ERR_SYNTAX },
		{ "{\"legacyPublicKey\":\"x\"}", -ERR_SYNTAX },
		{ "<html>welcome</html>", -ERR_SYNTAX },
		{ "", -ERR_SYNTAX },
		{ "[]", -ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct machine_key k;
		assert_int_equal(server_key_parse(span_str(cases[i].body), &k), cases[i].want);
	}
}

static void test_bad_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{\"Error\":7}",
		"{\"User\":7}",
		"{\"NodeKeyExpired\":\"yes\"}",
		"{\"NodeKeySignature\":\"!\"}",
		"{\"User\":{\"ID\":1.5}}",
		"{} x",
	};
	struct register_answer a;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(register_answer_parse(span_str(bad[i]), &a) < 0);
	/* long texts are cut */
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, "{\"Error\":\"");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, "x");
	buf_add_str(&b, "\"}");
	assert_int_equal(register_answer_parse(buf_span(&b), &a), 0);
	assert_int_equal(strlen(a.error), REGISTER_ERROR_MAX);
	register_answer_fini(&a);
	buf_fini(&b);
}

static void test_auth_key_suffix(void **state)
{
	static const struct {
		const char *key, *sent;
	} cases[] = {
		{ "k1--TLabcd-efgh", "k1" },
		{ "k1--TLabcd", "k1--TLabcd" },
		{ "k1--TL-", "k1--TL-" },
		{ "k1--TL!!-efgh", "k1--TL!!-efgh" },
		{ "k1-x--TLab-cd e", "k1-x--TLab-cd e" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct register_request r = { .auth_key = cases[i].key };
		json_t *v = register_request_to_json(&r);
		assert_string_equal(j_str(j_get(v, "Auth"), "AuthKey"), cases[i].sent);
		j_free(v);
	}
}

static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{ "0", 0 },
		{ "120", 120 },
		{ "Thu, 01 Jan 1970 00:16:50 GMT", 10 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Thu, 01 Foo 1970 00:16:50 GMT", -1 },
		{ "Thu, 01 Jan 1970 00:16:50 CET", -1 },
		{ "-5", -1 },
		{ "1.5", -1 },
		{ "", -1 },
		{ "99999999999999999999", -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_after_parse(span_str(cases[i].text), (wall_t){ 1000, 0 }),
				 cases[i].want);
}

static void test_tags(void **state)
{
	static const char *const good[] = { "tag:a", "tag:A-1", "tag:server" };
	static const char *const bad[] = {
		"", "a", "tag:", "tag:1a", "tag:a b", "tag:a_b", "Tag:a"
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(hostinfo_tag_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(hostinfo_tag_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_pacing),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_upgrade_server),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_record_lengths),
		cmocka_unit_test(test_empty_records),
		cmocka_unit_test(test_seal_respects_ceiling),
		cmocka_unit_test(test_low_order_server),
		cmocka_unit_test(test_server_keys),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_auth_key_suffix),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_tags),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
