/* SPDX-License-Identifier: GPL-2.0-or-later */
/* localapi_status.json: the table of `status` byte for byte, and its JSON. */
#include "tests/lib/vec.h"
#include "tests/vectors/cli/fake_daemon.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

struct scene {
	json_t *status;
	const char *serve_config;
};

static wall_t now_of_vectors(void)
{
	wall_t t = WALL_ZERO;
	assert_int_equal(wall_decode(span_str(j_str(vec_load("localapi_status.json"), "now")), &t),
			 0);
	return t;
}

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	const struct scene *s = arg;
	if (strstr(r->uri, "serve-config"))
		return (struct fake_answer){ .status = 200, .body = strdup(s->serve_config) };
	json_t *copy = j_copy(s->status);
	if (strstr(r->uri, "peers=false"))
		j_set_null(copy, "Peer");
	struct fake_answer a = { .status = 200, .body = j_dump(copy) };
	j_free(copy);
	return a;
}

static json_t *status_of_vectors(void)
{
	json_t *all = vec_load("localapi_status.json");
	return j_parse(span_str(j_str(all, "status_json_text")), 1u << 20, NULL);
}

static struct fake_run run(struct scene *s, const json_t *flags)
{
	struct fake_daemon d;
	struct cli c = { .user = "", .ssh_client = "", .hurry = 10, .now = now_of_vectors };
	json_t *args = j_array();
	j_add_str(args, "status");
	for (size_t i = 0; i < j_len(flags); i++)
		j_add_str(args, j_text(j_at(flags, i)));
	fake_start(&d, answer, s);
	struct fake_run r = fake_cli(&d, &c, args);
	fake_stop(&d);
	j_free(args);
	return r;
}

static void set_case(struct scene *s, const json_t *test)
{
	const char *name = j_str(test, "Name");
	json_t *health = j_get(test, "Health");
	s->status = status_of_vectors();
	s->serve_config = "null";
	if (j_len(health))
		j_set(s->status, "Health", j_copy(health));
	if (strcmp(name, "starting") == 0)
		j_set_str(s->status, "BackendState", "Starting");
	if (strcmp(name, "funnel on") == 0)
		s->serve_config = "{\"AllowFunnel\":{\"self.tail.example.com:443\":true}}";
	if (strncmp(name, "location", 8) != 0)
		return;
	json_t *peers = j_get(s->status, "Peer");
	for (void *it = j_iter(peers); it; it = j_iter_next(peers, it))
		if (strncmp(j_str(j_iter_value(it), "DNSName"), "exitofferact.", 13) == 0)
			j_set_str(j_iter_value(it), "DNSName", "se-got-wg-001.mullvad.ts.net.");
}

/* The one command in there to copy names our program. */
static char *ours_of(const char *theirs)
{
	const char *hit = strstr(theirs, "`tailscale exit-node list`");
	struct buf b;
	buf_init(&b, 65536);
	buf_add(&b, theirs, hit ? (size_t)(hit - theirs) : strlen(theirs));
	if (hit)
		buf_fmt(&b, "`meshctl exit-node list`%s",
			hit + strlen("`tailscale exit-node list`"));
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static void test_table(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("localapi_status.json"), "cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		struct scene s;
		set_case(&s, j_at(cases, i));
		struct fake_run r = run(&s, j_get(j_at(cases, i), "Flags"));
		char *want = ours_of(j_str(j_at(cases, i), "Stdout"));
		assert_string_equal(r.out, want);
		assert_string_equal(r.err, "");
		assert_int_equal(r.code, 0);
		j_free(s.status);
		free(r.out);
		free(r.err);
		free(want);
	}
	assert_true(j_len(cases) >= 9);
}

static void test_not_running(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("localapi_status.json"), "not_running");
	for (size_t i = 0; i < j_len(cases); i++) {
		struct scene s = { status_of_vectors(), "null" };
		j_set_str(s.status, "BackendState", j_str(j_at(cases, i), "BackendState"));
		j_set_str(s.status, "AuthURL", j_str(j_at(cases, i), "AuthURL"));
		struct fake_run r = run(&s, NULL);
		assert_string_equal(r.out, j_str(j_at(cases, i), "Stdout"));
		assert_int_equal(r.code, j_int(j_at(cases, i), "ExitCode", -1));
		j_free(s.status);
		free(r.out);
		free(r.err);
	}
	assert_true(j_len(cases) >= 6);
}

static void test_json(void **state)
{
	(void)state;
	struct scene s = { status_of_vectors(), "null" };
	json_t *flags = j_array();
	j_add_str(flags, "--json");
	struct fake_run r = run(&s, flags);
	assert_string_equal(r.out, j_str(vec_load("localapi_status.json"), "cli_json_text"));
	j_free(flags);
	j_free(s.status);
	free(r.out);
	free(r.err);
}

/* A peer that names itself with escape sequences draws nothing on our terminal. */
static void test_hostile_peer(void **state)
{
	(void)state;
	struct scene s = { status_of_vectors(), "null" };
	json_t *peers = j_get(s.status, "Peer");
	json_t *peer = j_iter_value(j_iter(peers));
	j_set_str(peer, "DNSName", "\x1b[2Jevil\t\n\xe2\x80\xae.tail.example.com.");
	j_set_str(peer, "OS",
		  "\x07\xc2\x9b"
		  "31m");
	struct fake_run r = run(&s, NULL);
	for (const char *p = r.out; *p; p++)
		assert_true((unsigned char)*p >= ' ' || *p == '\n');
	assert_null(strstr(r.out, "\xc2\x9b"));
	assert_null(strstr(r.out, "\xe2\x80\xae"));
	assert_non_null(strstr(r.out, "\\x1b[2Jevil\\x09\\x0a"));
	j_free(s.status);
	free(r.out);
	free(r.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_not_running),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
