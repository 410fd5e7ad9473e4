/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/loop.h"

#include <pthread.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static char order[64];
static size_t n_order;

static void note(char c)
{
	assert_true(n_order + 1 < sizeof(order));
	order[n_order++] = c;
	order[n_order] = '\0';
}

/* an argument that says its letter */
static char *tag(char c)
{
	static char letters[26][2];

	letters[c - 'a'][0] = c;
	return letters[c - 'a'];
}

static int setup(void **state)
{
	(void)state;
	n_order = 0;
	order[0] = '\0';
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void turns(int n)
{
	for (int i = 0; i < n; i++)
		loop_turn(loop, 50);
}

/* ---- timers ----------------------------------------------------------------------------- */

static void on_timer(struct loop_timer *t, mono_t now)
{
	assert_true(mono_due(t->node.at, now));
	note(*(const char *)t->arg);
}

static void test_timers_run_in_order(void **state)
{
	struct loop_timer a, b, c;

	(void)state;
	loop_timer_init(loop, &a, on_timer, tag('a'));
	loop_timer_init(loop, &b, on_timer, tag('b'));
	loop_timer_init(loop, &c, on_timer, tag('c'));
	loop_timer_arm_ms(&b, 20);
	loop_timer_arm_ms(&c, 30);
	loop_timer_arm_ms(&a, 10);
	while (loop_timer_armed(&a) || loop_timer_armed(&b) || loop_timer_armed(&c))
		loop_turn(loop, 100);
	assert_string_equal(order, "abc");
}

static void test_timer_moves_and_cancels(void **state)
{
	struct loop_timer a, b;

	(void)state;
	loop_timer_init(loop, &a, on_timer, tag('a'));
	loop_timer_init(loop, &b, on_timer, tag('b'));
	loop_timer_arm_ms(&a, 5);
	loop_timer_arm_ms(&b, 10);
	loop_timer_arm_ms(&a, 15); /* moved behind b */
	turns(3);
	assert_string_equal(order, "ba");
	loop_timer_arm_ms(&a, 5);
	loop_timer_arm(&a, MONO_NEVER);
	assert_false(loop_timer_armed(&a));
	loop_timer_arm_ms(&b, 1);
	loop_timer_cancel(&b);
	loop_timer_cancel(&b);
	turns(1);
	assert_string_equal(order, "ba");
}

static void test_timer_keeps_its_time(void **state)
{
	struct loop_timer a;
	mono_t start = mono_now();

	(void)state;
	loop_timer_init(loop, &a, on_timer, tag('a'));
	loop_timer_arm(&a, mono_add_ns(start, 3500000));
	while (loop_timer_armed(&a))
		loop_turn(loop, 1000);
	assert_true(mono_diff_ns(mono_now(), start) >= 3500000);
	assert_true(mono_diff_ns(mono_now(), start) < 60 * NS_PER_S);
}

struct rearm {
	struct loop_timer self, victim;
	int runs;
};

static void on_rearm(struct loop_timer *t, mono_t now)
{
	struct rearm *r = t->arg;

	loop_timer_cancel(&r->victim);
	if (++r->runs < 5)
		loop_timer_arm(t,
			       mono_add_ns(now, -NS_PER_S)); /* past: must not spin in one pass */
	note('r');
}

static void test_timer_rearms_itself_and_cancels_another(void **state)
{
	struct rearm r = { .runs = 0 };
	struct loop_timer b;

	(void)state;
	loop_timer_init(loop, &r.self, on_rearm, &r);
	loop_timer_init(loop, &r.victim, on_timer, tag('v'));
	loop_timer_init(loop, &b, on_timer, tag('b'));
	loop_timer_arm(&r.self, (mono_t){ 1 });
	loop_timer_arm(&r.victim, (mono_t){ 2 });
	loop_timer_arm(&b, (mono_t){ 3 });
	loop_turn(loop, 0);
	assert_string_equal(order, "rb"); /* b was not starved, the second r waits for its turn */
	turns(6);
	assert_int_equal(r.runs, 5);
	assert_string_equal(order, "rbrrrr");
}

static void test_turn_blocks_no_longer_than_told(void **state)
{
	mono_t start = mono_now();

	(void)state;
	loop_turn(loop, 30);
	assert_true(mono_diff_ns(mono_now(), start) >= 25 * NS_PER_MS);
	assert_true(mono_diff_ns(mono_now(), start) < 60 * NS_PER_S);
}

/* ---- fds --------------------------------------------------------------------------------- */

struct pair {
	int fd[2];
	struct loop_fd w;
	int events; /* of the last call */
	int calls;
};

static void pair_open(struct pair *p)
{
	*p = (struct pair){ .calls = 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd),
			 0);
}

static void pair_close(struct pair *p)
{
	loop_fd_stop(&p->w);
	close(p->fd[0]);
	close(p->fd[1]);
}

static void on_pair(struct loop_fd *w, int events)
{
	struct pair *p = w->arg;

	p->events = events;
	p->calls++;
	note('f');
}

static void test_fd_is_level_triggered(void **state)
{
	struct pair p;
	char byte;

	(void)state;
	pair_open(&p);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], LOOP_READ, on_pair, &p), 0);
	loop_turn(loop, 0);
	assert_int_equal(p.calls, 0);
	assert_int_equal(write(p.fd[1], "x", 1), 1);
	turns(2);
	assert_int_equal(p.calls, 2);
	assert_int_equal(p.events, LOOP_READ);
	assert_int_equal(read(p.fd[0], &byte, 1), 1);
	loop_turn(loop, 0);
	assert_int_equal(p.calls, 2);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], LOOP_READ | LOOP_WRITE, on_pair, &p),
			 0);
	turns(1);
	assert_int_equal(p.events, LOOP_WRITE);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], 0, on_pair, &p), 0);
	assert_null(p.w.impl);
	pair_close(&p);
}

static void test_fd_reports_hang_up_alone(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], LOOP_HUP, on_pair, &p), 0);
	assert_int_equal(write(p.fd[1], "x", 1), 1);
	loop_turn(loop, 10);
	assert_int_equal(p.calls, 0);
	shutdown(p.fd[1], SHUT_WR);
	turns(1);
	assert_int_equal(p.events, LOOP_HUP);
	pair_close(&p);
}

static void on_stop_and_close(struct loop_fd *w, int events)
{
	struct pair *p = w->arg;

	(void)events;
	p->calls++;
	pair_close(p);
	free(p); /* the owner vanishes at once */
	note('s');
}

static void test_owner_vanishes_in_callback(void **state)
{
	struct pair *p = malloc(sizeof(*p));
	struct pair q;
	int number;

	(void)state;
	pair_open(p);
	number = p->fd[0];
	assert_int_equal(write(p->fd[1], "x", 1), 1);
	assert_int_equal(loop_fd_start(loop, &p->w, number, LOOP_READ, on_stop_and_close, p), 0);
	turns(1);
	assert_string_equal(order, "s");
	/* the same numbers again, in the turn in which libuv's handles are still closing */
	pair_open(&q);
	assert_int_equal(q.fd[0], number);
	assert_int_equal(loop_fd_start(loop, &q.w, q.fd[0], LOOP_READ, on_pair, &q), 0);
	assert_int_equal(write(q.fd[1], "x", 1), 1);
	turns(1);
	assert_int_equal(q.calls, 1);
	pair_close(&q);
}

static void test_two_watches_on_one_fd_are_refused(void **state)
{
	struct loop_fd other = { .fd = -1 };
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], LOOP_READ, on_pair, &p), 0);
	assert_int_equal(loop_fd_start(loop, &other, p.fd[0], LOOP_READ, on_pair, &p), -ERR_EXIST);
	assert_null(other.impl);
	pair_close(&p);
}

static void test_regular_file_is_refused(void **state)
{
	struct loop_fd w = { .fd = -1 };
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(loop_fd_start(loop, &w, fileno(f), LOOP_READ, on_pair, NULL), -ERR_IO);
	fclose(f);
}

/* A timer of the same wake stops a watch whose event has been fetched already. */
static void on_stop_pair(struct loop_timer *t, mono_t now)
{
	struct pair *p = t->arg;

	(void)now;
	note('t');
	loop_fd_stop(&p->w);
}

static void test_timers_come_before_fds(void **state)
{
	struct loop_timer t, stop;
	struct pair p;

	(void)state;
	pair_open(&p);
	loop_timer_init(loop, &t, on_timer, tag('a'));
	loop_timer_init(loop, &stop, on_stop_pair, &p);
	assert_int_equal(loop_fd_start(loop, &p.w, p.fd[0], LOOP_READ, on_pair, &p), 0);
	assert_int_equal(write(p.fd[1], "x", 1), 1);
	loop_timer_arm(&t, (mono_t){ 1 });
	loop_turn(loop, 10);
	assert_string_equal(order, "af");
	loop_timer_arm(&stop, (mono_t){ 1 });
	loop_turn(loop, 10);
	assert_string_equal(order, "aft");
	pair_close(&p);
}

static int closed_port(void)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_INET;
	assert_int_equal(bind(listener, (struct sockaddr *)&ss, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &len), 0);
	close(listener);
	(void)!connect(fd, (struct sockaddr *)&ss, len);
	return fd;
}

static void test_error_on_fd_wakes_its_owner(void **state)
{
	struct pair p = { .calls = 0 };
	int err = 0;
	socklen_t len = sizeof(err);
	int fd = closed_port(); /* connection refused: EPOLLERR */

	(void)state;
	assert_int_equal(loop_fd_start(loop, &p.w, fd, LOOP_WRITE, on_pair, &p), 0);
	turns(2);
	assert_true(p.calls >= 2); /* still watched */
	assert_int_equal(p.events, LOOP_WRITE);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	assert_int_not_equal(err, 0);
	loop_fd_stop(&p.w);
	close(fd);
}

/* ---- deferred ----------------------------------------------------------------------------- */

static void on_defer(struct loop_defer *d)
{
	note(*(const char *)d->arg);
}

static void on_defer_again(struct loop_defer *d)
{
	note('d');
	if (n_order < 3)
		loop_defer_arm(d);
	else
		loop_stop(d->loop);
}

static void test_deferred_runs_once_and_again(void **state)
{
	struct loop_defer a, b, again;

	(void)state;
	loop_defer_init(loop, &a, on_defer, tag('a'));
	loop_defer_init(loop, &b, on_defer, tag('b'));
	loop_defer_init(loop, &again, on_defer_again, NULL);
	loop_defer_arm(&a);
	loop_defer_arm(&b);
	loop_defer_arm(&a);
	loop_defer_cancel(&b);
	loop_turn(loop, 1000);
	assert_string_equal(order, "a");
	loop_defer_arm(&again);
	loop_run(loop);
	assert_string_equal(order, "add");
}

static void on_cancel_other(struct loop_defer *d)
{
	note('c');
	loop_defer_cancel(d->arg);
}

static void test_deferred_cancels_deferred(void **state)
{
	struct loop_defer a, b;
	mono_t start;

	(void)state;
	loop_defer_init(loop, &a, on_cancel_other, &b);
	loop_defer_init(loop, &b, on_defer, tag('b'));
	loop_defer_arm(&a);
	loop_defer_arm(&b);
	turns(1);
	assert_string_equal(order, "c");
	/* nothing left: the loop blocks again */
	loop_defer_arm(&b);
	loop_defer_cancel(&b);
	loop_turn(loop, 0);
	start = mono_now();
	loop_turn(loop, 20);
	assert_true(mono_diff_ns(mono_now(), start) >= 15 * NS_PER_MS);
	assert_string_equal(order, "c");
}

/* ---- threads, signals, work ---------------------------------------------------------------- */

static void on_wake(void *arg)
{
	(void)arg;
	note('w');
	loop_stop(loop);
}

static void *sender(void *arg)
{
	for (int i = 0; i < 1000; i++)
		loop_wake_send(arg);
	return NULL;
}

static void test_wake_from_another_thread(void **state)
{
	struct loop_wake *w = loop_wake_new(loop, on_wake, NULL);
	pthread_t t;

	(void)state;
	assert_non_null(w);
	assert_int_equal(pthread_create(&t, NULL, sender, w), 0);
	loop_run(loop);
	pthread_join(t, NULL);
	assert_true(n_order >= 1);
	loop_wake_send(w);
	loop_wake_free(w);
	n_order = 0;
	loop_turn(loop, 5);
	assert_int_equal(n_order, 0);
}

static void on_signal(void *arg, int signum)
{
	(void)arg;
	assert_int_equal(signum, SIGUSR1);
	note('s');
	loop_stop(loop);
}

static void test_signal(void **state)
{
	struct loop_signal *s = loop_signal_new(loop, SIGUSR1, on_signal, NULL);

	(void)state;
	assert_non_null(s);
	raise(SIGUSR1);
	loop_run(loop);
	assert_string_equal(order, "s");
	loop_signal_free(s);
}

struct job {
	pthread_t worker;
	bool worked, done;
};

static void do_work(void *arg)
{
	struct job *j = arg;

	j->worker = pthread_self();
	j->worked = true;
}

static void work_done(void *arg)
{
	struct job *j = arg;

	j->done = true;
	loop_stop(loop);
}

static void test_work_runs_on_one_other_thread(void **state)
{
	struct job j = { .worked = false }, k = { .worked = false };

	(void)state;
	loop_work_queue(loop, do_work, work_done, &j);
	loop_run(loop);
	assert_true(j.worked && j.done);
	assert_false(pthread_equal(j.worker, pthread_self()));
	loop_work_queue(loop, do_work, work_done, &k);
	loop_run(loop);
	assert_true(pthread_equal(j.worker, k.worker));
}

static void test_free_waits_for_work(void **state)
{
	struct job j = { .worked = false };

	(void)state;
	loop_work_queue(loop, do_work, work_done, &j);
	loop_free(loop);
	assert_true(j.worked && j.done);
	loop = loop_new();
	assert_non_null(loop);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_timers_run_in_order),
		T(test_timer_moves_and_cancels),
		T(test_timer_keeps_its_time),
		T(test_timer_rearms_itself_and_cancels_another),
		T(test_turn_blocks_no_longer_than_told),
		T(test_fd_is_level_triggered),
		T(test_fd_reports_hang_up_alone),
		T(test_owner_vanishes_in_callback),
		T(test_two_watches_on_one_fd_are_refused),
		T(test_regular_file_is_refused),
		T(test_timers_come_before_fds),
		T(test_error_on_fd_wakes_its_owner),
		T(test_deferred_runs_once_and_again),
		T(test_deferred_cancels_deferred),
		T(test_wake_from_another_thread),
		T(test_signal),
		T(test_work_runs_on_one_other_thread),
		T(test_free_waits_for_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
