/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealing and opening in batches, limits of counter and age, and the stamps shared by two threads.
 */
#include "tests/unit/wg/world.h"

#include <pthread.h>

#define BATCH 300
#define STRIDE 1400
#define NOW ((mono_t){ START })

struct pair {
	struct wg_session *tx, *rx;
	uint8_t *mem;
	struct wg_seal_item seal[BATCH];
	struct wg_open_item open[BATCH];
};

static struct pair *pair_new(void)
{
	struct pair *p = xcalloc(1, sizeof(*p));
	struct wg_keys k = { { 1, 2 }, { 3, 4 } }, back;
	memcpy(back.send, k.recv, 32);
	memcpy(back.recv, k.send, 32);
	p->tx = wg_session_new(&k, 11, 22, true, NOW);
	p->rx = wg_session_new(&back, 22, 11, false, NOW);
	p->mem = xcalloc(BATCH, STRIDE);
	return p;
}

static void pair_free(struct pair *p)
{
	wg_session_unref(p->tx);
	wg_session_unref(p->rx);
	free(p->mem);
	free(p);
}

/* n plaintexts of growing length, each with its own bytes */
static void fill(struct pair *p, size_t n)
{
	memset(p->mem, 0xee, (size_t)BATCH * STRIDE);
	for (size_t i = 0; i < n; i++) {
		uint8_t *text = p->mem + i * STRIDE + WG_HEADER_LEN;
		uint32_t len = (uint32_t)(i * 37 % 1281);
		memset(text, (int)i + 1, len);
		p->seal[i] = (struct wg_seal_item){ text, len };
	}
}

static void to_open(struct pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->open[i] = (struct wg_open_item){ .p = p->seal[i].p - WG_HEADER_LEN,
						    .len = p->seal[i].len };
}

static void test_batch(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, BATCH);
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, BATCH), BATCH);
	assert_true(wg_session_sent(p->tx) == BATCH);
	for (size_t i = 0; i < BATCH; i++) {
		const uint8_t *d = p->seal[i].p - WG_HEADER_LEN;
		assert_int_equal(wg_classify(span_of(d, p->seal[i].len)), WG_KIND_TRANSPORT);
		assert_int_equal(wg_transport_receiver(span_of(d, p->seal[i].len)), 22);
		assert_true(wg_le64(d + 8) == i);
		assert_true(p->seal[i].len <= MTU + WG_TRANSPORT_MIN);
		assert_int_equal(d[p->seal[i].len], 0xee);
	}
	to_open(p, BATCH);
	assert_int_equal(wg_session_open(p->rx, NOW, p->open, BATCH), BATCH);
	for (size_t i = 0; i < BATCH; i++) {
		uint32_t len = (uint32_t)(i * 37 % 1281);
		const uint8_t *text = p->open[i].p + WG_HEADER_LEN;
		assert_int_equal(p->open[i].verdict, len ? WG_OPEN_DATA : WG_OPEN_KEEPALIVE);
		assert_int_equal(p->open[i].len, (len + 15) / 16 * 16);
		for (uint32_t b = 0; b < p->open[i].len; b++)
			assert_int_equal(text[b], b < len ? (uint8_t)(i + 1) : 0);
	}
	pair_free(p);
}

static void test_one_bad_packet_fails_alone(void **state)
{
	(void)state;
	for (size_t bad = 0; bad < 140; bad += 7) {
		struct pair *p = pair_new();
		fill(p, 140);
		assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 140), 140);
		to_open(p, 140);
		p->open[bad].p[p->open[bad].len - 1 - bad % 16] ^= 0x40;
		assert_int_equal(wg_session_open(p->rx, NOW, p->open, 140), 139);
		for (size_t i = 0; i < 140; i++)
			assert_int_equal(p->open[i].verdict == WG_OPEN_AUTH, i == bad);
		pair_free(p);
	}
}

static void test_forged_counter_does_not_move_the_window(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, 2);
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 2), 2);
	to_open(p, 2);
	uint8_t forged[WG_TRANSPORT_MIN];
	memcpy(forged, p->open[0].p, sizeof(forged));
	wg_put_le64(forged + 8, 1000000);
	struct wg_open_item it = { .p = forged, .len = sizeof(forged) };
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 1), 0);
	assert_int_equal(it.verdict, WG_OPEN_AUTH);
	assert_int_equal(wg_session_open(p->rx, NOW, p->open, 2), 2);
	pair_free(p);
}

static void test_twice_in_one_batch(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, 1);
	p->seal[0].len = 64;
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 1), 1);
	to_open(p, 1);
	memcpy(p->mem + STRIDE, p->open[0].p, p->open[0].len);
	p->open[1] = (struct wg_open_item){ .p = p->mem + STRIDE, .len = p->open[0].len };
	assert_int_equal(wg_session_open(p->rx, NOW, p->open, 2), 1);
	assert_int_equal(p->open[0].verdict, WG_OPEN_DATA);
	assert_int_equal(p->open[1].verdict, WG_OPEN_REPLAY);
	pair_free(p);
}

/* Played back: not decrypted, which its bytes show, and the window stands where it stood. */
static void test_a_replay_is_not_decrypted(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, 2);
	p->seal[0].len = p->seal[1].len = 64;
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 2), 2);
	to_open(p, 2);
	uint8_t again[64 + WG_TRANSPORT_MIN], copy[sizeof(again)];
	assert_int_equal(p->open[0].len, sizeof(again));
	memcpy(again, p->open[0].p, sizeof(again));
	memcpy(copy, again, sizeof(copy));
	struct wg_open_item it = { .p = again, .len = sizeof(again) };
	assert_int_equal(wg_session_open(p->rx, NOW, p->open, 1), 1);
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 1), 0);
	assert_int_equal(it.verdict, WG_OPEN_REPLAY);
	assert_memory_equal(again, copy, sizeof(again));
	/* A damaged one, too: its counter is all that is looked at. */
	again[sizeof(again) - 1] ^= 1;
	it.len = sizeof(again);
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 1), 0);
	assert_int_equal(it.verdict, WG_OPEN_REPLAY);
	assert_int_equal(wg_session_open(p->rx, NOW, p->open + 1, 1), 1);
	pair_free(p);
}

static void test_refused_before_the_key_is_touched(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	uint8_t d[64] = { WG_KIND_TRANSPORT };
	struct wg_open_item it = { .p = d, .len = 31 };
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 1), 0);
	assert_int_equal(it.verdict, WG_OPEN_SHORT);
	wg_put_le64(d + 8, WG_REJECT_AFTER_MESSAGES);
	it.len = sizeof(d);
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 1), 0);
	assert_int_equal(it.verdict, WG_OPEN_COUNTER);
	assert_int_equal(wg_session_open(p->rx, NOW, &it, 0), 0);
	for (int v = 0; v <= WG_OPEN_VERDICTS; v++)
		assert_non_null(wg_open_verdict_name((enum wg_open_verdict)v));
	pair_free(p);
}

static void test_age(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	mono_t at180 = mono_add_ns(NOW, WG_REJECT_AFTER_TIME);
	fill(p, 2);
	assert_int_equal(wg_session_seal(p->tx, at180, MTU, p->seal, 2), 0);
	assert_int_equal(p->seal[1].len, 37);
	assert_int_equal(wg_session_seal(p->tx, mono_add_ns(at180, -1), MTU, p->seal, 2), 2);
	to_open(p, 2);
	assert_int_equal(wg_session_open(p->rx, mono_add_ns(at180, 1), p->open, 2), 0);
	assert_int_equal(p->open[0].verdict, WG_OPEN_EXPIRED);
	assert_int_equal(wg_session_open(p->rx, at180, p->open, 2), 2);
	pair_free(p);
}

static void test_last_counters(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, 10);
	atomic_store(&p->tx->next_counter, WG_REJECT_AFTER_MESSAGES - 3);
	assert_true(wg_session_wants_rekey(p->tx, NOW));
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 10), 3);
	assert_int_equal(p->seal[3].len, 111); /* untouched */
	assert_true(wg_le64(p->seal[2].p - 8) == WG_REJECT_AFTER_MESSAGES - 1);
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal + 3, 7), 0);
	assert_false(wg_session_can_send(p->tx, NOW));
	to_open(p, 3);
	assert_int_equal(wg_session_open(p->rx, NOW, p->open, 3), 3);
	pair_free(p);
}

static void test_stop_sending(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	fill(p, 1);
	wg_session_stop_sending(p->tx);
	assert_int_equal(wg_session_seal(p->tx, NOW, MTU, p->seal, 1), 0);
	pair_free(p);
}

static void test_rekey_predicate(void **state)
{
	(void)state;
	struct pair *p = pair_new();
	mono_t at120 = mono_add_ns(NOW, WG_REKEY_AFTER_TIME);
	assert_false(wg_session_wants_rekey(p->tx, at120));
	assert_true(wg_session_wants_rekey(p->tx, mono_add_ns(at120, 1)));
	assert_false(wg_session_wants_rekey(p->rx, mono_add_ns(at120, 1)));
	atomic_store(&p->rx->next_counter, WG_REKEY_AFTER_MESSAGES);
	assert_false(wg_session_wants_rekey(p->rx, NOW));
	atomic_store(&p->rx->next_counter, WG_REKEY_AFTER_MESSAGES + 1);
	assert_true(wg_session_wants_rekey(p->rx, NOW));
	assert_int_equal(wg_session_local_index(p->tx), 11);
	assert_int_equal(wg_session_remote_index(p->tx), 22);
	assert_true(wg_session_created(p->tx).ns == START);
	wg_session_unref(NULL);
	assert_null(wg_session_ref(NULL));
	pair_free(p);
}

/* ---- two threads ---------------------------------------------------------------------------- */

#define ROUNDS 200000

struct shared {
	struct wg_activity act;
	_Atomic unsigned told;
	_Atomic bool done;
};

static void *worker(void *arg)
{
	struct shared *s = arg;
	for (int i = 1; i <= ROUNDS; i++) {
		mono_t now = { i };
		unsigned act = i % 3 ? wg_activity_on_rx(&s->act, NULL, now, true)
				     : wg_activity_on_tx(&s->act, NULL, now, false);
		if (act & WG_ACT_WATCH)
			atomic_fetch_add(&s->told, 1);
	}
	atomic_store(&s->done, true);
	return NULL;
}

/* Whatever the interleaving: of a stamp that is set at the end, control has seen it or was told. */
static void test_no_wake_is_lost(void **state)
{
	(void)state;
	struct shared s = { .told = 0 };
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, worker, &s), 0);
	unsigned told;
	int64_t seen;
	do {
		told = atomic_load(&s.told);
		seen = wg_stamp_watch(&s.act.rx_data);
	} while (!atomic_load(&s.done));
	pthread_join(t, NULL);
	if (atomic_load(&s.act.rx_data.since)) {
		assert_true(atomic_load(&s.act.rx_data.watched));
		assert_true(seen || atomic_load(&s.told) != told);
	}
	assert_true(atomic_load(&s.told) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_one_bad_packet_fails_alone),
		cmocka_unit_test(test_forged_counter_does_not_move_the_window),
		cmocka_unit_test(test_twice_in_one_batch),
		cmocka_unit_test(test_a_replay_is_not_decrypted),
		cmocka_unit_test(test_refused_before_the_key_is_touched),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_last_counters),
		cmocka_unit_test(test_stop_sending),
		cmocka_unit_test(test_rekey_predicate),
		cmocka_unit_test(test_no_wake_is_lost),
	};
	return cmocka_run_group_tests(tests, crypto_setup, NULL);
}
