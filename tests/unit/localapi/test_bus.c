/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch-ipn-bus: masks, initial message, changes, a reader that does not read. */
#include "tests/unit/localapi/api_fixture.h"

#include "daemon/localapi/bus.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

/* Subscribed when this returns: the head has come. */
static int watch(struct fixture *f, unsigned mask)
{
	int fd = fixture_connect(f);
	char *req = xasprintf("GET /localapi/v0/watch-ipn-bus?mask=%u HTTP/1.1\r\n"
			      "Host: local-tailscaled.sock\r\n\r\n",
			      mask);
	buf_reset(&f->got);
	fixture_send(f, fd, span_str(req));
	assert_true(fixture_wait(f, fd, "\r\n\r\n"));
	assert_non_null(strstr(buf_cstr(&f->got), "HTTP/1.1 200"));
	free(req);
	return fd;
}

static void tell(struct fixture *f, unsigned what, const char *text)
{
	assert_non_null(f->b->notify);
	f->b->notify(f->b->notify_arg, what, text);
}

static void leave(struct fixture *f, int fd)
{
	close(fd);
	for (int i = 0; i < 10; i++)
		loop_turn(f->loop, 1);
}

static unsigned count(struct fixture *f, const char *what)
{
	unsigned n = 0;
	for (const char *p = buf_cstr(&f->got); (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* Whether a message comes within 100 ms. */
static bool quiet(struct fixture *f, int fd)
{
	size_t before = count(f, "\"Version\"");
	for (int i = 0; i < 10; i++) {
		fixture_read(f, fd);
		loop_turn(f->loop, 10);
	}
	return count(f, "\"Version\"") == before;
}

static void test_mask_0_says_nothing_at_first(void **state)
{
	struct fixture *f = *state;
	int fd = watch(f, 0);
	assert_true(quiet(f, fd));
	f->b->state = IPN_RUNNING;
	tell(f, NOTIFY_STATE, NULL);
	assert_true(fixture_wait(f, fd, "\"State\":6"));
	leave(f, fd);
}

static void test_initial_state(void **state)
{
	struct fixture *f = *state;
	f->b->state = IPN_NEEDS_LOGIN;
	f->b->auth_url = "https://hs.example.com/register/abc";
	int fd = watch(f, BUS_INITIAL_STATE);
	assert_true(fixture_wait(f, fd, "\"DriveShares\":null}\n"));
	assert_non_null(strstr(buf_cstr(&f->got), "\"SessionID\":\""));
	assert_non_null(strstr(buf_cstr(&f->got), "\"State\":2,"));
	assert_non_null(
	    strstr(buf_cstr(&f->got), "\"BrowseToURL\":\"https://hs.example.com/register/abc\""));
	assert_non_null(strstr(buf_cstr(&f->got), "\"Prefs\":null"));
	leave(f, fd);
}

/* Each initial bit alone brings exactly one message. */
static void test_initial_bits(void **state)
{
	static const struct {
		unsigned mask;
		const char *member;
	} cases[] = {
		{ BUS_INITIAL_STATE, "\"SessionID\":\"" },
		{ BUS_INITIAL_PREFS, "\"Prefs\":{" },
		{ BUS_INITIAL_NETMAP, "\"NetMap\":{\"Domain\"" },
		{ BUS_INITIAL_NETMAP, "\"SelfChange\":{\"ID\":1}" },
		{ BUS_INITIAL_STATUS, "\"InitialStatus\":{\"Version\"" },
		{ BUS_INITIAL_HEALTH, "\"Health\":{\"Warnings\":null}" },
		{ BUS_INITIAL_CLIENT_VERSION, "\"ClientVersion\":{\"RunningLatest\":true}" },
		{ BUS_INITIAL_DRIVE, "\"DriveShares\":null" },
		{ BUS_INITIAL_OUTGOING, "\"Version\"" },
	};
	struct fixture *f = *state;
	f->b->netmap = j_object();
	j_set_str(f->b->netmap, "Domain", "x");
	f->b->self = j_object();
	j_set_int(f->b->self, "ID", 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = watch(f, cases[i].mask);
		assert_true(fixture_wait(f, fd, cases[i].member));
		assert_true(quiet(f, fd));
		assert_int_equal(count(f, "\"ErrMessage\""), 1);
		leave(f, fd);
	}
}

static void test_changes(void **state)
{
	struct fixture *f = *state;
	int fd = watch(f, 0);
	f->b->self = j_object();
	j_set_str(f->b->self, "Key", "nodekey:ab");
	tell(f, NOTIFY_LOGIN_FINISHED, NULL);
	assert_true(fixture_wait(f, fd, "\"LoginFinished\":{}"));
	tell(f, NOTIFY_ERROR, "authkey expired");
	assert_true(fixture_wait(f, fd, "\"ErrMessage\":\"authkey expired\""));
	tell(f, NOTIFY_BROWSE_URL, "https://x/<y>");
	assert_true(fixture_wait(f, fd, "\"BrowseToURL\":\"https://x/\\u003cy\\u003e\""));
	tell(f, NOTIFY_SELF | NOTIFY_PREFS, NULL);
	assert_true(fixture_wait(f, fd, "\"SelfChange\":{\"Key\":\"nodekey:ab\"}"));
	assert_non_null(strstr(buf_cstr(&f->got), "\"Prefs\":{\"Hostname\""));
	assert_int_equal(count(f, "\"Version\""), 4);
	leave(f, fd);
}

static json_t *node(int64_t id, const char *name)
{
	json_t *n = j_object();
	j_set_int(n, "ID", id);
	j_set_str(n, "Name", name);
	j_set_int(n, "User", 7);
	return n;
}

static void set_peers(struct fixture *f, const char *second)
{
	j_free(f->b->peers);
	f->b->peers = j_array();
	j_add(f->b->peers, node(1, "one"));
	if (second)
		j_add(f->b->peers, node(2, second));
}

/* Only what differs, only for those who asked, once for many changes in a turn. */
static void test_peer_changes(void **state)
{
	struct fixture *f = *state;
	set_peers(f, NULL);
	f->b->user = j_object();
	j_set_int(f->b->user, "ID", 7);
	int fd = watch(f, BUS_PEER_CHANGES);
	tell(f, NOTIFY_NETMAP, NULL);
	assert_true(quiet(f, fd));
	set_peers(f, "two");
	tell(f, NOTIFY_NETMAP, NULL);
	tell(f, NOTIFY_NETMAP, NULL);
	assert_true(
	    fixture_wait(f, fd, "\"PeersChanged\":[{\"ID\":2,\"Name\":\"two\",\"User\":7}]"));
	assert_non_null(strstr(buf_cstr(&f->got), "\"UserProfiles\":{\"7\":{\"ID\":7}}"));
	assert_true(quiet(f, fd));
	set_peers(f, NULL);
	tell(f, NOTIFY_NETMAP, NULL);
	assert_true(fixture_wait(f, fd, "\"PeersRemoved\":[2]"));
	assert_int_equal(count(f, "\"Version\""), 2);
	leave(f, fd);
}

static void test_peers_stay_with_those_who_asked(void **state)
{
	struct fixture *f = *state;
	set_peers(f, NULL);
	int other = watch(f, BUS_PEER_CHANGES);
	int fd = watch(f, 0);
	set_peers(f, "two");
	tell(f, NOTIFY_NETMAP, NULL);
	assert_true(quiet(f, fd));
	assert_int_equal(count(f, "PeersChanged"), 0);
	leave(f, fd);
	leave(f, other);
}

static void test_health_actions(void **state)
{
	struct fixture *f = *state;
	f->b->debug = j_parse(
	    span_str(
		"{\"health\":{\"x\":{\"Text\":\"Broken.\",\"PrimaryAction\":{\"URL\":\"https://h\","
		"\"Label\":\"Repair\"}}}}"),
	    4096, NULL);
	int fd = watch(f, 0);
	tell(f, NOTIFY_HEALTH, NULL);
	assert_true(fixture_wait(f, fd, "\"Text\":\"Broken. Repair: https://h\"}"));
	leave(f, fd);
	fd = watch(f, BUS_HEALTH_ACTIONS);
	tell(f, NOTIFY_HEALTH, NULL);
	assert_true(fixture_wait(f, fd, "\"Text\":\"Broken.\",\"PrimaryAction\":{"));
	leave(f, fd);
}

static void test_engine_for_those_who_asked(void **state)
{
	struct fixture *f = *state;
	int fd = watch(f, 0);
	tell(f, NOTIFY_ENGINE, NULL);
	assert_true(quiet(f, fd));
	leave(f, fd);
	fd = watch(f, BUS_ENGINE);
	tell(f, NOTIFY_ENGINE, NULL);
	assert_true(fixture_wait(f, fd, "\"Engine\":{\"RBytes\":1}"));
	leave(f, fd);
}

static void test_rate_limit(void **state)
{
	struct fixture *f = *state;
	int fd = watch(f, BUS_ENGINE | BUS_RATE_LIMIT);
	for (int i = 0; i < 5; i++)
		tell(f, NOTIFY_ENGINE, NULL);
	assert_true(fixture_wait(f, fd, "\"Engine\":{"));
	assert_true(quiet(f, fd));
	assert_int_equal(count(f, "\"Engine\":{"), 1);
	/* What matters is never held back. */
	tell(f, NOTIFY_STATE, NULL);
	tell(f, NOTIFY_STATE, NULL);
	assert_true(fixture_wait(f, fd, "\"State\":0"));
	assert_true(quiet(f, fd));
	assert_int_equal(count(f, "\"State\":0"), 2);
	leave(f, fd);
}

static void test_masks_refused(void **state)
{
	static const char *const masks[] = { "x",    "-1",    "65536", "4352",
					     "8448", "16640", "33024", "99999999999999999999" };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		char *name = xasprintf("watch-ipn-bus?mask=%s", masks[i]);
		assert_int_equal(fixture_get(f, name), 400);
		free(name);
	}
}

/* The core goes on, the queue stays bounded, the stream says why it ends. */
static void test_reader_that_does_not_read(void **state)
{
	struct fixture *f = *state;
	int fd = watch(f, 0);
	int small = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	char *url = xcalloc(8193, 1);
	memset(url, 'u', 8192);
	unsigned told = 0;
	for (; told < 4 * BUS_QUEUE_MESSAGES; told++) {
		tell(f, NOTIFY_BROWSE_URL, url);
		loop_turn(f->loop, 0);
	}
	free(url);
	assert_true(fixture_wait(f, fd, "IPN bus consumer fell behind; closing watch"));
	unsigned got = count(f, "\"BrowseToURL\":\"u");
	assert_true(got >= BUS_QUEUE_MESSAGES && got < told);
	/* and then the end of the body */
	assert_true(fixture_wait(f, fd, "0\r\n\r\n"));
	leave(f, fd);
	fd = watch(f, BUS_INITIAL_STATE);
	assert_true(fixture_wait(f, fd, "SessionID"));
	leave(f, fd);
}

static void test_too_many_watchers(void **state)
{
	struct fixture *f = *state;
	int fds[BUS_WATCHERS_MAX];
	for (size_t i = 0; i < BUS_WATCHERS_MAX; i++)
		fds[i] = watch(f, 0);
	assert_int_equal(fixture_get(f, "watch-ipn-bus?mask=0"), 503);
	for (size_t i = 0; i < BUS_WATCHERS_MAX; i++)
		leave(f, fds[i]);
	leave(f, watch(f, 0));
}

/* Left open on purpose: the server ends it. */
static void test_stop_with_watchers(void **state)
{
	struct fixture *f = *state;
	int a = watch(f, 0), b = watch(f, BUS_PEER_CHANGES | BUS_ENGINE);
	fixture_fini(f);
	close(a);
	close(b);
	fixture_init(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_mask_0_says_nothing_at_first),
		T(test_initial_state),
		T(test_initial_bits),
		T(test_changes),
		T(test_peer_changes),
		T(test_peers_stay_with_those_who_asked),
		T(test_health_actions),
		T(test_engine_for_those_who_asked),
		T(test_rate_limit),
		T(test_masks_refused),
		T(test_reader_that_does_not_read),
		T(test_too_many_watchers),
		T(test_stop_with_watchers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
