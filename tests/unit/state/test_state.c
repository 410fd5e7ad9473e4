/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store, its file, and the netmap cache with its start marker. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/fs.h"
#include "daemon/state/netmap_cache.h"
#include "daemon/state/state_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char path[128];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/meshd-state-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/s/meshd.state", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char cmd_path[256];
	(void)state;
	static const char *const names[] = { "s/meshd.state", "s", "started", "netmap-ab12.json",
					     "netmap-cd34.json" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(cmd_path, sizeof(cmd_path), "%s/%s", dir, names[i]);
		if (unlink(cmd_path))
			rmdir(cmd_path);
	}
	return rmdir(dir);
}

static void expect_file(const char *file, const char *want)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	assert_int_equal(fs_read(file, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

struct answer {
	int n, err;
};

static void on_saved(void *arg, int err)
{
	struct answer *a = arg;
	a->n++;
	a->err = err;
}

static void wait_for(struct loop *l, struct answer *a, int n)
{
	for (int i = 0; i < 200 && a->n < n; i++)
		loop_turn(l, 50);
	assert_int_equal(a->n, n);
}

/* ---- store ---------------------------------------------------------------------------------- */

static void test_bad_texts(void **state)
{
	static const char *const bad[] = {
		"[]",	    "{", "\"x\"", "{\"a\":1}", "{\"a\":\"not base64!\"}", "{\"a\":\"YWI\"}",
		"nonsense",
	};
	struct state *s = state_new();
	const char *why;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(state_parse(s, span_str(bad[i]), &why), -ERR_SYNTAX);
		assert_non_null(why);
		assert_null(state_key_at(s, 0));
	}
	assert_int_equal(
	    state_parse(s, span_str("{\"key\":\"AA==\",\"nonce\":\"AA==\",\"data\":\"AA==\"}"),
			&why),
	    -ERR_UNSUPPORTED);
	assert_int_equal(state_parse(s, span_str(""), &why), 0);
	state_free(s);
}

static void test_bad_machine_key(void **state)
{
	struct state *s = state_new();
	struct machine_priv k;
	struct rng_seeded r;
	bool made;
	(void)state;
	rng_seeded_init(&r, 1);
	state_put(s, STATE_MACHINE_KEY, span_str("privkey:12"));
	assert_int_equal(state_machine_key(s, &r.rng, &k, &made), -ERR_SYNTAX);
	assert_true(span_eq_str(state_get(s, STATE_MACHINE_KEY), "privkey:12"));
	state_free(s);
}

static void test_generation(void **state)
{
	struct state *s = state_new();
	(void)state;
	uint64_t g = state_generation(s);
	assert_true(state_put(s, "a", span_str("1")));
	assert_false(state_put(s, "a", span_str("1")));
	assert_false(state_put(s, "b", span_of(NULL, 0)));
	assert_int_equal(state_generation(s), g + 1);
	assert_true(state_put(s, "a", span_of(NULL, 0)));
	assert_null(state_get(s, "a").p);
	assert_true(state_put(s, "e", span_str("")));
	assert_non_null(state_get(s, "e").p);
	state_free(s);
}

/* ---- file -------------------------------------------------------------------------------------
 */

static void test_new_file(void **state)
{
	struct loop *l = loop_new();
	struct state_file *f = state_file_open(l, path);
	struct answer a = { 0 };
	struct stat st;
	(void)state;
	assert_null(state_file_health(f));
	expect_file(path, "{}");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	state_put(state_file_store(f), "k", span_str("v"));
	state_file_save(f, on_saved, &a);
	assert_int_equal(a.n, 0); /* never from inside the call */
	state_put(state_file_store(f), "k", span_str("w"));
	state_file_save(f, on_saved, &a); /* while the first is on its way */
	wait_for(l, &a, 2);
	assert_int_equal(a.err, 0);
	expect_file(path, "{\n  \"k\": \"dw==\"\n}");
	state_file_save(f, on_saved, &a); /* nothing new: answered without a write */
	wait_for(l, &a, 3);
	state_put(state_file_store(f), "last", span_str("x"));
	state_file_free(f); /* writes what is left */
	f = state_file_open(l, path);
	assert_true(span_eq_str(state_get(state_file_store(f), "last"), "x"));
	state_file_free(f);
	loop_free(l);
}

static void test_corrupt_file_is_kept(void **state)
{
	static const char *const bad[] = { "{\"k\": \"dw==\"", "garbage", "{\"k\":7}" };
	struct loop *l = loop_new();
	(void)state;
	assert_int_equal(fs_mkdir(dir, 0700), 0);
	char sub[128];
	snprintf(sub, sizeof(sub), "%s/s", dir);
	assert_int_equal(fs_mkdir(sub, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct answer a = { 0 };
		assert_int_equal(fs_write_atomic(path, span_str(bad[i]), 0600), 0);
		struct state_file *f = state_file_open(l, path);
		assert_non_null(state_file_health(f));
		state_put(state_file_store(f), "k", span_str("v"));
		state_file_save(f, on_saved, &a);
		wait_for(l, &a, 1);
		assert_int_equal(a.err, -ERR_IO);
		assert_int_equal(state_file_save_now(f), -ERR_IO);
		state_file_free(f);
		expect_file(path, bad[i]);
	}
	loop_free(l);
}

static void test_empty_file_is_new(void **state)
{
	struct loop *l = loop_new();
	char sub[128];
	(void)state;
	snprintf(sub, sizeof(sub), "%s/s", dir);
	assert_int_equal(fs_mkdir(sub, 0700), 0);
	assert_int_equal(fs_write_atomic(path, span_str(""), 0600), 0);
	struct state_file *f = state_file_open(l, path);
	assert_null(state_file_health(f));
	state_file_free(f);
	loop_free(l);
}

static void test_unwritable_directory(void **state)
{
	struct loop *l = loop_new();
	(void)state;
	struct state_file *f = state_file_open(l, "/proc/meshd/meshd.state");
	assert_non_null(state_file_health(f));
	assert_non_null(strstr(state_file_health(f), "/proc/meshd/meshd.state"));
	state_file_free(f);
	loop_free(l);
}

static void test_memory_only(void **state)
{
	struct loop *l = loop_new();
	struct answer a = { 0 };
	(void)state;
	struct state_file *f = state_file_open(l, "mem:");
	assert_true(state_file_is_mem(f));
	state_put(state_file_store(f), "k", span_str("v"));
	state_file_save(f, on_saved, &a);
	wait_for(l, &a, 1);
	assert_int_equal(a.err, 0);
	state_file_free(f);
	loop_free(l);
}

/* ---- netmap cache ---- */

static void test_cache(void **state)
{
	struct loop *l = loop_new();
	struct buf b;
	(void)state;
	buf_init(&b, NETMAP_CACHE_MAX);
	struct netmap_cache *c = netmap_cache_open(l, dir, (wall_t){ 1000, 0 });
	assert_false(netmap_cache_distrusted(c));
	assert_int_equal(netmap_cache_load(c, "ab12", &b), -ERR_NOENT);
	netmap_cache_store(c, "ab12", span_str("one"));
	netmap_cache_store(c, "ab12", span_str("two"));
	netmap_cache_store(c, "ab12", span_str("three"));
	netmap_cache_store(c, "../x", span_str("no")); /* no such profile name */
	for (int i = 0; i < 20; i++)
		loop_turn(l, 20);
	assert_int_equal(netmap_cache_load(c, "ab12", &b), 0);
	assert_string_equal(buf_cstr(&b), "three");
	netmap_cache_store(c, "ab12", span_str("four"));
	netmap_cache_drop(c, "ab12");
	for (int i = 0; i < 20; i++)
		loop_turn(l, 20);
	buf_reset(&b);
	assert_int_equal(netmap_cache_load(c, "ab12", &b), -ERR_NOENT);
	buf_fini(&b);
	netmap_cache_free(c);
	loop_free(l);
}

/* A start whose process dies: the marker stays. */
static bool start_and_die(int64_t at)
{
	char marker[128], kept[128];
	struct loop *l = loop_new();
	struct netmap_cache *c = netmap_cache_open(l, dir, (wall_t){ at, 0 });
	bool distrusted = netmap_cache_distrusted(c);
	snprintf(marker, sizeof(marker), "%s/started", dir);
	snprintf(kept, sizeof(kept), "%s/kept", dir);
	assert_int_equal(link(marker, kept), 0);
	netmap_cache_free(c);
	assert_int_equal(rename(kept, marker), 0);
	loop_free(l);
	return distrusted;
}

static void test_crash_loop(void **state)
{
	(void)state;
	assert_false(start_and_die(1000));
	assert_false(start_and_die(1010)); /* the first may have been chance */
	assert_true(start_and_die(1020));
	assert_true(start_and_die(1030));
	assert_false(start_and_die(2000)); /* lived longer than a minute before */
	assert_false(start_and_die(2010));
	assert_true(start_and_die(2020));

	struct loop *l = loop_new();
	struct netmap_cache *c = netmap_cache_open(l, dir, (wall_t){ 2030, 0 });
	struct buf b;
	buf_init(&b, 100);
	assert_true(netmap_cache_distrusted(c));
	assert_int_equal(netmap_cache_load(c, "ab12", &b), -ERR_NOENT);
	netmap_cache_free(c); /* in order: the count starts anew */
	c = netmap_cache_open(l, dir, (wall_t){ 2031, 0 });
	assert_false(netmap_cache_distrusted(c));
	netmap_cache_free(c);
	buf_fini(&b);
	loop_free(l);
}

static void test_no_directory(void **state)
{
	struct loop *l = loop_new();
	struct buf b;
	(void)state;
	buf_init(&b, 100);
	struct netmap_cache *c = netmap_cache_open(l, NULL, (wall_t){ 1, 0 });
	netmap_cache_store(c, "ab12", span_str("x"));
	assert_int_equal(netmap_cache_load(c, "ab12", &b), -ERR_NOENT);
	netmap_cache_free(c);
	buf_fini(&b);
	loop_free(l);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_bad_machine_key),
		cmocka_unit_test(test_generation),
		WITH_DIR(test_new_file),
		WITH_DIR(test_corrupt_file_is_kept),
		WITH_DIR(test_empty_file_is_new),
		cmocka_unit_test(test_unwritable_directory),
		cmocka_unit_test(test_memory_only),
		WITH_DIR(test_cache),
		WITH_DIR(test_crash_loop),
		cmocka_unit_test(test_no_directory),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
