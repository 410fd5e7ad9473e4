/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a flood of handshake messages gets, and what an honest node gets meanwhile. */
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "tests/lib/cm.h"
#include "wg/cookie.h"
#include "wg/gate.h"
#include "wg/load.h"
#include "wg/ratelimiter.h"

#include <stdlib.h>
#include <string.h>

#define START ((mono_t){ 1000 * NS_PER_S })
#define FLOOD_PER_S 100000

struct fixture {
	struct rng_seeded rng;
	struct wg_gate *g;
	struct node_key self;
	struct wg_cookie_reply reply; /* the last */
	mono_t now;
	unsigned got[WG_VERDICTS];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	assert_int_equal(crypto_init(), 0);
	rng_seeded_init(&f->rng, 3);
	f->g = wg_gate_new(&f->rng.rng);
	memset(&f->self, 0x77, sizeof(f->self));
	wg_gate_set_self(f->g, &f->self);
	f->now = START;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	wg_gate_free(f->g);
	free(f);
	return 0;
}

static struct wg_from from_ip(uint32_t n)
{
	return (struct wg_from){
		.ep = { ip_v4(10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n), 4000 }
	};
}

/* Whoever sends it knows our key, and perhaps a cookie. */
static struct wg_initiation initiation(const struct fixture *f, struct wg_cookie_jar *jar)
{
	struct wg_cookie_jar none = { .have_mac1 = false };
	struct wg_initiation m;
	memset(&m, 0x33, sizeof(m));
	wg_put_le32(m.type, WG_KIND_INITIATION);
	wg_cookie_add_macs(jar ? jar : &none, f->now, &f->self, mspan_of(&m, sizeof(m)));
	return m;
}

static enum wg_verdict admit(struct fixture *f, struct wg_from from, const struct wg_initiation *m)
{
	enum wg_verdict v = wg_gate_admit(f->g, f->now, &from, span_of(m, sizeof(*m)), &f->reply);
	f->got[v]++;
	return v;
}

/* ms of a flood from `sources` addresses, beginning with 10.1.0.0, in no order: groups of sources
 * are made with a secret that differs from run to run, and an order would beat against them. */
static void flood(struct fixture *f, const struct wg_initiation *m, unsigned ms, uint32_t sources)
{
	for (uint64_t i = 0; i < (uint64_t)ms * FLOOD_PER_S / 1000; i++) {
		f->now = mono_add_ns(f->now, NS_PER_S / FLOOD_PER_S);
		admit(f, from_ip(0x10000 + rng_below(&f->rng.rng, sources)), m);
	}
}

static void without_load_mac1_is_enough(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	for (int i = 0; i < 100; i++) {
		f->now = mono_add_ms(f->now, 2);
		assert_int_equal(admit(f, from_ip(1), &m), WG_PASS);
	}
	assert_false(wg_gate_under_load(f->g, f->now));
	m.mac1[3] ^= 1;
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_MAC1);
}

static void without_a_key_nothing_passes(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	wg_gate_set_self(f->g, NULL);
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_NO_KEY);
	const struct node_key none = { { 0 } };
	wg_gate_set_self(f->g, &none);
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_NO_KEY);
	struct node_key other = f->self;
	other.b[0] ^= 1;
	wg_gate_set_self(f->g, &other);
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_MAC1);
	wg_gate_set_self(f->g, &f->self);
	assert_int_equal(admit(f, from_ip(1), &m), WG_PASS);
}

/* Nobody can make us ask for cookies who does not know our key. */
static void bad_mac1_is_no_load(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	m.mac1[0] ^= 1;
	flood(f, &m, 100, 50000);
	assert_int_equal(f->got[WG_DROP_MAC1], FLOOD_PER_S / 10);
	assert_false(wg_gate_under_load(f->g, f->now));
}

static void one_source_gets_few_cookies_and_another_its_own(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	flood(f, &m, 1000, 1);
	assert_true(f->got[WG_PASS] <= WG_LOAD_PER_S / 4 + 1);
	assert_in_range(f->got[WG_DROP_COOKIE], 1,
			WG_GATE_COOKIES_PER_S + WG_GATE_COOKIES_BURST + 1);
	/* honest nodes: a cookie at the first try, in at the second, but for one in WG_GATE_SHARES
	 * that shares the flood's group */
	enum { HONEST = 8, UNLUCKY = 3 };
	struct wg_initiation flooding = initiation(f, NULL);
	int passed = 0;
	for (uint32_t i = 0; i < HONEST; i++) {
		struct wg_cookie_jar jar = { .have_mac1 = false };
		m = initiation(f, &jar);
		if (admit(f, from_ip(i), &m) != WG_DROP_COOKIE)
			continue;
		assert_int_equal(wg_cookie_consume(&jar, f->now, &f->self, &f->reply), 0);
		flood(f, &flooding, 500, 1);
		m = initiation(f, &jar);
		passed += admit(f, from_ip(i), &m) == WG_PASS;
	}
	assert_true(passed > HONEST - UNLUCKY);
}

static void many_sources_get_a_bounded_number(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	flood(f, &m, 1000, 60000);
	assert_true(f->got[WG_PASS] <= WG_LOAD_PER_S / 4 + 1);
	assert_true(f->got[WG_DROP_COOKIE] <=
		    WG_GATE_SHARES * (WG_GATE_COOKIES_PER_S + WG_GATE_COOKIES_BURST + 1));
	assert_true(f->got[WG_DROP_COOKIE] >= WG_GATE_SHARES * WG_GATE_COOKIES_PER_S / 2);
	assert_int_equal(f->got[WG_PASS] + f->got[WG_DROP_COOKIE] + f->got[WG_DROP_LOAD],
			 FLOOD_PER_S);
}

/* A node that tries every five seconds has its cookie before long, and keeps it for two minutes.
 * Its tries come with jitter, as all do: in step with the tokens it would wait for ever. */
static void an_honest_node_gets_in_among_many(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation flooding = initiation(f, NULL);
	struct wg_cookie_jar jar = { .have_mac1 = false };
	enum { TRIES = 1000 }; /* each has a chance of four in a hundred */
	int tries = 0;
	enum wg_verdict v;
	do {
		flood(f, &flooding, 50 + rng_below(&f->rng.rng, 100), 60000);
		struct wg_initiation m = initiation(f, &jar);
		v = admit(f, from_ip(9), &m);
		if (v == WG_DROP_COOKIE)
			assert_int_equal(wg_cookie_consume(&jar, f->now, &f->self, &f->reply), 0);
	} while (v != WG_PASS && ++tries < TRIES);
	assert_int_equal(v, WG_PASS);
	for (int i = 0; i < 100; i++) {
		flood(f, &flooding, 50, 60000);
		struct wg_initiation m = initiation(f, &jar);
		assert_int_equal(admit(f, from_ip(9), &m), WG_PASS);
	}
}

static void a_made_up_mac2_helps_nobody(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	memset(m.mac2, 0x99, sizeof(m.mac2));
	flood(f, &m, 1000, 60000);
	assert_true(f->got[WG_PASS] <= WG_LOAD_PER_S / 4 + 1);
	assert_int_equal(f->got[WG_DROP_RATE], 0);
	assert_true(f->got[WG_DROP_COOKIE] <=
		    WG_GATE_SHARES * (WG_GATE_COOKIES_PER_S + WG_GATE_COOKIES_BURST + 1));
}

/* Under load a wrong mac1 gets no answer, with or without a cookie. */
static void under_load_mac1_is_still_read(void **state)
{
	struct fixture *f = *state;
	struct wg_cookie_jar jar = { .have_mac1 = false };
	wg_gate_on_backlog(f->g, f->now, 1, 1);
	struct wg_initiation m = initiation(f, &jar);
	m.mac1[0] ^= 1;
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_MAC1);
	m = initiation(f, &jar);
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_COOKIE);
	assert_int_equal(wg_cookie_consume(&jar, f->now, &f->self, &f->reply), 0);
	m = initiation(f, &jar);
	assert_int_equal(admit(f, from_ip(2), &m), WG_DROP_COOKIE);
	assert_int_equal(admit(f, from_ip(1), &m), WG_PASS);
	/* who holds a cookie cannot have the message accepted that another key was meant for */
	m.mac1[0] ^= 1;
	blake2s_mac16(m.mac2, span_of(jar.cookie, WG_MAC_LEN), span_of(&m, sizeof(m) - WG_MAC_LEN));
	assert_int_equal(admit(f, from_ip(1), &m), WG_DROP_MAC1);
}

/* Real addresses with real cookies, more than we can serve: what passes is bounded. */
static void many_cookies_do_not_buy_the_machine(void **state)
{
	struct fixture *f = *state;
	enum { SOURCES = 1000 };
	static struct wg_cookie_jar jar[SOURCES];
	memset(jar, 0, sizeof(jar));
	for (uint32_t i = 0; i < SOURCES; i++)
		do {
			f->now = mono_add_ms(f->now, 20);
			wg_gate_on_backlog(f->g, f->now, 1, 1);
			struct wg_initiation m = initiation(f, &jar[i]);
			if (admit(f, from_ip(i), &m) == WG_DROP_COOKIE)
				assert_int_equal(
				    wg_cookie_consume(&jar[i], f->now, &f->self, &f->reply), 0);
		} while (!jar[i].have_cookie);
	f->now = mono_add_s(f->now, 1);
	wg_gate_on_backlog(f->g, f->now, 1, 1);
	memset(f->got, 0, sizeof(f->got));
	for (int i = 0; i < 20 * SOURCES; i++) {
		f->now = mono_add_ns(f->now, NS_PER_S / (20 * SOURCES));
		struct wg_initiation m = initiation(f, &jar[i % SOURCES]);
		admit(f, from_ip((uint32_t)(i % SOURCES)), &m);
	}
	assert_in_range(f->got[WG_PASS], WG_GATE_PER_S / 2, WG_GATE_PER_S + WG_GATE_PER_S / 10 + 1);
	assert_int_equal(f->got[WG_PASS] + f->got[WG_DROP_RATE], 20 * SOURCES);
}

static void load_ends_after_the_flood(void **state)
{
	struct fixture *f = *state;
	struct wg_initiation m = initiation(f, NULL);
	flood(f, &m, 200, 60000);
	assert_true(wg_gate_under_load(f->g, f->now));
	f->now = mono_add_ms(f->now, 1001);
	assert_false(wg_gate_under_load(f->g, f->now));
	m = initiation(f, NULL);
	assert_int_equal(admit(f, from_ip(9), &m), WG_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_load_mac1_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_key_nothing_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_mac1_is_no_load, setup, teardown),
		cmocka_unit_test_setup_teardown(one_source_gets_few_cookies_and_another_its_own,
						setup, teardown),
		cmocka_unit_test_setup_teardown(many_sources_get_a_bounded_number, setup, teardown),
		cmocka_unit_test_setup_teardown(an_honest_node_gets_in_among_many, setup, teardown),
		cmocka_unit_test_setup_teardown(a_made_up_mac2_helps_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(under_load_mac1_is_still_read, setup, teardown),
		cmocka_unit_test_setup_teardown(many_cookies_do_not_buy_the_machine, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_ends_after_the_flood, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
