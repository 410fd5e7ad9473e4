/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alloc.h, err.h, counters.h */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/counters.h"
#include "base/err.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void every_code_has_a_text(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_MAX; i++) {
		assert_string_not_equal(err_text(i), "unknown error");
		assert_string_equal(err_text(i), err_text(-i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(err_text(i), err_text(k));
	}
	assert_string_equal(err_text(ERR_MAX), "unknown error");
	assert_string_equal(err_text(-ERR_MAX), "unknown error");
	assert_string_equal(err_text(-2147483647 - 1), "unknown error");
}

static void strings(void **state)
{
	(void)state;
	char *s = NULL;
	str_set(&s, "abc");
	assert_string_equal(s, "abc");
	str_set(&s, s + 1); /* a part of itself */
	assert_string_equal(s, "bc");
	str_set(&s, NULL);
	assert_null(s);
	assert_int_equal(str_cmp(NULL, ""), 0);
	assert_true(str_cmp("a", NULL) > 0);
	assert_true(str_cmp(NULL, "a") < 0);
	s = xasprintf("%d-%s", 5, "x");
	assert_string_equal(s, "5-x");
	free(s);
	s = xstrndup("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
}

/* n * size that wraps around must not give a small block */
static void overflow_is_failure(void **state)
{
	(void)state;
	size_t half = SIZE_MAX / 2 + 1;
	assert_null(try_calloc(half, 2));
	assert_null(try_realloc(NULL, half, 2));
	void *p = try_calloc(0, 0);
	assert_non_null(p);
	p = try_realloc(p, 0, 8);
	assert_non_null(p);
	free(p);
}

static void out_of_memory_aborts(void **state)
{
	(void)state;
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		free(xcalloc(SIZE_MAX / 2 + 1, 2));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct counter set_b[] = { { "b_two", 0 }, { "b_one", 0 } };
static struct counter set_a[] = { { "a", 0 } };

struct seen {
	char names[100];
	uint64_t sum;
};

static void note(void *arg, const char *name, uint64_t v)
{
	struct seen *s = arg;
	size_t n = strlen(s->names);
	snprintf(s->names + n, sizeof(s->names) - n, "%s ", name);
	s->sum += v;
}

static void counters_in_name_order(void **state)
{
	(void)state;
	struct seen s = { "", 0 };
	counters_register(set_b, ARRAY_LEN(set_b));
	counters_register(set_a, ARRAY_LEN(set_a));
	counters_register(set_b, ARRAY_LEN(set_b)); /* again: nothing new */
	counters_register(set_a, 0);
	counter_inc(&set_a[0]);
	counter_add(&set_b[1], 41);
	assert_true(counter_get(&set_b[1]) == 41);
	counters_each(note, &s);
	assert_string_equal(s.names, "a b_one b_two ");
	assert_true(s.sum == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_text),  cmocka_unit_test(strings),
		cmocka_unit_test(overflow_is_failure),	  cmocka_unit_test(out_of_memory_aborts),
		cmocka_unit_test(counters_in_name_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
