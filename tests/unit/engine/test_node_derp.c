/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of relayed datagrams, against an engine that writes down what it is given. */
#include "tests/lib/cm.h"

#include "daemon/engine/engine.h"
#include "daemon/engine/node_derp.h"
#include "magicsock/udp_run.h"

#include <stdio.h>
#include <string.h>

static const mono_t NOW = { NS_PER_S };
static const wall_t WALL = { 1000, 0 };
static const struct node_key ann = { { 1 } }, bob = { { 2 } }, eve = { { 3 } };

/* "A6/2" is a run of Ann's of 6 bytes, segment 2; "a5" a single datagram of hers */
static char said[4096];

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

static char name_of(const struct node_key *k)
{
	return (char)('a' + k->b[0] - 1);
}

bool engine_is_peer(const struct engine *e, const struct node_key *key)
{
	(void)e;
	return !node_key_eq(key, &eve);
}

bool engine_input_derp(struct engine *e, mono_t now, wall_t wall, int region,
		       const struct node_key *src, struct span d)
{
	(void)e, (void)now, (void)wall, (void)region;
	say("%c%zu ", name_of(src), d.len);
	return !node_key_eq(src, &eve);
}

void engine_input_derp_run(struct engine *e, mono_t now, wall_t wall, const struct node_key *src,
			   struct span run, size_t segment)
{
	(void)e, (void)now, (void)wall;
	assert_true(run.len <= UINT16_MAX);
	/* each datagram starts as transport data does, and tells its place */
	for (size_t at = 0; at < run.len; at += segment ? segment : run.len)
		assert_int_equal(run.p[at], 4);
	say("%c%zu/%zu ", name_of(src) - 'a' + 'A', run.len, segment);
}

static struct derp_run *run_new(void)
{
	static struct derp_run r;
	said[0] = '\0';
	derp_run_init(&r, NULL);
	return &r;
}

static bool add(struct derp_run *r, const struct node_key *src, uint8_t type, size_t len)
{
	static uint8_t d[70000];
	memset(d, 0, 4);
	d[0] = type;
	return derp_run_add(r, NOW, WALL, 1, src, span_of(d, len));
}

static void end(struct derp_run *r, const char *expected)
{
	derp_run_flush(r, NOW, WALL);
	derp_run_flush(r, NOW, WALL); /* nothing left: silent */
	assert_string_equal(said, expected);
	derp_run_fini(r);
}

static void one_datagram_is_no_run(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	assert_true(add(r, &ann, 4, 1312));
	assert_string_equal(said, "");
	end(r, "A1312/0 ");
}

static void equal_lengths_and_a_shorter_end(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	add(r, &ann, 4, 100);
	add(r, &ann, 4, 100);
	add(r, &ann, 4, 60);
	add(r, &ann, 4, 60); /* behind a short one a new run begins */
	add(r, &ann, 4, 61); /* a longer one does not fit either */
	end(r, "A260/100 A60/0 A61/0 ");
}

static void peers_are_kept_apart(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	add(r, &ann, 4, 100);
	add(r, &ann, 4, 100);
	add(r, &bob, 4, 100);
	add(r, &ann, 4, 100);
	end(r, "A200/100 B100/0 A100/0 ");
}

/* A handshake must not overtake the data that came before it. */
static void others_pass_in_order(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	add(r, &ann, 4, 100);
	add(r, &ann, 1, 148);
	add(r, &ann, 'T', 90);
	add(r, &ann, 4, 100);
	end(r, "A100/0 a148 a90 A100/0 ");
}

static void strangers_are_told(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	assert_true(add(r, &ann, 4, 100));
	assert_false(add(r, &eve, 4, 100));
	assert_false(add(r, &eve, 1, 148));
	end(r, "A100/0 c100 c148 ");
}

static void runs_are_bounded(void **state)
{
	(void)state;
	struct derp_run *r = run_new();
	for (int i = 0; i < 2 * UDP_RUN_MAX; i++)
		add(r, &ann, 4, 32);
	char half[64];
	char expected[200];
	snprintf(half, sizeof(half), "A%d/%d ", 32 * UDP_RUN_MAX, 32);
	snprintf(expected, sizeof(expected), "%s%s", half, half);
	end(r, expected);
	r = run_new();
	add(r, &ann, 4, 40000);
	add(r, &ann, 4, 40000);
	end(r, "A40000/0 A40000/0 ");
	r = run_new();
	add(r, &ann, 4, DERP_RUN_BYTES + 1); /* more than a record takes */
	end(r, "a65536 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_datagram_is_no_run),
		cmocka_unit_test(equal_lengths_and_a_shorter_end),
		cmocka_unit_test(peers_are_kept_apart),
		cmocka_unit_test(others_pass_in_order),
		cmocka_unit_test(strangers_are_told),
		cmocka_unit_test(runs_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
