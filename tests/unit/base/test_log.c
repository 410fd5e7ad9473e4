/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/mono.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char last[4096];
static int n_lines;

static void tap(void *arg, const char *line)
{
	(void)arg;
	n_lines++;
	snprintf(last, sizeof(last), "%s", line);
}

static int setup(void **state)
{
	(void)state;
	n_lines = 0;
	last[0] = 0;
	log_set_level(LOG_INFO);
	log_set_tap(tap, NULL);
	return 0;
}

static void level_decides(void **state)
{
	(void)state;
	log_info("room: %s", "up");
	assert_string_equal(last, "I room: up");
	log_debug("not seen");
	assert_int_equal(n_lines, 1);
	log_set_level(LOG_TRACE);
	assert_int_equal(log_get_level(), LOG_TRACE);
	log_error("a");
	assert_string_equal(last, "E a");
	log_warn("a");
	assert_string_equal(last, "W a");
	log_debug("a");
	assert_string_equal(last, "D a");
	log_trace("a");
	assert_string_equal(last, "T a");
	log_set_tap(NULL, NULL);
	log_info("b");
	assert_int_equal(n_lines, 5);
}

/* An unevaluated argument costs nothing and has no effect. */
static void quiet_levels_do_not_evaluate(void **state)
{
	(void)state;
	int n = 0;
	log_debug("%d", ++n);
	assert_int_equal(n, 0);
}

static void controls_never_get_out(void **state)
{
	(void)state;
	log_info("a\nE forged\x1b[31m\x7f\ttab");
	assert_string_equal(last, "I a?E forged?[31m??tab");
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	char *s = xcalloc(9001, 1);
	memset(s, 'x', 9000);
	log_info("%s", s);
	assert_in_range(strlen(last), 1000, 2047);
	free(s);
}

/* What reaches the descriptor: whole lines, one write each. */
static void lines_on_stderr(void **state)
{
	(void)state;
	int p[2], saved = dup(STDERR_FILENO);
	char buf[64] = "";
	assert_int_equal(pipe2(p, O_DIRECT), 0); /* keeps the border between writes */
	dup2(p[1], STDERR_FILENO);
	errno = ENOENT;
	log_info("one");
	log_info("two");
	int after = errno;
	dup2(saved, STDERR_FILENO);
	ssize_t n = read(p[0], buf, sizeof(buf));
	close(p[0]);
	close(p[1]);
	close(saved);
	assert_int_equal(n, 6);
	assert_memory_equal(buf, "I one\n", 6);
	assert_int_equal(after, ENOENT);
}

static void shout(int i)
{
	LOG_LIMITED(3600, LOG_INFO, "again %d", i);
}

static void limited_lines(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		shout(i);
	assert_int_equal(n_lines, 1);
	assert_string_equal(last, "I again 0");
	struct log_limit l = { 0, 7 };
	assert_true(log_limit_pass(&l, 3600));
	log_info("x");
	assert_string_equal(last, "I x (7 more left out)");
	assert_false(log_limit_pass(&l, 3600));
	assert_int_equal(l.dropped, 1);
	log_info("y");
	assert_string_equal(last, "I y");
}

static void *many_lines(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("thread %d line %d", *(int *)arg, i);
	return NULL;
}

static void threads_share_it(void **state)
{
	(void)state;
	pthread_t th[4];
	int id[4] = { 0, 1, 2, 3 }, saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, many_lines, &id[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	assert_int_equal(n_lines, 2000);
}

static void escapes(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "plain text~", "plain text~" },
		{ "caf\xc3\xa9 \xe6\x97\xa5", "caf\xc3\xa9 \xe6\x97\xa5" },
		{ "a\nb\x1b[0m\x7f", "a\\x0ab\\x1b[0m\\x7f" },
		{ "\\x41", "\\x5cx41" }, /* cannot be taken for an escape of ours */
		{ "\xff\xc3(", "\\xff\\xc3(" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },				     /* C1 */
		{ "\xe2\x80\xaegnp.exe", "\\xe2\\x80\\xaegnp.exe" }, /* right-to-left override */
		{ "\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c", "\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xd8\\x9c" },
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
	};
	struct log_esc_buf b;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		assert_string_equal(log_esc(span_str(pairs[i][0]), &b), pairs[i][1]);
	assert_string_equal(log_esc(span_of("a\0b", 3), &b), "a\\x00b");
	assert_string_equal(log_esc(span_of(NULL, 0), &b), "");
}

static void long_strings_are_cut(void **state)
{
	(void)state;
	struct log_esc_buf b;
	char s[LOG_ESC_MAX + 10];
	memset(s, 1, sizeof(s)); /* the worst: four for one */
	log_esc(span_of(s, sizeof(s)), &b);
	assert_int_equal(strlen(b.s), LOG_ESC_MAX * 4 + 3);
	assert_string_equal(b.s + LOG_ESC_MAX * 4, "...");
	memset(s, 'x', sizeof(s));
	log_esc(span_of(s, LOG_ESC_MAX), &b);
	assert_int_equal(strlen(b.s), LOG_ESC_MAX);
	/* a character across the cut is left out whole */
	memcpy(s + LOG_ESC_MAX - 1, "\xc3\xa9", 2);
	log_esc(span_of(s, sizeof(s)), &b);
	assert_int_equal(strlen(b.s), LOG_ESC_MAX - 1 + 3);
	assert_string_equal(b.s + LOG_ESC_MAX - 1, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(level_decides, setup),
		cmocka_unit_test_setup(quiet_levels_do_not_evaluate, setup),
		cmocka_unit_test_setup(controls_never_get_out, setup),
		cmocka_unit_test_setup(long_lines_are_cut, setup),
		cmocka_unit_test_setup(lines_on_stderr, setup),
		cmocka_unit_test_setup(limited_lines, setup),
		cmocka_unit_test_setup(threads_share_it, setup),
		cmocka_unit_test(escapes),
		cmocka_unit_test(long_strings_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
