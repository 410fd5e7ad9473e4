/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node takes of the kernel's help, what the network forbids of it, and what it tells. */
#include "tests/unit/engine/real_node.h"

#include "base/counters.h"
#include "base/crypto/aead_batch.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/net.h"
#include "daemon/engine/node_priv.h"

#define WAIT_S 60

struct stand {
	struct loop *loop;
	struct net *net;
	struct node *n;
	char said[4096]; /* lines of the log */
};

static void on_line(void *arg, const char *line)
{
	struct stand *s = arg;
	size_t len = strlen(s->said);
	snprintf(s->said + len, sizeof(s->said) - len, "%s\n", line);
}

/* What was said since the last call is a line with these words, once; NULL: nothing. */
static void expect_said(struct stand *s, const char *words)
{
	const char *hit = words ? strstr(s->said, words) : NULL;
	if (words ? !hit || strstr(hit + 1, words) : s->said[0])
		fail_msg("said: %s", s->said);
	s->said[0] = 0;
}

static void begin(struct stand *s, uint32_t no_offload)
{
	char *why = NULL;
	struct node_opts o = {
		.net = s->net, .tun_name = "none", .no_tun = true, .no_offload = no_offload
	};
	s->n = node_new(&o, &quiet, s, &why);
	if (!s->n)
		fail_msg("%s", why);
}

static int setup(void **state)
{
	struct stand *s = xcalloc(1, sizeof(*s));
	assert_int_equal(crypto_init(), 0);
	s->loop = loop_new();
	s->net = net_new(s->loop, NULL);
	log_set_tap(on_line, s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stand *s = *state;
	log_set_tap(NULL, NULL);
	node_free(s->n);
	net_free(s->net);
	loop_free(s->loop);
	free(s);
	return 0;
}

/* Why the step is off for the first UDP socket, as shown; NULL: it is on. */
static void expect_step(struct stand *s, const char *step, const char *why)
{
	json_t *d = node_debug_datapath(s->n);
	const json_t *steps = j_get(j_at(j_get(d, "UDP"), 0), "Steps");
	size_t found = 0;
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *o = j_at(steps, i);
		if (str_cmp(j_str(o, "Step"), step) != 0)
			continue;
		found++;
		assert_int_equal(j_bool(o, "Active", false), why == NULL);
		assert_int_equal(str_cmp(j_str(o, "Why"), why), 0);
	}
	assert_int_equal(found, 1);
	j_free(d);
}

/* Whether this kernel has it at all: then the rest can be told. */
static bool kernel_has_both(const struct stand *s)
{
	return !s->n->socks.v4.gso_off && !s->n->socks.v4.gro_off;
}

static void what_is_shown(void **state)
{
	struct stand *s = *state;
	begin(s, 0);
	json_t *d = node_debug_datapath(s->n);
	const json_t *usable = j_get(j_get(d, "AEAD"), "Usable"), *sock = j_at(j_get(d, "UDP"), 0);
	assert_string_equal(j_str(j_get(d, "AEAD"), "Used"), aead_batch_name());
	assert_string_equal(j_text(j_at(usable, j_len(usable) - 1)), "sodium");
	assert_in_range(j_int(d, "Workers", 0), 1, 2);
	assert_false(j_has(d, "TUN"));
	assert_string_equal(j_str(sock, "Family"), "IPv4");
	assert_int_equal(j_int(sock, "Port", 0), s->n->socks.v4.port);
	assert_int_equal(j_int(sock, "WantedBuffer", 0), UDP_SOCKET_BUFFER);
	assert_in_range(j_int(sock, "ReceiveBuffer", 0), 1, UDP_SOCKET_BUFFER);
	assert_in_range(j_int(sock, "SendBuffer", 0), 1, UDP_SOCKET_BUFFER);
	assert_int_equal(j_int(sock, "QueueDrops", -1), 0);
	assert_true(j_has(j_get(d, "Counters"), "dataplane_rx_drop_auth"));
	assert_true(j_has(j_get(d, "Counters"), "magicsock_udp_rx_queue_drops"));
	assert_false(j_has(j_get(d, "Counters"), "wg_hs_bad_mac1"));
	j_free(d);
}

static void switched_off_at_start(void **state)
{
	struct stand *s = *state;
	begin(s, OFFLOAD_ALL);
	expect_step(s, "udp-gso", "switched off");
	expect_step(s, "udp-gro", "switched off");
	apply_self(s->n, "disable-udp-gro");
	apply_self(s->n, NULL); /* the network does not switch on what a person switched off */
	expect_step(s, "udp-gro", "switched off");
}

static void rebound(struct stand *s)
{
	mono_t give_up = mono_add_s(mono_now(), WAIT_S);
	node_rebind(s->n);
	while (s->n->rebind != REBIND_NONE && !mono_due(give_up, mono_now()))
		loop_turn(s->loop, 50);
	assert_int_equal(s->n->rebind, REBIND_NONE);
}

static void the_network_forbids(void **state)
{
	struct stand *s = *state;
	begin(s, 0);
	if (!kernel_has_both(s))
		skip();
	apply_self(s->n, NULL);
	expect_step(s, "udp-gso", NULL);
	expect_step(s, "udp-gro", NULL);
	apply_self(s->n, "disable-udp-gro");
	expect_step(s, "udp-gro", "switched off by the network");
	rebound(s); /* new sockets know it too */
	expect_step(s, "udp-gro", "switched off by the network");
	expect_step(s, "udp-gso", NULL);
	apply_self(s->n, "never-gso-equal-tail");
	expect_step(s, "udp-gso", "switched off by the network");
	expect_step(s, "udp-gro", NULL);
	apply_self(s->n, "disable-udp-gso");
	expect_step(s, "udp-gso", "switched off by the network");
	apply_self(s->n, NULL);
	expect_step(s, "udp-gso", NULL);
}

static void a_device_refuses(void **state)
{
	struct stand *s = *state;
	begin(s, 0);
	if (!kernel_has_both(s))
		skip();
	s->n->socks.v4.gso_off |= OFFLOAD_OFF_DEVICE;
	s->said[0] = 0;
	node_on_offload(s->n);
	expect_said(s, "offload: udp-gso: refused by the device");
	node_on_offload(s->n);
	expect_said(s, NULL);
	expect_step(s, "udp-gso", "refused by the device");
	rebound(s); /* the new socket may leave by another device */
	expect_said(s, "offload: udp-gso: on");
	expect_step(s, "udp-gso", NULL);
}

static void the_start_is_told(void **state)
{
	struct stand *s = *state;
	begin(s, OFFLOAD_ALL);
	assert_non_null(strstr(s->said, "offload: udp none; aead "));
	assert_non_null(strstr(s->said, "; 1 worker\n"));
	expect_said(s, "offload: udp-gro: switched off");
	node_on_offload(s->n);
	expect_said(s, NULL);
	s->n->have_tun = true;
	s->n->tun_granted = TUN_STEPS;
	s->n->no_offload = OFFLOAD_BIT(OFFLOAD_TUN_GRO_UDP);
	s->n->workers = 2;
	node_say_start(s->n);
	s->n->have_tun = false;
	expect_said(s, "offload: tun vnet+tso+uso gro tcp, udp none; aead ");
}

static void small_buffers_are_told_once(void **state)
{
	struct stand *s = *state;
	begin(s, 0);
	bool small = s->n->buffers_said; /* not allowed more on this machine */
	s->said[0] = 0;
	s->n->socks.v4.sndbuf = 212992;
	node_say_buffers(s->n);
	expect_said(s, small ? NULL : "udp: socket buffers of 208 KiB instead of 7168");
	node_say_buffers(s->n);
	expect_said(s, NULL);
}

/* ---- the TUN's steps, from what it says of itself ---- */

static void expect_tun(struct stand *s, enum offload_step step, unsigned off)
{
	assert_int_equal(node_offload_off(s->n, step), off);
}

static void why_the_tun_lacks_a_step(void **state)
{
	struct stand *s = *state;
	begin(s, 0);
	struct node *n = s->n;
	n->tun_granted = TUN_STEPS;
	for (unsigned i = OFFLOAD_VNET; i <= OFFLOAD_TUN_GRO_UDP; i++)
		expect_tun(s, i, 0);
	n->network_off = TUN_TCP_GRO;
	expect_tun(s, OFFLOAD_TUN_GRO_TCP, OFFLOAD_OFF_NETWORK);
	n->network_off = 0;
	n->tun_granted = TUN_VNET | TUN_TSO; /* no USO in this kernel, so no joined UDP */
	n->tun.refused = TUN_USO;
	n->no_offload = TUN_TCP_GRO;
	expect_tun(s, OFFLOAD_USO, OFFLOAD_OFF_KERNEL);
	expect_tun(s, OFFLOAD_TUN_GRO_UDP, OFFLOAD_OFF_KERNEL);
	expect_tun(s, OFFLOAD_TUN_GRO_TCP, OFFLOAD_OFF_SWITCH);
	n->tun_granted = n->tun.refused = 0;
	n->no_offload = TUN_VNET; /* takes the others with it */
	for (unsigned i = OFFLOAD_VNET; i <= OFFLOAD_TUN_GRO_UDP; i++)
		expect_tun(s, i, OFFLOAD_OFF_SWITCH);
	n->no_offload = 0;
	n->tun.refused = TUN_VNET;
	expect_tun(s, OFFLOAD_TUN_GRO_UDP, OFFLOAD_OFF_KERNEL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_shown),
		T(switched_off_at_start),
		T(the_network_forbids),
		T(a_device_refuses),
		T(the_start_is_told),
		T(small_buffers_are_told_once),
		T(why_the_tun_lacks_a_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
