/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ping_output.json: what ping prints for each sequence of answers. */
#include "tests/lib/vec.h"
#include "tests/vectors/cli/fake_daemon.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* The waits of a case (5 s time-outs, 1 s pauses) divided by this: an answer must still
 * come in time on a busy machine. */
#define HURRY 10

struct scene {
	json_t *status, *steps;
	size_t at;
};

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	struct scene *s = arg;
	if (strcmp(r->method, "GET") == 0)
		return (struct fake_answer){ .status = 200, .body = j_dump(s->status) };
	const json_t *step = j_at(s->steps, s->at++);
	if (j_bool(step, "Timeout", false))
		return (struct fake_answer){ .silent = true };
	return (struct fake_answer){ .status = 200, .body = j_dump(j_get(step, "Result")) };
}

static json_t *args_of(const json_t *test)
{
	json_t *args = j_array(), *flags = j_get(test, "Flags");
	j_add_str(args, "ping");
	for (size_t i = 0; i < j_len(flags); i++)
		j_add_str(args, j_text(j_at(flags, i)));
	if (*j_str(test, "Target"))
		j_add_str(args, j_str(test, "Target"));
	return args;
}

static void check_request(const struct fake_daemon *d, const json_t *test)
{
	const char *want = j_text(j_at(j_get(test, "Requests"), 0));
	char got[256] = "";
	for (size_t i = 0; i < d->n && !*got; i++)
		if (strcmp(d->requests[i].method, "POST") == 0)
			snprintf(got, sizeof(got), "POST %s", d->requests[i].uri);
	assert_string_equal(got, want ? want : "");
}

static void run_case(const json_t *test)
{
	struct scene s = { .steps = j_get(test, "Steps") };
	struct cli c = { .user = "", .ssh_client = "", .hurry = HURRY, .now = wall_now };
	struct fake_daemon d;
	char err[256];
	const char *want_err = j_str(test, "Err");
	const char *usage = strstr(want_err, "usage: tailscale ")
				? "usage: meshctl ping <hostname-or-IP>"
				: want_err;
	json_t *args = args_of(test);
	s.status = j_parse(span_str(j_str(vec_load("localapi_status.json"), "status_json_text")),
			   1u << 20, NULL);
	fake_start(&d, answer, &s);
	struct fake_run r = fake_cli(&d, &c, args);
	snprintf(err, sizeof(err), "%s%s", usage, *usage ? "\n" : "");
	assert_string_equal(r.out, j_str(test, "Stdout"));
	assert_string_equal(r.err, err);
	assert_int_equal(r.code, j_int(test, "ExitCode", -1));
	check_request(&d, test);
	assert_int_equal(s.at, j_len(s.steps));
	fake_stop(&d);
	j_free(args);
	j_free(s.status);
	free(r.out);
	free(r.err);
}

static void test_cases(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("ping_output.json"), "cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		print_message("%s\n", j_str(j_at(cases, i), "Name"));
		run_case(j_at(cases, i));
	}
	assert_true(j_len(cases) >= 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
