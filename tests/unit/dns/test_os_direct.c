/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plain file as a way of telling the resolver: what is written, who else may have it, and who
 * fights for it. */
#include "tests/lib/cm.h"

#include "tests/unit/dns/etc_root.h"

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "dns/os.h"

#include <sys/socket.h>
#include <sys/un.h>

#define PATIENCE_MS 30000

static struct etc_root root;
static struct dns_os_env env;
static struct dns_os *os;
static unsigned changed, redetect;
static char said[DNS_OS_TEXT_MAX];

static void on_event(void *arg, enum dns_os_event e)
{
	(void)arg;
	changed += e == DNS_OS_EV_CHANGED;
	redetect += e == DNS_OS_EV_REDETECT;
}

static int set(const char *search, bool servers)
{
	struct dns_os_config c = { 0 };
	struct dns_server s = { .ip = ip_v4(100, 100, 100, 100) };
	if (servers)
		assert_true(dns_os_config_add_server(&c, &s));
	if (search)
		assert_true(dns_os_config_add_search(&c, search));
	int rc = os->ops->set(os, &c, said);
	dns_os_config_fini(&c);
	return rc;
}

/* Behind the header, if there is one. */
static char *file_text(void)
{
	static char text[8192];
	char *path = etc_path(&root, "etc/resolv.conf");
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	free(path);
	char *body = strstr(text, "\n\n");
	return body ? body + 2 : text;
}

static void base_is(const char *want)
{
	struct dns_os_config c = { 0 };
	char all[1024] = "", ip[IP_TEXT_MAX];
	assert_int_equal(os->ops->base(os, &c), 0);
	for (size_t i = 0; i < c.n_servers; i++) {
		size_t n = strlen(all);
		snprintf(all + n, sizeof(all) - n, "%s%s%s ", ip_encode(c.servers[i].ip, ip),
			 *c.servers[i].zone ? "%" : "", c.servers[i].zone);
	}
	assert_string_equal(all, want);
	dns_os_config_fini(&c);
}

static struct dns_os_report report(void)
{
	struct dns_os_report r = { 0 };
	os->ops->report(os, &r);
	return r;
}

static int setup(void **state)
{
	(void)state;
	etc_empty(root.etc);
	etc_put(&root, "etc/resolv.conf", "nameserver 192.168.1.1\noptions edns0\n", 0644);
	env = (struct dns_os_env){ .loop = loop_new(),
				   .etc = root.etc,
				   .run = root.run,
				   .programs = root.run,
				   .tun = "mesh-none",
				   .on_event = on_event };
	os = dns_os_direct_new(&env);
	changed = redetect = 0;
	return os ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (os)
		os->ops->close(os);
	os = NULL;
	loop_free(env.loop);
	return 0;
}

/* ---- what is written ------------------------------------------------------------------ */

static void options_of_the_host_stay(void **state)
{
	(void)state;
	assert_int_equal(set("a.example", true), 0);
	assert_string_equal(file_text(),
			    "nameserver 100.100.100.100\nsearch a.example\noptions edns0\n");
	assert_int_equal(set("b.example", true), 0);
	assert_string_equal(file_text(),
			    "nameserver 100.100.100.100\nsearch b.example\noptions edns0\n");
	base_is("192.168.1.1 ");
}

static void no_file_is_without_servers(void **state)
{
	(void)state;
	assert_int_equal(set("a.example", false), 0);
	assert_string_equal(file_text(),
			    "nameserver 192.168.1.1\nsearch a.example\noptions edns0\n");
	assert_int_equal(set(NULL, false), 0);
	etc_put(&root, "etc/resolv.conf", "# nothing\n", 0644);
	assert_int_equal(set("a.example", false), 0);
	assert_string_equal(file_text(), "# nothing\n");
}

static void base_is_what_it_says_elsewhere(void **state)
{
	(void)state;
	char *dir = etc_path(&root, "run/systemd"), *deep = etc_path(&root, "run/systemd/resolve");
	etc_put(&root, "etc/resolv.conf", "nameserver 127.0.0.53\n", 0644);
	base_is(""); /* it would ask us */
	assert_int_equal(mkdir(dir, 0755) | mkdir(deep, 0755), 0);
	etc_put(&root, "run/systemd/resolve/resolv.conf",
		"nameserver 10.0.0.9\nnameserver fe80::1%eth0\nnameserver 100.100.100.100\n", 0644);
	base_is("10.0.0.9 fe80::1%eth0 ");
	assert_int_equal(set("a.example", true), 0);
	base_is("10.0.0.9 fe80::1%eth0 ");
	etc_drop(&root, "run/systemd/resolve/resolv.conf");
	etc_drop(&root, "run/systemd/resolve");
	etc_drop(&root, "run/systemd");
	free(dir);
	free(deep);
}

static void a_bad_line_costs_only_itself(void **state)
{
	(void)state;
	etc_put(&root, "etc/resolv.conf",
		"nameserver 10.0.0.1 # one\r\nnameserver two\nnameserver 10.0.0.3", 0644);
	base_is("10.0.0.1 10.0.0.3 ");
}

/* ---- systemd-resolved ----------------------------------------------------------------- */

/* How often it was asked to restart. */
static int restarts(void)
{
	char *path = etc_path(&root, "run/restarts"), text[256];
	int fd = open(path, O_RDONLY), n = 0;
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < len; i++)
		n += text[i] == '\n';
	if (fd >= 0)
		close(fd);
	free(path);
	return n;
}

static void resolved_looks_again_when_it_must(void **state)
{
	(void)state;
	char *booted = etc_path(&root, "run/systemd"),
	     *deep = etc_path(&root, "run/systemd/system"),
	     *script = xasprintf("#!/bin/sh\ncase \"$*\" in\n"
				 "'is-active --quiet systemd-resolved.service') exit 0 ;;\n"
				 "'--no-block restart systemd-resolved.service') "
				 "echo restart >>%s/restarts ;;\n*) exit 1 ;;\nesac\n",
				 root.run);
	assert_int_equal(mkdir(booted, 0755) | mkdir(deep, 0755), 0);
	etc_put(&root, "run/systemctl", script, 0755);
	assert_int_equal(set(NULL, false), 0); /* there is nothing to clear */
	assert_int_equal(restarts(), 0);
	assert_int_equal(set("a.example", true), 0);
	assert_int_equal(restarts(), 1);
	assert_int_equal(set("b.example", true), 0);
	assert_int_equal(restarts(), 1);
	assert_int_equal(set(NULL, false), 0);
	assert_int_equal(restarts(), 2);
	etc_drop(&root, "run/restarts");
	etc_drop(&root, "run/systemctl");
	etc_drop(&root, "run/systemd/system");
	etc_drop(&root, "run/systemd");
	free(script);
	free(booted);
	free(deep);
}

/* ---- others ---------------------------------------------------------------------------- */

#define AGENT "# resolv.conf(5) file generated by tailscale\nnameserver 100.100.100.100\n"

static void an_agent_that_lives_keeps_the_file(void **state)
{
	(void)state;
	char *dir = etc_path(&root, "run/tailscale");
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/tailscale/tailscaled.sock", root.run);
	assert_int_equal(mkdir(dir, 0755), 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	etc_put(&root, "etc/resolv.conf", AGENT, 0644);
	etc_put(&root, "etc/resolv.pre-tailscale-backup.conf", "nameserver 10.5.5.5\n", 0644);
	assert_int_equal(set("a.example", true), -ERR_STATE);
	assert_non_null(strstr(said, "tailscale set --accept-dns=false"));
	assert_string_equal(file_text(), AGENT);
	close(fd); /* dead: what was before it is what the host would use */
	assert_int_equal(set("a.example", true), 0);
	base_is("10.5.5.5 ");
	unlink(at.sun_path);
	rmdir(dir);
	free(dir);
}

static bool ours(void)
{
	return strncmp(file_text(), "nameserver 100.100.100.100\n", 27) == 0;
}

static bool has_given_up(void)
{
	struct dns_os_report r = report();
	return strstr(r.overwritten_by, "again and again") != NULL;
}

static void turn_until(bool (*cond)(void))
{
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!cond() && !mono_due(until, mono_now()))
		loop_turn(env.loop, 20);
	assert_true(cond());
}

static void write_theirs(void)
{
	etc_put(&root, "etc/resolv.conf", "# Generated by a fighter\nnameserver 10.7.7.7\n", 0644);
}

static void a_fight_ends(void **state)
{
	(void)state;
	unsigned rounds = 0;
	env.fight_ms = 1;
	assert_int_equal(set("a.example", true), 0);
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	while (!has_given_up() && !mono_due(until, mono_now())) {
		if (ours()) {
			write_theirs();
			rounds++;
		}
		loop_turn(env.loop, 20);
	}
	assert_true(has_given_up());
	assert_in_range(rounds, 5, 20);
	struct dns_os_report r = report();
	assert_non_null(strstr(r.overwritten_by, "\"Generated by a fighter\""));
	assert_false(ours()); /* and theirs resolves */
	assert_true(changed > 0 && redetect > 0);
	base_is("10.7.7.7 ");
	assert_int_equal(set("a.example", true), 0); /* the same again changes nothing */
	assert_true(!ours() && has_given_up());
	/* A new configuration is a new start. */
	assert_int_equal(set("b.example", true), 0);
	assert_true(ours());
	r = report();
	assert_string_equal(r.overwritten_by, "");
	write_theirs();
	turn_until(ours);
}

static void the_network_changed_and_the_file_with_it(void **state)
{
	(void)state;
	assert_int_equal(set("a.example", true), 0);
	write_theirs();
	os->ops->recheck(os);
	assert_true(ours());
	base_is("10.7.7.7 ");
}

static void a_deleted_file_is_written_again(void **state)
{
	(void)state;
	assert_int_equal(set("a.example", true), 0);
	etc_drop(&root, "etc/resolv.conf");
	turn_until(ours);
	base_is("192.168.1.1 ");
}

static bool is_refused(void)
{
	struct dns_os_report r = report();
	return strstr(r.overwritten_by, "neither a file nor a link") != NULL;
}

static void what_could_not_be_written_is_when_it_can(void **state)
{
	(void)state;
	char *path = etc_path(&root, "etc/resolv.conf");
	env.fight_ms = 1;
	assert_int_equal(set("a.example", true), 0);
	etc_drop(&root, "etc/resolv.conf");
	assert_int_equal(mkdir(path, 0755), 0);
	turn_until(is_refused);
	assert_int_equal(rmdir(path), 0);
	turn_until(ours);
	base_is("192.168.1.1 ");
	free(path);
}

static int make(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	etc_root_make(&root);
	return crypto_init();
}

static int drop(void **state)
{
	(void)state;
	etc_root_drop(&root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(options_of_the_host_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file_is_without_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(base_is_what_it_says_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_line_costs_only_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(resolved_looks_again_when_it_must, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_lives_keeps_the_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_could_not_be_written_is_when_it_can, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_fight_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(the_network_changed_and_the_file_with_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_deleted_file_is_written_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, make, drop);
}
