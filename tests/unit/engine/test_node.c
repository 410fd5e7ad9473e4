/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node with its real sockets and worker, but no TUN. */
#include "tests/unit/engine/real_node.h"

#include "base/loop.h"
#include "base/net.h"
#include "daemon/engine/node_priv.h"

#define WAIT_S 60

struct stand {
	struct loop *loop;
	struct net *net;
	struct node *n;
	uint16_t port;
};

static uint16_t free_port(void)
{
	struct udp_socks s;
	struct udp_opts any = { .port = 0 };
	assert_int_equal(udp_open(&s, &any), 0);
	uint16_t port = s.v4.port;
	udp_close(&s);
	return port;
}

static int setup(void **state)
{
	struct stand *s = xcalloc(1, sizeof(*s));
	char *why = NULL;
	assert_int_equal(crypto_init(), 0);
	s->loop = loop_new();
	s->net = net_new(s->loop, NULL);
	s->port = free_port();
	struct node_opts o = { .net = s->net, .tun_name = "none", .port = s->port, .no_tun = true };
	s->n = node_new(&o, &quiet, s, &why);
	if (!s->n)
		fail_msg("%s", why);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stand *s = *state;
	node_free(s->n);
	net_free(s->net);
	loop_free(s->loop);
	free(s);
	return 0;
}

static uint16_t port_now(struct stand *s)
{
	struct node_status st;
	node_status(s->n, &st);
	return st.port;
}

/* Wait until the node is off the port, or on it. */
static bool comes_to(struct stand *s, bool on)
{
	mono_t give_up = mono_add_s(mono_now(), WAIT_S);
	while ((port_now(s) == s->port) != on && !mono_due(give_up, mono_now()))
		loop_turn(s->loop, 50);
	return (port_now(s) == s->port) == on;
}

static void the_network_may_want_any_port(void **state)
{
	struct stand *s = *state;
	apply_self(s->n, NULL);
	assert_int_equal(port_now(s), s->port);
	apply_self(s->n, "randomize-client-port");
	assert_true(comes_to(s, false));
	apply_self(s->n, NULL);
	assert_true(comes_to(s, true));
}

static void rebound(struct stand *s)
{
	mono_t give_up = mono_add_s(mono_now(), WAIT_S);
	while (s->n->rebind != REBIND_NONE && !mono_due(give_up, mono_now()))
		loop_turn(s->loop, 50);
	assert_int_equal(s->n->rebind, REBIND_NONE);
}

/* Packets that the system refuses bind new sockets, but not again and again. */
static void refusals_rebind_now_and_then(void **state)
{
	struct stand *s = *state;
	apply_self(s->n, NULL);
	node_on_refused(s->n);
	assert_int_equal(s->n->rebind, REBIND_CLOSING);
	rebound(s);
	assert_int_equal(port_now(s), s->port);
	node_on_refused(s->n);
	assert_int_equal(s->n->rebind, REBIND_NONE);
}

/* A socket that cannot send is replaced before our addresses are looked at again. */
static void a_dead_socket_is_replaced(void **state)
{
	struct stand *s = *state;
	apply_self(s->n, NULL);
	mono_t before = s->n->rebound_at;
	node_gather(s->n);
	assert_int_equal(s->n->rebind, REBIND_NONE);
	s->n->stun4_failed = true;
	node_gather(s->n);
	assert_int_equal(s->n->rebind, REBIND_CLOSING);
	assert_true(mono_before(before, s->n->rebound_at));
	rebound(s);
	assert_false(s->n->stun4_failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_network_may_want_any_port, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_rebind_now_and_then, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_socket_is_replaced, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
