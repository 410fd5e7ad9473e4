/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper process with Debian's iptables, both kinds, each test in a network namespace of its
 * own, beside rules of others. */
#include "tests/lib/cm.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/run.h"
#include "daemon/hands.h"
#include "netstack/iptables.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define SAVED_MAX (1u << 20)

static const struct router_params params = { 0xff0000, 0x80000, 0x40000, 52, 5200 };
static const char *const command[2] = { "iptables", "ip6tables" };
static char dir[64];
static struct hands_opts opts;

/* ---- programs ---- */

static int run_ipt(size_t fam, const char *kind, const char *input,
		   void (*line)(void *, struct span), void *arg)
{
	char path[128], said[RUN_SAID_MAX];
	char flag[] = "--noflush", wait[] = "--wait", seconds[] = "60";
	bool save = strcmp(kind, "save") == 0;
	snprintf(path, sizeof(path), "%s/%s-%s", dir, command[fam], kind);
	char *const argv[] = { path, save ? NULL : flag, wait, seconds, NULL };
	struct run r = { .argv = argv, .input = span_str(input), .line = line, .arg = arg };
	r.until = mono_add_ms(mono_now(), PATIENCE_MS);
	signal(SIGCHLD, SIG_DFL);
	return run_program(&r, said);
}

static void feed(size_t fam, const char *text)
{
	assert_int_equal(run_ipt(fam, "restore", text, NULL, NULL), 0);
}

static void feed_both(const char *text)
{
	feed(0, text);
	feed(1, text);
}

/* Comments and packet counters aside. */
static void on_saved(void *arg, struct span line)
{
	const uint8_t *counter = memchr(line.p, '[', line.len);
	if (line.len && line.p[0] == ':' && counter)
		line.len = (size_t)(counter - line.p);
	if (line.len && line.p[0] != '#') {
		buf_add_span(arg, line);
		buf_add_str(arg, "\n");
	}
}

/* Both families, one after the other; new. */
static char *saved(void)
{
	struct buf b;
	buf_init(&b, SAVED_MAX);
	for (size_t fam = 0; fam < 2; fam++)
		assert_int_equal(run_ipt(fam, "save", "", on_saved, &b), 0);
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static void expect_saved(const char *before)
{
	char *now = saved();
	assert_string_equal(now, before);
	free(now);
}

/* ---- the world of a test ---- */

static const char others[] = "*raw\n-A PREROUTING -p gre -j ACCEPT\nCOMMIT\n"
			     "*mangle\n-A PREROUTING -p gre -j ACCEPT\n"
			     "-A OUTPUT -p gre -j ACCEPT\nCOMMIT\n"
			     "*nat\n-A POSTROUTING ! -o docker0 -p gre -j MASQUERADE\nCOMMIT\n"
			     "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n"
			     ":DOCKER-USER - [0:0]\n"
			     "-A DOCKER-USER -j RETURN\n"
			     "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
			     "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
			     "-A FORWARD -j DOCKER-USER\n"
			     "-A FORWARD -i docker0 -j ACCEPT\nCOMMIT\n";

static void link_program(const char *name, const char *kind, const char *what)
{
	char from[128], to[128];
	snprintf(from, sizeof(from), "/usr/sbin/%s-%s-%s", name, kind, what);
	snprintf(to, sizeof(to), "%s/%s-%s", dir, name, what);
	assert_int_equal(symlink(from, to), 0);
}

/* In place of a program: a script that knows it as $REAL, and this directory as $D. */
static void wrap(const char *name, const char *what, const char *body)
{
	char path[128], real[128], text[1024];
	snprintf(path, sizeof(path), "%s/%s-%s", dir, name, what);
	ssize_t n = readlink(path, real, sizeof(real) - 1);
	assert_true(n > 0);
	real[n] = '\0';
	snprintf(text, sizeof(text), "#!/bin/sh\nREAL=%s\nD=%s\n%s\n", real, dir, body);
	assert_int_equal(unlink(path), 0);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
}

static int setup(void **state)
{
	const char *kind = *state;
	snprintf(dir, sizeof(dir), "/tmp/hands_ipt_XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) || unshare(CLONE_NEWNET))
		return -1;
	for (size_t fam = 0; fam < 2; fam++) {
		link_program(command[fam], kind, "save");
		link_program(command[fam], kind, "restore");
	}
	opts = (struct hands_opts){ .path = dir, .program_ms = PATIENCE_MS };
	return 0;
}

static int teardown(void **state)
{
	char path[128];
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s-%s", dir, command[i / 2],
			 i % 2 ? "save" : "restore");
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/count", dir);
	unlink(path);
	return rmdir(dir);
}

/* Kernels may come without what this kind of iptables speaks to. */
static void need_tables(void)
{
	for (size_t fam = 0; fam < 2; fam++)
		if (run_ipt(fam, "restore", "*raw\nCOMMIT\n*filter\nCOMMIT\n", NULL, NULL) != 0)
			skip();
	feed_both(others);
}

struct daemon {
	struct loop *loop;
	struct helper proc;
	struct hands *hands;
};

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
}

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

static struct answer finish(struct daemon *d, struct answer *a)
{
	assert_int_equal(hands_finish(d->hands, PATIENCE_MS), 0);
	assert_int_equal(a->n, 1);
	return *a;
}

static void apply(struct daemon *d, const struct fw_config *c)
{
	struct answer a = { 0 };
	hands_firewall_apply(d->hands, "mesh0", &params, c, on_done, &a);
	finish(d, &a);
	assert_string_equal(a.text, "");
	assert_int_equal(a.rc, 0);
}

static void down(struct daemon *d)
{
	struct answer a = { 0 };
	hands_firewall_down(d->hands, on_done, &a);
	finish(d, &a);
	assert_string_equal(a.text, "");
	assert_int_equal(a.rc, 0);
}

static struct answer check(struct daemon *d)
{
	struct answer a = { 0 };
	assert_int_equal(hands_firewall_check(d->hands, on_done, &a), 0);
	return finish(d, &a);
}

static struct fw_config usual(void)
{
	struct fw_config c = { .mode = RT_NETFILTER_ON,
			       .port4 = 41641,
			       .port6 = 41642,
			       .snat = true,
			       .stateful = true };
	struct prefix tailnet = { { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 };
	struct prefix self6 = tailnet;
	self6.ip.b[15] = 1;
	self6.bits = 128;
	prefix_list_add(&c.self, prefix_host(ip_v4(100, 64, 0, 1)));
	prefix_list_add(&c.self, self6);
	prefix_list_add(&c.guard, prefix_host(ip_v4(100, 64, 0, 1)));
	prefix_list_add(&c.guard, prefix_host(ip_v4(100, 64, 0, 2)));
	prefix_list_add(&c.guard, tailnet);
	return c;
}

/* ---- what is there ---- */

/* All of the lines of `text` that start so, in their order; new. */
static char *lines_of(const char *text, const char *starts)
{
	struct buf b;
	buf_init(&b, SAVED_MAX);
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		if (strncmp(text, starts, strlen(starts)) == 0)
			buf_add(&b, text, (size_t)(end - text) + 1);
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

/* Tables of one family as saved, without ours. */
static char *without_ours(const char *text)
{
	struct buf b;
	buf_init(&b, SAVED_MAX);
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		size_t n = (size_t)(end - text) + 1;
		if (!memmem(text, n, "ts-", 3))
			buf_add(&b, text, n);
	}
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

/* Each chain of ours holds what the text says, word for word. Chains of equal name stand in
 * different tables, which iptables-save prints one after the other in no fixed order. */
static void expect_chains(const struct fw_config *c, enum ip_family fam, const char *now)
{
	static const struct {
		enum ipt_table table;
		const char *start;
	} chains[] = { { IPT_NAT, "-A ts-postrouting " },
		       { IPT_MANGLE, "-A ts-output " },
		       { IPT_FILTER, "-A ts-input " },
		       { IPT_FILTER, "-A ts-forward " },
		       { IPT_FILTER, "-A ts-guard " } };
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = c };
	struct ipt_seen none;
	ipt_seen_init(&none);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		struct buf b;
		buf_init(&b, IPT_TEXT_MAX);
		ipt_apply_text(&w, fam, chains[i].table, &none, &b);
		char *want = lines_of(buf_cstr(&b), chains[i].start);
		char *have = lines_of(now, chains[i].start);
		assert_string_equal(have, want);
		free(want);
		free(have);
		buf_fini(&b);
	}
}

static char *saved_of(size_t fam)
{
	struct buf b;
	buf_init(&b, SAVED_MAX);
	assert_int_equal(run_ipt(fam, "save", "", on_saved, &b), 0);
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static void expect_first(const char *now, const char *base, const char *rule)
{
	char start[64];
	snprintf(start, sizeof(start), "-A %s ", base);
	char *rules = lines_of(now, start);
	assert_true(strncmp(rules, rule, strlen(rule)) == 0);
	free(rules);
}

/* ---- tests ---- */

static void applied_as_written_beside_others(void **state)
{
	(void)state;
	need_tables();
	char *before = saved();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	for (size_t fam = 0; fam < 2; fam++) {
		char *now = saved_of(fam);
		expect_chains(&c, fam ? IP_V6 : IP_V4, now);
		expect_first(now, "INPUT", "-A INPUT -j ts-input\n-A INPUT -p tcp ");
		expect_first(now, "FORWARD", "-A FORWARD -j ts-forward\n-A FORWARD -j DOCKER");
		expect_first(now, "POSTROUTING", "-A POSTROUTING -j ts-postrouting\n");
		expect_first(now, "PREROUTING", "-A PREROUTING -j ts-prerouting\n");
		expect_first(now, "OUTPUT", "-A OUTPUT -j ts-output\n");
		free(now);
	}
	char *now = saved();
	char *rest = without_ours(now);
	assert_string_equal(rest, before);
	free(rest);
	apply(&d, &c); /* again: no rule twice */
	expect_saved(now);
	down(&d);
	expect_saved(before);
	down(&d);
	stop(&d);
	fw_config_fini(&c);
	free(now);
	free(before);
}

static void changes_leave_the_jumps_in_place(void **state)
{
	(void)state;
	need_tables();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	feed_both("*filter\n-I INPUT 1 -p esp -j ACCEPT\nCOMMIT\n");
	c.port4 = 50000;
	c.stateful = c.snat = false;
	c.guard.n = 0;
	apply(&d, &c);
	char *now = saved_of(0);
	expect_chains(&c, IP_V4, now);
	expect_first(now, "INPUT", "-A INPUT -p esp -j ACCEPT\n-A INPUT -j ts-input\n");
	free(now);
	stop(&d);
	fw_config_fini(&c);
}

static void several_jumps_become_one(void **state)
{
	(void)state;
	need_tables();
	char *before = saved();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	char *once = saved();
	feed_both("*filter\n-A INPUT -j ts-input\n-I FORWARD 2 -j ts-forward\nCOMMIT\n");
	apply(&d, &c);
	expect_saved(once);
	feed_both("*filter\n-A INPUT -j ts-input\nCOMMIT\n*nat\n-A POSTROUTING -j ts-postrouting\n"
		  "COMMIT\n");
	down(&d);
	expect_saved(before);
	stop(&d);
	fw_config_fini(&c);
	free(once);
	free(before);
}

static void cleanup_after_kill(void **state)
{
	(void)state;
	char text[HANDS_TEXT_MAX];
	need_tables();
	char *before = saved();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	char *applied = saved();
	assert_int_equal(kill(d.proc.pid, SIGKILL), 0);
	stop(&d);
	expect_saved(applied);
	assert_int_equal(hands_cleanup(&opts, text), 0);
	assert_string_equal(text, "");
	expect_saved(before);
	assert_int_equal(hands_cleanup(&opts, text), 0);
	expect_saved(before);
	fw_config_fini(&c);
	free(applied);
	free(before);
}

/* A user's jumps are left by nodivert; those with a condition outlive even the clean-up. */
static void nodivert_is_the_users_own(void **state)
{
	(void)state;
	char text[HANDS_TEXT_MAX];
	need_tables();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	stop(&d);
	d = start(); /* jumps of an earlier run */
	c.mode = RT_NETFILTER_NODIVERT;
	apply(&d, &c);
	char *now = saved();
	assert_null(strstr(now, "-A INPUT -j ts-input"));
	c.mode = RT_NETFILTER_ON;
	apply(&d, &c);
	free(now);
	now = saved();
	assert_non_null(strstr(now, "-A INPUT -j ts-input"));
	c.mode = RT_NETFILTER_NODIVERT;
	apply(&d, &c);
	free(now);
	now = saved();
	assert_null(strstr(now, "-A INPUT -j ts-input"));
	assert_null(strstr(now, "-A POSTROUTING -j ts-postrouting"));
	assert_null(strstr(now, "-A ts-output"));
	assert_non_null(strstr(now, "-A ts-forward -o mesh0 -j ACCEPT"));
	free(now);
	feed_both("*filter\n-A INPUT -j ts-input\n-A FORWARD -i eth7 -j ts-forward\nCOMMIT\n");
	char *theirs = saved();
	apply(&d, &c);
	expect_saved(theirs);
	assert_int_equal(check(&d).rc, 0);
	stop(&d);
	assert_int_equal(hands_cleanup(&opts, text), 0);
	now = saved();
	assert_null(strstr(now, "ts-input"));
	assert_non_null(strstr(now, "-A FORWARD -i eth7 -j ts-forward"));
	assert_null(strstr(now, "-A ts-forward"));
	fw_config_fini(&c);
	free(now);
	free(theirs);
}

static void a_check_sees_what_others_took(void **state)
{
	(void)state;
	static const char *const harm[] = {
		"*filter\n-F ts-input\nCOMMIT\n",
		"*filter\n-D FORWARD -j ts-forward\nCOMMIT\n",
		"*filter\n-A ts-input -j DROP\nCOMMIT\n",
		"*nat\n-F POSTROUTING\nCOMMIT\n",
		"*mangle\n-F\nCOMMIT\n",
		"*raw\n-F\n-X\nCOMMIT\n",
	};
	need_tables();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	feed_both("*filter\n-A INPUT -p ah -j ACCEPT\nCOMMIT\n"); /* none of ours */
	assert_int_equal(check(&d).rc, 0);
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		feed(i & 1, harm[i]);
		struct answer a = check(&d);
		assert_int_equal(a.rc, -ERR_NOENT);
		assert_non_null(strstr(a.text, i & 1 ? "ip6tables" : "iptables"));
		apply(&d, &c);
		assert_int_equal(check(&d).rc, 0);
	}
	stop(&d);
	fw_config_fini(&c);
}

/* Two jumps are seen, and one is gone when both are to be removed. */
static void others_may_be_in_the_middle_of_it(void **state)
{
	(void)state;
	need_tables();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	char *once = saved();
	feed(0, "*filter\n-I INPUT 1 -j ts-input\nCOMMIT\n");
	wrap("iptables", "save",
	     "$REAL\n[ -e $D/count ] || printf '*filter\\n-D INPUT -j ts-input\\nCOMMIT\\n' | "
	     "${REAL%-save}-restore --noflush --wait 60\n: >$D/count");
	apply(&d, &c);
	expect_saved(once);
	stop(&d);
	fw_config_fini(&c);
	free(once);
}

#define RESTORES 8 /* of one apply: tables, in both families */

/* The helper dies at the `at`-th iptables-restore: before it, or when it is done. */
static void apply_killed(const struct fw_config *c, unsigned at, bool before)
{
	char path[128], text[16];
	struct answer a = { 0 };
	snprintf(path, sizeof(path), "%s/count", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "%s%u\n", before ? "-" : "", at);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	struct daemon d = start();
	hands_firewall_apply(d.hands, "mesh0", &params, c, on_done, &a);
	assert_int_equal(hands_finish(d.hands, PATIENCE_MS), -ERR_CLOSED);
	assert_int_equal(a.rc, -ERR_CLOSED);
	stop(&d);
	assert_int_equal(unlink(path), 0);
}

/* At each step the next run brings all of it about, and a clean-up leaves what was there before. */
static void killed_at_each_step(void **state)
{
	(void)state;
	/* Counts towards zero, if there is a count; the last one kills, below zero before it works.
	 */
	static const char body[] = "[ -e $D/count ] || exec $REAL \"$@\"\n"
				   "read n <$D/count\n"
				   "case $n in\n"
				   "-1) kill -9 $PPID; exit 1 ;;\n"
				   "1) $REAL \"$@\"; kill -9 $PPID; exit 1 ;;\n"
				   "-*) echo $((n + 1)) >$D/count ;;\n"
				   "*) echo $((n - 1)) >$D/count ;;\n"
				   "esac\n"
				   "exec $REAL \"$@\"";
	char text[HANDS_TEXT_MAX];
	need_tables();
	char *before = saved();
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);
	char *whole = saved();
	down(&d);
	stop(&d);
	wrap("iptables", "restore", body);
	wrap("ip6tables", "restore", body);
	for (unsigned i = 0; i < 2 * RESTORES; i++) {
		apply_killed(&c, i / 2 + 1, i & 1);
		d = start();
		apply(&d, &c);
		expect_saved(whole);
		down(&d);
		stop(&d);
		apply_killed(&c, i / 2 + 1, i & 1);
		assert_int_equal(hands_cleanup(&opts, text), 0);
		expect_saved(before);
	}
	fw_config_fini(&c);
	free(whole);
	free(before);
}

/* ---- packets ---- */

static void sh(const char *cmd)
{
	signal(SIGCHLD, SIG_DFL);
	if (system(cmd) != 0)
		fail_msg("%s", cmd);
}

static int tun(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	return fd;
}

static uint16_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;
	for (size_t i = 0; i < n; i += 2)
		s += (uint32_t)(p[i] << 8 | p[i + 1]);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t) ~((s & 0xffff) + (s >> 16));
}

/* UDP without checksum, 4 bytes in it. */
static void inject(int fd, const char *from, const char *to, uint16_t port,
		   const char text[static 5])
{
	uint8_t p[32] = { 0x45, 0, 0, sizeof(p), 0, 0, 0, 0, 64, 17 };
	assert_int_equal(inet_pton(AF_INET, from, p + 12), 1);
	assert_int_equal(inet_pton(AF_INET, to, p + 16), 1);
	uint16_t s = sum(p, 20);
	p[10] = (uint8_t)(s >> 8);
	p[11] = (uint8_t)s;
	p[20] = 0x30; /* from port 12345 */
	p[21] = 0x39;
	p[22] = (uint8_t)(port >> 8);
	p[23] = (uint8_t)port;
	p[25] = 12;
	memcpy(p + 28, text, 4);
	assert_int_equal(write(fd, p, sizeof(p)), (ssize_t)sizeof(p));
}

static int bound(const char *addr, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

/* What was kept out would have come first. */
static void expect_at_socket(int fd, const char *text)
{
	char got[8] = "";
	wait_readable(fd);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 4);
	assert_string_equal(got, text);
}

/* The next IPv4 UDP packet that leaves by this interface; its source into from. */
static void expect_at_tun(int fd, const char *text, char from[static INET_ADDRSTRLEN])
{
	uint8_t p[2048];
	do {
		wait_readable(fd);
		assert_true(read(fd, p, sizeof(p)) > 0);
	} while (p[0] >> 4 != 4 || p[9] != 17);
	assert_memory_equal(p + 28, text, 4);
	assert_non_null(inet_ntop(AF_INET, p + 12, from, INET_ADDRSTRLEN));
}

static void packets_go_where_they_should(void **state)
{
	(void)state;
	char from[INET_ADDRSTRLEN];
	need_tables(); /* policies: DROP */
	int mesh = tun("mesh0"), lan = tun("lan0");
	sh("ip link set lo up; ip link set mesh0 up; ip link set lan0 up;"
	   "ip addr add 100.64.0.1/32 dev mesh0; ip addr add 192.168.9.1/24 dev lan0;"
	   "ip route add 100.64.0.0/24 dev mesh0;"
	   "for f in all default lan0 mesh0; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done;"
	   "echo 1 >/proc/sys/net/ipv4/ip_forward");
	int self = bound("100.64.0.1", 7000), wg = bound("0.0.0.0", 41641);
	int other = bound("192.168.9.1", 7001);
	struct fw_config c = usual();
	struct daemon d = start();
	apply(&d, &c);

	/* Past their policy by the tunnel, and to our port from anywhere, also from behind a
	 * carrier's NAT; but not to our tailnet address by the LAN. */
	inject(mesh, "100.64.0.2", "100.64.0.1", 7000, "mesh");
	expect_at_socket(self, "mesh");
	inject(lan, "192.168.9.5", "100.64.0.1", 41641, "raw1");
	inject(lan, "100.77.1.1", "192.168.9.1", 41641, "nat1");
	expect_at_socket(wg, "nat1");
	/* What others let in is let in, unless it comes in a peer's name. */
	feed(0, "*filter\n-A INPUT -p udp -m udp --dport 7001 -j ACCEPT\nCOMMIT\n");
	inject(lan, "100.64.0.2", "192.168.9.1", 7001, "bad1");
	inject(lan, "192.168.9.5", "192.168.9.1", 7001, "good");
	expect_at_socket(other, "good");

	/* On to the LAN, in our name. */
	inject(mesh, "100.64.0.2", "192.168.9.5", 9, "fwd1");
	expect_at_tun(lan, "fwd1", from);
	assert_string_equal(from, "192.168.9.1");
	/* From the LAN into the tunnel: with stateful filtering nothing new, never anything in a
	 * peer's name. */
	inject(lan, "192.168.9.5", "100.64.0.2", 9, "new1");
	c.stateful = c.snat = false;
	apply(&d, &c);
	inject(lan, "100.64.0.2", "100.64.0.3", 9, "new2");
	inject(lan, "192.168.9.6", "100.64.0.2", 9, "new4");
	expect_at_tun(mesh, "new4", from);
	assert_string_equal(from, "192.168.9.6");
	inject(mesh, "100.64.0.2", "192.168.9.7", 9, "fwd2");
	expect_at_tun(lan, "fwd2", from);
	assert_string_equal(from, "100.64.0.2");

	stop(&d);
	fw_config_fini(&c);
	close(mesh);
	close(lan);
	close(self);
	close(wg);
	close(other);
}

/* ---- other users ---- */

static void become_nobody_with_net_admin(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct v[2] = { 0 };
	v[0].effective = v[0].permitted = 1u << CAP_NET_ADMIN;
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534) || syscall(SYS_capset, &head, v))
		_exit(1);
}

/* As the service runs: a user of its own, and one capability. */
static void iptables_nft_needs_no_root(void **state)
{
	int status;
	(void)state;
	need_tables();
	char *before = saved();
	fflush(NULL);
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		become_nobody_with_net_admin();
		struct fw_config c = usual();
		struct answer a = { 0 };
		struct daemon d = start();
		hands_firewall_apply(d.hands, "mesh0", &params, &c, on_done, &a);
		hands_finish(d.hands, PATIENCE_MS);
		printf("%s\n", a.text);
		fflush(NULL);
		_exit(a.n == 1 && a.rc == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	char *now = saved();
	assert_non_null(strstr(now, "-A INPUT -j ts-input"));
	char *rest = without_ours(now);
	assert_string_equal(rest, before);
	free(rest);
	free(now);
	free(before);
}

int main(void)
{
	char nft[] = "nft", legacy[] = "legacy";
#define T(fn, kind)                                                                                \
	{                                                                                          \
#fn " (" #kind ")", fn, setup, teardown, kind                                      \
	}
#define BOTH(fn) T(fn, nft), T(fn, legacy)
	const struct CMUnitTest tests[] = {
		BOTH(applied_as_written_beside_others),	 BOTH(changes_leave_the_jumps_in_place),
		BOTH(several_jumps_become_one),		 BOTH(cleanup_after_kill),
		BOTH(nodivert_is_the_users_own),	 BOTH(a_check_sees_what_others_took),
		BOTH(others_may_be_in_the_middle_of_it), BOTH(killed_at_each_step),
		BOTH(packets_go_where_they_should),	 T(iptables_nft_needs_no_root, nft),
	};
	if (geteuid() != 0 || unshare(CLONE_NEWNET)) {
		printf("needs root for a network namespace\n");
		return 77;
	}
	if (access("/usr/sbin/iptables-nft-restore", X_OK) ||
	    access("/usr/sbin/iptables-legacy-restore", X_OK)) {
		printf("needs iptables of both kinds (apt-get install iptables)\n");
		return 77;
	}
	if (access("/dev/net/tun", R_OK | W_OK)) {
		printf("needs /dev/net/tun\n");
		return 77;
	}
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
