/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side with a real helper process, which has an /etc and a /run of its own and no
 * D-Bus; and with helpers that are not one. */
#include "tests/lib/cm.h"
#include "tests/unit/dns/etc_root.h"

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/osdns_serve.h"
#include "daemon/osdns_wire.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PATIENCE_MS 20000
#define OURS "nameserver 100.100.100.100\n"

static struct etc_root root;
static struct osdns_opts opts;
static struct loop *loop;
static struct osdns *os;
static pid_t helper;
static unsigned changes;

/* ---- around it ------------------------------------------------------------------------ */

static void on_change(void *arg)
{
	(void)arg;
	changes++;
}

static const struct osdns_ops ops = { .on_change = on_change };

static void connect_to(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	os = osdns_new(loop, fd, &ops, NULL);
}

static void start_helper(void)
{
	int sv[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	helper = fork();
	if (helper == 0) {
		close(sv[0]);
		osdns_serve(sv[1], &opts, NULL);
		_exit(0);
	}
	close(sv[1]);
	connect_to(sv[0]);
}

static void stop_helper(void)
{
	osdns_free(os, PATIENCE_MS);
	os = NULL;
	assert_int_equal(waitpid(helper, NULL, 0), helper);
}

static bool resolv_conf_has(const char *text)
{
	char *now = etc_text(&root, "etc/resolv.conf");
	bool yes = now && strstr(now, text);
	free(now);
	return yes;
}

static bool resolv_conf_ours(void)
{
	return resolv_conf_has(OURS);
}

static bool resolv_conf_not_ours(void)
{
	return !resolv_conf_has(OURS);
}

static bool is_known(void)
{
	return osdns_status(os)->known;
}

static bool is_fought(void)
{
	return *osdns_status(os)->overwritten_by;
}

static bool base_is_new(void)
{
	const struct dns_os_config *b = &osdns_status(os)->base;
	return b->n_servers == 1 && ip_eq(b->servers[0].ip, ip_v4(172, 16, 0, 1));
}

static bool has_failed(void)
{
	return osdns_status(os)->set_rc != 0;
}

static bool has_not_failed(void)
{
	return osdns_status(os)->set_rc == 0;
}

static bool is_gone(void)
{
	return strstr(osdns_status(os)->warning, "restart meshd") != NULL;
}

static void turn_until(bool (*cond)(void), const char *what)
{
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!cond()) {
		if (mono_due(until, mono_now()))
			fail_msg("not in time: %s", what);
		loop_turn(loop, 50);
	}
}
#define UNTIL(cond) turn_until(cond, #cond)

static void set(const char *search)
{
	struct dns_os_config c = { 0 };
	struct dns_server s = { .ip = ip_v4(100, 100, 100, 100) };
	if (search) {
		assert_true(dns_os_config_add_server(&c, &s));
		assert_true(dns_os_config_add_search(&c, search));
	}
	osdns_set(os, &c);
	dns_os_config_fini(&c);
}

static int setup(void **state)
{
	(void)state;
	etc_empty(root.etc);
	etc_put(&root, "etc/resolv.conf", "nameserver 192.168.1.1\noptions ndots:2\n", 0644);
	changes = 0;
	return 0;
}

/* ---- with a helper -------------------------------------------------------------------- */

static void the_file_is_taken_and_given_back(void **state)
{
	(void)state;
	char *before = etc_dump(&root);
	start_helper();
	assert_false(osdns_status(os)->known);
	UNTIL(is_known);
	const struct osdns_status *s = osdns_status(os);
	assert_int_equal(s->mode, DNS_OS_DIRECT);
	assert_true(s->has_base && !s->base_failed && !s->split);
	assert_int_equal(s->base.n_servers, 1);
	assert_true(ip_eq(s->base.servers[0].ip, ip_v4(192, 168, 1, 1)));
	assert_non_null(strstr(s->trace, "direct"));
	set("tail.example.com");
	UNTIL(resolv_conf_ours);
	assert_true(resolv_conf_has("search tail.example.com\noptions ndots:2\n"));
	set(NULL);
	UNTIL(resolv_conf_not_ours);
	set("tail.example.com");
	UNTIL(resolv_conf_ours);
	stop_helper(); /* comes back when all is put back */
	char *after = etc_dump(&root);
	assert_string_equal(before, after);
	assert_true(changes > 0);
	free(before);
	free(after);
}

static void the_newest_wins(void **state)
{
	(void)state;
	char name[32];
	start_helper();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		set(name);
	}
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!resolv_conf_has("search n99.example\n") && !mono_due(until, mono_now()))
		loop_turn(loop, 50);
	assert_true(resolv_conf_has("search n99.example\n"));
	stop_helper();
	assert_true(resolv_conf_not_ours());
}

static void a_large_one_gets_there(void **state)
{
	(void)state;
	struct dns_os_config c = { 0 };
	struct dns_server s = { .ip = ip_v4(100, 100, 100, 100) };
	char name[128];
	assert_true(dns_os_config_add_server(&c, &s));
	for (int i = 0; i < DNS_OS_NAMES_MAX; i++) {
		snprintf(name, sizeof(name),
			 "%05d.a-label-that-is-rather-long.and-another-one.example", i);
		assert_true(dns_os_config_add_search(&c, name));
	}
	start_helper();
	osdns_set(os, &c);
	dns_os_config_fini(&c);
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!resolv_conf_has(" 04999.a-label") && !mono_due(until, mono_now()))
		loop_turn(loop, 50);
	assert_true(resolv_conf_has(" 04999.a-label"));
	stop_helper();
	assert_true(resolv_conf_not_ours());
}

static void who_overwrites_is_named_and_becomes_the_base(void **state)
{
	(void)state;
	start_helper();
	set("tail.example.com");
	UNTIL(resolv_conf_ours);
	UNTIL(is_known);
	etc_put(&root, "etc/resolv.conf", "# Generated by a test\nnameserver 172.16.0.1\n", 0644);
	UNTIL(is_fought);
	assert_non_null(strstr(osdns_status(os)->overwritten_by, "Generated by a test"));
	UNTIL(resolv_conf_ours);
	UNTIL(base_is_new);
	stop_helper();
	assert_true(resolv_conf_has("# Generated by a test\nnameserver 172.16.0.1\n"));
}

static void what_cannot_be_written_is_said(void **state)
{
	(void)state;
	start_helper();
	UNTIL(is_known);
	char *path = etc_path(&root, "etc/resolv.conf");
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	set("tail.example.com");
	UNTIL(has_failed);
	assert_non_null(strstr(osdns_status(os)->set_text, "neither a file nor a link"));
	rmdir(path);
	free(path);
	osdns_recheck(os); /* tries again */
	UNTIL(resolv_conf_ours);
	UNTIL(has_not_failed);
	stop_helper();
}

static void a_helper_that_is_killed_is_reported(void **state)
{
	(void)state;
	char text[OSDNS_TEXT_MAX];
	start_helper();
	set("tail.example.com");
	UNTIL(resolv_conf_ours);
	assert_int_equal(kill(helper, SIGKILL), 0);
	UNTIL(is_gone);
	assert_int_equal(osdns_status(os)->mode, DNS_OS_NONE);
	unsigned n = changes;
	set("tail.example.com");
	while (changes == n) /* ends with on_change all the same */
		loop_turn(loop, 50);
	stop_helper();
	assert_true(resolv_conf_ours());
	if (geteuid() == 0) { /* the next start */
		assert_int_equal(osdns_cleanup(&opts, text), 0);
		assert_non_null(strstr(text, "is as it was before"));
		assert_true(resolv_conf_has("nameserver 192.168.1.1\noptions ndots:2\n"));
		assert_int_equal(osdns_cleanup(&opts, text), 0);
		assert_string_equal(text, "");
	}
}

static void a_daemon_that_is_killed_leaves_nothing(void **state)
{
	(void)state;
	int sv[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	helper = fork();
	if (helper == 0) {
		close(sv[0]);
		osdns_serve(sv[1], &opts, NULL);
		_exit(0);
	}
	close(sv[1]);
	struct osdns_request r = { .id = 1, .verb = OSDNS_SET };
	struct dns_server s = { .ip = ip_v4(100, 100, 100, 100) };
	struct buf msg;
	buf_init(&msg, 4096);
	assert_true(dns_os_config_add_server(&r.config, &s));
	osdns_request_build(&r, &msg);
	/* All of one, and half of the next. */
	assert_int_equal(write(sv[0], msg.p, msg.len), msg.len);
	assert_int_equal(write(sv[0], msg.p, msg.len / 2), msg.len / 2);
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!resolv_conf_ours() && !mono_due(until, mono_now()))
		usleep(10000);
	assert_true(resolv_conf_ours());
	close(sv[0]);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	assert_true(resolv_conf_not_ours());
	osdns_request_fini(&r);
	buf_fini(&msg);
}

static void a_daemon_that_says_nonsense_is_left(void **state)
{
	(void)state;
	static const uint8_t nonsense[] = { 0, 0, 0, 4, 'o', 'h', 'n', 'o' };
	int sv[2], status;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	helper = fork();
	if (helper == 0) {
		close(sv[0]);
		osdns_serve(sv[1], &opts, NULL);
		_exit(0);
	}
	close(sv[1]);
	assert_int_equal(write(sv[0], nonsense, sizeof(nonsense)), sizeof(nonsense));
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(sv[0]);
}

/* ---- without one ---------------------------------------------------------------------- */

static void without_a_helper_that_is_said(void **state)
{
	(void)state;
	os = osdns_new(loop, -1, &ops, NULL);
	assert_true(osdns_status(os)->known);
	assert_int_equal(osdns_status(os)->mode, DNS_OS_NONE);
	assert_non_null(strstr(osdns_status(os)->warning, "not started as root"));
	set("tail.example.com");
	osdns_recheck(os);
	while (changes == 0)
		loop_turn(loop, 50);
	osdns_free(os, 1);
	os = NULL;
}

static void a_helper_that_says_nonsense_is_left(void **state)
{
	(void)state;
	int sv[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	connect_to(sv[0]);
	assert_int_equal(write(sv[1], "\0\0\0\4nono", 8), 8);
	UNTIL(is_gone);
	osdns_free(os, 1);
	os = NULL;
	close(sv[1]);
}

/* One that hangs holds nobody up. */
static void a_helper_that_never_reads_blocks_nobody(void **state)
{
	(void)state;
	int sv[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	connect_to(sv[0]);
	for (int i = 0; i < 10; i++) {
		set("tail.example.com");
		osdns_recheck(os);
		loop_turn(loop, 0);
	}
	mono_t before = mono_now();
	osdns_free(os, 200);
	os = NULL;
	assert_true(mono_diff_ns(mono_now(), before) >= 150 * NS_PER_MS);
	close(sv[1]);
}

static int make(void **state)
{
	(void)state;
	etc_root_make(&root);
	opts = (struct osdns_opts){ .tun = "mesh-none",
				    .etc = root.etc,
				    .run = root.run,
				    .programs = "/nowhere",
				    .bus = "unix:path=/nowhere/bus" };
	log_set_level(LOG_ERROR);
	loop = loop_new();
	return crypto_init();
}

static int drop(void **state)
{
	(void)state;
	loop_free(loop);
	etc_root_drop(&root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_file_is_taken_and_given_back, setup),
		cmocka_unit_test_setup(the_newest_wins, setup),
		cmocka_unit_test_setup(a_large_one_gets_there, setup),
		cmocka_unit_test_setup(who_overwrites_is_named_and_becomes_the_base, setup),
		cmocka_unit_test_setup(what_cannot_be_written_is_said, setup),
		cmocka_unit_test_setup(a_helper_that_is_killed_is_reported, setup),
		cmocka_unit_test_setup(a_daemon_that_is_killed_leaves_nothing, setup),
		cmocka_unit_test_setup(a_daemon_that_says_nonsense_is_left, setup),
		cmocka_unit_test_setup(without_a_helper_that_is_said, setup),
		cmocka_unit_test_setup(a_helper_that_says_nonsense_is_left, setup),
		cmocka_unit_test_setup(a_helper_that_never_reads_blocks_nobody, setup),
	};
	return cmocka_run_group_tests(tests, make, drop);
}
