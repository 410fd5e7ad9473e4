/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many requests in one send: each gets its own answer. */
#include "tests/unit/netstack/netns.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

static struct nl_sock *nl;
static struct netbatch batch;
static unsigned lo;

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	nl = netmsg_socket();
	assert_non_null(nl);
	lo = if_nametoindex("lo");
	assert_int_equal(kroute_link_set_up(nl, lo, true), 0);
	netbatch_init(&batch, nl);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	netmsg_set_fault(NULL);
	netbatch_fini(&batch);
	nl_socket_free(nl);
	return 0;
}

static struct nl_msg *route(unsigned i, unsigned oif, bool add)
{
	struct kroute_route r = { .dst = prefix_host(ip_v4(10, 0, 0, (uint8_t)i)),
				  .table = 52,
				  .oif = oif };
	return kroute_route_msg(&r, add);
}

static void count(void *arg, struct nlmsghdr *h)
{
	struct netmsg_route r;
	*(size_t *)arg += netmsg_route(h, &r) && r.table == 52;
}

static size_t there(void)
{
	size_t n = 0;
	assert_int_equal(netmsg_dump(nl, RTM_GETROUTE, AF_INET, 52, count, &n), 0);
	return n;
}

static void nothing_is_sent_for_nothing(void **state)
{
	(void)state;
	netbatch_send(&batch);
	assert_int_equal(batch.n, 0);
}

static void each_answer_belongs_to_its_request(void **state)
{
	(void)state;
	for (unsigned i = 0; !netbatch_full(&batch); i++)
		netbatch_add(&batch, route(i, i % 5 == 3 ? 9999 : lo, true));
	assert_int_equal(batch.n, NETBATCH_MAX);
	netbatch_send(&batch);
	for (unsigned i = 0; i < batch.n; i++)
		assert_int_equal(batch.rc[i], i % 5 == 3 ? -ERR_NOENT : 0);
	assert_int_equal(there(), NETBATCH_MAX - NETBATCH_MAX / 5);
	netbatch_clear(&batch);
	netbatch_add(&batch, route(0, lo, false));
	netbatch_add(&batch, route(0, lo, false));
	netbatch_send(&batch);
	assert_int_equal(batch.rc[0], 0);
	assert_int_equal(batch.rc[1], -ERR_NOENT); /* the last one */
}

static void what_the_kernel_refuses(void **state)
{
	struct kroute_route bad = { .dst = pk_prefix("10.0.0.0/8"), .table = 52, .type = 99 };
	struct kroute_rule rule = { IP_V4, 5210, 1, 1, 52 };
	(void)state;
	assert_int_equal(kroute_route_add(nl, &bad), -ERR_RANGE);
	assert_int_equal(kroute_rule_add(nl, &rule), 0);
	assert_int_equal(kroute_rule_add(nl, &rule), 0); /* it is there */
	assert_int_equal(kroute_link_set_up(nl, 9999, true), -ERR_NOENT);
	assert_int_equal(kroute_link_set_up(nl, lo, false), 0);
	struct kroute_route down = { .dst = pk_prefix("10.0.0.0/8"), .table = 52, .oif = lo };
	assert_int_equal(kroute_route_add(nl, &down), -ERR_STATE);
}

static unsigned asked;

static int every_second(int type, int fam)
{
	assert_int_equal(fam, AF_INET);
	return type == RTM_NEWROUTE && asked++ % 2 ? -ERR_BUSY : 0;
}

static void faults_are_put_in_their_place(void **state)
{
	(void)state;
	netmsg_set_fault(every_second);
	asked = 0;
	for (unsigned i = 0; i < 10; i++)
		netbatch_add(&batch, route(i, i == 4 ? 9999 : lo, true));
	netbatch_add(&batch, NULL);
	netbatch_send(&batch);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(batch.rc[i], i % 2 ? -ERR_BUSY : i == 4 ? -ERR_NOENT : 0);
	assert_int_equal(batch.rc[10], -ERR_NOMEM);
	assert_int_equal(there(), 4);
	assert_int_equal(netbatch_one(nl, NULL), -ERR_NOMEM);
}

/* The socket has no room for so many errors: those that are lost are told, nothing waits, and the
 * next request has its own answer. */
static void answers_that_do_not_fit(void **state)
{
	int small = 1;
	(void)state;
	assert_int_equal(
	    setsockopt(nl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (unsigned i = 0; !netbatch_full(&batch); i++)
		netbatch_add(&batch, route(i, lo, false));
	netbatch_send(&batch);
	size_t lost = 0;
	for (unsigned i = 0; i < batch.n; i++) {
		assert_true(batch.rc[i] == -ERR_NOENT || batch.rc[i] == -ERR_NOMEM);
		lost += batch.rc[i] == -ERR_NOMEM;
	}
	assert_in_range(lost, 1, NETBATCH_MAX);
	for (unsigned i = 0; i < 3; i++) {
		netbatch_clear(&batch);
		netbatch_add(&batch, route(i, lo, true));
		netbatch_send(&batch);
		assert_int_equal(batch.rc[0], 0);
		assert_int_equal(there(), i + 1);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_is_sent_for_nothing), T(each_answer_belongs_to_its_request),
		T(what_the_kernel_refuses),	T(faults_are_put_in_their_place),
		T(answers_that_do_not_fit),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
