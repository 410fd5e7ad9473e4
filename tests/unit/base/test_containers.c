/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list.h, map.h, heap.h: each against a plain model under random steps. */
#include "tests/lib/cm.h"

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"

#include <stdbool.h>
#include <string.h>

struct item {
	int v;
	struct list link;
};

static void list_keeps_order(void **state)
{
	(void)state;
	struct list head;
	struct item it[5];
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_first(&head));
	for (int i = 0; i < 5; i++) {
		it[i].v = i;
		list_init(&it[i].link);
	}
	list_push_back(&head, &it[1].link);
	list_push_back(&head, &it[2].link);
	list_push_front(&head, &it[0].link);
	list_add_after(&it[2].link, &it[3].link);
	int want = 0;
	LIST_EACH (n, &head)
		assert_int_equal(LIST_ENTRY(n, struct item, link)->v, want++);
	assert_int_equal(want, 4);
	assert_ptr_equal(list_first(&head), &it[0].link);
}

static void list_removes_inside_a_walk(void **state)
{
	(void)state;
	struct list head;
	struct item it[4];
	list_init(&head);
	for (int i = 0; i < 4; i++)
		list_push_back(&head, &it[i].link);
	LIST_EACH (n, &head)
		list_remove(n);
	assert_true(list_empty(&head));
	list_remove(&it[0].link); /* in no list: harmless */
	assert_true(list_empty(&it[0].link));
}

#define KEYS 300

static void map_like_a_model(void **state)
{
	(void)state;
	struct rng_seeded r;
	struct map m;
	int model[KEYS] = { 0 }, values[4];
	size_t n = 0;
	rng_seeded_init(&r, 3);
	map_init(&m, sizeof(uint32_t));
	for (int step = 0; step < 40000; step++) {
		uint32_t key = rng_below(&r.rng, KEYS);
		int v = (int)rng_below(&r.rng, 3);
		void *was = model[key] ? &values[model[key]] : NULL;
		assert_ptr_equal(map_get(&m, &key), was);
		assert_ptr_equal(v ? map_put(&m, &key, &values[v]) : map_del(&m, &key), was);
		n += (v != 0) - (was != NULL);
		model[key] = v;
		assert_int_equal(map_len(&m), n);
	}
	assert_true(m.n_slots <= 4096); /* tombstones do not make it grow without end */
	map_fini(&m);
	assert_int_equal(map_len(&m), 0);
	assert_null(map_get(&m, &(uint32_t){ 1 }));
	map_fini(&m);
}

static void map_walk_may_delete(void **state)
{
	(void)state;
	struct map m;
	int seen[100] = { 0 };
	map_init(&m, sizeof(int));
	for (int i = 0; i < 100; i++)
		assert_null(map_put(&m, &i, &seen[i]));
	size_t it = 0, n = 0;
	const void *key;
	for (int *v; (v = map_next(&m, &it, &key)) != NULL; n++) {
		int k;
		memcpy(&k, key, sizeof(k));
		assert_ptr_equal(v, &seen[k]);
		++*v;
		if (k % 2)
			assert_ptr_equal(map_del(&m, key), v);
	}
	assert_int_equal(n, 100);
	assert_int_equal(map_len(&m), 50);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(seen[i], 1);
		assert_ptr_equal(map_get(&m, &i), i % 2 ? NULL : &seen[i]);
	}
	it = 0;
	for (n = 0; map_next(&m, &it, NULL); n++)
		;
	assert_int_equal(n, 50);
	map_fini(&m);
}

static void map_empty(void **state)
{
	(void)state;
	struct map m;
	size_t it = 0;
	map_init(&m, 32);
	uint8_t key[32] = { 0 };
	assert_null(map_get(&m, key));
	assert_null(map_del(&m, key));
	assert_null(map_next(&m, &it, NULL));
	map_fini(&m);
}

static void map_order(int order[20])
{
	struct map m;
	map_init(&m, sizeof(int));
	for (int i = 0; i < 20; i++)
		map_put(&m, &i, &order[i]);
	size_t it = 0;
	const void *key;
	for (int i = 0; map_next(&m, &it, &key); i++)
		memcpy(&order[i], key, sizeof(int));
	map_fini(&m);
}

static void map_seeded_order_repeats(void **state)
{
	(void)state;
	int a[20], b[20], c[20];
	map_set_test_seed(5);
	map_order(a);
	map_order(b);
	assert_memory_equal(a, b, sizeof(a));
	map_set_test_seed(6);
	map_order(c);
	assert_memory_not_equal(a, c, sizeof(a));
}

#define NODES 200

static void heap_like_a_model(void **state)
{
	(void)state;
	struct rng_seeded r;
	struct heap h;
	struct heap_node n[NODES] = { 0 };
	rng_seeded_init(&r, 4);
	heap_init(&h);
	assert_null(heap_min(&h));
	for (int step = 0; step < 20000; step++) {
		struct heap_node *x = &n[rng_below(&r.rng, NODES)];
		if (rng_below(&r.rng, 3))
			heap_set(&h, x, (mono_t){ (int64_t)rng_below(&r.rng, 1000) });
		else
			heap_remove(&h, x);
		const struct heap_node *least = NULL;
		size_t in = 0;
		for (int i = 0; i < NODES; i++) {
			if (n[i].pos == 0)
				continue;
			in++;
			assert_ptr_equal(h.v[n[i].pos - 1], &n[i]);
			if (!least || mono_before(n[i].at, least->at))
				least = &n[i];
		}
		assert_int_equal(h.n, in);
		assert_true(!least == !heap_min(&h));
		assert_true(!least || heap_min(&h)->at.ns == least->at.ns);
	}
	heap_fini(&h);
	for (int i = 0; i < NODES; i++)
		assert_int_equal(n[i].pos, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_keeps_order),  cmocka_unit_test(list_removes_inside_a_walk),
		cmocka_unit_test(map_like_a_model),  cmocka_unit_test(map_walk_may_delete),
		cmocka_unit_test(map_empty),	     cmocka_unit_test(map_seeded_order_repeats),
		cmocka_unit_test(heap_like_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
