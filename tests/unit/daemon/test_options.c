/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include "base/alloc.h"
#include "tests/lib/cm.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const variables[] = { "PORT",
					 "MESHD_STATE",
					 "MESHD_SOCKET",
					 "MESHD_TUN",
					 "SSL_CERT_FILE",
					 "TS_LOG_VERBOSITY",
					 "TS_DEBUG_DISABLE_UDP_GSO",
					 "TS_DEBUG_DISABLE_UDP_GRO",
					 "TS_TUN_DISABLE_TCP_GRO",
					 "TS_TUN_DISABLE_UDP_GRO",
					 "TS_DEBUG_FIREWALL_MODE" };
static char said[8192]; /* what the last parse printed on stderr */

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	return 0;
}

/* argv in one text, words parted by blanks. */
static int parse(struct options *o, const char *line)
{
	char words[512], *argv[32] = { (char *)(uintptr_t) "meshd" }, *rest = words;
	int argc = 1, keep[2] = { dup(1), dup(2) }, out = memfd_create("said", MFD_CLOEXEC);
	assert_true(out >= 0 && keep[0] >= 0 && keep[1] >= 0);
	snprintf(words, sizeof(words), "%s", line);
	for (char *w; (w = strsep(&rest, " "));)
		if (*w)
			argv[argc++] = w;
	fflush(stdout);
	dup2(out, 1);
	dup2(out, 2);
	int rc = options_parse(o, argc, argv);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(keep[i], i + 1);
		close(keep[i]);
	}
	ssize_t n = pread(out, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = 0;
	close(out);
	return rc;
}

/* A line that ends the program: with this code and these words first. */
static void expect_end(const char *line, int code, const char *words)
{
	struct options o;
	int rc = parse(&o, line);
	if (rc != code)
		fail_msg("\"%s\" gave %d, not %d", line, rc, code);
	if (strncmp(said, words, strlen(words)) != 0)
		fail_msg("\"%s\" said: %s", line, said);
	if (code == 2)
		assert_non_null(strstr(said, "usage: meshd"));
}

static void defaults(void **state)
{
	struct options o;
	(void)state;
	assert_int_equal(parse(&o, ""), -1);
	assert_string_equal(o.state, "/var/lib/meshd/meshd.state");
	assert_string_equal(o.state_dir, "/var/lib/meshd");
	assert_string_equal(o.socket, "/run/meshd/meshd.sock");
	assert_string_equal(o.socket_dir, "/run/meshd");
	assert_string_equal(o.tun, "mesh0");
	assert_int_equal(o.port, 41641);
	assert_int_equal(o.verbose, 0);
	assert_true(o.sandbox);
	assert_false(o.cleanup || o.cleanup_dns || o.sandbox_log);
	assert_null(o.user);
	assert_null(o.aead);
	assert_null(o.ca_file);
	assert_in_range(o.workers, 1, 2);
	assert_int_equal(o.dns_in_flight, 1000);
	assert_int_equal(o.no_offload, 0);
	assert_int_equal(o.routing.fwmark_bypass, 0x80000);
	assert_string_equal(said, "");
	options_fini(&o);
}

static void every_flag_in_every_form(void **state)
{
	struct options o;
	(void)state;
	assert_int_equal(parse(&o, "--state=/s/f -socket /r/s --tun=t0 -port=1 --verbose 2 "
				   "-sandbox=false --sandbox-log --aead sodium "
				   "--workers=1 --dns-in-flight=10000 --no-offload tso,udp-gso "
				   "--no-logs-no-support -cleanup --cleanup-dns --user=meshd "
				   "--encrypt-state=false "
				   "--hardware-attestation=0"),
			 -1);
	assert_string_equal(o.state, "/s/f");
	assert_string_equal(o.state_dir, "/s");
	assert_string_equal(o.socket, "/r/s");
	assert_string_equal(o.socket_dir, "/r");
	assert_string_equal(o.tun, "t0");
	assert_int_equal(o.port, 1);
	assert_int_equal(o.verbose, 2);
	assert_string_equal(o.aead, "sodium");
	assert_int_equal(o.workers, 1);
	assert_int_equal(o.dns_in_flight, 10000);
	assert_int_equal(o.no_offload, OFFLOAD_BIT(OFFLOAD_TSO) | OFFLOAD_BIT(OFFLOAD_UDP_GSO));
	assert_true(o.cleanup && o.cleanup_dns && o.sandbox_log);
	assert_string_equal(o.user, "meshd");
	assert_false(o.sandbox);
	options_fini(&o);
}

static void routing_numbers(void **state)
{
	static const struct {
		const char *line;
		struct router_params want;
	} good[] = {
		{ "", ROUTER_PARAMS_DEFAULT },
		{ "--fwmark=0x80000/0xff0000", ROUTER_PARAMS_DEFAULT },
		{ "--fwmark=0x100/0x300", { 0x300, 0x100, 0x200, 52, 5200 } },
		{ "--fwmark=1/3", { 3, 1, 2, 52, 5200 } },
		{ "--fwmark=0x80000000/0xc0000000",
		  { 0xc0000000, 0x80000000, 0x40000000, 52, 5200 } },
		{ "--route-table=1052 --rule-priority 1300",
		  { 0xff0000, 0x80000, 0x40000, 1052, 1300 } },
		{ "--route-table=4294967295 --rule-priority=32666",
		  { 0xff0000, 0x80000, 0x40000, UINT32_MAX, 32666 } },
	};
	static const char *const bad_mark[] = { "",	 "1",	    "0/3",  "1/1",
						"4/3",	 "0x/0xff", "1/3x", "1/",
						"/3",	 "-1/3",    "0x1/", "5/0x15",
						"1/0x5", "1/0",	    "1//3", "1/0x1ffffffff" };
	static const char *const bad_table[] = { "", "0", "253", "254", "255", "x", "4294967296" };
	static const char *const bad_priority[] = { "", "0", "32667", "-5", "52x" };
	char line[80];
	struct options o;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(parse(&o, good[i].line), -1);
		assert_memory_equal(&o.routing, &good[i].want, sizeof(o.routing));
		options_fini(&o);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_mark); i++) {
		snprintf(line, sizeof(line), "--fwmark=%s", bad_mark[i]);
		expect_end(line, 2, "meshd: -fwmark wants VALUE/MASK");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_table); i++) {
		snprintf(line, sizeof(line), "--route-table=%s", bad_table[i]);
		expect_end(line, 2, "meshd: -route-table wants a number");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_priority); i++) {
		snprintf(line, sizeof(line), "--rule-priority=%s", bad_priority[i]);
		expect_end(line, 2, "meshd: -rule-priority wants a number");
	}
}

static void the_firewall_is_chosen_by_name(void **state)
{
	struct options o;
	(void)state;
	assert_int_equal(parse(&o, ""), -1);
	assert_int_equal(o.firewall, FIREWALL_AUTO);
	options_fini(&o);
	setenv("TS_DEBUG_FIREWALL_MODE", "iptables", 1);
	assert_int_equal(parse(&o, ""), -1);
	assert_int_equal(o.firewall, FIREWALL_IPTABLES);
	options_fini(&o);
	setenv("TS_DEBUG_FIREWALL_MODE", "pf", 1);
	expect_end("", 2, "meshd: TS_DEBUG_FIREWALL_MODE is \"pf\"; it may be auto");
}

static void where_the_state_is(void **state)
{
	static const struct {
		const char *line, *state, *dir;
	} rows[] = {
		{ "--statedir=/d", "/d/meshd.state", "/d" },
		{ "--statedir=/d --state=/e/f", "/e/f", "/d" },
		{ "--state=mem:", "mem:", NULL },
		{ "--state=mem: --statedir=/d", "mem:", "/d" },
		{ "--state=plain", "plain", "." },
		{ "--state=/top", "/top", "/" },
		{ "--state=", "/var/lib/meshd/meshd.state", "/var/lib/meshd" },
	};
	struct options o;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(parse(&o, rows[i].line), -1);
		assert_string_equal(o.state, rows[i].state);
		if (rows[i].dir)
			assert_string_equal(o.state_dir, rows[i].dir);
		else
			assert_null(o.state_dir);
		options_fini(&o);
	}
}

static void the_environment_gives_defaults(void **state)
{
	struct options o;
	(void)state;
	setenv("PORT", "0", 1);
	setenv("MESHD_STATE", "/x/y", 1);
	setenv("MESHD_SOCKET", "/x/s", 1);
	setenv("MESHD_TUN", "tx", 1);
	setenv("SSL_CERT_FILE", "/ca", 1);
	setenv("TS_LOG_VERBOSITY", "1", 1);
	assert_int_equal(parse(&o, ""), -1);
	assert_int_equal(o.port, 0);
	assert_string_equal(o.state, "/x/y");
	assert_string_equal(o.socket, "/x/s");
	assert_string_equal(o.tun, "tx");
	assert_string_equal(o.ca_file, "/ca");
	assert_int_equal(o.verbose, 1);
	options_fini(&o);
	assert_int_equal(parse(&o, "--port=7 --state=/a/b --socket=/c/d --tun=e --verbose=2"), -1);
	assert_int_equal(o.port, 7);
	assert_string_equal(o.state, "/a/b");
	assert_string_equal(o.socket, "/c/d");
	assert_string_equal(o.tun, "e");
	assert_int_equal(o.verbose, 2);
	options_fini(&o);
	setenv("PORT", "", 1); /* empty is as good as unset */
	assert_int_equal(parse(&o, ""), -1);
	assert_int_equal(o.port, 41641);
	options_fini(&o);
	setenv("PORT", "x", 1);
	expect_end("", 2, "invalid value \"x\" for flag -port: parse error\n");
}

/* One CPU is not shared by two threads. */
static void as_many_workers_as_cpus(void **state)
{
	cpu_set_t all, one;
	struct options o;
	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(parse(&o, ""), -1);
	assert_int_equal(o.workers, CPU_COUNT(&all) > 1 ? 2 : 1);
	options_fini(&o);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	int rc = parse(&o, "");
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(o.workers, 1);
	options_fini(&o);
	assert_int_equal(parse(&o, "--workers=2"), -1);
	assert_int_equal(o.workers, 2);
	options_fini(&o);
}

static void offload_is_switched_off_by_name(void **state)
{
	static const struct {
		const char *variable;
		enum offload_step step;
	} rows[] = { { "TS_DEBUG_DISABLE_UDP_GSO", OFFLOAD_UDP_GSO },
		     { "TS_DEBUG_DISABLE_UDP_GRO", OFFLOAD_UDP_GRO },
		     { "TS_TUN_DISABLE_TCP_GRO", OFFLOAD_TUN_GRO_TCP },
		     { "TS_TUN_DISABLE_UDP_GRO", OFFLOAD_TUN_GRO_UDP } };
	struct options o;
	(void)state;
	assert_int_equal(parse(&o, "--no-offload=all"), -1);
	assert_int_equal(o.no_offload, OFFLOAD_ALL);
	options_fini(&o);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t bit = OFFLOAD_BIT(rows[i].step);
		setenv(rows[i].variable, "true", 1);
		assert_int_equal(parse(&o, "--no-offload=vnet"), -1);
		assert_int_equal(o.no_offload, bit | OFFLOAD_BIT(OFFLOAD_VNET));
		options_fini(&o);
		setenv(rows[i].variable, i % 2 ? "0" : "junk", 1);
		assert_int_equal(parse(&o, ""), -1);
		assert_int_equal(o.no_offload, 0);
		options_fini(&o);
	}
	expect_end("--no-offload=tso,sos", 2,
		   "meshd: -no-offload does not know \"sos\"; it knows: vnet, tso, ");
	expect_end("--no-offload=", 2, "meshd: -no-offload does not know \"\"; it knows: ");
}

static void what_ends_the_program(void **state)
{
	(void)state;
	expect_end("--version", 0, MESH_VERSION "\n");
	expect_end("--help", 0, "usage: meshd");
	expect_end("-h", 0, "usage: meshd");
	expect_end("stray", 1, "meshd does not take non-flag arguments: [stray]\n");
	expect_end("-", 1, "meshd does not take non-flag arguments: [-]\n");
	expect_end("--nope", 2, "flag provided but not defined: -nope\n");
	expect_end("--nope=5", 2, "flag provided but not defined: -nope\n");
	expect_end("--stat", 2, "flag provided but not defined: -stat\n");
	expect_end("--", 2, "flag provided but not defined: -\n");
	expect_end("--tun", 2, "flag needs an argument: -tun\n");
	expect_end("--cleanup=maybe", 2,
		   "invalid boolean value \"maybe\" for -cleanup: parse error\n");
	expect_end("--port=65536", 2, "invalid value \"65536\" for flag -port: parse error\n");
	expect_end("--port=-1", 2, "invalid value \"-1\" for flag -port: parse error\n");
	expect_end("--port 1x", 2, "invalid value \"1x\" for flag -port: parse error\n");
	expect_end("--verbose=3", 2, "invalid value \"3\" for flag -verbose: parse error\n");
	expect_end("--workers=0", 2, "meshd: -workers must be 1 or 2\n");
	expect_end("--dns-in-flight=0", 2, "meshd: -dns-in-flight must be 1 to 10000\n");
	expect_end("--dns-in-flight=10001", 2,
		   "invalid value \"10001\" for flag -dns-in-flight: parse error\n");
	expect_end("--workers=3", 2, "invalid value \"3\" for flag -workers: parse error\n");
	expect_end("--workers=", 2, "invalid value \"\" for flag -workers: parse error\n");
	expect_end("--encrypt-state", 2, "meshd: -encrypt-state is not part of this version\n");
	expect_end("--no%s%n", 2, "flag provided but not defined: -no%s%n\n");
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(defaults),
		T(every_flag_in_every_form),
		T(routing_numbers),
		T(the_firewall_is_chosen_by_name),
		T(where_the_state_is),
		T(the_environment_gives_defaults),
		T(as_many_workers_as_cpus),
		T(offload_is_switched_off_by_name),
		T(what_ends_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
