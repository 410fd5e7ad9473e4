/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users see when a call fails, waiting for the daemon, risks, refusals. */
#include "tests/vectors/cli/fake_daemon.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/netcheck_text.h"
#include "cli/ssh_session.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static const char status_text[] =
    "{\"BackendState\":\"Running\",\"Self\":{\"ID\":\"1\"},\"TailscaleIPs\":[\"100.64.0.1\"],"
    "\"Health\":[]}";

struct script {
	int status;
	const char *body;
	const char *header;
};

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	const struct script *s = arg;
	bool own_status = strstr(s->body, "BackendState");
	if (strstr(r->uri, "/status"))
		return (struct fake_answer){ .status = 200,
					     .body = strdup(own_status ? s->body : status_text) };
	return (struct fake_answer){ .status = s->status,
				     .body = strdup(s->body),
				     .header = s->header };
}

static struct cli quick(void)
{
	return (struct cli){ .user = "alice", .ssh_client = "", .hurry = 100, .now = wall_now };
}

static struct fake_run run(struct script *s, struct cli *c, const char *words,
			   struct fake_daemon *d)
{
	json_t *args = j_array();
	char *copy = strdup(words), *rest = copy;
	for (char *w; (w = strsep(&rest, " "));)
		j_add_str(args, w);
	fake_start(d, answer, s);
	struct fake_run r = fake_cli(d, c, args);
	j_free(args);
	free(copy);
	return r;
}

static void end(struct fake_run *r, struct fake_daemon *d)
{
	fake_stop(d);
	free(r->out);
	free(r->err);
}

static void test_error_texts(void **state)
{
	static const struct {
		int status;
		unsigned uid;
		const char *body, *err;
	} cases[] = {
		{ 403, 0, "access denied\n", "Access denied: access denied\n" },
		{ 403, 0, "{\"error\":\"no\"}", "Access denied: no\n" },
		{ 403, 1000, "no\n",
		  "Access denied: no\n\nUse 'sudo meshctl logout --reason=x'.\nTo not require "
		  "root, use 'sudo meshctl "
		  "set --operator=$USER' once.\n" },
		{ 412, 0, "etag mismatch\n", "Preconditions failed: etag mismatch\n" },
		{ 500, 0, "  boom \n", "500 Internal Server Error: boom\n" },
		{ 500, 0, "{\"error\":\"boom\"}", "boom\n" },
		{ 500, 0, "{\"Error\":\"boom\"}", "boom\n" },
		{ 500, 0, "{\"error\":\"\"}", "500 Internal Server Error: {\"error\":\"\"}\n" },
		{ 200, 0, "", "200 OK: \n" }, /* 200 instead of 204 is an error */
		{ 500, 0, "\x1b[2J\n", "500 Internal Server Error: \\x1b[2J\n" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct script s = { cases[i].status, cases[i].body, NULL };
		struct cli c = quick();
		struct fake_daemon d;
		c.uid = cases[i].uid;
		struct fake_run r = run(&s, &c, "logout --reason=x", &d);
		assert_string_equal(r.err, cases[i].err);
		assert_int_equal(r.code, 1);
		end(&r, &d);
	}
}

static void test_no_daemon(void **state)
{
	struct fake_run r = { 0 };
	char *argv[] = { strdup("meshctl"), strdup("status") };
	struct cli c = quick();
	size_t n;
	(void)state;
	c.socket = "/nonexistent/meshd.sock";
	c.out = open_memstream(&r.out, &n);
	c.err = open_memstream(&r.err, &n);
	mono_t start = mono_now();
	assert_int_equal(cli_run(&c, 2, argv), 1);
	/* 2 s of patience, a hundred times faster; 5 s if a meshd happens to run here. */
	assert_true(mono_diff_ns(mono_now(), start) >= 15 * NS_PER_MS);
	free(argv[1]);
	argv[1] = strdup("logout");
	assert_int_equal(cli_run(&c, 2, argv), 1);
	fclose(c.out);
	fclose(c.err);
	assert_non_null(
	    strstr(r.err, "failed to connect to local meshd; it doesn't appear to be running"));
	assert_non_null(strstr(
	    r.err, "Failed to connect to local Tailscale daemon for /localapi/v0/logout; not "
		   "running? Error: dial unix /nonexistent/meshd.sock: No such file or directory"));
	free(argv[0]);
	free(argv[1]);
	free(r.out);
	free(r.err);
}

/* `meshd & meshctl down`: the socket appears while we wait. */
static void *start_late(void *arg)
{
	struct fake_daemon *d = arg;
	static struct script s = { 200, "{}", NULL };
	usleep(20000);
	char dir[64], path[96];
	memcpy(dir, d->dir, sizeof(dir));
	memcpy(path, d->path, sizeof(path));
	fake_start(d, answer, &s);
	rename(d->path, path);
	rmdir(d->dir);
	memcpy(d->dir, dir, sizeof(dir));
	memcpy(d->path, path, sizeof(path));
	return NULL;
}

static void test_daemon_comes_late(void **state)
{
	struct fake_daemon d = { .listener = -1 };
	struct cli c = quick();
	struct fake_run r = { 0 };
	pthread_t t;
	char *argv[] = { strdup("meshctl"), strdup("ip") };
	size_t n;
	(void)state;
	strcpy(d.dir, "/tmp/meshctl-test-XXXXXX");
	assert_non_null(mkdtemp(d.dir));
	snprintf(d.path, sizeof(d.path), "%s/s", d.dir);
	char *path = strdup(d.path);
	c.socket = path;
	c.hurry = 10;
	pthread_create(&t, NULL, start_late, &d);
	c.out = open_memstream(&r.out, &n);
	c.err = open_memstream(&r.err, &n);
	int code = cli_run(&c, 2, argv);
	fclose(c.out);
	fclose(c.err);
	pthread_join(t, NULL);
	assert_int_equal(code, 0);
	assert_string_equal(r.out, "100.64.0.1\n");
	end(&r, &d);
	free(path);
	free(argv[0]);
	free(argv[1]);
}

/* Asked for but not there: an error, no request. */
static void test_unsupported_flags(void **state)
{
	static const char *const lines[] = {
		"up --ssh",
		"up --qr",
		"up --report-posture",
		"up --posture-checking",
		"up --advertise-connector",
		"up --qr-format=small",
		"set --ssh",
		"set --webclient",
		"set --auto-update",
		"set --relay-server-port=1",
		"bugreport --record",
		"bugreport --diagnose",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct script s = { 200, "{}", NULL };
		struct cli c = quick();
		struct fake_daemon d;
		struct fake_run r = run(&s, &c, lines[i], &d);
		assert_int_equal(r.code, 1);
		assert_non_null(strstr(r.err, "is not supported by this version\n"));
		assert_int_equal(d.n, 0);
		end(&r, &d);
	}
}

/* Turning such a thing off is fine. */
static void test_unsupported_off(void **state)
{
	struct script s = { 200, "{\"ControlURL\":\"\"}", NULL };
	struct cli c = quick();
	struct fake_daemon d;
	(void)state;
	struct fake_run r = run(&s, &c, "set --ssh=false", &d);
	assert_int_equal(r.code, 0);
	assert_int_equal(d.n, 4);
	assert_true(j_bool(d.requests[3].body, "RunSSHSet", false));
	end(&r, &d);
}

/* A session that comes over the mesh is not cut without a yes. */
static void test_ssh_risk(void **state)
{
	static const struct {
		const char *client, *line, *input;
		int code;
		size_t requests;
	} cases[] = {
		{ "100.64.0.9", "down", "", 1, 0 },
		{ "100.64.0.9", "down", "n\n", 1, 0 },
		{ "100.64.0.9", "down", "y\n", 0, 2 },
		{ "fd7a:115c:a1e0::9", "down", "", 1, 0 },
		{ "100.64.0.9", "down --accept-risk=lose-ssh", "", 0, 2 },
		{ "100.64.0.9", "down --accept-risk=x,all", "", 0, 2 },
		{ "100.64.0.9", "down --accept-risk=lose-ssh-x", "", 1, 0 },
		{ "192.0.2.1", "down", "", 0, 2 },
		{ "", "down", "", 0, 2 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct script s = { 200, "{}", NULL };
		struct cli c = quick();
		struct fake_daemon d;
		char *input = strdup(*cases[i].input ? cases[i].input : "\n");
		c.ssh_client = cases[i].client;
		c.in = fmemopen(input, strlen(input), "r");
		struct fake_run r = run(&s, &c, cases[i].line, &d);
		assert_int_equal(r.code, cases[i].code);
		assert_int_equal(d.n, cases[i].requests);
		if (cases[i].code)
			assert_non_null(strstr(r.err, "aborted, no changes made\n"));
		fclose(c.in);
		free(input);
		end(&r, &d);
	}
}

/* What keeps a login from coming about is in the health list; `status` shows it. */
static void test_failed_login_is_shown(void **state)
{
	struct script s = { 200,
			    "{\"BackendState\":\"NeedsLogin\",\"Self\":{},\"Health\":[\"You are "
			    "logged out. The last "
			    "login error was: no route\"]}",
			    NULL };
	struct cli c = quick();
	struct fake_daemon d;
	(void)state;
	struct fake_run r = run(&s, &c, "status", &d);
	assert_int_equal(r.code, 1);
	assert_non_null(strstr(r.out, "The last login error was: no route\n"));
	assert_non_null(strstr(r.out, "\nLogged out.\n"));
	end(&r, &d);
}

static void test_blocked_traffic_is_shown(void **state)
{
	struct script s = { 200,
			    "{\"BackendState\":\"NeedsLogin\",\"Self\":{},\"Health\":[\"Traffic to "
			    "the Internet is dropped: an exit node is chosen\"]}",
			    NULL };
	struct cli c = quick();
	struct fake_daemon d;
	(void)state;
	struct fake_run r = run(&s, &c, "status", &d);
	assert_non_null(strstr(r.out, "an exit node is chosen\n"));
	end(&r, &d);
}

static void test_key_file_errors(void **state)
{
	struct script s = { 200, "{\"ControlURL\":\"\"}", NULL };
	struct cli c = quick();
	struct fake_daemon d;
	(void)state;
	struct fake_run r = run(&s, &c, "up --auth-key=file:/nonexistent/key", &d);
	assert_int_equal(r.code, 1);
	assert_string_equal(r.err,
			    "could not read the auth key from /nonexistent/key: not found\n");
	end(&r, &d);
}

/* Neither the refusal nor the sudo hint shows a key. */
static void test_key_not_in_refusal(void **state)
{
	struct script s = {
		200,
		"{\"ControlURL\":\"https://hs.example.com\",\"Hostname\":\"x\",\"CorpDNS\":true,"
		"\"NetfilterMode\":2,\"NoStatefulFiltering\":true}",
		NULL
	};
	struct cli c = quick();
	struct fake_daemon d;
	(void)state;
	struct fake_run r = run(&s, &c, "up --auth-key=tskey-secret", &d);
	assert_int_equal(r.code, 1);
	assert_non_null(strstr(
	    r.err,
	    "\tmeshctl up --auth-key=KEY --hostname=x --login-server=https://hs.example.com\n"));
	assert_null(strstr(r.err, "secret"));
	end(&r, &d);
}

/* ---- netcheck ---- */

static void check_report(const char *report, const char *map, const char *want)
{
	struct buf b;
	json_t *r = j_parse(span_str(report), 65536, NULL),
	       *m = j_parse(span_str(map), 65536, NULL);
	assert_non_null(r);
	assert_non_null(m);
	buf_init(&b, 65536);
	netcheck_text(r, m, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
	j_free(r);
	j_free(m);
}

static void test_netcheck(void **state)
{
	static const char map[] =
	    "{\"Regions\":{\"1\":{\"RegionID\":1,\"RegionCode\":\"a\",\"RegionName\":\"Alpha\"},"
	    "\"2\":{\"RegionID\":2,\"RegionCode\":\"bbb\",\"RegionName\":\"Beta\"},"
	    "\"3\":{\"RegionID\":3,\"RegionCode\":\"c\",\"RegionName\":\"\\u001b[31mGamma\"}}}";
	(void)state;
	check_report(
	    "{\"Now\":\"2023-11-14T22:13:20.123456789Z\",\"UDP\":true,\"IPv6\":false,\"IPv4\":true,"
	    "\"OSHasIPv6\":false,\"MappingVariesByDestIP\":false,\"UPnP\":true,\"PMP\":false,"
	    "\"PCP\":true,"
	    "\"PreferredDERP\":2,\"RegionLatency\":{\"1\":1234567,\"2\":123456},"
	    "\"GlobalV4\":\"198.51.100.1:41641\",\"GlobalV6\":\"\",\"CaptivePortal\":null}",
	    map,
	    "\nReport:\n\t* Time: 2023-11-14 22:13:20.123456789Z\n\t* UDP: true\n"
	    "\t* IPv4: yes, 198.51.100.1:41641\n\t* IPv6: no, unavailable in OS\n"
	    "\t* MappingVariesByDestIP: false\n\t* PortMapping: UPnP, PCP\n\t* Nearest DERP: Beta\n"
	    "\t* DERP latency:\n\t\t- bbb: 100\xc2\xb5s   (Beta)\n\t\t-   a: 1.2ms   (Alpha)\n"
	    "\t\t-   c:         (\\x1b[31mGamma)\n");
	check_report(
	    "{\"Now\":\"2023-11-14T22:13:20Z\",\"UDP\":false,\"OSHasIPv6\":true,\"CaptivePortal\":"
	    "true}",
	    "{\"Regions\":{}}",
	    "\nReport:\n\t* Time: 2023-11-14 22:13:20Z\n\t* UDP: false\n\t* IPv4: (no addr found)\n"
	    "\t* IPv6: no, but OS has support\n\t* MappingVariesByDestIP: \n\t* PortMapping: not "
	    "checked\n"
	    "\t* CaptivePortal: true\n\t* Nearest DERP: unknown (no response to latency probes)\n"
	    "\t* DERP latency:\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_daemon_comes_late),
		cmocka_unit_test(test_unsupported_flags),
		cmocka_unit_test(test_unsupported_off),
		cmocka_unit_test(test_ssh_risk),
		cmocka_unit_test(test_key_file_errors),
		cmocka_unit_test(test_key_not_in_refusal),
		cmocka_unit_test(test_netcheck),
		cmocka_unit_test(test_failed_login_is_shown),
		cmocka_unit_test(test_blocked_traffic_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
