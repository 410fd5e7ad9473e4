/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people type about routes and exit nodes, against a scripted daemon: what is sent, what is
 * said, and what is refused. */
#include "tests/vectors/cli/fake_daemon.h"

#include "base/alloc.h"
#include "cli/validate.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define PEER(id, name, ip, offers)                                                                 \
	"\"nodekey:" id "\":{\"ID\":\"" id "\",\"DNSName\":\"" name                                \
	".tail.example.com.\",\"TailscaleIPs\":[\"" ip "\"],\"ExitNodeOption\":" offers "}"
#define STATUS(state, health)                                                                      \
	"{\"BackendState\":\"" state "\",\"HaveNodeKey\":true,\"MagicDNSSuffix\":"                 \
	"\"tail.example.com\",\"Self\":{\"TailscaleIPs\":[\"100.64.0.1\"]},\"Health\":[" health    \
	"],\"Peer\":{" PEER("2", "fra", "100.64.0.2", "true") "," PEER(                            \
	    "3", "ams", "100.64.0.3", "true") "," PEER("4", "nas", "100.64.0.4", "false") "}}"
#define UNAPPROVED "Advertised routes are not approved yet: 10.9.0.0/16."

struct scene {
	const char *status, *prefs;
	const char *suggestion;	 /* NULL: 500 */
	const char *routes;	 /* of debug routes */
	unsigned approved_after; /* looks at health; 0: no route waits */
	unsigned looks;
	bool kubernetes;
};

static struct fake_answer text(int status, const char *body)
{
	return (struct fake_answer){ .status = status, .body = strdup(body) };
}

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	struct scene *s = arg;
	const char *name = r->uri + strlen("/localapi/v0/");
	if (strcmp(name, "status?peers=false") == 0)
		return text(200, ++s->looks <= s->approved_after
				     ? STATUS("Running", "\"" UNAPPROVED "\",\"Other.\"")
				     : STATUS("Running", "\"Other.\""));
	if (strcmp(name, "status") == 0)
		return text(200, s->status ? s->status : STATUS("Running", ""));
	if (strcmp(name, "prefs") == 0)
		return text(200, s->prefs ? s->prefs : "{\"NetfilterMode\":2}");
	if (strcmp(name, "check-prefs") == 0)
		return text(200, "{}");
	if (strcmp(name, "suggest-exit-node") == 0)
		return s->suggestion
			   ? text(200, s->suggestion)
			   : text(500, "{\"error\":\"no preferred DERP, try again later\"}");
	if (strcmp(name, "debug?action=routes") == 0 && s->routes)
		return text(200, s->routes);
	return text(404, "not asked");
}

struct ran {
	struct fake_run run;
	json_t *patch; /* the last PATCH; NULL: none */
};

static struct ran run(struct scene *s, const char *const *words)
{
	struct fake_daemon d;
	struct cli c = { .in = stdin,
			 .user = "root",
			 .ssh_client = "",
			 .hurry = 100,
			 .kubernetes = s->kubernetes,
			 .now = wall_now };
	struct ran r = { .patch = NULL };
	json_t *args = j_array();
	for (; *words; words++)
		j_add_str(args, *words);
	fake_start(&d, answer, s);
	r.run = fake_cli(&d, &c, args);
	for (size_t i = 0; i < d.n; i++)
		if (strcmp(d.requests[i].method, "PATCH") == 0)
			r.patch = j_copy(d.requests[i].body);
	fake_stop(&d);
	j_free(args);
	return r;
}
#define RUN(s, ...) run(s, (const char *const[]){ __VA_ARGS__, NULL })

static void drop(struct ran *r)
{
	j_free(r->patch);
	free(r->run.out);
	free(r->run.err);
}

static void expect_json(const json_t *o, const char *name, const char *want)
{
	char *got = j_has(o, name) ? j_dump(j_get(o, name)) : strdup("absent");
	assert_string_equal(got, want);
	free(got);
}

/* ---- accepted routes ---- */

static void accept_routes(void **state)
{
	static const struct {
		const char *flag, *all, *automatic, *only;
		bool auto_set, only_set;
	} cases[] = {
		{ "--accept-routes", "true", "absent", "absent", false, false },
		{ "--accept-routes=true", "true", "absent", "absent", false, false },
		{ "--accept-routes=on", "true", "absent", "absent", false, false },
		{ "--accept-routes=false", "false", "absent", "absent", false, false },
		{ "--accept-routes=off", "false", "absent", "absent", false, false },
		{ "--accept-routes=auto", "true", "true", "absent", true, false },
		{ "--accept-routes=10.0.0.0/8,fd00::/8,10.0.0.0/8", "true", "true",
		  "[\"10.0.0.0/8\",\"fd00::/8\"]", true, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = { 0 };
		struct ran r = RUN(&s, "set", cases[i].flag);
		assert_string_equal(r.run.err, "");
		assert_int_equal(r.run.code, 0);
		expect_json(r.patch, "RouteAll", cases[i].all);
		expect_json(r.patch, "RouteAllSet", "true");
		expect_json(r.patch, "AcceptRoutesAuto", cases[i].automatic);
		expect_json(r.patch, "AcceptRoutesOnly", cases[i].only);
		assert_int_equal(j_has(r.patch, "AcceptRoutesAutoSet"), cases[i].auto_set);
		assert_int_equal(j_has(r.patch, "AcceptRoutesOnlySet"), cases[i].only_set);
		drop(&r);
	}
}

static void accept_routes_refused(void **state)
{
	static const struct {
		const char *flag, *text;
	} cases[] = {
		{ "--accept-routes=maybe",
		  "invalid value \"maybe\" for flag -accept-routes: \"maybe\" is not a valid IP "
		  "address or CIDR prefix; say on, off, auto, or prefixes like "
		  "10.0.0.0/8,fd00::/8\n" },
		{ "--accept-routes=10.0.0.1/8",
		  "invalid value \"10.0.0.1/8\" for flag -accept-routes: 10.0.0.1/8 has "
		  "non-address bits set; expected 10.0.0.0/8; say on, off" },
		{ "--accept-routes=", "invalid value \"\" for flag -accept-routes: " },
		{ "--accept-routes=auto,10.0.0.0/8", "invalid value \"auto,10.0.0.0/8\"" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = { 0 };
		struct ran r = RUN(&s, "set", cases[i].flag);
		assert_int_equal(r.run.code, 2);
		assert_memory_equal(r.run.err, cases[i].text, strlen(cases[i].text));
		assert_null(r.patch);
		drop(&r);
	}
}

#define OURS                                                                                       \
	"{\"ControlURL\":\"https://hs.example.com\",\"RouteAll\":true,\"CorpDNS\":true,"           \
	"\"AcceptRoutesOnly\":[\"10.0.0.0/8\"],\"AcceptRoutesAuto\":true,\"ExitNodeID\":\"3\","    \
	"\"ExitNodePriority\":[\"fra\",\"any\"],\"NoStatefulFiltering\":true,\"NetfilterMode\":2," \
	"\"Config\":{\"UserProfile\":{\"LoginName\":\"alice\"}}}"

static void shown_by_get(void **state)
{
	struct scene s = { .prefs = OURS };
	(void)state;
	struct ran r = RUN(&s, "get", "accept-routes");
	assert_string_equal(r.run.out, "10.0.0.0/8\n");
	drop(&r);
	r = RUN(&s, "get", "exit-node");
	assert_string_equal(r.run.out, "fra,any\n");
	drop(&r);
	r = RUN(&s, "get", "--json");
	assert_non_null(strstr(r.run.out, "\"accept-routes\": \"10.0.0.0/8\""));
	drop(&r);
	s.prefs = "{\"RouteAll\":true,\"AcceptRoutesAuto\":true}";
	r = RUN(&s, "get", "--set-flags");
	assert_non_null(strstr(r.run.out, "--accept-routes=auto "));
	drop(&r);
}

/* An `up` must not silently undo them. */
static void mentioned_by_up(void **state)
{
	struct scene s = { .prefs = OURS };
	(void)state;
	struct ran r = RUN(&s, "up", "--login-server=https://hs.example.com");
	assert_int_equal(r.run.code, 1);
	assert_non_null(strstr(r.run.err, "\tmeshctl up --login-server=https://hs.example.com "
					  "--accept-routes=10.0.0.0/8 --exit-node=fra,any\n"));
	drop(&r);
	r = RUN(&s, "up", "--login-server=https://hs.example.com", "--accept-routes=auto",
		"--exit-node=ams,fra");
	assert_string_equal(r.run.err, "");
	expect_json(r.patch, "AcceptRoutesAutoSet", "true");
	assert_false(j_has(r.patch, "AcceptRoutesOnlySet"));
	expect_json(r.patch, "ExitNodePriority", "[\"ams\",\"fra\"]");
	expect_json(r.patch, "ExitNodePrioritySet", "true");
	drop(&r);
}

/* The default is another in a pod; what was chosen stays all the same. */
static void names_in_kubernetes(void **state)
{
	struct scene s = { .prefs = "{\"ControlURL\":\"https://hs.example.com\",\"CorpDNS\":true,"
				    "\"NetfilterMode\":2}",
			   .kubernetes = true };
	(void)state;
	struct ran r = RUN(&s, "up", "--login-server=https://hs.example.com");
	assert_int_equal(r.run.code, 1);
	assert_non_null(strstr(r.run.err, " --accept-dns\n"));
	drop(&r);
	r = RUN(&s, "up", "--login-server=https://hs.example.com", "--reset");
	expect_json(r.patch, "CorpDNS", "false");
	drop(&r);
	r = RUN(&s, "up", "--login-server=https://hs.example.com", "--reset", "--accept-dns");
	expect_json(r.patch, "CorpDNS", "true");
	drop(&r);
	s.kubernetes = false;
	r = RUN(&s, "up", "--login-server=https://hs.example.com", "--reset");
	expect_json(r.patch, "CorpDNS", "true");
	drop(&r);
}

/* ---- exit nodes ---- */

static void exit_node_list(void **state)
{
	struct scene s = { 0 };
	(void)state;
	struct ran r = RUN(&s, "set", "--exit-node=fra,100.64.0.3,any");
	assert_string_equal(r.run.err, "");
	assert_int_equal(r.run.code, 0);
	expect_json(r.patch, "ExitNodePriority", "[\"fra\",\"100.64.0.3\",\"any\"]");
	expect_json(r.patch, "ExitNodePrioritySet", "true");
	expect_json(r.patch, "ExitNodeIDSet", "true");
	expect_json(r.patch, "ExitNodeID", "\"\"");
	assert_false(j_has(r.patch, "AutoExitNodeSet"));
	drop(&r);
	/* while there is no list of peers */
	s.status = STATUS("Stopped", "");
	r = RUN(&s, "set", "--exit-node=later,100.64.0.77");
	assert_int_equal(r.run.code, 0);
	drop(&r);
	/* one name is one exit node, as ever */
	s.status = NULL;
	r = RUN(&s, "set", "--exit-node=fra");
	expect_json(r.patch, "ExitNodeIP", "\"100.64.0.2\"");
	assert_false(j_has(r.patch, "ExitNodePrioritySet"));
	drop(&r);
}

static void exit_node_list_refused(void **state)
{
	static const struct {
		const char *flag, *text;
	} cases[] = {
		{ "--exit-node=fra,nosuch",
		  "invalid value \"nosuch\" for --exit-node; must be IP or peer hostname\n" },
		{ "--exit-node=fra,nas", "node \"nas\" is not advertising an exit node\n" },
		{ "--exit-node=fra,100.64.0.9", "no node found in netmap with IP 100.64.0.9\n" },
		{ "--exit-node=fra,100.64.0.1",
		  "cannot use 100.64.0.1 as an exit node as it is a local IP address to this "
		  "machine; did you mean --advertise-exit-node?\n" },
		{ "--exit-node=any,fra", "\"any\" must be the last in a list of exit nodes\n" },
		{ "--exit-node=fra,FRA", "exit node \"FRA\" is in the list twice\n" },
		{ "--exit-node=fra,", "the list of exit nodes has an empty name; say for example "
				      "--exit-node=fra,ams,any\n" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = { 0 };
		struct ran r = RUN(&s, "set", cases[i].flag);
		assert_int_equal(r.run.code, 1);
		assert_string_equal(r.run.err, cases[i].text);
		assert_null(r.patch);
		drop(&r);
	}
	struct scene s = { .status = STATUS("Stopped", "") };
	struct ran r = RUN(&s, "set", "--exit-node=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q");
	assert_string_equal(r.run.err, "more than 16 exit nodes in the list\n");
	drop(&r);
}

static void suggest(void **state)
{
	struct scene s = { .suggestion = "{\"ID\":\"\",\"Name\":\"\"}" };
	(void)state;
	struct ran r = RUN(&s, "exit-node", "suggest");
	assert_string_equal(r.run.out, "No exit node suggestion is available.\n");
	assert_int_equal(r.run.code, 0);
	drop(&r);
	s.suggestion = "{\"ID\":\"3\",\"Name\":\"\\u001b[2Ja b\"}";
	r = RUN(&s, "exit-node", "suggest");
	assert_string_equal(r.run.out,
			    "Suggested exit node: \\x1b[2Ja b\nTo accept this suggestion, use "
			    "`meshctl set --exit-node='\\x1b[2Ja b'`.\n");
	drop(&r);
	s.suggestion = NULL;
	r = RUN(&s, "exit-node", "suggest");
	assert_string_equal(r.run.err, "suggest exit node: no preferred DERP, try again later\n");
	assert_int_equal(r.run.code, 1);
	drop(&r);
}

/* ---- what is said afterwards ---- */

static void warnings(void **state)
{
	static const struct {
		const char *flag, *prefs, *out;
	} cases[] = {
		{ "--netfilter-mode=off", NULL,
		  "Warning: netfilter=off; configure iptables yourself.\n" },
		{ "--netfilter-mode=nodivert", NULL,
		  "Warning: netfilter=nodivert; add iptables calls to ts-* chains manually.\n" },
		{ "--netfilter-mode=on", NULL, "" },
		{ "--snat-subnet-routes=false", NULL, "" },
		{ "--snat-subnet-routes=false",
		  "{\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/0\"],\"NetfilterMode\":2}",
		  "Warning: " SNAT_WARNING "\n" },
		{ "--advertise-exit-node", "{\"NoSNAT\":true,\"NetfilterMode\":2}",
		  "Warning: " SNAT_WARNING "\n" },
		{ "--shields-up", "{\"NoSNAT\":true,\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/0\"]}",
		  "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = { .prefs = cases[i].prefs };
		struct ran r = RUN(&s, "set", cases[i].flag);
		assert_string_equal(r.run.err, "");
		assert_string_equal(r.run.out, cases[i].out);
		assert_int_equal(r.run.code, 0);
		drop(&r);
	}
}

/* A server that approves by itself gets a moment for it. */
static void routes_that_wait(void **state)
{
	struct scene s = { .approved_after = 3 };
	(void)state;
	struct ran r = RUN(&s, "set", "--advertise-routes=10.9.0.0/16");
	assert_string_equal(r.run.out, "");
	assert_int_equal(s.looks, 4);
	drop(&r);
	s = (struct scene){ .approved_after = 1000 };
	r = RUN(&s, "set", "--advertise-routes=10.9.0.0/16");
	assert_string_equal(r.run.out, UNAPPROVED "\n");
	assert_int_equal(r.run.code, 0);
	assert_int_equal(s.looks, 8);
	drop(&r);
	s = (struct scene){ .approved_after = 1000 };
	r = RUN(&s, "set", "--advertise-routes=");
	assert_string_equal(r.run.out, "");
	assert_int_equal(s.looks, 0);
	drop(&r);
}

/* ---- routes that may be advertised ---- */

static void advertised_routes_refused(void **state)
{
	static const struct {
		const char *route, *text;
	} cases[] = {
		{ "10.0.0.1/8", "10.0.0.1/8 has non-address bits set; expected 10.0.0.0/8" },
		{ "10.0.0.0/8,0.0.0.0/0",
		  "0.0.0.0/0 advertised without its IPv6 counterpart, please also advertise "
		  "::/0" },
		{ "100.64.0.0/10", "100.64.0.0/10 is in the range of the tailnet itself and "
				   "cannot be advertised; name a network behind this machine" },
		{ "100.127.255.0/24", "100.127.255.0/24 is in the range" },
		{ "fd7a:115c:a1e0::/48", "fd7a:115c:a1e0::/48 is in the range" },
		{ "fd7a:115c:a1e0:b1a::/63", "fd7a:115c:a1e0:b1a::/63 is in the range" },
		{ "fd7a:115c:a1e0:1::/64", "fd7a:115c:a1e0:1::/64 is in the range" },
		{ "fd7a:115c:a1e0:b1a::/64",
		  "fd7a:115c:a1e0:b1a::/64 4-in-6 prefix must be at least a /96" },
		{ "fd7a:115c:a1e0:b1a:1:0:a00::/104",
		  "route fd7a:115c:a1e0:b1a:1:0:a00::/104 contains invalid site ID 00010000; must "
		  "be 0xffff or less" },
	};
	static const char *const fine[] = {
		"100.0.0.0/8",
		"100.128.0.0/10",
		"fd7a:115c:a1e1::/48",
		"fd7a:115c::/32",
		"fd7a:115c:a1e0:b1a:0:7:a01:100/120",
		"0.0.0.0/0,::/0",
		"10.0.0.0/8,10.0.0.0/8",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *routes = NULL;
		char *problem = validate_routes(cases[i].route, false, &routes);
		assert_non_null(problem);
		assert_memory_equal(problem, cases[i].text, strlen(cases[i].text));
		assert_null(routes);
		free(problem);
	}
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		json_t *routes = NULL;
		char *problem = validate_routes(fine[i], false, &routes);
		if (problem)
			fail_msg("%s", problem);
		j_free(routes);
	}
}

static void via(void **state)
{
	static const struct {
		const char *a, *b, *err;
	} cases[] = {
		{ "x", "10.0.0.0/8",
		  "invalid site-id \"x\"; must be decimal or hex with 0x prefix\n" },
		{ "0x", "10.0.0.0/8", "invalid site-id \"0x\"" },
		{ "08", "10.0.0.0/8", "invalid site-id \"08\"" },
		{ "4294967296", "10.0.0.0/8", "invalid site-id \"4294967296\"" },
		{ "99999999999999999999", "10.0.0.0/8", "invalid site-id" },
		{ "0x10000", "10.0.0.0/8", "site-id values over 65535 are currently reserved\n" },
		{ "7", "10.0.0.0", "\"10.0.0.0\" is not a valid CIDR prefix\n" },
		{ "7", "fd00::/8", "want IPv4 CIDR with a site ID\n" },
		{ "10.0.0.0/8", NULL, "with one argument, expect an IPv6 CIDR\n" },
		{ "fd00::/8", NULL, "not a via route\n" },
		{ "fd7a:115c:a1e0:b1a::/64", NULL, "short length, want /96 or more\n" },
		{ "nothing", NULL, "\"nothing\" is not a valid CIDR prefix\n" },
	};
	(void)state;
	struct scene s = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ran r = RUN(&s, "debug", "via", cases[i].a, cases[i].b);
		assert_memory_equal(r.run.err, cases[i].err, strlen(cases[i].err));
		assert_int_equal(r.run.code, 1);
		drop(&r);
	}
	struct ran r = RUN(&s, "debug", "via", "0b111", "10.1.1.0/24");
	assert_string_equal(r.run.out, "fd7a:115c:a1e0:b1a:0:7:a01:100/120\n");
	drop(&r);
	r = RUN(&s, "debug", "via");
	assert_string_equal(r.run.err, "expect either <site-id> <v4-cidr> or <v6-route>\n");
	drop(&r);
}

/* ---- wanted against there ---- */

static void routes_as_text(void **state)
{
	struct scene s = {
		.routes =
		    "{\"Interface\":\"mesh0\",\"Up\":true,\"Routes\":["
		    "{\"Kind\":\"route\",\"Prefix\":\"10.0.0.0/8\",\"Table\":52,\"State\":"
		    "\"ok\"},{\"Kind\":\"throw\",\"Prefix\":\"127.0.0.0/8\",\"Table\":52,"
		    "\"State\":\"missing\"}],\"Rules\":[{\"Priority\":5210,\"Family\":"
		    "\"IPv4\",\"Mark\":\"0x80000/0xff0000\",\"Table\":254,\"State\":"
		    "\"ok\"},{\"Priority\":5250,\"Family\":\"IPv6\",\"Mark\":\"\",\"Table\":0,"
		    "\"State\":\"extra\"}],\"Firewall\":{\"Mode\":\"on\",\"SNAT\":true,"
		    "\"Port\":41641}}"
	};
	(void)state;
	struct ran r = RUN(&s, "debug", "routes");
	assert_string_equal(
	    r.run.out, "KIND   PREFIX       TABLE  STATE\n"
		       "route  10.0.0.0/8   52     ok\n"
		       "throw  127.0.0.0/8  52     missing\n"
		       "\n"
		       "PRIORITY  FAMILY  MARK              TABLE        STATE\n"
		       "5210      IPv4    0x80000/0xff0000  254          ok\n"
		       "5250      IPv6    all               unreachable  extra\n"
		       "\n"
		       "FIREWALL\n"
		       "  Mode  on\n"
		       "  SNAT  yes\n"
		       "  Port  41641\n"
		       "\n# 2 not as wanted. meshd repairs what others remove within a second; "
		       "if this stays, its log says why.\n");
	drop(&r);
	r = RUN(&s, "debug", "routes", "--json");
	json_t *got = j_parse(span_str(r.run.out), 4096, NULL),
	       *want = j_parse(span_str(s.routes), 4096, NULL);
	assert_true(j_equal(got, want));
	j_free(got);
	j_free(want);
	drop(&r);
}

/* Another version, or something else that answers there. */
static void strange_routes(void **state)
{
	struct scene s = {
		.routes = "{\"Error\":\"not "
			  "permitted\",\"Routes\":[7,{\"Prefix\":\"\\u001b[2J\"}],\"Rules\":{},"
			  "\"Firewall\":[]}"
	};
	(void)state;
	struct ran r = RUN(&s, "debug", "routes");
	assert_int_equal(r.run.code, 0);
	assert_non_null(strstr(r.run.out, "-     \\x1b[2J  -      -\n"));
	assert_non_null(strstr(r.run.out, "The system cannot be looked at: not permitted\n"));
	drop(&r);
	s.routes = NULL;
	r = RUN(&s, "debug", "routes");
	assert_int_equal(r.run.code, 1);
	drop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_routes),
		cmocka_unit_test(accept_routes_refused),
		cmocka_unit_test(shown_by_get),
		cmocka_unit_test(mentioned_by_up),
		cmocka_unit_test(names_in_kubernetes),
		cmocka_unit_test(exit_node_list),
		cmocka_unit_test(exit_node_list_refused),
		cmocka_unit_test(suggest),
		cmocka_unit_test(warnings),
		cmocka_unit_test(routes_that_wait),
		cmocka_unit_test(advertised_routes_refused),
		cmocka_unit_test(via),
		cmocka_unit_test(routes_as_text),
		cmocka_unit_test(strange_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
