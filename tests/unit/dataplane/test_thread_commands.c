/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command ring of a worker that does not get to run. */
#include "tests/lib/cm.h"

#include "daemon/dataplane/thread_linux.h"

#include <string.h>

static void on_wake(void *arg)
{
	(void)arg;
}

static size_t fill(struct dp_thread *t, enum dp_msg_type type, struct span bytes, size_t most)
{
	struct dp_msg m = { .type = (uint8_t)type };
	size_t n = 0;
	while (n < most && dp_thread_command(t, &m, bytes))
		n++;
	return n;
}

/* Datagrams from a relay are repeated by who sent them; commands are not. */
static void relayed_data_leaves_room(void **state)
{
	(void)state;
	static const uint8_t run[60000];
	struct dp_exchange *x = dp_exchange_new();
	struct dp_threads_opts all = { .workers = 1, .exchange = x, .wake = on_wake };
	struct dp_thread_opts o = { .all = &all, .name = "test" };
	struct dp_thread *t = dp_thread_new(&o);
	assert_non_null(t);
	size_t n = fill(t, DP_CMD_DERP_IN, span_of(run, sizeof(run)), 1000);
	assert_in_range(n, 2, 20);
	assert_int_equal(fill(t, DP_CMD_DERP_IN, span_of(run, 32), 1), 0);
	assert_int_equal(fill(t, DP_CMD_SESSION, span_of(NULL, 0), 1000), 1000);
	assert_int_equal(fill(t, DP_CMD_SEND_INNER, span_of(run, 1280), 100), 100);
	dp_thread_free(t);
	dp_exchange_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relayed_data_leaves_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
