/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is looked up on a host, over a real bus, and when it is looked up again. */
#include "tests/lib/cm.h"
#include "tests/lib/fake_bus.h"

#include "base/alloc.h"
#include "dns/detect_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RESOLVED "org.freedesktop.resolve1"
#define NM "org.freedesktop.NetworkManager"

static struct fake_bus fake;
static struct loop *loop;
static char etc[96], run[96], bin[96];
static struct dns_os_env env = { .etc = etc, .run = run, .programs = bin };

static struct dns_found found;
static int looks;

static void on_found(void *arg, const struct dns_found *f)
{
	(void)arg;
	found = *f;
	looks++;
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
	free(path);
}

static void drop(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	remove(path);
	free(path);
}

static void wait_for_look(int n)
{
	for (int i = 0; i < 600 && looks < n; i++)
		loop_turn(loop, 50);
	assert_true(looks >= n);
}

/* On a machine with much to do an answer may come too late: then it is asked again. */
static void wait_for_mode(struct dns_detector *d, enum dns_os_mode m)
{
	for (int i = 1; i <= 600 && !(looks && found.mode == m); i++) {
		loop_turn(loop, 50);
		if (i % 100 == 0)
			dns_detector_look(d);
	}
	assert_int_equal(found.mode, m);
}

static const char stub[] = "# managed by systemd-resolved\nnameserver 127.0.0.53\n";

static int start(void **state)
{
	(void)state;
	snprintf(etc, sizeof(etc), "%s/etc", fake.dir);
	snprintf(run, sizeof(run), "%s/run", fake.dir);
	snprintf(bin, sizeof(bin), "%s/bin", fake.dir);
	mkdir(bin, 0755);
	fake_peer_script(&fake, "");
	loop = loop_new();
	env.loop = loop;
	looks = 0;
	put(etc, "nsswitch.conf", "hosts: files dns\n", 0644);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	static const char *const files[] = { "resolv.conf", "resolv.pre-meshd-backup.conf",
					     "resolv.pre-tailscale-backup.conf", "nsswitch.conf",
					     "os-release" };
	loop_free(loop);
	fake_peer_stop(&fake);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		drop(etc, files[i]);
	drop(bin, "resolvconf");
	drop(bin, "resolvectl");
	drop(fake.dir, "bin");
	return 0;
}

static void bus_is_asked(void **state)
{
	(void)state;
	put(etc, "resolv.conf", stub, 0644);
	fake_peer_start(&fake, RESOLVED " " NM);
	fake_peer_script(&fake, "get Mode systemd-resolved\nget Version 1.26.4\n");
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_mode(d, DNS_OS_NM);
	assert_non_null(strstr(found.trace, "NetworkManager's version: 1.26.4\n"));
	fake_peer_script(&fake, "get Mode systemd-resolved\nget Version 1.42.4\n");
	dns_detector_look(d);
	wait_for_mode(d, DNS_OS_RESOLVED);
	assert_false(found.failed);
	/* A version that is none is no version. */
	fake_peer_script(&fake, "get Mode systemd-resolved\nget Version \x1b[2J\n");
	dns_detector_look(d);
	wait_for_mode(d, DNS_OS_DIRECT);
	assert_true(found.failed);
	assert_null(strchr(found.trace, '\x1b'));
	dns_detector_free(d);
}

static void set_flag(struct loop_timer *t, mono_t now)
{
	(void)now;
	*(bool *)t->arg = true;
}

static void silent_bus_does_not_hold_us_up(void **state)
{
	(void)state;
	put(etc, "resolv.conf", stub, 0644);
	fake_peer_start(&fake, RESOLVED " " NM);
	fake_peer_script(&fake, "hang Ping\n");
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	struct loop_timer other;
	bool ran = false;
	loop_timer_init(loop, &other, set_flag, &ran);
	loop_timer_arm_ms(&other, 1);
	for (int i = 0; i < 600 && !ran; i++)
		loop_turn(loop, 50);
	assert_true(ran);
	assert_int_equal(looks, 0);	   /* others have their turn while it waits */
	wait_for_mode(d, DNS_OS_RESOLVED); /* it has its name, that is enough */
	assert_non_null(strstr(found.trace, "systemd-resolved is on D-Bus: yes\n"));
	dns_detector_free(d);
}

static void resolved_that_is_dead_or_comes_later(void **state)
{
	(void)state;
	put(etc, "resolv.conf", stub, 0644);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_mode(d, DNS_OS_DIRECT);
	assert_non_null(strstr(found.warning, "systemctl enable --now systemd-resolved"));
	fake_peer_start(&fake, RESOLVED);
	wait_for_mode(d, DNS_OS_RESOLVED);
	assert_string_equal(found.warning, "");
	fake_peer_stop(&fake);
	wait_for_mode(d, DNS_OS_DIRECT);
	dns_detector_free(d);
}

static void it_is_woken_once(void **state)
{
	(void)state;
	int before = fake_bus_woken(&fake);
	put(etc, "resolv.conf", stub, 0644);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_mode(d, DNS_OS_DIRECT);
	for (int i = 0; i < 3; i++) {
		int n = looks;
		dns_detector_look(d);
		wait_for_look(n + 1);
	}
	for (int i = 0; i < 300 && fake_bus_woken(&fake) == before; i++)
		loop_turn(loop, 100);
	assert_int_equal(fake_bus_woken(&fake), before + 1);
	dns_detector_free(d);
}

static void bus_that_comes_later(void **state)
{
	(void)state;
	put(etc, "resolv.conf", stub, 0644);
	fake_bus_kill(&fake);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_mode(d, DNS_OS_DIRECT);
	assert_non_null(strstr(found.trace, "D-Bus: no (no connection"));
	fake_bus_again(&fake);
	fake_peer_start(&fake, RESOLVED);
	wait_for_mode(d, DNS_OS_RESOLVED);
	dns_detector_free(d);
}

static void our_own_file_hides_another(void **state)
{
	(void)state;
	put(etc, "resolv.conf", "# meshd-dns-7c1e4d93\nnameserver 100.100.100.100\n", 0644);
	fake_peer_start(&fake, RESOLVED);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_look(1);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	put(etc, "resolv.pre-meshd-backup.conf", stub, 0644);
	dns_detector_look(d);
	wait_for_mode(d, DNS_OS_RESOLVED);
	dns_detector_free(d);
}

static void another_agent_is_left_alone_while_it_lives(void **state)
{
	(void)state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char *dir = xasprintf("%s/tailscale", run);
	put(etc, "resolv.conf",
	    "# resolv.conf(5) file generated by tailscale\n# resolvconf-overwrite\n"
	    "nameserver 100.100.100.100\n",
	    0644);
	mkdir(dir, 0755);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/tailscaled.sock", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 8), 0);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_look(1);
	assert_int_equal(found.mode, DNS_OS_NONE);
	assert_non_null(strstr(found.warning, "tailscale"));
	close(fd); /* the socket of one that was killed */
	put(etc, "resolv.pre-tailscale-backup.conf",
	    "# by systemd-resolved\nnameserver 127.0.0.53\n", 0644);
	fake_peer_start(&fake, RESOLVED);
	wait_for_mode(d, DNS_OS_RESOLVED);
	unlink(sa.sun_path);
	rmdir(dir);
	free(dir);
	dns_detector_free(d);
}

static enum dns_os_mode with_resolvconf(const char *script, struct dns_detector *d)
{
	int n = looks;
	if (script)
		put(bin, "resolvconf", script, 0755);
	dns_detector_look(d);
	wait_for_look(n + 1);
	return found.mode;
}

static void resolvconf_is_told_apart(void **state)
{
	(void)state;
	put(etc, "resolv.conf", "# Generated by resolvconf\nnameserver 192.0.2.1\n", 0644);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_look(1);
	assert_int_equal(with_resolvconf(NULL, d), DNS_OS_DIRECT);
	assert_int_equal(with_resolvconf("#!/bin/sh\necho 'Debian resolvconf 1.91'\n", d),
			 DNS_OS_RESOLVCONF);
	assert_int_equal(with_resolvconf("#!/bin/sh\nexit 99\n", d), DNS_OS_RESOLVCONF);
	assert_int_equal(with_resolvconf("#!/bin/sh\necho 'openresolv 3.12.0'\n", d),
			 DNS_OS_OPENRESOLV);
	/* systemd's */
	fake_peer_start(&fake, RESOLVED);
	drop(bin, "resolvconf");
	put(bin, "resolvectl", "#!/bin/sh\nexit 1\n", 0755);
	char *link = xasprintf("%s/resolvconf", bin);
	assert_int_equal(symlink("resolvectl", link), 0);
	free(link);
	assert_int_equal(with_resolvconf(NULL, d), DNS_OS_RESOLVED);
	dns_detector_free(d);
}

static void nixos_is_written_in_place(void **state)
{
	(void)state;
	put(etc, "resolv.conf", "nameserver 192.0.2.1\n", 0644);
	struct dns_detector *d = dns_detector_new(&env, on_found, NULL);
	wait_for_look(1);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_false(found.in_place);
	put(etc, "os-release", "NAME=NixOS\nID=nixos\n", 0644);
	assert_int_equal(with_resolvconf(NULL, d), DNS_OS_DIRECT);
	assert_true(found.in_place);
	dns_detector_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bus_is_asked, start, stop),
		cmocka_unit_test_setup_teardown(silent_bus_does_not_hold_us_up, start, stop),
		cmocka_unit_test_setup_teardown(resolved_that_is_dead_or_comes_later, start, stop),
		cmocka_unit_test_setup_teardown(it_is_woken_once, start, stop),
		cmocka_unit_test_setup_teardown(bus_that_comes_later, start, stop),
		cmocka_unit_test_setup_teardown(our_own_file_hides_another, start, stop),
		cmocka_unit_test_setup_teardown(another_agent_is_left_alone_while_it_lives, start,
						stop),
		cmocka_unit_test_setup_teardown(resolvconf_is_told_apart, start, stop),
		cmocka_unit_test_setup_teardown(nixos_is_written_in_place, start, stop),
	};
	if (!fake_bus_start(&fake))
		return 77;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	fake_bus_stop(&fake);
	return rc;
}
