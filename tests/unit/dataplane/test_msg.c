/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/msg.h"

#include "tests/lib/cm.h"

#include <stdlib.h>

static int setup(void **state)
{
	*state = ring_new(4096);
	return 0;
}

static int teardown(void **state)
{
	ring_free(*state);
	return 0;
}

static void comes_out_as_put_in(void **state)
{
	struct ring *r = *state;
	const struct dp_msg m = {
		.type = DP_EV_CONFIRMED,
		.flag = true,
		.peer = 77,
		.index = 0xdeadbeef,
		.ep = { ip_v4(1, 2, 3, 4), 5 },
	};
	struct dp_msg got;
	struct mspan bytes;
	bool wake = false;
	assert_true(dp_msg_put(r, &m, span_str("hello"), &wake));
	assert_true(wake);
	assert_true(dp_msg_peek(r, &got, &bytes));
	assert_int_equal(got.type, DP_EV_CONFIRMED);
	assert_true(got.flag);
	assert_int_equal(got.peer, 77);
	assert_int_equal(got.index, 0xdeadbeef);
	assert_true(ep_eq(got.ep, m.ep));
	assert_int_equal(got.len, 5);
	assert_true(span_eq_str(span_const(bytes), "hello"));
	ring_pop(r);
	assert_false(dp_msg_peek(r, &got, &bytes));
}

static void may_be_empty(void **state)
{
	struct ring *r = *state;
	struct dp_msg got;
	struct mspan bytes;
	bool wake = false;
	assert_true(dp_msg_put(r, &(struct dp_msg){ .type = DP_CMD_KEEPALIVE, .len = 99 },
			       span_of(NULL, 0), &wake));
	assert_true(dp_msg_peek(r, &got, &bytes));
	assert_int_equal(got.len, 0);
	assert_int_equal(bytes.len, 0);
}

/* One wake for the record that finds the ring empty; it is never taken back. */
static void wakes_once(void **state)
{
	struct ring *r = *state;
	const struct dp_msg m = { .type = DP_EV_ACTIVE };
	bool wake = false;
	assert_true(dp_msg_put(r, &m, span_of(NULL, 0), &wake));
	assert_true(wake);
	assert_true(dp_msg_put(r, &m, span_of(NULL, 0), &wake));
	assert_true(wake);
	wake = false;
	assert_true(dp_msg_put(r, &m, span_of(NULL, 0), &wake));
	assert_false(wake);
}

static void a_full_ring_refuses(void **state)
{
	struct ring *r = *state;
	struct dp_msg m = { .type = DP_EV_DATAGRAM }, got;
	uint8_t b[200] = { 0 };
	struct mspan bytes;
	bool wake = false;
	uint32_t n = 0;
	for (;; n++) {
		m.index = n;
		if (!dp_msg_put(r, &m, span_of(b, sizeof(b)), &wake))
			break;
		assert_true(n < 4096);
	}
	assert_true(n >= 10);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(dp_msg_peek(r, &got, &bytes));
		assert_int_equal(got.index, i);
		assert_int_equal(bytes.len, sizeof(b));
		ring_pop(r);
	}
	assert_true(dp_msg_put(r, &m, span_of(b, sizeof(b)), &wake));
}

static void too_long_is_refused(void **state)
{
	struct ring *big = ring_new(1 << 20);
	uint8_t *b = calloc(1, UINT16_MAX + 1);
	const struct dp_msg m = { .type = DP_EV_DATAGRAM };
	bool wake = false;
	(void)state;
	assert_false(dp_msg_put(big, &m, span_of(b, UINT16_MAX + 1), &wake));
	assert_false(wake);
	assert_true(dp_msg_put(big, &m, span_of(b, UINT16_MAX), &wake));
	free(b);
	ring_free(big);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(comes_out_as_put_in), T(may_be_empty),	T(wakes_once),
		T(a_full_ring_refuses), T(too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
