/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_calls.json: what the official command line sends and prints, replayed with ours against a
 * scripted daemon: requests (method, URI, parsed body), standard output and error, exit code. */
#include "tests/lib/vec.h"
#include "tests/vectors/cli/fake_daemon.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- where our texts differ, and why -----------------------------------------------------------
 */

/* Ours is another program: commands to copy, usage and version name it. All other texts stay. */
static const char *const renamed[][2] = {
	{ "<LONGVER>", MESH_VERSION },
	{ "'tailscale up'", "'meshctl up'" },
	{ "\ttailscale up ", "\tmeshctl up " },
	{ "\"tailscale status\"", "\"meshctl status\"" },
	{ "'tailscale status'", "'meshctl status'" },
	{ "  tailscale set ", "  meshctl set " },
	{ "\"tailscale set", "\"meshctl set" },
	{ "\"tailscale up\"", "\"meshctl up\"" },
	{ "'tailscale set ", "'meshctl set " },
	{ "`tailscale exit-node ", "`meshctl exit-node " },
	{ "`tailscale set ", "`meshctl set " },
	{ "tailscale: unknown subcommand", "meshctl: unknown subcommand" },
	{ "tailscale debug: unknown subcommand", "meshctl debug: unknown subcommand" },
	/* Flags that may say more. */
	{ "accept routes advertised by other Tailscale nodes\n",
	  "accept routes advertised by other Tailscale nodes: on, off, auto (none that would take "
	  "a network this machine is directly on), or only those inside prefixes like "
	  "\"10.0.0.0/8,fd00::/8\"\n" },
	{ "auto:any) for internet traffic, or empty",
	  "auto:any) for internet traffic, a list of them of which the first that works is used "
	  "(\"fra,ams,any\"), or empty" },
};

/* Having advertised something, we look whether it is approved; for names, we ask what a reference's
 * daemon does not know. */
#define APPROVED "/localapi/v0/status?peers=false"
#define MORE_DNS "/localapi/v0/debug?action=dns"
static const struct {
	const char *name, *uri;
} looks_after[] = { { "set exit node + routes", APPROVED },
		    { "set advertise-exit-node", APPROVED },
		    { "dns status", MORE_DNS },
		    { "dns status all", MORE_DNS },
		    { "dns status json", MORE_DNS } };

/* Verbs of features that are not there yet. */
static const char *const not_yet[] = { "file",	"cert", "serve", "funnel",     "lock",
				       "drive", "ssh",	"nc",	 "appc-routes" };

/* Cases whose text is ours on purpose. NULL: not compared. */
static const struct {
	const char *name;
	const char *out, *err;
	int code;
} ours[] = {
	/* No QR picture. */
	{ "interactive up json",
	  "{\n\t\"AuthURL\": \"https://hs.example.com/register/abc\",\n\t\"BackendState\": "
	  "\"NeedsLogin\"\n}\n"
	  "{\n  \"BackendState\": \"Running\"\n}\n",
	  "", 0 },
	/* The real reason instead of a guess. */
	{ "status 403", "", "Access denied: status access denied\n", 1 },
	{ "status bad json", "",
	  "invalid status from the daemon: BackendState is missing or of the wrong type\n", 1 },
	/* The reference crashes. */
	{ "up self null", "",
	  "invalid status from the daemon: Self is missing or of the wrong type\n", 1 },
	/* Not built with Go, no release tracks. */
	{ "version", MESH_VERSION "\n", "", 0 },
	{ "version daemon", "Client: " MESH_VERSION "\nDaemon: " MESH_VERSION "\n", "", 0 },
	{ "no args", "", NULL, 0 },
};

static char *replace_all(const char *text, const char *from, const char *to)
{
	struct buf b;
	buf_init(&b, 1u << 22);
	for (const char *hit; (hit = strstr(text, from)); text = hit + strlen(from)) {
		buf_add(&b, text, (size_t)(hit - text));
		buf_add_str(&b, to);
	}
	buf_add_str(&b, text);
	char *s = strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static char *ours_of(const char *theirs, const char *dir)
{
	char *s = replace_all(theirs, "/WORK", dir);
	for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
		char *next = replace_all(s, renamed[i][0], renamed[i][1]);
		free(s);
		s = next;
	}
	return s;
}

/* ---- the daemon ---- */

struct scene {
	const json_t *test;
	const char *name, *scenario;
	json_t *status, *prefs;
};

static bool says(const struct scene *s, const char *text)
{
	return strstr(s->scenario, text) != NULL;
}

static bool is(const struct scene *s, const char *name)
{
	return strcmp(s->name, name) == 0;
}

static struct fake_answer text(int status, const char *body)
{
	return (struct fake_answer){ .status = status, .body = strdup(body) };
}

static struct fake_answer json(const json_t *v)
{
	return (struct fake_answer){ .status = 200, .body = j_dump(v) };
}

static struct fake_answer status_answer(const struct scene *s, bool peers)
{
	if (is(s, "status 403") || is(s, "ip 403"))
		return text(403, "status access denied\n");
	if (is(s, "status bad json"))
		return text(200, "{\"BackendState\":5,\"Self\":{}}");
	json_t *copy = j_copy(s->status);
	if (!peers)
		j_set_null(copy, "Peer");
	if (is(s, "up self null"))
		j_set_null(copy, "Self");
	struct fake_answer a = json(copy);
	if (is(s, "version mismatch"))
		a.header = "Tailscale-Version: 1.2.3-t0";
	j_free(copy);
	return a;
}

/* The scenario in words, as messages. */
static char *bus_messages(const struct scene *s)
{
	static const struct {
		const char *scenario, *messages;
	} scripts[] = {
		{ "bus sends State 5 then 6", "{\"State\":5}\n{\"State\":6}\n" },
		{ "bus State 5 then 6", "{\"State\":5}\n{\"State\":6}\n" },
		{ "bus sends BrowseToURL, State 5, State 6",
		  "{\"BrowseToURL\":\"https://hs.example.com/register/"
		  "abc\"}\n{\"State\":5}\n{\"State\":6}\n" },
		{ "as above", "{\"BrowseToURL\":\"https://hs.example.com/register/"
			      "abc\"}\n{\"State\":5}\n{\"State\":6}\n" },
		{ "bus sends State 3", "{\"State\":3}\n{\"State\":6}\n" },
		{ "bus sends ErrMessage",
		  "{\"ErrMessage\":\"invalid key: API key does not exist\"}\n" },
		{ "bus stays silent", "" },
		{ "bus State 2 only", "{\"State\":2}\n" },
		{ "State 6, BrowseToURL, SelfChange",
		  "{\"State\":6}\n{\"BrowseToURL\":\"https://hs.example.com/register/new\"}\n"
		  "{\"SelfChange\":{\"Key\":\"nodekey:"
		  "9999999999999999999999999999999999999999999999999999999999999999\"}}\n" },
		{ "bus sends one message",
		  "{\"Version\":\"" MESH_VERSION
		  "\",\"SessionID\":\"0123456789abcdef\",\"ErrMessage\":null,"
		  "\"LoginFinished\":null,\"State\":6,\"Prefs\":null,\"NetMap\":null,\"Engine\":"
		  "null,"
		  "\"BrowseToURL\":null,\"DriveShares\":null}\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (says(s, scripts[i].scenario))
			return strdup(scripts[i].messages);
	return strdup("{\"State\":6}\n");
}

static struct fake_answer whois_answer(const struct scene *s)
{
	json_t *all = vec_load("cli_calls.json"), *cases = j_get(all, "cases");
	for (size_t i = 0; i < j_len(cases); i++)
		if (strcmp(j_str(j_at(cases, i), "Name"), "whois json") == 0 && !says(s, "404"))
			return text(200, j_str(j_at(cases, i), "Stdout"));
	return text(404, "no match for IP:port\n");
}

static struct fake_answer ping_answer(const struct scene *s)
{
	if (is(s, "ping 500"))
		return text(500, "{\"error\":\"context canceled\"}\n");
	if (is(s, "ping no matching peer"))
		return text(200, "{\"IP\":\"10.99.99.99\",\"Err\":\"no matching peer\"}");
	return text(200, "{\"IP\":\"100.64.0.10\",\"NodeIP\":\"100.64.0.10\",\"NodeName\":"
			 "\"direct\",\"Err\":\"\","
			 "\"LatencySeconds\":0.0123,\"Endpoint\":\"203.0.113.5:41641\"}");
}

static struct fake_answer patch_answer(const struct scene *s)
{
	if (is(s, "access denied"))
		return text(403, "prefs write access denied\n");
	if (is(s, "set error from daemon"))
		return text(400,
			    "{\"Error\":\"Cannot enable shields-up when Funnel is enabled.\"}\n");
	if (is(s, "set nickname in use"))
		return text(400, "{\"Error\":\"profile name \\\"work\\\" already in use\"}\n");
	return json(s->prefs);
}

#define PROFILE_1                                                                                  \
	"{\"ID\":\"ab12\",\"Name\":\"alice@example.com\",\"NetworkProfile\":{\"DomainName\":"      \
	"\"tail.example.com\"},"                                                                   \
	"\"UserProfile\":{\"LoginName\":\"alice@example.com\"}}"
#define PROFILE_2                                                                                  \
	"{\"ID\":\"cd34\",\"Name\":\"work\",\"NetworkProfile\":{\"DomainName\":\"corp.example."    \
	"net\","                                                                                   \
	"\"DisplayName\":\"Corp\"},\"UserProfile\":{\"LoginName\":\"alice@corp.example.net\"}}"
#define DERP_MAP                                                                                   \
	"{\"Regions\":{\"999\":{\"RegionID\":999,\"RegionCode\":\"headscale\",\"RegionName\":"     \
	"\"Headscale Embedded "                                                                    \
	"DERP\",\"Nodes\":[{\"Name\":\"999a\",\"RegionID\":999,\"HostName\":\"hs.example.com\","   \
	"\"DERPPort\":443}]}}}"

/* Answers that depend on nothing. */
static const struct {
	const char *method, *uri;
	int status;
	const char *body;
} fixed[] = {
	{ "POST", "check-ip-forwarding", 405, "" },
	{ "GET", "check-ip-forwarding", 200, "{\"Warning\":\"\"}" },
	{ "GET", "check-udp-gro-forwarding", 200, "{\"Warning\":\"\"}" },
	{ "GET", "suggest-exit-node", 200,
	  "{\"ID\":\"23\",\"Name\":\"exitoffer.tail.example.com.\"}" },
	{ "POST", "login-interactive", 204, "" },
	{ "POST", "logout", 204, "" },
	{ "PUT", "profiles/", 201, "" },
	{ "GET", "profiles/current", 200, PROFILE_1 },
	{ "GET", "profiles/", 200, "[" PROFILE_1 "," PROFILE_2 "]" },
	{ "POST", "profiles/cd34", 204, "" },
	{ "DELETE", "profiles/cd34", 204, "" },
	{ "GET", "services", 200, "{}" },
	{ "GET", "derpmap", 200, DERP_MAP },
	{ "GET", "usermetrics", 200,
	  "# TYPE tailscaled_home_derp_region_id gauge\ntailscaled_home_derp_region_id 999\n" },
	{ "GET", "metrics", 200,
	  "# TYPE localapi_usermetric_requests counter\nlocalapi_usermetric_requests 1\n" },
	{ "POST", "debug?action=current-netmap", 200,
	  "{\"Domain\":\"tail.example.com\",\"SelfNode\":{\"ID\":1}}" },
	{ "POST", "debug?action=restun", 200, "done\n" },
	{ "POST", "debug?action=rebind", 200, "done\n" },
	{ "POST", "debug?action=statedir", 200, "\"/var/lib/tailscale\"" },
	{ "POST", "bugreport?note=hello+world", 200,
	  "BUG-0000000000000000000000000000000000000000000000000000000000000000-20260601120000Z-"
	  "0123456789abcdef\n" },
	{ "GET", "dns-config", 200,
	  "{\"Resolvers\":[{\"Addr\":\"1.1.1.1\"}],\"Routes\":{\"corp.example.com.\":[{\"Addr\":"
	  "\"10.0.0.53\"}]},"
	  "\"Domains\":[\"tail.example.com\"],\"Proxied\":true}" },
	{ "GET", "dns-query?name=direct.tail.example.com&type=A", 200,
	  "{\"Bytes\":\"AAGFgAABAAEAAAAABmRpcmVjdAR0YWlsB2V4YW1wbGUDY29tAAABAAHADAABAAEAAAJYAARkQAAK\","
	  "\"Resolvers\":[{\"Addr\":\"100.100.100.100\"}]}" },
	{ "GET", "dns-osconfig", 200,
	  "{\"Nameservers\":[\"192.0.2.53\"],\"SearchDomains\":[\"lan\"],\"MatchDomains\":[]}" },
};

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	const struct scene *s = arg;
	const char *name = r->uri + strlen("/localapi/v0/");
	bool get = strcmp(r->method, "GET") == 0;
	if (strcmp(name, "status") == 0 || strcmp(name, "status?peers=false") == 0)
		return status_answer(s, strcmp(name, "status") == 0);
	if (strcmp(name, "prefs") == 0)
		return get ? json(s->prefs) : patch_answer(s);
	if (strncmp(name, "watch-ipn-bus", 13) == 0)
		return (
		    struct fake_answer){ .status = 200, .body = bus_messages(s), .stream = true };
	if (strcmp(name, "check-prefs") == 0)
		return text(200, says(s, "nope") ? "{\"Error\":\"nope\"}\n" : "{}\n");
	if (strcmp(name, "start") == 0)
		return says(s, "boom") ? text(500, "boom\n") : text(204, "");
	if (strncmp(name, "whois", 5) == 0)
		return whois_answer(s);
	if (strncmp(name, "ping", 4) == 0)
		return ping_answer(s);
	if (strcmp(name, "serve-config") == 0)
		return is(s, "status funnel fail") ? text(404, "404 page not found\n")
						   : text(200, "null");
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (strcmp(fixed[i].method, r->method) == 0 && strcmp(fixed[i].uri, name) == 0)
			return text(fixed[i].status, fixed[i].body);
	return text(404, "404 page not found\n");
}

/* ---- scenes ---- */

static void make_fresh(struct scene *s)
{
	json_t *prefs = vec_load("prefs.json");
	j_free(s->prefs);
	s->prefs = j_parse(span_str(j_str(prefs, "default_prefs_text")), 65536, NULL);
	j_del(s->status, "HaveNodeKey");
	j_set_str(s->status, "BackendState", "NeedsLogin");
	j_set_null(s->status, "CurrentTailnet");
	j_set_null(s->status, "TailscaleIPs");
}

static json_t *redacted_config(void)
{
	static const char config[] =
	    "{\"PrivateNodeKey\":\"privkey:"
	    "0000000000000000000000000000000000000000000000000000000000000000\","
	    "\"OldPrivateNodeKey\":"
	    "\"privkey:0000000000000000000000000000000000000000000000000000000000000000\","
	    "\"UserProfile\":{\"ID\":1,\"LoginName\":\"alice@example.com\",\"DisplayName\":"
	    "\"Alice\"},"
	    "\"NetworkLockKey\":\"nlpriv:"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "000000"
	    "000000000000000000000000000000000000\",\"NodeID\":\"1\"}";
	return j_parse(span_str(config), sizeof(config), NULL);
}

static bool starts_fresh(const struct scene *s)
{
	static const char *const scenarios[] = { "fresh",
						 "as above",
						 "bus sends State 3",
						 "bus sends ErrMessage",
						 "bus stays silent",
						 "boom",
						 "nope",
						 "bus sends State 6" };
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		if (says(s, scenarios[i]))
			return true;
	return false;
}

static void set_scene(struct scene *s, const json_t *test)
{
	json_t *statuses = vec_load("localapi_status.json"), *prefs = vec_load("prefs.json");
	const char *scenario = j_str(test, "Scenario");
	*s = (struct scene){ .test = test,
			     .name = j_str(test, "Name"),
			     .scenario = scenario ? scenario : "" };
	s->status = j_parse(span_str(j_str(statuses, "status_json_text")), 1u << 20, NULL);
	s->prefs = j_copy(j_get(prefs, "edit_base"));
	j_set_str(s->status, "Version", MESH_VERSION);
	j_set(s->prefs, "Config", redacted_config());
	if (says(s, "Stopped"))
		j_set_str(s->status, "BackendState", "Stopped");
	if (starts_fresh(s))
		make_fresh(s);
	else if (says(s, "NeedsLogin"))
		make_fresh(s);
	if (says(s, "TUN false"))
		j_set_bool(s->status, "TUN", false);
}

static wall_t day_of_recording(void)
{
	return (wall_t){ 1795132800, 0 }; /* 2026-11-20T00:00:00Z */
}

/* ---- comparing ---- */

static bool skipped(const json_t *test)
{
	json_t *args = j_get(test, "Args");
	const char *verb = j_text(j_at(args, 0));
	for (size_t i = 0; verb && i < ARRAY_LEN(not_yet); i++)
		if (strcmp(verb, not_yet[i]) == 0)
			return true;
	return false;
}

static int check_text(const char *name, const char *what, const char *got, const char *want)
{
	if (!want || strcmp(got, want) == 0)
		return 0;
	print_error("%s: %s\n--- got\n%s\n--- want\n%s\n---\n", name, what, got, want);
	return 1;
}

/* The request more than the recorded ones, or NULL. */
static const char *one_more(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(looks_after); i++)
		if (strcmp(name, looks_after[i].name) == 0)
			return looks_after[i].uri;
	return NULL;
}

static int check_requests(const char *name, const struct fake_daemon *d, const json_t *want)
{
	const char *more = one_more(name);
	int bad = d->n != j_len(want) + (more != NULL);
	if (more && !bad)
		bad = strcmp(d->requests[d->n - 1].uri, more) != 0;
	for (size_t i = 0; i < d->n && i < j_len(want); i++) {
		const struct fake_request *r = &d->requests[i];
		const json_t *w = j_at(want, i);
		json_t *body = j_get(w, "Body");
		const char *reason = j_str(j_get(w, "Headers"), "X-Tailscale-Reason");
		bad |= strcmp(r->method, j_str(w, "Method")) != 0 ||
		       strcmp(r->uri, j_str(w, "URI")) != 0;
		bad |= str_cmp(r->reason, reason) != 0;
		bad |= body ? !r->body || !j_equal(r->body, body) : r->body != NULL;
	}
	for (size_t i = 0; bad && i < d->n; i++) {
		char *dump = d->requests[i].body ? j_dump(d->requests[i].body) : strdup("");
		print_error("%s: sent %s %s %s\n", name, d->requests[i].method, d->requests[i].uri,
			    dump);
		free(dump);
	}
	return bad;
}

static int check_run(const struct scene *s, const struct fake_daemon *d, const struct fake_run *run)
{
	char *out = ours_of(j_str(s->test, "Stdout"), d->dir),
	     *err = ours_of(j_str(s->test, "Stderr"), d->dir);
	const char *want_out = out, *want_err = err;
	int code = (int)j_int(s->test, "ExitCode", 0), bad = 0;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (!is(s, ours[i].name))
			continue;
		want_out = ours[i].out;
		want_err = ours[i].err;
		code = ours[i].code;
	}
	bad += check_text(s->name, "stdout", run->out, want_out);
	bad += check_text(s->name, "stderr", run->err, want_err);
	if (run->code != code) {
		print_error("%s: exit %d, want %d\n", s->name, run->code, code);
		bad++;
	}
	bad += check_requests(s->name, d, j_get(s->test, "Requests"));
	free(out);
	free(err);
	return bad;
}

/* Arguments with /WORK as the folder of this run. */
static json_t *args_in(const json_t *test, const char *dir)
{
	json_t *args = j_array(), *theirs = j_get(test, "Args");
	for (size_t i = 0; i < j_len(theirs); i++) {
		char *arg = replace_all(j_text(j_at(theirs, i)), "/WORK", dir);
		j_add_str(args, arg);
		free(arg);
	}
	return args;
}

static void prepare_files(const struct scene *s, const char *dir, bool make)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/key", dir);
	if (is(s, "first up with auth key file") && make)
		assert_int_equal(fs_write_atomic(path, span_str("  tskey-from-file \n"), 0600), 0);
	unlink(make ? "" : path);
	snprintf(path, sizeof(path), "%s/m.prom", dir);
	unlink(make ? "" : path);
}

static int run_case(const json_t *test)
{
	struct scene s;
	struct fake_daemon d;
	struct cli c = { .user = "root", .ssh_client = "", .hurry = 10, .now = day_of_recording };
	set_scene(&s, test);
	fake_start(&d, answer, &s);
	prepare_files(&s, d.dir, true);
	json_t *args = args_in(test, d.dir);
	struct fake_run run = fake_cli(&d, &c, args);
	int bad = check_run(&s, &d, &run);
	prepare_files(&s, d.dir, false);
	fake_stop(&d);
	j_free(args);
	j_free(s.status);
	j_free(s.prefs);
	free(run.out);
	free(run.err);
	return bad != 0;
}

static void test_calls(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("cli_calls.json"), "cases");
	int bad = 0, ran = 0;
	for (size_t i = 0; i < j_len(cases); i++) {
		if (skipped(j_at(cases, i)))
			continue;
		bad += run_case(j_at(cases, i));
		ran++;
	}
	print_message("%d of %zu command lines replayed\n", ran, j_len(cases));
	assert_int_equal(bad, 0);
	assert_true(ran >= 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_calls) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
