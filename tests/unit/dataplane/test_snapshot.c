/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/snapshot.h"

#include "base/alloc.h"
#include "tests/lib/cm.h"
#include "wg/allowedips.h"
#include "wg/session_priv.h"

#include <pthread.h>
#include <stdlib.h>

static struct dp_tables *new_tables(void)
{
	struct dp_tables *t = xcalloc(1, sizeof(*t));
	t->refs = 1;
	t->allowed = wg_allowedips_new(1);
	return t;
}

static struct wg_session *new_session(uint32_t local)
{
	struct wg_keys keys = { { 1 }, { 2 } };
	return wg_session_new(&keys, local, ~local, true, (mono_t){ 1 });
}

/* ---- look-up ------------------------------------------------------------------------------- */

static void finds_by_index(void **state)
{
	enum { N = 100 };
	struct dp_tables *t = new_tables();
	struct wg_session *v[N];
	struct dp_snapshot *s = dp_snapshot_new(t, 4, N);
	(void)state;
	/* All of them want the same few places. */
	for (uint32_t i = 0; i < N; i++) {
		v[i] = new_session(i << 16 | (i & 1));
		dp_snapshot_add_session(s, i << 16 | (i & 1), i % 4, v[i], i % 3 == 0);
	}
	for (uint32_t i = 0; i < N; i++) {
		const struct dp_index *x = dp_snapshot_find(s, i << 16 | (i & 1));
		assert_non_null(x);
		assert_ptr_equal(x->session, v[i]);
		assert_int_equal(x->peer, i % 4);
		assert_int_equal(x->is_next, i % 3 == 0);
	}
	assert_null(dp_snapshot_find(s, 2));
	assert_null(dp_snapshot_find(s, 1000 << 16));
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(v[i]->refs, 2);
		wg_session_unref(v[i]);
	}
	dp_snapshot_free(s);
	dp_tables_unref(t);
}

static void index_zero_is_an_index(void **state)
{
	struct dp_tables *t = new_tables();
	struct wg_session *x = new_session(0);
	struct dp_snapshot *s = dp_snapshot_new(t, 1, 1);
	(void)state;
	assert_null(dp_snapshot_find(s, 0));
	dp_snapshot_add_session(s, 0, 0, x, false);
	assert_non_null(dp_snapshot_find(s, 0));
	wg_session_unref(x);
	dp_snapshot_free(s);
	dp_tables_unref(t);
}

/* The table is never full, so a look-up in vain ends. */
static void always_an_empty_place(void **state)
{
	struct dp_tables *t = new_tables();
	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		struct dp_snapshot *s = dp_snapshot_new(t, 0, n);
		assert_true(s->index_mask + 1 > n);
		for (uint32_t i = 0; i < n; i++) {
			struct wg_session *x = new_session(i);
			dp_snapshot_add_session(s, i * 5, 0, x, false);
			wg_session_unref(x);
		}
		assert_null(dp_snapshot_find(s, 0xffffffff));
		dp_snapshot_free(s);
	}
	dp_tables_unref(t);
}

static void holds_references(void **state)
{
	struct dp_tables *t = new_tables();
	struct dp_live *l = dp_live_new();
	struct wg_session *x = new_session(9);
	struct dp_snapshot *s = dp_snapshot_new(t, 2, 1);
	(void)state;
	dp_snapshot_set_peer(s, 1, &(struct dp_peer){ .current = x, .live = l });
	dp_snapshot_add_session(s, 9, 1, x, false);
	assert_int_equal(t->refs, 2);
	assert_int_equal(l->refs, 2);
	assert_int_equal(x->refs, 3);
	assert_null(s->peers[0].live);
	dp_snapshot_free(s);
	assert_int_equal(t->refs, 1);
	assert_int_equal(l->refs, 1);
	assert_int_equal(x->refs, 1);
	dp_live_unref(l);
	wg_session_unref(x);
	dp_tables_unref(t);
	dp_live_unref(NULL);
	dp_tables_unref(NULL);
	dp_snapshot_free(NULL);
}

/* ---- hazard and reclaim: a snapshot's life shows in the references it holds -------------------
 */

static struct dp_snapshot *snapshot_with(struct dp_tables *t, struct dp_live *l)
{
	struct dp_snapshot *s = dp_snapshot_new(t, 1, 0);
	dp_snapshot_set_peer(s, 0, &(struct dp_peer){ .live = l });
	return s;
}

static void nothing_before_the_first(void **state)
{
	struct dp_exchange *x = dp_exchange_new();
	(void)state;
	assert_null(dp_acquire(x, 0));
	dp_release(x, 0);
	dp_exchange_free(x);
	dp_exchange_free(NULL);
}

static void replaced_ones_go_at_once_when_nobody_looks(void **state)
{
	struct dp_tables *t = new_tables();
	struct dp_live *l = dp_live_new();
	struct dp_exchange *x = dp_exchange_new();
	(void)state;
	for (int i = 0; i < 5; i++) {
		dp_publish(x, snapshot_with(t, l));
		assert_int_equal(l->refs, 2);
	}
	dp_exchange_free(x);
	assert_int_equal(l->refs, 1);
	dp_live_unref(l);
	dp_tables_unref(t);
}

static void what_a_worker_holds_stays(void **state)
{
	struct dp_tables *t = new_tables();
	struct dp_live *held = dp_live_new(), *later = dp_live_new();
	struct dp_exchange *x = dp_exchange_new();
	(void)state;
	dp_publish(x, snapshot_with(t, held));
	const struct dp_snapshot *mine = dp_acquire(x, 0);
	assert_ptr_equal(mine->peers[0].live, held);
	dp_publish(x, snapshot_with(t, later));
	dp_publish(x, snapshot_with(t, later));
	assert_int_equal(held->refs, 2);
	assert_int_equal(later->refs, 2);
	assert_ptr_equal(mine->peers[0].live, held);

	/* The next batch takes the new one; then the old one may go. */
	assert_ptr_equal(dp_acquire(x, 0)->peers[0].live, later);
	dp_reclaim(x);
	assert_int_equal(held->refs, 1);
	dp_publish(x, NULL);
	assert_int_equal(later->refs, 2);
	dp_release(x, 0);
	dp_reclaim(x);
	assert_int_equal(later->refs, 1);
	assert_null(dp_acquire(x, 0));
	dp_exchange_free(x);
	dp_live_unref(held);
	dp_live_unref(later);
	dp_tables_unref(t);
}

/* ---- two threads ------------------------------------------------------------------------------
 */

#define PUBLISHES 100000

struct race {
	struct dp_exchange *x;
	_Atomic bool stop;
	uint64_t seen, last, backwards;
};

/* Each snapshot carries its number in a peer's address; a freed one would be garbage (or a report
 * by the sanitizers). */
static void *reader(void *arg)
{
	struct race *r = arg;
	while (!atomic_load(&r->stop)) {
		const struct dp_snapshot *s = dp_acquire(r->x, 0);
		if (s) {
			uint64_t number = s->peers[0].best.port | (uint64_t)s->peers[1].best.port
								      << 16;
			r->backwards += number < r->last;
			r->last = number;
			r->seen++;
		}
		if (r->seen % 3 == 0)
			dp_release(r->x, 0);
	}
	dp_release(r->x, 0);
	return NULL;
}

static void readers_see_whole_snapshots(void **state)
{
	struct dp_tables *t = new_tables();
	struct dp_live *l = dp_live_new();
	struct race r = { .x = dp_exchange_new() };
	pthread_t thread;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reader, &r), 0);
	for (uint32_t i = 1; i <= PUBLISHES; i++) {
		struct dp_snapshot *s = dp_snapshot_new(t, 2, 0);
		struct dp_peer p = { .live = l, .best = { ip_v4(1, 1, 1, 1), (uint16_t)i } };
		dp_snapshot_set_peer(s, 0, &p);
		p.best.port = (uint16_t)(i >> 16);
		dp_snapshot_set_peer(s, 1, &p);
		dp_publish(r.x, s);
		/* Current, held, and none else. */
		assert_true(l->refs <= 1 + 2 * 2);
	}
	atomic_store(&r.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(r.seen > 0);
	assert_int_equal(r.backwards, 0);
	assert_true(r.last <= PUBLISHES);
	dp_exchange_free(r.x);
	assert_int_equal(l->refs, 1);
	dp_live_unref(l);
	dp_tables_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_index),
		cmocka_unit_test(index_zero_is_an_index),
		cmocka_unit_test(always_an_empty_place),
		cmocka_unit_test(holds_references),
		cmocka_unit_test(nothing_before_the_first),
		cmocka_unit_test(replaced_ones_go_at_once_when_nobody_looks),
		cmocka_unit_test(what_a_worker_holds_stays),
		cmocka_unit_test(readers_see_whole_snapshots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
