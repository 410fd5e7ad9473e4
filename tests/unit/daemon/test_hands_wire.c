/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/daemon/hands_request.h"

#include <stdlib.h>

/* Places in the message (hands_wire.h). */
enum { AT_VERB = 8, AT_TUN = 9, AT_MASK = 25, AT_SUBNET = 29, AT_MODE = 33, AT_FLAGS = 34 };
enum { AT_N_SELF = 39, AT_N_GUARD = 41, AT_SELF = 43, AT_GUARD = 61, PREFIX_LEN = 18 };

static uint8_t msg[HANDS_REQUEST_MAX + 64];
static size_t msg_len;

static void build(const struct hands_request *r)
{
	int n = hands_request_build(r, mspan_of(msg, sizeof(msg)));
	assert_true(n > 0);
	msg_len = (size_t)n;
}

static void build_usual(void)
{
	struct hands_request r = usual_request();
	build(&r);
	hands_request_fini(&r);
}

static int parse(void)
{
	struct hands_request r;
	int rc = hands_request_parse(span_of(msg, msg_len), &r);
	hands_request_fini(&r);
	return rc;
}

/* The usual request with one byte changed is refused so. */
static void expect_refused(size_t at, uint8_t v, int rc)
{
	build_usual();
	assert_int_not_equal(msg[at], v);
	msg[at] = v;
	if (parse() != rc)
		fail_msg("byte %zu as %u: %s", at, v, err_text(parse()));
}

static void what_is_asked_arrives(void **state)
{
	(void)state;
	struct hands_request a = usual_request(), b;
	build(&a);
	assert_int_equal(hands_request_parse(span_of(msg, msg_len), &b), 0);
	assert_int_equal(b.id, 7);
	assert_int_equal(b.verb, HANDS_FW_APPLY);
	assert_string_equal(b.tun, "mesh0");
	assert_int_equal(b.params.fwmark_mask, a.params.fwmark_mask);
	assert_int_equal(b.params.fwmark_subnet, a.params.fwmark_subnet);
	assert_true(fw_config_eq(&a.cfg, &b.cfg));
	hands_request_fini(&a);
	hands_request_fini(&b);
}

static void every_flag_is_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct hands_request a = usual_request(), b;
		a.cfg.mode = i & 1 ? RT_NETFILTER_NODIVERT : RT_NETFILTER_ON;
		a.cfg.snat = i & 1;
		a.cfg.stateful = i & 2;
		a.cfg.no_guard = i & 4;
		a.cfg.no_connmark = i & 8;
		build(&a);
		assert_int_equal(hands_request_parse(span_of(msg, msg_len), &b), 0);
		assert_true(fw_config_eq(&a.cfg, &b.cfg));
		hands_request_fini(&a);
		hands_request_fini(&b);
	}
}

static void verbs_without_words(void **state)
{
	(void)state;
	for (enum hands_verb v = HANDS_FW_DOWN; v <= HANDS_FW_CHECK; v++) {
		struct hands_request r = { .id = 9, .verb = v };
		build(&r);
		assert_int_equal(msg_len, AT_VERB + 1);
		assert_int_equal(parse(), 0);
		msg_len++;
		assert_int_equal(parse(), -ERR_PROTO);
	}
}

static void every_cut_is_noticed(void **state)
{
	(void)state;
	build_usual();
	size_t all = msg_len;
	for (msg_len = 0; msg_len < all; msg_len++)
		assert_int_equal(parse(), -ERR_SHORT);
	msg_len = all + 1;
	assert_int_equal(parse(), -ERR_PROTO);
}

static void each_field_is_checked(void **state)
{
	(void)state;
	expect_refused(0, 'x', -ERR_PROTO);
	expect_refused(AT_VERB, 0, -ERR_TYPE);
	expect_refused(AT_VERB, HANDS_FW_CHECK + 1, -ERR_TYPE);
	expect_refused(AT_MASK + 1, 0, -ERR_RANGE);   /* mark outside */
	expect_refused(AT_SUBNET + 1, 0, -ERR_RANGE); /* no mark */
	expect_refused(AT_MODE, RT_NETFILTER_OFF, -ERR_RANGE);
	expect_refused(AT_MODE, 3, -ERR_RANGE);
	expect_refused(AT_FLAGS, 0x80, -ERR_RANGE);
	expect_refused(AT_N_SELF, 0x80, -ERR_RANGE);
	expect_refused(AT_N_GUARD, 0x80, -ERR_RANGE);
	expect_refused(AT_N_GUARD + 1, 3, -ERR_SHORT);
	expect_refused(AT_N_GUARD + 1, 1, -ERR_PROTO);
	expect_refused(AT_SELF, 5, -ERR_RANGE);	     /* family */
	expect_refused(AT_SELF + 1, 31, -ERR_RANGE); /* not one address */
	expect_refused(AT_SELF + 1, 33, -ERR_RANGE);
	expect_refused(AT_SELF + PREFIX_LEN - 1, 1, -ERR_RANGE); /* beyond an IPv4 address */
	expect_refused(AT_GUARD + 1, 0, -ERR_RANGE);		 /* everything */
	expect_refused(AT_GUARD + 1, 31, -ERR_RANGE);		 /* host bits */
	expect_refused(AT_GUARD + PREFIX_LEN + 1, 129, -ERR_RANGE);
	expect_refused(AT_GUARD + PREFIX_LEN + 17, 1, -ERR_RANGE);
}

static void names_smuggle_nothing(void **state)
{
	(void)state;
	expect_refused(AT_TUN, '-', -ERR_RANGE);
	expect_refused(AT_TUN, '\0', -ERR_RANGE);
	expect_refused(AT_TUN + 4, ' ', -ERR_RANGE);
	expect_refused(AT_TUN + 4, '\n', -ERR_RANGE);
	expect_refused(AT_TUN + 4, '+', -ERR_RANGE);
	expect_refused(AT_TUN + 4, '"', -ERR_RANGE);
	expect_refused(AT_TUN + 6, 'x', -ERR_RANGE); /* behind its end */
	build_usual();
	memset(msg + AT_TUN, 'x', 16); /* no end */
	assert_int_equal(parse(), -ERR_RANGE);
	build_usual();
	memset(msg + AT_TUN, 'x', 15);
	assert_int_equal(parse(), 0);
}

static void the_guard_is_a_set(void **state)
{
	(void)state;
	uint8_t first[PREFIX_LEN];
	build_usual();
	memcpy(first, msg + AT_GUARD, sizeof(first));
	memcpy(msg + AT_GUARD + PREFIX_LEN, first, sizeof(first));
	assert_int_equal(parse(), -ERR_RANGE); /* twice */
	build_usual();
	memmove(msg + AT_GUARD, msg + AT_GUARD + PREFIX_LEN, PREFIX_LEN);
	memcpy(msg + AT_GUARD + PREFIX_LEN, first, sizeof(first));
	assert_int_equal(parse(), -ERR_RANGE); /* not sorted */
}

static void what_would_be_refused_is_not_sent(void **state)
{
	(void)state;
	struct hands_request r = usual_request();
	struct mspan out = mspan_of(msg, sizeof(msg));
	memcpy(r.tun, "-j", 3);
	assert_int_equal(hands_request_build(&r, out), -ERR_RANGE);
	memcpy(r.tun, "m", 2);
	assert_true(hands_request_build(&r, out) > 0);
	r.params.fwmark_subnet = 1;
	assert_int_equal(hands_request_build(&r, out), -ERR_RANGE);
	r.params = ROUTER_PARAMS_DEFAULT;
	r.cfg.mode = RT_NETFILTER_OFF;
	assert_int_equal(hands_request_build(&r, out), -ERR_RANGE);
	r.cfg.mode = RT_NETFILTER_ON;
	assert_int_equal(hands_request_build(&r, mspan_of(msg, 30)), -ERR_RANGE);
	while (r.cfg.self.n <= HANDS_SELF_MAX)
		prefix_list_add(&r.cfg.self, prefix_host(ip_v4(100, 64, 0, 1)));
	assert_int_equal(hands_request_build(&r, out), -ERR_RANGE);
	hands_request_fini(&r);
}

static void the_longest_fits(void **state)
{
	(void)state;
	struct hands_request r = { .verb = HANDS_FW_APPLY,
				   .tun = "a",
				   .params = ROUTER_PARAMS_DEFAULT };
	r.cfg.mode = RT_NETFILTER_ON;
	for (unsigned i = 0; i < HANDS_SELF_MAX; i++)
		prefix_list_add(&r.cfg.self, prefix_host(ip_v4(100, 64, 0, 1)));
	for (unsigned i = 0; i < HANDS_GUARD_MAX; i++)
		prefix_list_add(&r.cfg.guard,
				prefix_host(ip_v4(100, 64, (uint8_t)(i >> 8), (uint8_t)i)));
	assert_true(hands_request_build(&r, mspan_of(msg, HANDS_REQUEST_MAX)) > 0);
	hands_request_fini(&r);
}

static void replies_arrive(void **state)
{
	(void)state;
	struct hands_reply a = { .id = 5, .rc = -ERR_IO, .text = "iptables nat: no" }, b;
	uint8_t out[HANDS_REPLY_MAX];
	size_t n = hands_reply_build(&a, mspan_of(out, sizeof(out)));
	assert_int_equal(hands_reply_parse(span_of(out, n), &b), 0);
	assert_int_equal(b.id, 5);
	assert_int_equal(b.rc, -ERR_IO);
	assert_string_equal(b.text, a.text);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(hands_reply_parse(span_of(out, i), &b), -ERR_SHORT);
	assert_int_equal(hands_reply_parse(span_of(out, 9), &b), 0);
	assert_string_equal(b.text, "");
	memset(a.text, 'x', HANDS_TEXT_MAX - 1);
	n = hands_reply_build(&a, mspan_of(out, sizeof(out)));
	assert_int_equal(hands_reply_parse(span_of(out, n), &b), 0);
	assert_int_equal(hands_reply_parse(span_of(out, n + 1), &b), -ERR_PROTO);
	out[10] = 0x1b;
	assert_int_equal(hands_reply_parse(span_of(out, n), &b), 0);
	assert_int_equal(b.text[1], '?');
	out[8] = ERR_MAX;
	assert_int_equal(hands_reply_parse(span_of(out, n), &b), -ERR_PROTO);
	out[8] = 0;
	out[0] ^= 1;
	assert_int_equal(hands_reply_parse(span_of(out, n), &b), -ERR_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_arrives),
		cmocka_unit_test(every_flag_is_its_own),
		cmocka_unit_test(verbs_without_words),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(names_smuggle_nothing),
		cmocka_unit_test(the_guard_is_a_set),
		cmocka_unit_test(what_would_be_refused_is_not_sent),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(replies_arrive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
