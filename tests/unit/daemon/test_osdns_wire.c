/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "daemon/osdns_wire.h"

#include <stdio.h>

enum { AT_MAGIC = 4, AT_VERB = 12, AT_N = 13, AT_FAM = 14, AT_IP = 15, AT_ZONE = 31 };
enum { AT_MODE = 12, AT_FLAGS = 13, AT_CODE = 14 };

static struct buf msg;

static struct dns_os_config usual_config(void)
{
	struct dns_os_config c = { 0 };
	struct dns_server v4 = { .ip = ip_v4(100, 100, 100, 100) }, v6 = { .zone = "eth0" };
	assert_int_equal(ip_decode(span_str("fe80::1"), &v6.ip), 0);
	assert_true(dns_os_config_add_server(&c, &v4));
	assert_true(dns_os_config_add_server(&c, &v6));
	assert_true(dns_os_config_add_search(&c, "tail.example.com"));
	assert_true(dns_os_config_add_match(&c, "corp.example"));
	assert_true(dns_os_config_add_match(&c, "64.100.in-addr.arpa"));
	return c;
}

static void build_usual(void)
{
	struct osdns_request r = { .id = 7, .verb = OSDNS_SET, .config = usual_config() };
	buf_reset(&msg);
	osdns_request_build(&r, &msg);
	assert_true(buf_ok(&msg));
	osdns_request_fini(&r);
}

static int parse(struct span whole)
{
	struct osdns_request r = { 0 };
	struct span body;
	assert_int_equal(osdns_frame(whole, &body), 1);
	int rc = osdns_request_parse(body, &r);
	osdns_request_fini(&r);
	return rc;
}

static void what_is_asked_arrives(void **state)
{
	(void)state;
	struct osdns_request r = { 0 };
	struct dns_os_config want = usual_config();
	struct span body;
	build_usual();
	assert_int_equal(osdns_frame(buf_span(&msg), &body), 1);
	assert_int_equal(body.len + OSDNS_FRAME_HEAD, msg.len);
	assert_int_equal(osdns_request_parse(body, &r), 0);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.verb, OSDNS_SET);
	assert_true(dns_os_config_eq(&r.config, &want));
	osdns_request_fini(&r);
	dns_os_config_fini(&want);
}

static void the_largest_fits(void **state)
{
	(void)state;
	struct osdns_request r = { .id = 1, .verb = OSDNS_SET }, back = { 0 };
	struct span body;
	char name[256];
	for (int i = 0; i < DNS_OS_NAMES_MAX; i++) {
		int n = snprintf(name, sizeof(name), "%d", i + 100000);
		while (n < 253) {
			name[n] = n % 60 == 59 && n < 252 ? '.' : 'x';
			n++;
		}
		name[253] = '\0';
		assert_true(dns_os_config_add_match(&r.config, name));
	}
	buf_reset(&msg);
	osdns_request_build(&r, &msg);
	assert_true(buf_ok(&msg));
	assert_int_equal(osdns_frame(buf_span(&msg), &body), 1);
	assert_int_equal(osdns_request_parse(body, &back), 0);
	assert_true(dns_os_config_eq(&r.config, &back.config));
	osdns_request_fini(&r);
	osdns_request_fini(&back);
}

static void frames_wait_for_their_end(void **state)
{
	(void)state;
	struct span body;
	build_usual();
	for (size_t n = 0; n < msg.len; n++)
		assert_int_equal(osdns_frame(span_of(msg.p, n), &body), 0);
	memset(msg.p, 0xff, 4);
	assert_int_equal(osdns_frame(buf_span(&msg), &body), -ERR_TOOBIG);
}

/* A message cut anywhere, with a length that fits, or with a byte more. */
static void cut_ones_are_refused(void **state)
{
	(void)state;
	build_usual();
	size_t len = msg.len - OSDNS_FRAME_HEAD;
	for (size_t n = 0; n < len; n++) {
		struct osdns_request r = { 0 };
		assert_int_not_equal(osdns_request_parse(span_of(msg.p + OSDNS_FRAME_HEAD, n), &r),
				     0);
		osdns_request_fini(&r);
	}
	buf_add_str(&msg, "x");
	struct osdns_request r = { 0 };
	assert_int_equal(osdns_request_parse(span_of(msg.p + OSDNS_FRAME_HEAD, len + 1), &r),
			 -ERR_PROTO);
	osdns_request_fini(&r);
}

static void each_field_is_checked(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t v;
		int rc;
	} bad[] = {
		{ AT_MAGIC, 'x', -ERR_PROTO }, { AT_VERB, 0, -ERR_TYPE },
		{ AT_VERB, 3, -ERR_TYPE },     { AT_VERB, OSDNS_RECHECK, -ERR_PROTO },
		{ AT_N, 17, -ERR_RANGE },      { AT_FAM, 5, -ERR_RANGE },
		{ AT_IP, 224, -ERR_RANGE },    { AT_IP + 5, 1, -ERR_RANGE },
		{ AT_ZONE, 16, -ERR_RANGE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		build_usual();
		msg.p[bad[i].at] = bad[i].v;
		if (parse(buf_span(&msg)) != bad[i].rc)
			fail_msg("case %zu: %s", i, err_text(parse(buf_span(&msg))));
	}
}

/* Names go to files, scripts and D-Bus of root. */
static void names_are_checked(void **state)
{
	(void)state;
	static const char bad[] = { '\n', ' ', '#', ';', 0x7f, '\0', 'T', '.', '$', '`' };
	for (size_t i = 0; i < sizeof(bad); i++) {
		build_usual();
		char *name = memmem(msg.p, msg.len, "tail.", 5);
		assert_non_null(name);
		name[0] = bad[i];
		if (bad[i] == '.')
			name[1] = '.';
		assert_int_equal(parse(buf_span(&msg)), -ERR_RANGE);
	}
}

static void build_said(void)
{
	struct osdns_said s = { .done = 3,
				.mode = DNS_OS_OPENRESOLV,
				.split = true,
				.has_base = true,
				.base_failed = true,
				.set_rc = -ERR_PERM,
				.base = usual_config(),
				.trace = "one\ntwo",
				.set_text = "wrong",
				.overwritten_by = "dhclient",
				.warning = "odd\tx" };
	struct dns_server none = { .ip = ip_v4(0, 0, 0, 0) };
	assert_true(dns_os_config_add_server(&s.base, &none));
	buf_reset(&msg);
	osdns_said_build(&s, &msg);
	assert_true(buf_ok(&msg));
	osdns_said_fini(&s);
}

static int parse_said(struct osdns_said *out)
{
	struct span body;
	assert_int_equal(osdns_frame(buf_span(&msg), &body), 1);
	return osdns_said_parse(body, out);
}

static void what_is_said_arrives(void **state)
{
	(void)state;
	struct osdns_said s = { 0 };
	struct dns_os_config want = usual_config();
	build_said();
	assert_int_equal(parse_said(&s), 0);
	assert_int_equal(s.done, 3);
	assert_int_equal(s.mode, DNS_OS_OPENRESOLV);
	assert_true(s.split && s.has_base && s.base_failed);
	assert_int_equal(s.set_rc, -ERR_PERM);
	assert_true(dns_os_config_eq(&s.base, &want)); /* 0.0.0.0 is nobody */
	assert_string_equal(s.trace, "one\ntwo");
	assert_string_equal(s.set_text, "wrong");
	assert_string_equal(s.overwritten_by, "dhclient");
	assert_string_equal(s.warning, "odd?x");
	osdns_said_fini(&s);
	dns_os_config_fini(&want);
}

static void a_bad_status_is_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t v;
	} bad[] = { { AT_MODE, DNS_OS_MODES }, { AT_FLAGS, 8 }, { AT_CODE, ERR_MAX } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct osdns_said s = { 0 };
		build_said();
		msg.p[bad[i].at] = bad[i].v;
		assert_int_equal(parse_said(&s), -ERR_RANGE);
		osdns_said_fini(&s);
	}
	build_said();
	for (size_t n = OSDNS_FRAME_HEAD; n < msg.len; n++) {
		struct osdns_said s = { 0 };
		assert_int_not_equal(
		    osdns_said_parse(span_of(msg.p + OSDNS_FRAME_HEAD, n - OSDNS_FRAME_HEAD), &s),
		    0);
		osdns_said_fini(&s);
	}
}

static int setup(void **state)
{
	(void)state;
	buf_init(&msg, 4 * OSDNS_BODY_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&msg);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_arrives),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(frames_wait_for_their_end),
		cmocka_unit_test(cut_ones_are_refused),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(what_is_said_arrives),
		cmocka_unit_test(a_bad_status_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
