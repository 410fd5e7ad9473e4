/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_json.json and control_headscale traces: what official clients really send is understood,
 * and our answers have the members of the reference's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "daemon/coordinator/map_request.h"
#include "daemon/coordinator/register.h"
#include "tests/lib/vec.h"

static const wall_t now = { 1800000000, 0 };

static const char *text_named(const json_t *arr, const char *name)
{
	for (size_t i = 0; i < j_len(arr); i++)
		if (strcmp(j_str(j_at(arr, i), "name"), name) == 0)
			return j_str(j_at(arr, i), "json");
	fail_msg("no %s", name);
	return NULL;
}

static void register_requests(void **state)
{
	const json_t *arr = j_get(vec_load("control_json.json"), "requests");
	struct register_request q;

	(void)state;
	assert_int_equal(
	    register_parse(span_str(text_named(arr, "register with auth key")), now, &q), 0);
	assert_int_equal(q.version, 145);
	assert_true(q.auth_key.len > 20 && !q.logout && wall_is_zero(q.expiry) && !*q.followup);
	assert_string_equal(j_str(q.hostinfo, "Hostname"), "self");
	register_request_fini(&q);
	assert_int_equal(
	    register_parse(span_str(text_named(arr, "register after restart, no auth")), now, &q),
	    0);
	assert_int_equal(q.auth_key.len, 0);
	register_request_fini(&q);
	assert_int_equal(register_parse(span_str(text_named(arr, "register follow-up")), now, &q),
			 0);
	assert_non_null(strstr(q.followup, LOGIN_PATH));
	register_request_fini(&q);
	assert_int_equal(register_parse(span_str(text_named(arr, "logout")), now, &q), 0);
	assert_true(q.logout);
	register_request_fini(&q);
}

static void map_requests(void **state)
{
	const json_t *arr = j_get(vec_load("control_json.json"), "requests");
	struct map_request q;

	(void)state;
	assert_int_equal(map_request_parse(span_str(text_named(arr, "map stream")), &q), 0);
	assert_true(q.stream && q.zstd && !q.omit_peers && !q.read_only);
	assert_int_equal(q.n_endpoints, 3);
	assert_false(disco_key_is_zero(&q.disco));
	map_request_fini(&q);
	assert_int_equal(map_request_parse(span_str(text_named(arr, "lite update")), &q), 0);
	assert_true(!q.stream && q.omit_peers);
	map_request_fini(&q);
}

/* All requests of the recorded conversation with a real Headscale. */
static void recorded_requests(void **state)
{
	const json_t *arr = j_get(vec_load("headscale_trace.json"), "trace");
	size_t maps = 0, registers = 0;

	(void)state;
	for (size_t i = 0; i < j_len(arr); i++) {
		const json_t *e = j_at(arr, i);
		const char *kind = j_str(e, "kind");
		char *text = j_dump(j_get(e, "json"));
		struct register_request r;
		struct map_request m;

		if (kind && strcmp(kind, "RegisterRequest") == 0) {
			assert_int_equal(register_parse(span_str(text), now, &r), 0);
			register_request_fini(&r);
			registers++;
		} else if (kind && strcmp(kind, "MapRequest") == 0) {
			assert_int_equal(map_request_parse(span_str(text), &m), 0);
			assert_false(disco_key_is_zero(&m.disco));
			map_request_fini(&m);
			maps++;
		}
		free(text);
	}
	assert_true(maps > 5 && registers > 3);
}

/* Every member the reference's answer always has, in ours too, of the same type. */
static void same_members(const json_t *ours, json_t *theirs)
{
	for (void *it = j_iter(theirs); it; it = j_iter_next(theirs, it)) {
		const char *name = j_iter_key(it);
		json_t *v = j_iter_value(it);

		if (strcmp(name, "Created") == 0)
			continue;
		if (!j_has(ours, name) || j_is_object(v) != j_is_object(j_get(ours, name)) ||
		    j_is_bool(v) != j_is_bool(j_get(ours, name)))
			fail_msg("%s", name);
		if (j_is_object(v))
			same_members(j_get(ours, name), v);
	}
}

static void register_answers(void **state)
{
	const json_t *arr = j_get(vec_load("control_json.json"), "replies");
	struct user u = { 1, (char *)(uintptr_t) "alice", now };
	struct node n = { .id = 1, .user = 1 };
	struct register_outcome o = { .verdict = REGISTER_OK, .user = &u, .node = &n };
	json_t *theirs = j_parse(span_str(text_named(arr, "success")), 1 << 16, NULL);
	json_t *ours = register_answer(&o, "http://x");

	(void)state;
	same_members(ours, theirs);
	assert_true(j_bool(ours, "MachineAuthorized", false));
	j_free(ours);
	o = (struct register_outcome){ .verdict = REGISTER_ERROR, .error = "authkey expired" };
	ours = register_answer(&o, "http://x");
	same_members(ours, theirs);
	assert_string_equal(j_str(ours, "Error"), "authkey expired");
	assert_false(j_bool(ours, "MachineAuthorized", true));
	j_free(ours);
	j_free(theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(register_requests),
		cmocka_unit_test(map_requests),
		cmocka_unit_test(recorded_requests),
		cmocka_unit_test(register_answers),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
