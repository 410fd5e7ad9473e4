/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint by endpoint: what reaches the backend and what comes back. */
#include "tests/unit/localapi/api_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	fixture_init(f);
	fake_pings_cancelled = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static int ask(struct fixture *f, const char *method, const char *name, const char *body)
{
	char *uri = xasprintf("/localapi/v0/%s", name);
	int status = fixture_ask(f, method, uri, NULL, body);
	free(uri);
	return status;
}

static void test_status(void **state)
{
	struct fixture *f = *state;
	json_t *peers = j_object();
	j_set_str(peers, "nodekey:1", "x");
	j_set(f->b->status, "Peer", peers);
	assert_int_equal(fixture_get(f, "status"), 200);
	assert_non_null(strstr(fixture_body(f), "\t\"Peer\": {\n\t\t\"nodekey:1\""));
	assert_int_equal(fixture_get(f, "status?peers=false"), 200);
	assert_non_null(strstr(fixture_body(f), "\"Peer\": null\n}\n"));
	assert_int_equal(ask(f, "HEAD", "status", NULL), 200);
	assert_int_equal(ask(f, "DELETE", "status", NULL), 405);
}

static void test_prefs(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "PATCH", "prefs", "{\"Hostname\":\"x\",\"HostnameSet\":true}"),
			 200);
	assert_string_equal(j_str(f->b->last_edit, "Hostname"), "x");
	assert_string_equal(fixture_body(f), "{\n\t\"Hostname\": \"\"\n}\n");
	f->b->refuse = "Cannot <do> that.";
	assert_int_equal(ask(f, "PATCH", "prefs", "{}"), 400);
	assert_string_equal(fixture_body(f), "{\"Error\":\"Cannot \\u003cdo\\u003e that.\"}\n");
	assert_int_equal(ask(f, "POST", "check-prefs", "{}"), 200);
	assert_string_equal(fixture_body(f), "{\"Error\":\"Cannot \\u003cdo\\u003e that.\"}\n");
	f->b->refuse = NULL;
	assert_int_equal(ask(f, "POST", "check-prefs", "{}"), 200);
	assert_string_equal(fixture_body(f), "{}\n");
	assert_int_equal(ask(f, "PUT", "prefs", "{}"), 405);
}

static void test_exit_node(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "suggest-exit-node"), 500);
	assert_string_equal(fixture_body(f),
			    "{\"error\":\"no preferred DERP, try again later\"}\n");
	f->b->suggestion = j_object();
	j_set_str(f->b->suggestion, "ID", "7");
	j_set_str(f->b->suggestion, "Name", "fra.tail.example.com.");
	f->rights = (struct api_rights){ .read = false }; /* a question anybody may ask */
	assert_int_equal(ask(f, "POST", "suggest-exit-node", NULL), 200);
	assert_string_equal(fixture_body(f), "{\"ID\":\"7\",\"Name\":\"fra.tail.example.com.\"}\n");
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled?enabled=false", NULL), 403);
	assert_int_equal(f->b->exit_switched, 0);
}

static void test_exit_node_off_and_on(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled?enabled=False", NULL), 200);
	assert_string_equal(fixture_body(f), "{\n\t\"Hostname\": \"\"\n}\n");
	assert_int_equal(f->b->exit_switched, -1);
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled?enabled=1", NULL), 500);
	f->b->had_exit_node = true;
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled?enabled=t", NULL), 200);
	assert_int_equal(f->b->exit_switched, 1);
	f->b->exit_switched = 0;
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled?enabled=on", NULL), 400);
	assert_string_equal(fixture_body(f), "invalid 'enabled' parameter\n");
	assert_int_equal(ask(f, "POST", "set-use-exit-node-enabled", NULL), 400);
	assert_int_equal(f->b->exit_switched, 0);
}

static void test_start(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_post(f, "start", "{\"AuthKey\":\"k\",\"UpdatePrefs\":null}"), 204);
	assert_string_equal(j_str(f->b->last_start, "AuthKey"), "k");
	f->b->refuse = "cannot start backend when state store is unhealthy";
	assert_int_equal(fixture_post(f, "start", "{}"), 500);
	assert_string_equal(fixture_body(f),
			    "cannot start backend when state store is unhealthy\n");
	assert_int_equal(fixture_get(f, "start"), 400);
	assert_string_equal(fixture_body(f), "want POST\n");
}

/* A request left open: returns the connection. */
static int begin(struct fixture *f, const char *uri, const char *headers)
{
	int fd = fixture_connect(f);
	char *req = xasprintf("POST /localapi/v0/%s HTTP/1.1\r\nHost: local-tailscaled.sock\r\n%s"
			      "Content-Length: 0\r\nConnection: close\r\n\r\n",
			      uri, headers);
	buf_reset(&f->got);
	fixture_send(f, fd, span_str(req));
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 1);
	free(req);
	return fd;
}

static void test_logout(void **state)
{
	struct fixture *f = *state;
	int fd = begin(f, "logout", "");
	assert_non_null(f->b->logout_done);
	assert_int_equal(f->got.len, 0);
	f->b->logout_done(f->b->logout_arg, NULL);
	assert_true(fixture_wait(f, fd, "HTTP/1.1 204"));
	close(fd);
	fd = begin(f, "logout", "X-Tailscale-Reason: bWFpbnQ=\r\n");
	f->b->logout_done(f->b->logout_arg, "control server unreachable");
	assert_true(fixture_wait(f, fd, "control server unreachable\n"));
	assert_non_null(strstr(buf_cstr(&f->got), "HTTP/1.1 500"));
	close(fd);
	fd = begin(f, "logout", "X-Tailscale-Reason: ***\r\n");
	assert_true(fixture_wait(f, fd, "invalid reason header\n"));
	close(fd);
}

static void test_logout_of_a_client_that_left(void **state)
{
	struct fixture *f = *state;
	int fd = begin(f, "logout", "");
	close(fd);
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 1);
	f->b->logout_done(f->b->logout_arg, NULL);
	assert_int_equal(fixture_get(f, "status"), 200);
}

static void test_ping(void **state)
{
	struct fixture *f = *state;
	int fd = begin(f, "ping?ip=100.64.0.9&type=disco&size=1200", "");
	assert_non_null(f->b->ping);
	assert_int_equal(f->b->ping->kind, PING_DISCO);
	assert_int_equal(f->b->ping->size, 1200);
	assert_true(ip_eq(f->b->ping->to, ip_v4(100, 64, 0, 9)));
	json_t *result = j_object();
	j_set_str(result, "Err", "no matching peer");
	f->b->ping->done(f->b->ping->arg, result);
	j_free(result);
	assert_true(fixture_wait(f, fd, "{\"Err\":\"no matching peer\"}\n"));
	close(fd);
}

/* Answered when the measurement is done; for everybody, unlike the other debug actions. */
static void test_netcheck(void **state)
{
	struct fixture *f = *state;
	f->rights = (struct api_rights){ .read = true };
	int fd = begin(f, "debug?action=netcheck", "");
	json_t *report = j_parse(span_str("{\"UDP\":true}"), 64, NULL);
	fake_netcheck.done(fake_netcheck.arg, report);
	j_free(report);
	assert_true(fixture_wait(f, fd, "{\"UDP\":true}\n"));
	close(fd);
	fd = begin(f, "debug?action=netcheck", "");
	fake_netcheck.done(fake_netcheck.arg, NULL);
	assert_true(fixture_wait(f, fd, "HTTP/1.1 503"));
	close(fd);
	fake_netchecks_cancelled = 0;
	fd = begin(f, "debug?action=netcheck", "");
	close(fd);
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 1);
	assert_int_equal(fake_netchecks_cancelled, 1);
}

static void test_dns_views(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "dns-config"), 503);
	f->b->netmap = j_object();
	assert_int_equal(fixture_get(f, "dns-config"), 200);
	assert_string_equal(fixture_body(f), "{}\n");
	assert_int_equal(fixture_get(f, "dns-osconfig"), 500);
	assert_string_equal(fixture_body(f), "getting OS base config is not supported\n");
	f->b->debug = j_parse(span_str("{\"dns-osconfig\":{\"Nameservers\":[]},"
				       "\"dns\":{\"Mode\":\"direct\"}}"),
			      4096, NULL);
	assert_int_equal(fixture_get(f, "dns-osconfig"), 200);
	assert_string_equal(fixture_body(f), "{\"Nameservers\":[]}\n");
	assert_int_equal(fixture_post(f, "debug?action=dns", ""), 200);
	assert_string_equal(fixture_body(f), "{\"Mode\":\"direct\"}\n");
	f->rights.write = false;
	assert_int_equal(fixture_get(f, "dns-config"), 200);
	assert_int_equal(fixture_get(f, "dns-osconfig"), 403);
	assert_int_equal(fixture_post(f, "debug?action=dns", ""), 403);
	assert_int_equal(fixture_get(f, "dns-query?name=x"), 403);
}

static int ask_dns(struct fixture *f, const char *query)
{
	char *head = xasprintf("GET /localapi/v0/dns-query?%s HTTP/1.1\r\nHost: "
			       "local-tailscaled.sock\r\n\r\n",
			       query);
	int fd = fixture_connect(f);
	buf_reset(&f->got);
	fake_dns_ask = (struct backend_dns_ask){ 0 };
	fixture_send(f, fd, span_str(head));
	for (int i = 0; i < 300 && !fake_dns_ask.done && !f->got.len; i++) {
		fixture_read(f, fd);
		loop_turn(f->loop, 10);
	}
	free(head);
	return fd;
}

static void test_dns_query(void **state)
{
	static const char *const types[][2] = { { "", "A" },	     { "&type=aaaa", "AAAA" },
						{ "&type=ANY", "ALL" }, { "&type=all", "ALL" },
						{ "&type=Wks", "WKS" } };
	struct fixture *f = *state;
	json_t *reply = j_parse(span_str("{\"Bytes\":\"AAA=\",\"Resolvers\":[]}"), 64, NULL);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		char *query = xasprintf("name=a.example%s", types[i][0]);
		int fd = ask_dns(f, query);
		assert_string_equal(fake_dns_ask.name, "a.example");
		assert_string_equal(fake_dns_ask.type, types[i][1]);
		fake_dns_ask.done(fake_dns_ask.arg, reply);
		assert_true(
		    fixture_wait(f, fd, "\r\n\r\n{\"Bytes\":\"AAA=\",\"Resolvers\":[]}\n"));
		close(fd);
		free(query);
	}
	j_free(reply);
}

static void test_dns_query_that_gets_no_answer(void **state)
{
	struct fixture *f = *state;
	int fd = ask_dns(f, "name=a");
	fake_dns_ask.done(fake_dns_ask.arg, NULL);
	assert_true(fixture_wait(f, fd, "HTTP/1.1 504"));
	close(fd);
	fake_dns_cancelled = 0;
	fd = ask_dns(f, "name=a");
	assert_non_null(fake_dns_ask.done);
	close(fd); /* nobody waits for it any more */
	for (int i = 0; i < 300 && !fake_dns_cancelled; i++)
		loop_turn(f->loop, 10);
	assert_int_equal(fake_dns_cancelled, 1);
}

static void test_dns_query_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "dns-query?name=x&type=ZZ"), 400);
	assert_string_equal(fixture_body(f), "unknown DNS message type: ZZ\n");
	assert_int_equal(fixture_get(f, "dns-query?name=x&type=%1b%5b31m%ff"), 400);
	assert_string_equal(fixture_body(f), "unknown DNS message type: ?[31m?\n");
	assert_int_equal(fixture_get(f, "dns-query"), 400);
	assert_string_equal(fixture_body(f), "not a name\n");
}

static void test_ping_kinds(void **state)
{
	static const struct {
		const char *type;
		enum ping_kind kind;
	} kinds[] = { { "TSMP", PING_TSMP },
		      { "ICMP", PING_ICMP },
		      { "disco", PING_DISCO },
		      { "peerapi", PING_PEERAPI } };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char *uri = xasprintf("ping?ip=fd7a:115c:a1e0::9&type=%s", kinds[i].type);
		int fd = begin(f, uri, "");
		assert_int_equal(f->b->ping->kind, kinds[i].kind);
		close(fd);
		for (int k = 0; k < 20; k++)
			loop_turn(f->loop, 1);
		assert_int_equal(fake_pings_cancelled, i + 1);
		free(uri);
	}
	assert_int_equal(fixture_post(f, "ping?ip=100.64.0.9&type=DISCO", ""), 400);
	assert_int_equal(fixture_post(f, "ping?ip=x&type=disco", ""), 400);
	assert_int_equal(fixture_post(f, "ping?ip=100.64.0.9&type=PeerAPI", ""), 400);
	assert_int_equal(fixture_post(f, "ping?ip=100.64.0.9&type=disco&size=-1", ""), 400);
}

static void test_stop_with_a_ping_pending(void **state)
{
	struct fixture *f = *state;
	int fd = begin(f, "ping?ip=100.64.0.9&type=disco", "");
	fixture_fini(f);
	assert_int_equal(fake_pings_cancelled, 1);
	close(fd);
	fixture_init(f);
}

static void test_whois(void **state)
{
	struct fixture *f = *state;
	f->b->whois = j_object();
	j_set_null(f->b->whois, "CapMap");
	assert_int_equal(fixture_get(f, "whois?addr=100.64.0.10:22&proto=tcp"), 200);
	assert_string_equal(fixture_body(f), "{\n\t\"CapMap\": null\n}");
	assert_int_equal(fixture_get(f, "whois?addr=%5Bfd7a::1%5D:22"), 200);
	assert_int_equal(
	    fixture_get(f, "whois?addr=nodekey:"
			   "0101010101010101010101010101010101010101010101010101010101010101"),
	    200);
	assert_int_equal(fixture_get(f, "whois?addr=nodekey:01"), 400);
	assert_int_equal(fixture_get(f, "whois?addr=100.64.0.10:99999"), 400);
}

static void test_profiles(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "PUT", "profiles/", NULL), 201);
	assert_int_equal(f->b->creates, 1);
	assert_int_equal(ask(f, "POST", "profiles/ab12", NULL), 204);
	assert_int_equal(ask(f, "DELETE", "profiles/ab12", NULL), 204);
	assert_string_equal(f->b->last_profile, "ab12");
	assert_int_equal(ask(f, "GET", "profiles/ab12", NULL), 200);
	assert_int_equal(ask(f, "DELETE", "profiles/", NULL), 405);
	assert_int_equal(ask(f, "POST", "profiles/current", NULL), 405);
	assert_int_equal(ask(f, "PUT", "profiles/ab12", NULL), 405);
}

static void test_debug(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_post(f, "debug?action=restun", NULL), 200);
	assert_string_equal(fixture_body(f), "done\n");
	assert_int_equal(fixture_post(f, "debug?action=%1b%5b2J%22", NULL), 400);
	assert_null(strchr(fixture_body(f), '\x1b'));
	f->b->debug = j_parse(span_str("{\"statedir\":\"/x\"}"), 4096, NULL);
	assert_int_equal(fixture_post(f, "debug?action=statedir", NULL), 200);
	assert_string_equal(fixture_body(f), "\"/x\"\n");
	f->rights = (struct api_rights){ .read = true };
	assert_int_equal(fixture_post(f, "debug?action=restun", NULL), 403);
	assert_int_equal(fixture_post(f, "debug?action=statedir", NULL), 403);
	assert_int_equal(fixture_post(f, "debug", NULL), 403);
}

static void test_bugreport(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_post(f, "bugreport?note=a%0ab", NULL), 200);
	const char *body = fixture_body(f);
	assert_int_equal(strncmp(body, "BUG-" FAKE_LOG_ID "-", 69), 0);
	assert_int_equal(strspn(body + 69, "0123456789"), 14);
	assert_int_equal(strncmp(body + 83, "Z-", 2), 0);
	assert_string_equal(body + 85 + strspn(body + 85, "0123456789abcdef"), "\n");
	assert_int_equal(fixture_post(f, "bugreport?record=true", NULL), 501);
}

static void test_features_that_are_not_there(void **state)
{
	static const struct {
		const char *method, *name;
		int status;
		const char *body;
	} cases[] = {
		{ "POST", "serve-config", 501,
		  "{\"error\":\"serve and funnel are not supported by this version\"}\n" },
		{ "POST", "query-feature?feature=serve", 501, "Not implemented yet\n" },
		{ "GET", "file-targets", 500,
		  "{\"error\":\"file sharing is not supported by this version\"}\n" },
		{ "GET", "services", 200, "{}\n" },
		{ "GET", "check-so-mark-in-use", 200, "{\"UseSOMark\":true}\n" },
		{ "POST", "upload-client-metrics", 200, "{}\n" },
		{ "POST", "reset-auth", 501, NULL },
		{ "POST", "component-debug-logging?component=magicsock&secs=1", 200, NULL },
		{ "GET", "pprof", 501, NULL },
		{ "POST", "disconnect-control", 501, NULL },
		{ "GET", "debug-derp-region", 404, NULL },
		{ "POST", "policy/x", 404, NULL },
	};
	struct fixture *f = *state;
	f->b->self = j_object();
	f->b->netmap = j_object();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ask(f, cases[i].method, cases[i].name, "{}"), cases[i].status);
		if (cases[i].body)
			assert_string_equal(fixture_body(f), cases[i].body);
	}
}

static void test_by_id(void **state)
{
	struct fixture *f = *state;
	f->b->peer = j_object();
	j_set_int(f->b->peer, "ID", 4);
	f->b->user = j_object();
	j_set_int(f->b->user, "ID", 5);
	assert_int_equal(fixture_get(f, "peer-by-id?id=4"), 200);
	assert_int_equal(fixture_get(f, "peer-by-id?id=5"), 404);
	assert_int_equal(fixture_get(f, "user-profile?id=5"), 200);
	assert_int_equal(fixture_get(f, "user-profile?id=6"), 404);
	assert_int_equal(fixture_get(f, "user-profile?id=99999999999999999999"), 400);
	assert_int_equal(fixture_get(f, "peer-by-id?id=-4"), 400);
}

static void test_metrics(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "metrics"), 200);
	assert_non_null(strstr(fixture_body(f), "# TYPE localapi_bus_fell_behind counter\n"
						"localapi_bus_fell_behind "));
	assert_int_equal(fixture_get(f, "usermetrics"), 200);
	assert_true(
	    fixture_has_header(f, "\r\nContent-Type: text/plain;version=0.0.4;charset=utf-8\r\n"));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_status),
		T(test_prefs),
		T(test_start),
		T(test_exit_node),
		T(test_exit_node_off_and_on),
		T(test_logout),
		T(test_logout_of_a_client_that_left),
		T(test_ping),
		T(test_netcheck),
		T(test_dns_views),
		T(test_dns_query),
		T(test_dns_query_that_gets_no_answer),
		T(test_dns_query_refused),
		T(test_ping_kinds),
		T(test_stop_with_a_ping_pending),
		T(test_whois),
		T(test_profiles),
		T(test_debug),
		T(test_bugreport),
		T(test_features_that_are_not_there),
		T(test_by_id),
		T(test_metrics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
