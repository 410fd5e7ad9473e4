/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/run.h"

#include <string.h>
#include <unistd.h>

#define LONG_MS 60000

static char said[RUN_SAID_MAX];
static char output[1024];

static void take(void *arg, struct span line)
{
	size_t n = strlen(output);
	(void)arg;
	if (n + line.len + 2 < sizeof(output)) {
		memcpy(output + n, line.p, line.len);
		memcpy(output + n + line.len, "|", 2);
	}
}

static int sh(const char *script, const char *input, int ms, int *status)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	static char home[] = "HOME=/nowhere", *env[] = { home, NULL };
	struct run r = { .argv = (char *const *)(uintptr_t)argv,
			 .env = env,
			 .dir = "/",
			 .input = span_str(input),
			 .until = mono_add_ms(mono_now(), ms),
			 .line = take };
	output[0] = '\0';
	return status ? run_program_status(&r, status, said) : run_program(&r, said);
}

static void what_it_says_and_ends_with(void **state)
{
	(void)state;
	int status;
	assert_int_equal(sh("cat; echo 'bad  thing' >&2; pwd; echo $HOME", "in\n", LONG_MS, NULL),
			 0);
	assert_string_equal(output, "in|/|/nowhere|");
	assert_string_equal(said, "bad thing");
	assert_int_equal(sh("exit 3", "", LONG_MS, NULL), -ERR_IO);
	assert_int_equal(sh("exit 3", "", LONG_MS, &status), 0);
	assert_int_equal(status, 3);
	assert_int_equal(sh("echo x: Permission denied >&2; exit 1", "", LONG_MS, NULL), -ERR_PERM);
	assert_int_equal(sh("kill -9 $$", "", LONG_MS, &status), -ERR_IO);
	assert_int_equal(status, -1);
}

static void one_that_hangs_is_killed(void **state)
{
	(void)state;
	int status;
	assert_int_equal(sh("sleep 1000", "", 200, &status), -ERR_TIMEOUT);
	assert_int_equal(status, -1);
}

/* A hook that starts a daemon: it lives on, with our pipes as its outputs. */
static void what_it_leaves_behind_holds_nobody_up(void **state)
{
	(void)state;
	mono_t begun = mono_now();
	assert_int_equal(sh("sleep 30 & echo started", "", LONG_MS, NULL), 0);
	assert_string_equal(output, "started|");
	assert_true(mono_diff_ns(mono_now(), begun) < 25 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says_and_ends_with),
		cmocka_unit_test(one_that_hangs_is_killed),
		cmocka_unit_test(what_it_leaves_behind_holds_nobody_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
