/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Initiations that cross while both sides send without a pause, a packet each way in every
 * millisecond: nothing is lost, and what one side receives never stops for longer than a flight,
 * whichever came first and whichever handshake message is lost. A device
 * that kept one handshake for both roles would stop until the retransmission, 5 s later. */
#include "tests/unit/wg/world.h"

#define DELAY_MS (DELAY / NS_PER_MS)
#define SKEW (DELAY_MS - 1)	      /* the other's initiation is still under way */
#define FLIGHTS_MS (2 * DELAY_MS + 2) /* there and back: the longest that anything may take */

struct watch {
	unsigned sent;
	unsigned received_before; /* the load began */
	int64_t longest_gap_ms;
};

struct load {
	struct world *w;
	struct watch n[NODES];
};

static struct load load_new(uint64_t seed)
{
	struct load l = { .w = world_connected(seed) };
	run_s(l.w, 6); /* the 5 s between two initiations are over */
	for (int i = 0; i < NODES; i++) {
		l.n[i].received_before = l.w->n[i].received;
		l.w->n[i].last_received = l.w->now;
	}
	return l;
}

static void load_ms(struct load *l, int64_t ms)
{
	for (int64_t t = 0; t < ms; t++) {
		for (int i = 0; i < NODES; i++) {
			send_data(l->w, i);
			l->n[i].sent++;
		}
		run_ms(l->w, 1);
		for (int i = 0; i < NODES; i++) {
			int64_t gap = ms_between(l->w->n[i].last_received, l->w->now);
			if (gap > l->n[i].longest_gap_ms)
				l->n[i].longest_gap_ms = gap;
		}
	}
}

/* What one sent and the other never got. */
static unsigned lost_from(const struct load *l, int from)
{
	int to = from == A ? B : A;
	return l->n[from].sent - (l->w->n[to].received - l->n[to].received_before);
}

/* As a timer does it, whatever session there is. */
static void initiate(struct world *w, int who)
{
	struct node *n = &w->n[who];
	wg_handshake_begin(n->peer, w->now, wall_of(w, who), out_of(n));
	wg_timers_schedule(n->peer);
	settle(w);
}

static void cross(struct load *l, int64_t skew_ms)
{
	int first = skew_ms < 0 ? B : A;
	initiate(l->w, first);
	load_ms(l, skew_ms < 0 ? -skew_ms : skew_ms);
	initiate(l->w, first == A ? B : A);
}

static void assert_no_stall(const struct load *l)
{
	for (int i = 0; i < NODES; i++) {
		assert_in_range(l->n[i].longest_gap_ms, 0, FLIGHTS_MS);
		assert_int_equal(l->w->n[i].staged, 0);
		assert_int_equal(l->w->n[i].opened[WG_OPEN_AUTH], 0);
		assert_int_equal(lost_from(l, i), 0);
	}
}

/* Both responses came, and no handshake has to be repeated. */
static void test_every_skew(void **state)
{
	(void)state;
	for (int64_t skew = -SKEW; skew <= SKEW; skew++) {
		struct load l = load_new(100 + (uint64_t)(skew + DELAY_MS));
		load_ms(&l, 50);
		cross(&l, skew);
		load_ms(&l, 20000);
		run_ms(l.w, DELAY_MS);
		assert_no_stall(&l);
		assert_true(l.w->n[A].sent[WG_KIND_INITIATION] == 2);
		assert_true(l.w->n[B].sent[WG_KIND_INITIATION] == 1);
		world_free(l.w);
	}
}

/* Again and again, as soon as the limit of 5 s between two initiations allows. */
static void test_many_times_in_a_row(void **state)
{
	(void)state;
	struct load l = load_new(200);
	for (int i = 0; i < 100; i++) {
		cross(&l, i % (2 * SKEW + 1) - SKEW);
		load_ms(&l, 5100);
	}
	run_ms(l.w, DELAY_MS);
	for (int i = 0; i < NODES; i++)
		assert_in_range(l.n[i].longest_gap_ms, 0, FLIGHTS_MS);
	assert_int_equal(l.w->n[B].sent[WG_KIND_INITIATION], 100);
	assert_int_equal(lost_from(&l, A) + lost_from(&l, B), 0);
	world_free(l.w);
}

/* ---- and a message of it is lost ------------------------------------------------------------- */

static int lose_from;
static enum wg_kind lose_kind;
static bool lost_it;

static bool lose_that_one(struct world *w, int from, struct span d)
{
	(void)w;
	if (lost_it || from != lose_from || wg_classify(d) != lose_kind)
		return false;
	lost_it = true;
	return true;
}

static void check_loss(int from, enum wg_kind kind, int64_t skew)
{
	struct load l = load_new(300 + (uint64_t)(skew + DELAY_MS));
	lose_from = from;
	lose_kind = kind;
	lost_it = false;
	l.w->lose = lose_that_one;
	cross(&l, skew);
	load_ms(&l, 12000); /* beyond the repetition of what was lost */
	run_ms(l.w, DELAY_MS);
	assert_true(lost_it);
	assert_no_stall(&l);
	world_free(l.w);
}

static void test_any_message_may_be_lost(void **state)
{
	(void)state;
	for (int from = A; from <= B; from++)
		for (int64_t skew = -SKEW; skew <= SKEW; skew += 3) {
			check_loss(from, WG_KIND_INITIATION, skew);
			check_loss(from, WG_KIND_RESPONSE, skew);
		}
}

/* ---- how it happens by itself ---------------------------------------------------------------- */

/* The way is dead until both want a new session, and comes back under both retransmissions: these
 * cross where the jitters are alike. The flow goes on after the first of them that arrives. */
static bool revive(uint64_t seed)
{
	struct load l = load_new(seed);
	load_ms(&l, 100);
	l.w->lose = lose_all;
	load_ms(&l, 17000);
	l.w->lose = NULL;
	mono_t back = l.w->now;
	unsigned before[NODES] = { l.w->n[A].received, l.w->n[B].received };
	for (int i = 0;
	     i < 6000 && (l.w->n[A].received == before[A] || l.w->n[B].received == before[B]); i++)
		load_ms(&l, 1);
	assert_in_range(ms_between(back, l.w->now), 0, 5000 + WG_JITTER_MAX_MS + FLIGHTS_MS);
	l.n[A].longest_gap_ms = l.n[B].longest_gap_ms = 0;
	load_ms(&l, 8000);
	for (int i = 0; i < NODES; i++)
		assert_in_range(l.n[i].longest_gap_ms, 0, FLIGHTS_MS);
	int64_t apart = ms_between(l.w->n[A].last_sent[WG_KIND_INITIATION],
				   l.w->n[B].last_sent[WG_KIND_INITIATION]);
	world_free(l.w);
	return apart > -DELAY_MS && apart < DELAY_MS;
}

static void test_a_dead_way_comes_back(void **state)
{
	(void)state;
	int crossed = 0;
	for (uint64_t seed = 400; seed < 520; seed++)
		crossed += revive(seed);
	assert_true(crossed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_skew),
		cmocka_unit_test(test_many_times_in_a_row),
		cmocka_unit_test(test_any_message_may_be_lost),
		cmocka_unit_test(test_a_dead_way_comes_back),
	};
	return cmocka_run_group_tests(tests, crypto_setup, NULL);
}
