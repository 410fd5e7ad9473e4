/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/ring.h"
#include "base/rng.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool put(struct ring *r, const char *s, bool *was_empty)
{
	uint8_t *p = ring_reserve(r, strlen(s));
	if (!p)
		return false;
	memcpy(p, s, strlen(s));
	ring_commit(r, strlen(s), was_empty);
	return true;
}

static void first_in_first_out(void **state)
{
	(void)state;
	struct ring *r = ring_new(1024);
	bool empty = false;
	assert_null(ring_peek(r).p);
	assert_true(put(r, "one", &empty));
	assert_true(empty);
	assert_true(put(r, "two", &empty));
	assert_false(empty);
	assert_true(span_eq_str(span_const(ring_peek(r)), "one"));
	assert_true(span_eq_str(span_const(ring_peek(r)), "one")); /* until popped */
	ring_pop(r);
	assert_true(span_eq_str(span_const(ring_peek(r)), "two"));
	ring_pop(r);
	assert_null(ring_peek(r).p);
	ring_pop(r); /* nothing there: harmless */
	assert_true(put(r, "", &empty));
	assert_true(empty);
	assert_non_null(ring_peek(r).p);
	assert_int_equal(ring_peek(r).len, 0);
	ring_free(r);
	ring_free(NULL);
}

static void full_says_so(void **state)
{
	(void)state;
	struct ring *r = ring_new(1);
	size_t n = 0;
	assert_int_equal(ring_used(r), 0);
	assert_null(ring_reserve(r, 1000)); /* above a quarter */
	while (put(r, "12345678", NULL))
		n++;
	assert_int_equal(n, 16); /* 256 bytes, 16 each */
	assert_int_equal(ring_used(r), 256);
	assert_null(ring_reserve(r, 0));
	ring_pop(r);
	assert_int_equal(ring_used(r), 240);
	assert_true(put(r, "12345678", NULL));
	assert_false(put(r, "x", NULL));
	ring_free(r);
}

static void commit_may_shrink(void **state)
{
	(void)state;
	struct ring *r = ring_new(256);
	uint8_t *p = ring_reserve(r, 50);
	memset(p, 'a', 50);
	ring_commit(r, 3, NULL);
	assert_true(put(r, "next", NULL));
	assert_true(span_eq_str(span_const(ring_peek(r)), "aaa"));
	ring_pop(r);
	assert_true(span_eq_str(span_const(ring_peek(r)), "next"));
	/* a reservation that is not committed is forgotten */
	assert_non_null(ring_reserve(r, 20));
	assert_true(put(r, "last", NULL));
	ring_pop(r);
	assert_true(span_eq_str(span_const(ring_peek(r)), "last"));
	ring_free(r);
}

/* Random lengths through many turns of a small ring, one thread: the wrap and its padding. */
static void wraps(void **state)
{
	(void)state;
	struct ring *r = ring_new(512);
	struct rng_seeded rng;
	uint8_t in = 0, out = 0;
	size_t held = 0;
	rng_seeded_init(&rng, 5);
	for (int i = 0; i < 50000; i++) {
		size_t len = rng_below(&rng.rng, 121);
		uint8_t *p = rng_below(&rng.rng, 2) ? ring_reserve(r, len) : NULL;
		if (p) {
			bool empty;
			memset(p, in++, len);
			ring_commit(r, len, &empty);
			assert_int_equal(empty, held == 0);
			held++;
			continue;
		}
		struct mspan m = ring_peek(r);
		assert_int_equal(m.p != NULL, held > 0);
		if (!m.p)
			continue;
		for (size_t k = 0; k < m.len; k++)
			assert_int_equal(m.p[k], out);
		out++;
		held--;
		ring_pop(r);
	}
	ring_free(r);
}

#define RECORDS 200000

struct pair {
	struct ring *r;
	int wake;
	size_t full;
};

static size_t record_len(uint32_t i)
{
	return 4 + (i * 2654435761u >> 20) % 200;
}

static void *produce(void *arg)
{
	struct pair *t = arg;
	for (uint32_t i = 0; i < RECORDS;) {
		size_t len = record_len(i);
		uint8_t *p = ring_reserve(t->r, len);
		if (!p) {
			t->full++;
			sched_yield();
			continue;
		}
		memset(p, (int)(i & 0xff), len);
		memcpy(p, &i, 4);
		bool was_empty;
		ring_commit(t->r, len, &was_empty);
		if (was_empty)
			eventfd_write(t->wake, 1);
		i++;
	}
	return NULL;
}

/* The consumer sleeps whenever the ring is empty, so that one lost wake ends the test. */
static bool wait_for_wake(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	eventfd_t v;
	return poll(&p, 1, 20000) == 1 && eventfd_read(fd, &v) == 0;
}

static void two_threads_lose_nothing(void **state)
{
	(void)state;
	struct pair t = { ring_new(4096), eventfd(0, EFD_CLOEXEC), 0 };
	pthread_t th;
	uint32_t wrong = 0, i = 0;
	assert_int_equal(pthread_create(&th, NULL, produce, &t), 0);
	while (i < RECORDS) {
		struct mspan m = ring_peek(t.r);
		uint32_t seq;
		if (!m.p) {
			assert_true(wait_for_wake(t.wake));
			continue;
		}
		memcpy(&seq, m.p, 4);
		wrong += seq != i || m.len != record_len(i) ||
			 (m.len > 4 && m.p[m.len - 1] != (i & 0xff));
		ring_pop(t.r);
		i++;
	}
	pthread_join(th, NULL);
	assert_int_equal(wrong, 0);
	assert_null(ring_peek(t.r).p);
	close(t.wake);
	ring_free(t.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),	    cmocka_unit_test(full_says_so),
		cmocka_unit_test(commit_may_shrink),	    cmocka_unit_test(wraps),
		cmocka_unit_test(two_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
