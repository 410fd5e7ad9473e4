/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper process and the daemon's side of it, with programs of our own in place of iptables:
 * shell scripts that write down what they were given. The real ones: test_hands_iptables.c. */
#include "tests/lib/cm.h"
#include "tests/unit/daemon/hands_request.h"

#include "base/log.h"
#include "base/loop.h"
#include "daemon/hands_firewall.h"
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static char dir[64];
static struct hands_opts opts;

/* ---- files ---- */

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* A script that knows its directory as $D. */
static void program(const char *name, const char *body)
{
	char text[1024];
	snprintf(text, sizeof(text), "#!/bin/sh\nD=%s\n%s\n", dir, body);
	put(name, text, 0755);
}

static char *read_path(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static char *get(const char *name)
{
	return read_path(path_of(name));
}

static const char rules4[] = "*raw\n:ts-prerouting - [0:0]\n"
			     "-A PREROUTING -j ts-prerouting\n"
			     "-A ts-prerouting -i mesh0 -j RETURN\n"
			     "-A ts-prerouting -i lo -j RETURN\n"
			     "COMMIT\n"
			     "*mangle\n:ts-prerouting - [0:0]\n:ts-output - [0:0]\n"
			     "-A PREROUTING -j ts-prerouting\n-A OUTPUT -j ts-output\n"
			     "-A ts-prerouting -j CONNMARK\n-A ts-output -j CONNMARK\n"
			     "COMMIT\n"
			     "*nat\n:ts-postrouting - [0:0]\n"
			     "-A POSTROUTING -j ts-postrouting\n"
			     "COMMIT\n"
			     "*filter\n:ts-input - [0:0]\n:ts-forward - [0:0]\n:ts-guard - [0:0]\n"
			     "-A INPUT -j ts-input\n-A FORWARD -j ts-forward\n"
			     "-A ts-input -i mesh0 -j ACCEPT\n"
			     "-A ts-forward -i mesh0 -j MARK\n-A ts-forward -j ACCEPT\n"
			     "-A ts-forward -o mesh0 -j ACCEPT\n"
			     "COMMIT\n";

/* What iptables would have after `plain` was applied; restore notes its words. */
static void usual_programs(void)
{
	put("rules", rules4, 0644);
	program("iptables-save", "exec /bin/cat $D/rules");
	program("ip6tables-save", "exec /bin/cat $D/rules");
	program("iptables-restore", "{ echo \"$0 $*\"; /bin/cat; } >>$D/fed4");
	program("ip6tables-restore", "{ echo \"$0 $*\"; /bin/cat; } >>$D/fed6");
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/hands_XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	opts = (struct hands_opts){ .path = dir, .program_ms = PATIENCE_MS };
	usual_programs();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- processes ---- */

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Gone, or only a name in its parent's list. */
static bool ended(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	const char *stat = read_path(path);
	const char *after = stat ? strrchr(stat, ')') : NULL;
	return !after || after[2] == 'Z' || after[2] == 'X';
}

static void wait_ended(pid_t pid)
{
	for (int i = 0; i < PATIENCE_MS / 10 && !ended(pid); i++)
		pause_ms(10);
	assert_true(ended(pid));
}

static pid_t wait_pid_file(const char *name)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		const char *text = get(name);
		if (text && strchr(text, '\n'))
			return (pid_t)strtol(text, NULL, 10);
		pause_ms(10);
	}
	fail_msg("%s was not written", name);
	return 0;
}

/* ---- the daemon's side ---- */

struct daemon {
	struct loop *loop;
	struct helper proc;
	struct hands *hands;
};

struct answer {
	int n, rc;
	char text[HANDS_TEXT_MAX];
};

static void on_done(void *arg, int rc, const char *text)
{
	struct answer *a = arg;
	a->n++;
	a->rc = rc;
	snprintf(a->text, sizeof(a->text), "%s", text);
}

static struct daemon start(void)
{
	struct daemon d = { .loop = loop_new() };
	assert_int_equal(hands_fork(&opts, &d.proc), 0);
	d.hands = hands_new(d.loop, d.proc.fd);
	return d;
}

static void stop(struct daemon *d)
{
	hands_free(d->hands);
	loop_free(d->loop);
	wait_ended(d->proc.pid);
}

static void await(struct daemon *d, const struct answer *a)
{
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!a->n && !mono_due(until, mono_now()))
		loop_turn(d->loop, 1000);
	assert_int_equal(a->n, 1);
}

static const struct router_params params = { 0xff0000, 0x80000, 0x40000, 52, 5200 };
static const struct fw_config plain = { .mode = RT_NETFILTER_ON };

static struct answer apply(struct daemon *d, const char *tun)
{
	struct answer a = { 0 };
	hands_firewall_apply(d->hands, tun, &params, &plain, on_done, &a);
	assert_int_equal(a.n, 0); /* never from within */
	await(d, &a);
	return a;
}

/* ---- requests ---- */

static void programs_get_the_texts(void **state)
{
	(void)state;
	struct daemon d = start();
	struct answer a = apply(&d, "mesh0");
	assert_string_equal(a.text, "");
	assert_int_equal(a.rc, 0);
	const char *fed = get("fed4");
	assert_non_null(fed);
	assert_non_null(strstr(fed, "/iptables-restore --noflush --wait 5\n*raw\n"));
	assert_non_null(strstr(fed, "-A ts-input -i mesh0 -j ACCEPT\n"));
	assert_null(strstr(fed, "-I ")); /* the jumps are there already */
	fed = get("fed6");
	assert_non_null(fed);
	assert_non_null(strstr(fed, "/ip6tables-restore --noflush --wait 5\n*raw\n"));
	stop(&d);
}

static void their_environment_is_empty(void **state)
{
	(void)state;
	setenv("XTABLES_LIBDIR", "/tmp/elsewhere", 1);
	program("iptables-restore",
		"/bin/cat /proc/$$/environ >>$D/environ; exec /bin/cat >$D/fed4");
	struct daemon d = start();
	assert_int_equal(apply(&d, "mesh0").rc, 0);
	unsetenv("XTABLES_LIBDIR");
	assert_string_equal(get("environ"), "");
	stop(&d);
}

static void failures_are_told_in_their_words(void **state)
{
	(void)state;
	program("iptables-restore", "/bin/grep -q '^:ts-postrouting' || exit 0\n"
				    "echo 'line 2:' >&2; echo 'no\tMASQUERADE' >&2; exit 1");
	struct daemon d = start();
	struct answer a = apply(&d, "mesh0");
	assert_int_equal(a.rc, -ERR_IO);
	assert_string_equal(a.text, "iptables nat: line 2: no MASQUERADE");
	/* The other family has its rules all the same. */
	assert_non_null(get("fed6"));
	program("iptables-restore", "echo 'Permission denied (you must be root)' >&2; exit 4");
	a = apply(&d, "mesh0");
	assert_int_equal(a.rc, -ERR_PERM);
	stop(&d);
}

static void tables_that_a_kernel_lacks(void **state)
{
	(void)state;
	program("iptables-restore", "! /bin/grep -q '^\\*raw'");
	struct daemon d = start();
	struct answer a = apply(&d, "mesh0");
	assert_int_equal(a.rc, 0);
	assert_string_equal(a.text, "iptables has no table: raw");
	/* No IPv6 at all is nothing to talk about. */
	usual_programs();
	program("ip6tables-restore", "exit 1");
	a = apply(&d, "mesh0");
	assert_int_equal(a.rc, 0);
	assert_string_equal(a.text, "");
	program("iptables-restore", "! /bin/grep -q '^\\*filter'");
	a = apply(&d, "mesh0");
	assert_int_equal(a.rc, -ERR_UNSUPPORTED);
	stop(&d);
}

static void rules_that_vanish_are_noticed(void **state)
{
	(void)state;
	put("rules", "*filter\n:ts-input - [0:0]\n-A INPUT -j ts-input\nCOMMIT\n", 0644);
	struct daemon d = start();
	struct answer a = apply(&d, "mesh0");
	assert_int_equal(a.rc, -ERR_IO);
	assert_non_null(strstr(a.text, "iptables filter: rules vanish as they are made"));
	stop(&d);
}

static void a_check_compares_with_the_last_apply(void **state)
{
	(void)state;
	struct daemon d = start();
	struct answer a = { 0 };
	assert_int_equal(hands_firewall_check(d.hands, on_done, &a), 0);
	await(&d, &a);
	assert_int_equal(a.rc, -ERR_STATE);
	assert_int_equal(apply(&d, "mesh0").rc, 0);
	a = (struct answer){ 0 };
	assert_int_equal(hands_firewall_check(d.hands, on_done, &a), 0);
	await(&d, &a);
	assert_int_equal(a.rc, 0);
	program("ip6tables-save", "exec /bin/grep -v MARK $D/rules");
	a = (struct answer){ 0 };
	assert_int_equal(hands_firewall_check(d.hands, on_done, &a), 0);
	await(&d, &a);
	assert_int_equal(a.rc, -ERR_NOENT);
	assert_string_equal(a.text, "ip6tables rules were removed or changed: mangle, filter");
	stop(&d);
}

/* The first blocks until it is let go; of what comes meanwhile only the newest is done. */
static void newer_wishes_replace_older(void **state)
{
	(void)state;
	struct answer a = { 0 }, b = { 0 }, c = { 0 }, e = { 0 };
	assert_int_equal(mkfifo(path_of("gate"), 0600), 0);
	program("iptables-save", "[ -e $D/open ] || { read x <$D/gate; : >$D/open; }\n"
				 "exec /bin/cat $D/rules");
	struct daemon d = start();
	hands_firewall_apply(d.hands, "first", &params, &plain, on_done, &a);
	hands_firewall_apply(d.hands, "second", &params, &plain, on_done, &b);
	assert_int_equal(hands_firewall_check(d.hands, on_done, &e), -ERR_BUSY);
	hands_firewall_apply(d.hands, "third", &params, &plain, on_done, &c);
	await(&d, &b);
	assert_int_equal(b.rc, -ERR_STATE);
	assert_int_equal(a.n + c.n + e.n, 0);
	put("gate", "\n", 0600);
	await(&d, &c);
	assert_int_equal(a.n, 1);
	const char *fed = get("fed4");
	assert_non_null(strstr(fed, "-A ts-input -i first -j ACCEPT\n"));
	assert_null(strstr(fed, "second"));
	assert_non_null(strstr(fed, "-A ts-input -i third -j ACCEPT\n"));
	stop(&d);
}

static void mode_off_is_down(void **state)
{
	(void)state;
	struct fw_config off = { .mode = RT_NETFILTER_OFF };
	struct answer a = { 0 };
	struct daemon d = start();
	hands_firewall_apply(d.hands, "mesh0", &params, &off, on_done, &a);
	await(&d, &a);
	assert_int_equal(a.rc, 0);
	assert_non_null(strstr(get("fed4"), "\n-D INPUT -j ts-input\n-F ts-input\n"));
	stop(&d);
}

/* The longest guard that can be is cut where it says no more, in each family apart. */
static void a_guard_of_thousands(void **state)
{
	(void)state;
	struct fw_config c = { .mode = RT_NETFILTER_ON };
	struct answer a = { 0 };
	for (unsigned i = 0; i < 5000; i++)
		prefix_list_add(&c.guard,
				prefix_host(ip_v4(100, 64, (uint8_t)(i >> 8), (uint8_t)i)));
	prefix_list_add(&c.guard,
			(struct prefix){ { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 });
	struct daemon d = start();
	hands_firewall_apply(d.hands, "mesh0", &params, &c, on_done, &a);
	await(&d, &a);
	assert_non_null(strstr(get("fed4"), "-A ts-guard -s 100.64.0.0/10 -j DROP\n"));
	assert_non_null(strstr(get("fed6"), "-A ts-guard -s fd7a:115c:a1e0::/48 -j DROP\n"));
	assert_non_null(strstr(a.text, "iptables guards the tailnet's whole range"));
	fw_config_fini(&c);
	stop(&d);
}

static void finish_waits_outside_the_loop(void **state)
{
	(void)state;
	struct answer a = { 0 };
	struct daemon d = start();
	hands_firewall_down(d.hands, on_done, &a);
	assert_int_equal(hands_finish(d.hands, PATIENCE_MS), 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rc, 0);
	program("iptables-save", "exec /bin/sleep 30");
	hands_firewall_down(d.hands, on_done, &a);
	assert_int_equal(hands_finish(d.hands, 1), -ERR_TIMEOUT);
	assert_int_equal(a.n, 1);
	assert_int_equal(kill(d.proc.pid, SIGKILL), 0);
	assert_int_equal(hands_finish(d.hands, PATIENCE_MS), -ERR_CLOSED);
	assert_int_equal(a.n, 2);
	stop(&d);
}

/* As in the running daemon: what this side does is on the sandbox's list, and what the daemon may
 * not do its helper still does. */
static int from_inside(void)
{
	struct sandbox_opts so = { 0 };
	struct answer a = { 0 }, b = { 0 };
	struct daemon d;
	if (hands_fork(&opts, &d.proc))
		return 1;
	sandbox_enter(&so);
	d.loop = loop_new();
	d.hands = hands_new(d.loop, d.proc.fd);
	hands_firewall_apply(d.hands, "mesh0", &params, &plain, on_done, &a);
	for (int i = 0; i < PATIENCE_MS / 10 && !a.n; i++)
		loop_turn(d.loop, 10);
	hands_firewall_down(d.hands, on_done, &b);
	int rc = hands_finish(d.hands, PATIENCE_MS);
	hands_free(d.hands);
	loop_free(d.loop);
	return rc || a.n != 1 || a.rc || b.n != 1 || b.rc ? 2 : 0;
}

static void it_works_for_a_daemon_in_its_sandbox(void **state)
{
	(void)state;
	int status;
	fflush(NULL);
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(from_inside());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_non_null(strstr(get("fed6"), "\n-X ts-input\n"));
}

/* ---- an enemy in the daemon's place ---- */

static void names_are_no_options(void **state)
{
	(void)state;
	static const char *const names[] = { "-j", "--modprobe", "a b",	      "eth+",
					     "!x", "",		 "x\nCOMMIT", "sixteen-letters-" };
	struct daemon d = start();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(apply(&d, names[i]).rc, -ERR_RANGE);
	assert_null(get("fed4"));
	stop(&d);
}

/* As bytes, past our own checks: refused on the other side as well, and nothing is run. */
static void garbage_is_refused(void **state)
{
	(void)state;
	static uint8_t msg[HANDS_REQUEST_MAX + 4096];
	struct helper p;
	struct hands_request r = usual_request();
	program("iptables-save", ": >$D/ran");
	assert_int_equal(hands_fork(&opts, &p), 0);
	assert_int_equal(fcntl(p.fd, F_SETFL, 0), 0);
	int n = hands_request_build(&r, mspan_of(msg, sizeof(msg)));
	hands_request_fini(&r);
	assert_true(n > 0);
	size_t len = (size_t)n;
	/* Each case: what is written where, and how much is sent. */
	const struct {
		size_t at;
		uint8_t v;
		size_t len;
		int rc;
	} cases[] = {
		{ 9, '-', len, -ERR_RANGE },	 { 13, '\n', len, -ERR_RANGE },
		{ 8, 99, len, -ERR_TYPE },	 { 0, 0, len, -ERR_PROTO },
		{ 9, 'm', 1, -ERR_SHORT },	 { 9, 'm', 20, -ERR_SHORT },
		{ 9, 'm', len + 1, -ERR_PROTO }, { 9, 'm', sizeof(msg), -ERR_PROTO },
		{ 41, 0xff, len, -ERR_RANGE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct hands_reply reply;
		uint8_t was = msg[cases[i].at], got[HANDS_REPLY_MAX];
		msg[cases[i].at] = cases[i].v;
		assert_int_equal(send(p.fd, msg, cases[i].len, MSG_NOSIGNAL),
				 (ssize_t)cases[i].len);
		msg[cases[i].at] = was;
		ssize_t m = recv(p.fd, got, sizeof(got), 0);
		assert_true(m > 0);
		assert_int_equal(hands_reply_parse(span_of(got, (size_t)m), &reply), 0);
		if (reply.rc != cases[i].rc)
			fail_msg("case %zu: %s", i, err_text(reply.rc));
	}
	assert_null(get("ran"));
	close(p.fd);
	wait_ended(p.pid);
}

static void it_holds_little(void **state)
{
	(void)state;
	char path[64], line[64];
	struct daemon d = start();
	assert_int_equal(apply(&d, "mesh0").rc, 0); /* it is at work: past its start */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)d.proc.pid);
	const char *status = read_path(path);
	assert_non_null(status);
	assert_non_null(strstr(status, "Name:\tmeshd-hands\n"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1\n"));
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	for (size_t i = 0; i < ARRAY_LEN(sets) && geteuid() == 0; i++) {
		snprintf(line, sizeof(line), "\n%s:\t", sets[i]);
		const char *at = strstr(status, line);
		assert_non_null(at);
		/* CAP_NET_ADMIN and CAP_NET_RAW, as far as this process has them */
		assert_int_equal(strtoull(at + strlen(line), NULL, 16) & ~UINT64_C(0x3000), 0);
	}
	for (int fd = 4; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)d.proc.pid, fd);
		assert_int_equal(readlink(path, line, sizeof(line)), -1);
		assert_int_equal(errno, ENOENT);
	}
	stop(&d);
}

/* ---- ends ---- */

static void a_hanging_program_is_ended(void **state)
{
	(void)state;
	static const char *const files[] = { "self", "child" };
	opts.program_ms = 2000;
	/* Its own children, too; and closing the outputs helps it nothing. */
	program("iptables-save", "echo $$ >$D/self; /bin/sleep 600 &\necho $! >$D/child\n"
				 "exec >&- 2>&-; wait");
	struct daemon d = start();
	struct answer a = apply(&d, "mesh0");
	assert_int_equal(a.rc, -ERR_TIMEOUT);
	assert_non_null(strstr(a.text, "did not end in time"));
	assert_null(get("fed6")); /* no more was tried */
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		/* A machine under load may not have come as far in that time. */
		const char *text = get(files[i]);
		if (text && strchr(text, '\n'))
			wait_ended((pid_t)strtol(text, NULL, 10));
	}
	a = (struct answer){ 0 };
	assert_int_equal(hands_firewall_check(d.hands, on_done, &a), 0);
	await(&d, &a);
	assert_int_equal(a.rc, -ERR_STATE); /* the helper lives on */
	stop(&d);
}

static void signals_of_a_service_manager_are_not_for_it(void **state)
{
	(void)state;
	struct daemon d = start();
	assert_int_equal(apply(&d, "mesh0").rc, 0);
	kill(d.proc.pid, SIGTERM);
	kill(d.proc.pid, SIGINT);
	kill(d.proc.pid, SIGHUP);
	assert_int_equal(apply(&d, "mesh0").rc, 0);
	stop(&d);
}

/* A daemon that is killed, idle or in the middle of a request. */
static pid_t killed_daemon(bool busy)
{
	int fds[2], status;
	struct helper p;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		uint8_t msg[64];
		struct hands_request r = { .verb = HANDS_FW_DOWN };
		int n = hands_request_build(&r, mspan_of(msg, sizeof(msg)));
		if (hands_fork(&opts, &p) || (busy && send(p.fd, msg, (size_t)n, 0) != n))
			_exit(1);
		if (write(fds[1], &p.pid, sizeof(p.pid)) != sizeof(p.pid))
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &p.pid, sizeof(p.pid)), (ssize_t)sizeof(p.pid));
	if (busy)
		wait_pid_file("self");
	assert_false(ended(p.pid));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
	return p.pid;
}

static void it_ends_with_the_daemon(void **state)
{
	(void)state;
	wait_ended(killed_daemon(false));
}

/* What runs ends by itself or by the limit; nothing is begun after that. */
static void it_ends_with_a_daemon_that_dies_waiting(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path_of("gate"), 0600), 0);
	program("iptables-save", "echo $$ >$D/self; read x <$D/gate; exec /bin/cat $D/rules");
	pid_t helper = killed_daemon(true);
	put("gate", "\n", 0600);
	wait_ended(helper);
	assert_null(get("fed4"));
}

static void its_death_is_told(void **state)
{
	(void)state;
	struct answer a = { 0 }, b = { 0 };
	program("iptables-save", "exec /bin/sleep 30");
	struct daemon d = start();
	hands_firewall_apply(d.hands, "mesh0", &params, &plain, on_done, &a);
	hands_firewall_down(d.hands, on_done, &b);
	assert_int_equal(kill(d.proc.pid, SIGKILL), 0);
	await(&d, &a);
	await(&d, &b);
	assert_int_equal(a.rc, -ERR_CLOSED);
	assert_int_equal(b.rc, -ERR_CLOSED);
	assert_non_null(strstr(b.text, "restart meshd"));
	assert_int_equal(apply(&d, "mesh0").rc, -ERR_CLOSED);
	stop(&d);
}

static void freed_with_requests_under_way(void **state)
{
	(void)state;
	struct answer a = { 0 };
	struct daemon d = start();
	hands_firewall_apply(d.hands, "mesh0", &params, &plain, on_done, &a);
	hands_firewall_apply(d.hands, "mesh0", &params, &plain, on_done, &a);
	hands_firewall_apply(d.hands, "mesh0", &params, &plain, on_done, &a);
	stop(&d);
	assert_int_equal(a.n, 0);
}

/* ---- without iptables ---- */

static bool available(void)
{
	struct hands_fw f;
	return hands_firewall_find(&f, &opts);
}

static void no_iptables_no_helper(void **state)
{
	(void)state;
	char text[HANDS_TEXT_MAX];
	struct helper p;
	assert_true(available());
	opts.path = "/nowhere:/dev/null";
	assert_false(available());
	assert_int_equal(hands_fork(&opts, &p), -ERR_NOENT);
	assert_int_equal(hands_cleanup(&opts, text), 0);
	assert_string_equal(text, "");
}

static void directories_are_absolute(void **state)
{
	(void)state;
	char path[128];
	assert_int_equal(chdir(dir), 0);
	opts.path = ".:";
	assert_false(available());
	snprintf(path, sizeof(path), ".:%s", dir);
	opts.path = path;
	assert_true(available());
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(unlink(path_of("iptables-restore")), 0);
	assert_false(available());
}

static void cleanup_runs_here(void **state)
{
	(void)state;
	char text[HANDS_TEXT_MAX];
	signal(SIGCHLD, SIG_IGN); /* as who starts us may have left it */
	assert_int_equal(hands_cleanup(&opts, text), 0);
	assert_string_equal(text, "");
	assert_non_null(strstr(get("fed4"), "\n-X ts-input\n"));
	assert_non_null(strstr(get("fed6"), "\n-X ts-input\n"));
	/* It cannot print rules of others, and then nothing is ours; or something is. */
	program("ip6tables-save", "echo no such thing >&2; exit 3");
	assert_int_equal(hands_cleanup(&opts, text), 0);
	assert_string_equal(text, "");
	unlink(path_of("fed6"));
	program("ip6tables-save", "/bin/cat $D/rules; echo no such thing >&2; exit 3");
	assert_int_equal(hands_cleanup(&opts, text), -ERR_IO);
	assert_non_null(strstr(get("fed6"), "\n-X ts-input\n"));
	assert_string_equal(text, "ip6tables rules cannot be read: no such thing");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(programs_get_the_texts),
		T(their_environment_is_empty),
		T(failures_are_told_in_their_words),
		T(tables_that_a_kernel_lacks),
		T(rules_that_vanish_are_noticed),
		T(a_check_compares_with_the_last_apply),
		T(newer_wishes_replace_older),
		T(mode_off_is_down),
		T(a_guard_of_thousands),
		T(finish_waits_outside_the_loop),
		T(it_works_for_a_daemon_in_its_sandbox),
		T(names_are_no_options),
		T(garbage_is_refused),
		T(it_holds_little),
		T(a_hanging_program_is_ended),
		T(signals_of_a_service_manager_are_not_for_it),
		T(it_ends_with_the_daemon),
		T(it_ends_with_a_daemon_that_dies_waiting),
		T(its_death_is_told),
		T(freed_with_requests_under_way),
		T(no_iptables_no_helper),
		T(directories_are_absolute),
		T(cleanup_runs_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
