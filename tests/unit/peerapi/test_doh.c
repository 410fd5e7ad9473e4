/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "daemon/peerapi/rules.h"

#include <stdlib.h>

static uint8_t room[512];

static const char *ask(const char *method, const char *type, const char *dns, struct span body,
		       struct span *out)
{
	struct peerapi_doh_in in = { method, type, dns, body };
	*out = span_of(NULL, 0);
	return peerapi_doh_query(&in, mspan_of(room, sizeof(room)), out);
}

static void requests(void **state)
{
	(void)state;
	struct span out, body = span_str("0123456789ab");
	assert_null(ask("POST", "application/dns-message", NULL, body, &out));
	assert_true(out.p == body.p && out.len == body.len);
	assert_null(ask("GET", NULL, "AAEB", body, &out));
	assert_true(span_eq(out, span_of("\0\1\1", 3)));
	assert_string_equal(ask("POST", NULL, NULL, body, &out), "unexpected Content-Type");
	assert_string_equal(ask("POST", "application/dns-message; charset=x", NULL, body, &out),
			    "unexpected Content-Type");
	assert_string_equal(ask("GET", NULL, "AAEBA", body, &out), "invalid 'dns' base64 encoding");
	assert_non_null(strstr(ask("GET", NULL, "", body, &out), "missing"));
	assert_string_equal(ask("HEAD", NULL, "AAEB", body, &out), "bad HTTP method");
	assert_string_equal(ask("get", NULL, "AAEB", body, &out), "bad HTTP method");
	/* What does not fit is refused, not cut. */
	char *big = xcalloc(1, 801);
	memset(big, 'A', 800);
	assert_string_equal(ask("GET", NULL, big, body, &out), "invalid 'dns' base64 encoding");
	free(big);
}

static void queries(void **state)
{
	(void)state;
	static const uint8_t want[] = { 0, 1, 1,   0, 0,   1,	0, 0, 0,  0, 0,
					0, 1, 'a', 2, 'b', 'c', 0, 0, 28, 0, 1 };
	struct mspan m = mspan_of(room, sizeof(room));
	assert_int_equal(peerapi_pretty_query("a.bc", "AAAA", m), sizeof(want));
	assert_memory_equal(room, want, sizeof(want));
	assert_int_equal(peerapi_pretty_query("a.bc.", "aaaa", m), sizeof(want));
	assert_int_not_equal(peerapi_pretty_query("a.bc", "", m), 0);
	assert_int_not_equal(peerapi_pretty_query("a.bc", "txt", m), 0);
	assert_int_equal(peerapi_pretty_query("a.bc", "mx", m), 0);
	assert_int_equal(peerapi_pretty_query("", "a", m), 0);
	assert_int_equal(peerapi_pretty_query(".", "a", m), 0);
	assert_int_equal(peerapi_pretty_query("a..b", "a", m), 0);
	assert_int_equal(peerapi_pretty_query("a.bc", "a", mspan_of(room, sizeof(want) - 1)), 0);
	char label[65] = "", name[300] = "";
	memset(label, 'x', 63);
	assert_int_not_equal(peerapi_pretty_query(label, "a", m), 0);
	label[63] = 'x';
	assert_int_equal(peerapi_pretty_query(label, "a", m), 0);
	for (size_t i = 0; i < 252; i++)
		name[i] = i % 2 ? '.' : 'x';
	name[253] = '\0';
	name[252] = 'x'; /* 127 labels: 255 bytes with the root */
	assert_int_not_equal(peerapi_pretty_query(name, "a", m), 0);
	name[253] = 'x';
	name[254] = '\0';
	assert_int_equal(peerapi_pretty_query(name, "a", m), 0);
}

static void expect(const void *reply, size_t len, const char *text)
{
	struct buf b;
	buf_init(&b, 65536);
	peerapi_pretty_reply(span_of(reply, len), &b);
	assert_string_equal(buf_cstr(&b), text);
	buf_fini(&b);
}

#define BAD "{\"Error\":\"the reply does not parse\"}\n"

static void replies(void **state)
{
	(void)state;
	static const uint8_t full[] = {
		/* a. with A, TXT "x<" "y", CNAME, A of another class, AAAA */
		0, 1,	 0x81, 0x80, 0,	  1,	0,  5,	0, 0, 0, 0, 1, 'a', 0,	0,
		1, 0,	 1,    0xc0, 12,  0,	1,  0,	1, 0, 0, 0, 9, 0,   4,	192,
		0, 2,	 1,    1,    'a', 0,	0,  16, 0, 1, 0, 0, 0, 9,   0,	5,
		2, 'x',	 '<',  1,    'y', 0xc0, 12, 0,	5, 0, 1, 0, 0, 0,   9,	0,
		2, 0xc0, 12,   0xc0, 12,  0,	1,  0,	3, 0, 0, 0, 9, 0,   4,	192,
		0, 2,	 2,    0xc0, 12,  0,	28, 0,	1, 0, 0, 0, 9, 0,   16, 0x20,
		1, 0xd,	 0xb8, 0,    0,	  0,	0,  0,	0, 0, 0, 0, 0, 0,   1,
	};
	expect(full, sizeof(full), "[\"192.0.2.1\",\"x\\u003c\",\"y\",\"2001:db8::1\"]\n");
	for (size_t cut = 0; cut < sizeof(full); cut++)
		expect(full, cut, BAD);
	uint8_t m[19] = { 0, 1, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1 };
	expect(m, sizeof(m), "{\"Error\":\"DNS RCode = RCodeNameError\"}\n");
	m[3] = 0x8f;
	expect(m, sizeof(m), "{\"Error\":\"DNS RCode = 15\"}\n");
	m[3] = 0x80;
	expect(m, sizeof(m), "[]\n");
	m[4] = m[5] = 0xff; /* counts lie */
	expect(m, sizeof(m), BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(queries),
		cmocka_unit_test(replies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
