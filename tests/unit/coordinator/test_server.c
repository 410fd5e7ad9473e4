/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real server in a child process, real connections: what only shows with both. */
#include "client.h"

#include "base/fs.h"
#include "daemon/coordinator/registry_file.h"

#include <sys/stat.h>

static struct served server;

static int setup(void **state)
{
	(void)state;
	served_new(&server);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(served_stop(&server, SIGTERM), 0);
	served_remove(&server);
	return 0;
}

static json_t *answer(struct client *c, int ms)
{
	json_t *v;

	assert_int_equal(cl_finish(c, ms), 200);
	v = j_parse(buf_span(&c->body), 1 << 20, NULL);
	assert_non_null(v);
	return v;
}

static bool joined(struct client *c)
{
	json_t *v = answer(c, WAIT_MS);
	bool ok = j_bool(v, "MachineAuthorized", false) && !*j_str(v, "Error");

	if (!ok)
		assert_string_equal(j_str(v, "Error"), "authkey already used");
	j_free(v);
	return ok;
}

static void cl_join(struct client *c, uint8_t machine, const char *key)
{
	cl_open(c, &server, machine);
	cl_register(c, machine, key);
	assert_true(joined(c));
}

static void cl_map(struct client *c, uint8_t node, bool stream)
{
	char *body = map_body(node, stream);

	cl_send(c, "/machine/map", body);
	free(body);
}

static size_t node_count(void)
{
	json_t *r = ask(&server, "{\"verb\":\"node list\"}");
	size_t n = j_len(j_get(j_get(r, "result"), "nodes"));

	j_free(r);
	return n;
}

/* TS-2025-007: checking and spending the key is one step. */
static void of_fifty_connections_with_one_key_one_joins(void **state)
{
	enum { N = 50 };
	static struct client c[N];
	char *key = new_key(&server, "");
	int won = 0;

	(void)state;
	for (uint8_t i = 0; i < N; i++)
		cl_open(&c[i], &server, i + 1);
	for (uint8_t i = 0; i < N; i++)
		cl_register(&c[i], i + 1, key);
	for (uint8_t i = 0; i < N; i++) {
		won += joined(&c[i]);
		cl_close(&c[i]);
	}
	assert_int_equal(won, 1);
	assert_int_equal(node_count(), 1);
	free(key);
}

/* Headscale bad78332: a public node key must not open its owner's map. */
static void another_machine_does_not_get_the_map(void **state)
{
	struct client a, b;
	char *key = new_key(&server, ",\"reusable\":true"), *body;

	(void)state;
	cl_open(&a, &server, 1);
	cl_open(&b, &server, 2);
	cl_register(&a, 1, key);
	assert_true(joined(&a));
	cl_register(&b, 2, key);
	assert_true(joined(&b));
	for (int stream = 0; stream < 2; stream++) {
		body = map_body(1, stream);
		cl_send(&b, "/machine/map", body);
		assert_int_equal(cl_finish(&b, WAIT_MS), 404);
		assert_null(memmem(b.body.p, b.body.len, "Node\"", 5));
		free(body);
	}
	body = map_body(9, true);
	cl_send(&b, "/machine/map", body);
	assert_int_equal(cl_finish(&b, WAIT_MS), 404);
	free(body);
	cl_register(&b, 1, NULL); /* nor may it register with it */
	assert_int_equal(cl_finish(&b, WAIT_MS), 200);
	assert_non_null(memmem(b.body.p, b.body.len, "in use by another machine", 25));
	cl_close(&a);
	cl_close(&b);
	free(key);
}

static void peers_hear_of_each_other(void **state)
{
	struct client a, a2, b;
	char *key = new_key(&server, ",\"reusable\":true"), *body;
	json_t *m;

	(void)state;
	cl_open(&a, &server, 1);
	cl_register(&a, 1, key);
	assert_true(joined(&a));
	body = map_body(1, true);
	cl_send(&a, "/machine/map", body);
	free(body);
	m = cl_message(&a, WAIT_MS);
	assert_non_null(j_get(m, "Node"));
	assert_null(j_get(m, "Peers"));
	j_free(m);
	cl_open(&b, &server, 2);
	cl_register(&b, 2, key);
	assert_true(joined(&b));
	body = map_body(2, false); /* a lite update is enough to be announced */
	cl_send(&b, "/machine/map", body);
	free(body);
	assert_int_equal(cl_finish(&b, WAIT_MS), 200);
	assert_int_equal(b.body.len, 0);
	m = cl_message(&a, WAIT_MS);
	assert_int_equal(j_len(j_get(m, "PeersChanged")), 1);
	j_free(m);
	j_free(ask(&server, "{\"verb\":\"node delete\",\"node\":\"h2\"}"));
	m = cl_message(&a, WAIT_MS);
	assert_int_equal(j_len(j_get(m, "PeersRemoved")), 1);
	j_free(m);
	j_free(
	    ask(&server, "{\"verb\":\"debug inject\",\"node\":\"h1\",\"json\":\"{\\\"X\\\":1}\"}"));
	m = cl_message(&a, WAIT_MS);
	assert_int_equal(j_int(m, "X", 0), 1);
	j_free(m);
	cl_open(&a2, &server, 1); /* requests go on beside the stream */
	cl_register(&a2, 1, NULL);
	assert_true(joined(&a2));
	j_free(ask(&server, "{\"verb\":\"debug drop-map\",\"node\":\"h1\"}"));
	assert_int_equal(cl_finish(&a, WAIT_MS), 200);
	cl_close(&a);
	cl_close(&a2);
	cl_close(&b);
	free(key);
}

static json_t *told_after(struct client *a, const char *verb)
{
	json_t *m;

	j_free(ask(&server, verb));
	m = cl_message(a, WAIT_MS);
	assert_non_null(m);
	return m;
}

static void names_are_told_when_they_change(void **state)
{
	static const char odd[] = "{\"verb\":\"debug dns\",\"text\":\"{\\\"Routes\\\":[1]}\"}";
	struct client a;
	char *key = new_key(&server, ""), *body;
	json_t *m;

	(void)state;
	cl_open(&a, &server, 1);
	cl_register(&a, 1, key);
	assert_true(joined(&a));
	body = map_body(1, true);
	cl_send(&a, "/machine/map", body);
	free(body);
	j_free(cl_message(&a, WAIT_MS));
	m = ask(&server, "{\"verb\":\"dns set\",\"text\":\"{\\\"Resolver\\\":1}\"}");
	assert_non_null(strstr(j_str(m, "error"), "unknown member"));
	j_free(m);
	m = told_after(&a, "{\"verb\":\"dns set\",\"text\":\"{\\\"Resolvers\\\":[\\\"9.9.9.9\\\"]}\"}");
	assert_int_equal(j_len(j_get(j_get(m, "DNSConfig"), "Resolvers")), 1);
	j_free(m);
	m = told_after(&a, odd); /* however odd, until it is taken back */
	assert_int_equal(j_len(j_get(m, "DNSConfig")), 1);
	j_free(m);
	m = told_after(&a, "{\"verb\":\"debug dns\",\"text\":\"\"}");
	assert_int_equal(j_len(j_get(j_get(m, "DNSConfig"), "Resolvers")), 1);
	j_free(m);
	m = told_after(&a, "{\"verb\":\"debug caps\",\"node\":\"h1\",\"caps\":\"magicdns-aaaa\"}");
	assert_true(j_has(j_get(j_get(m, "Node"), "CapMap"), "magicdns-aaaa"));
	j_free(m);
	m = ask(&server, "{\"verb\":\"dns get\"}");
	assert_string_equal(j_str(j_get(m, "result"), "text"), "{\"Resolvers\":[\"9.9.9.9\"]}");
	j_free(m);
	cl_close(&a);
	free(key);
}

static void a_login_waits_for_a_person(void **state)
{
	struct client c;
	json_t *v, *r;
	char *url, *body, *more;

	(void)state;
	cl_open(&c, &server, 1);
	cl_register(&c, 1, NULL);
	v = answer(&c, WAIT_MS);
	url = xstrdup(j_str(v, "AuthURL"));
	assert_non_null(strstr(url, LOGIN_PATH));
	j_free(v);
	more = xasprintf(",\"Followup\":\"%s\"", url);
	body = register_body(1, more);
	cl_send(&c, "/machine/register", body);
	assert_int_equal(cl_finish(&c, 300), 0); /* held */
	free(body);
	body = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", strstr(url, LOGIN_PATH));
	free(more);
	more = outer(server.port, body);
	assert_non_null(strstr(more, "meshcoord node approve-login"));
	free(more);
	free(body);
	more =
	    xasprintf("{\"verb\":\"node approve-login\",\"login\":\"%s\",\"user\":\"bob\"}", url);
	r = ask(&server, more);
	assert_non_null(j_get(r, "result"));
	j_free(r);
	v = answer(&c, WAIT_MS);
	assert_string_equal(j_str(j_get(v, "Login"), "LoginName"), "bob");
	assert_string_equal(j_str(v, "AuthURL"), "");
	j_free(v);
	cl_close(&c);
	free(more);
	free(url);
}

static void the_outer_server_answers_what_it_knows(void **state)
{
	static const struct {
		const char *request, *status, *says;
	} cases[] = {
		{ "GET /key HTTP/1.1\r\nHost: x\r\n\r\n", "400", "capability version must be set" },
		{ "GET /key?v=x HTTP/1.1\r\nHost: x\r\n\r\n", "400", "invalid capability version" },
		{ "GET /key?v=38 HTTP/1.1\r\nHost: x\r\n\r\n", "200", "Content-Length: 0" },
		{ "GET /derp HTTP/1.1\r\nHost: x\r\n\r\n", "426", "" },
		{ "GET /derp/probe HTTP/1.1\r\nHost: x\r\n\r\n", "200",
		  "Access-Control-Allow-Origin: *" },
		{ "HEAD /derp/latency-check HTTP/1.1\r\nHost: x\r\n\r\n", "200", "" },
		{ "GET /generate_204 HTTP/1.1\r\nHost: x\r\nX-Tailscale-Challenge: ab.c\r\n\r\n",
		  "204", "response ab.c" },
		{ "GET /machine/ping-response?id=1 HTTP/1.1\r\nHost: x\r\n\r\n", "404", "" },
		{ "GET /register/zz HTTP/1.1\r\nHost: x\r\n\r\n", "404", "not known" },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404", "" },
		{ "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "404", "" },
		{ "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "404", "" },
		{ "POST /machine/map HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "404",
		  "" },
		{ "POST /ts2021 HTTP/1.1\r\nHost: x\r\n\r\n", "400", "Upgrade header" },
		{ "POST /ts2021 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: "
		  "tailscale-control-protocol\r\n\r\n",
		  "400", "" },
		{ "\x01\x02\x03\r\n\r\n", "400", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = outer(server.port, cases[i].request);

		if (strncmp(got, "HTTP/1.1 ", 9) != 0 ||
		    strncmp(got + 9, cases[i].status, 3) != 0 || !strstr(got, cases[i].says))
			fail_msg("%s\ngave %s", cases[i].request, got);
		free(got);
	}
}

static void refusals_of_the_handshake_say_why(void **state)
{
	char *got =
	    outer(server.port,
		  "POST /ts2021 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
		  "Upgrade: tailscale-control-protocol\r\nX-Tailscale-Handshake: AAAA\r\n\r\n");

	(void)state;
	assert_non_null(strstr(got, "101 "));
	assert_non_null(memmem(got, 65536, "wrong handshake initiation size", 31));
	free(got);
}

static void registrations_can_be_refused_on_purpose(void **state)
{
	struct client c;
	char *key = new_key(&server, "");

	(void)state;
	j_free(
	    ask(&server,
		"{\"verb\":\"debug register\",\"status\":429,\"times\":1,\"retry_after\":\"7\"}"));
	cl_open(&c, &server, 1);
	cl_register(&c, 1, key);
	assert_int_equal(cl_finish(&c, WAIT_MS), 429);
	cl_register(&c, 1, key);
	assert_true(joined(&c));
	cl_close(&c);
	free(key);
}

static void bodies_and_versions_are_checked(void **state)
{
	struct client c;

	(void)state;
	cl_open(&c, &server, 1);
	cl_send(&c, "/machine/register", "{\"Version\":112,\"NodeKey\":\"x\"}");
	assert_int_equal(cl_finish(&c, WAIT_MS), 400);
	cl_send(&c, "/machine/register", "nonsense");
	assert_int_equal(cl_finish(&c, WAIT_MS), 400);
	cl_send(&c, "/machine/map", "nonsense");
	assert_int_equal(cl_finish(&c, WAIT_MS), 500);
	cl_send(&c, "/machine/map", "{\"Version\":1}");
	assert_int_equal(cl_finish(&c, WAIT_MS), 400);
	cl_send(&c, "/machine/set-dns", "{}");
	assert_int_equal(cl_finish(&c, WAIT_MS), 501);
	cl_send(&c, "/machine/c2n/0123456789abcdef", "{}");
	assert_int_equal(cl_finish(&c, WAIT_MS), 404);
	cl_send(&c, "/nothing", "{}");
	assert_int_equal(cl_finish(&c, WAIT_MS), 404);
	cl_close(&c);
}

static void a_body_has_a_size(void **state)
{
	struct client c;
	char *body = xcalloc((1 << 20) + 100, 1);

	(void)state;
	memset(body, ' ', (1 << 20) + 50);
	cl_open(&c, &server, 1);
	cl_send(&c, "/machine/register", body);
	assert_int_equal(cl_finish(&c, WAIT_MS), 0); /* reset, not answered */
	assert_true(c.ended);
	cl_send(&c, "/machine/register", "{}"); /* the connection itself goes on */
	assert_int_equal(cl_finish(&c, WAIT_MS), 400);
	cl_close(&c);
	free(body);
}

static void a_second_server_and_a_bad_folder_are_refused(void **state)
{
	struct served other = server;
	struct stat before, after;
	struct buf log;
	char path[100];
	int status;

	(void)state;
	snprintf(path, sizeof(path), "%s/meshcoord.json", server.dir);
	free(new_key(&server, "")); /* on disk when it answers: nothing is left to write */
	assert_int_equal(stat(path, &before), 0);
	other.port = free_port();
	other.pid = served_fork(&other);
	waitpid(other.pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_ino == after.st_ino); /* it has not touched the state */
	buf_init(&log, 1 << 20);
	assert_int_equal(fs_read(server.log, &log), 0);
	assert_non_null(strstr(buf_cstr(&log), "another meshcoord runs with this --state"));
	snprintf(other.dir, sizeof(other.dir), "/proc/nothing");
	other.pid = served_fork(&other);
	waitpid(other.pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 1);
	buf_fini(&log);
}

static void ephemeral_nodes_go_with_their_stream(void **state)
{
	char *key = new_key(&server, ",\"ephemeral\":true"), *body = map_body(1, true);
	struct client c;

	(void)state;
	cl_open(&c, &server, 1);
	cl_register(&c, 1, key);
	assert_true(joined(&c));
	cl_send(&c, "/machine/map", body);
	j_free(cl_message(&c, WAIT_MS));
	j_free(ask(&server, "{\"verb\":\"debug ephemeral\",\"ms\":400}"));
	usleep(800000);
	assert_int_equal(node_count(), 1); /* not while it is here */
	cl_close(&c);
	for (int i = 0; i < WAIT_MS / 50 && node_count(); i++)
		usleep(50000);
	assert_int_equal(node_count(), 0);
	free(key);
	free(body);
}

static void a_node_has_so_many_streams_and_no_more(void **state)
{
	char *key = new_key(&server, ""), *body = map_body(1, true);
	struct client c;

	(void)state;
	cl_open(&c, &server, 1);
	cl_register(&c, 1, key);
	assert_true(joined(&c));
	for (int i = 0; i < 8; i++) {
		cl_send(&c, "/machine/map", body);
		assert_int_equal(cl_finish(&c, 200), 0); /* stays open */
	}
	cl_send(&c, "/machine/map", body);
	assert_int_not_equal(cl_finish(&c, WAIT_MS), 0); /* the oldest has ended */
	cl_close(&c);
	free(key);
	free(body);
}

/* Ask in a child, because the answer needs us; its exit status says whether one came. */
static pid_t ask_aside(const char *text)
{
	pid_t pid = fork();

	if (pid == 0) {
		json_t *r = ask(&server, text);

		_exit(j_get(r, "result") ? 0 : 1);
	}
	return pid;
}

static int status_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* A joined client with an open map stream whose first message has been read. */
static void open_stream(struct client *c, uint8_t n, const char *key)
{
	char *body = map_body(n, true);

	cl_open(c, &server, n);
	cl_register(c, n, key);
	assert_true(joined(c));
	cl_send(c, "/machine/map", body);
	j_free(cl_message(c, WAIT_MS));
	free(body);
}

static void a_ping_is_answered_on_the_outer_server(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true"), *got, *request;
	struct client c;
	json_t *m;
	pid_t asker;

	(void)state;
	open_stream(&c, 1, key);
	asker = ask_aside("{\"verb\":\"debug ping\",\"node\":\"h1\"}");
	m = cl_message(&c, WAIT_MS);
	assert_non_null(j_str(j_get(m, "PingRequest"), "URL"));
	request =
	    xasprintf("HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n",
		      strstr(j_str(j_get(m, "PingRequest"), "URL"), "/machine/ping-response"));
	got = outer(server.port, request);
	assert_int_equal(strncmp(got, "HTTP/1.1 200", 12), 0);
	free(got);
	assert_int_equal(status_of(asker), 0);
	got = outer(server.port, request); /* once */
	assert_int_equal(strncmp(got, "HTTP/1.1 404", 12), 0);
	free(got);
	free(request);
	j_free(m);
	assert_int_equal(status_of(ask_aside("{\"verb\":\"debug ping\",\"node\":\"h9\"}")), 1);
	cl_close(&c);
	free(key);
}

static void a_c2n_answer_must_come_from_the_node_asked(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true");
	struct client a, a2, b;
	json_t *m;
	pid_t asker;
	const char *path;

	(void)state;
	open_stream(&a, 1, key);
	cl_open(&a2, &server, 1);
	cl_open(&b, &server, 2);
	asker = ask_aside(
	    "{\"verb\":\"debug c2n\",\"node\":\"h1\",\"request\":\"GET /echo HTTP/1.1\"}");
	m = cl_message(&a, WAIT_MS);
	assert_string_equal(j_str(j_get(m, "PingRequest"), "Types"), "c2n");
	path = strstr(j_str(j_get(m, "PingRequest"), "URL"), "/machine/c2n/");
	assert_non_null(path);
	cl_send(&b, path, "HTTP/1.1 200 OK\r\n\r\nforged");
	assert_int_equal(cl_finish(&b, WAIT_MS), 404);
	cl_send(&a2, path, "HTTP/1.1 200 OK\r\n\r\n");
	assert_int_equal(cl_finish(&a2, WAIT_MS), 200);
	assert_int_equal(status_of(asker), 0);
	j_free(m);
	cl_close(&a);
	cl_close(&a2);
	cl_close(&b);
	free(key);
}

/* Nobody hears "you are in" before it is on disk. */
static void without_a_disk_there_is_no_success(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true");
	char away[80];
	struct client c;

	(void)state;
	snprintf(away, sizeof(away), "%s.away", server.dir);
	cl_open(&c, &server, 1);
	assert_int_equal(rename(server.dir, away), 0);
	cl_register(&c, 1, key);
	assert_int_equal(cl_finish(&c, WAIT_MS), 500);
	cl_register(&c, 1, key); /* known by now, and still not on disk */
	assert_int_equal(cl_finish(&c, WAIT_MS), 500);
	assert_int_equal(rename(away, server.dir), 0);
	cl_register(&c, 1, key);
	assert_true(joined(&c));
	cl_close(&c);
	free(key);
}

static bool state_is_whole(size_t *n_nodes)
{
	struct coord_state st;
	struct buf text;
	struct j_error err;
	char path[100];
	bool ok;

	snprintf(path, sizeof(path), "%s/meshcoord.json", server.dir);
	buf_init(&text, STATE_FILE_MAX);
	coord_state_init(&st, rng_system());
	ok = fs_read(path, &text) == 0 && coord_state_decode(&st, buf_span(&text), &err) == 0;
	*n_nodes = st.reg.n_nodes;
	coord_state_fini(&st);
	buf_fini(&text);
	return ok;
}

/* Whoever was told "you are in" is in after kill -9 at any moment; the file is never half written.
 */
static void kill_leaves_the_state_whole(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true");
	size_t told = 0, stored = 0;
	uint8_t n = 0;

	(void)state;
	for (int round = 0; round < 8; round++) {
		struct client c;
		int writes = 1 + (int)rng_below(rng_system(), 4);

		cl_open(&c, &server, (uint8_t)(round + 1));
		for (int i = 0; i < writes; i++, n++) {
			struct client d;

			cl_open(&d, &server, (uint8_t)(100 + n));
			cl_register(&d, (uint8_t)(n + 1), key);
			told += joined(&d);
			cl_close(&d);
		}
		cl_register(&c, (uint8_t)(200 + round), key); /* on its way when the end comes */
		usleep(rng_below(rng_system(), 3000));
		served_stop(&server, SIGKILL);
		cl_close(&c);
		assert_true(state_is_whole(&stored));
		assert_true(stored >= told);
		told = stored; /* the one on its way may have made it */
		served_start(&server);
	}
	free(key);
}

/* What one client was told of another is there after kill -9: the first map of the server that
 * comes back would otherwise take away a peer that is talked to. */
static void kill_takes_back_nothing_that_was_told(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true");
	struct client a, b;
	json_t *m, *told, *kept;

	(void)state;
	cl_join(&a, 1, key);
	cl_map(&a, 1, true);
	j_free(cl_message(&a, WAIT_MS));
	cl_join(&b, 2, key);
	cl_map(&b, 2, false);
	m = cl_message(&a, WAIT_MS);
	served_stop(&server, SIGKILL);
	cl_close(&a);
	cl_close(&b);
	told = j_ref(j_at(j_get(m, "PeersChanged"), 0));
	j_free(m);
	served_start(&server);
	cl_open(&a, &server, 1);
	cl_map(&a, 1, true);
	m = cl_message(&a, WAIT_MS);
	kept = j_at(j_get(m, "Peers"), 0);
	assert_non_null(j_str(told, "DiscoKey"));
	assert_non_null(kept);
	assert_string_equal(j_str(kept, "DiscoKey"), j_str(told, "DiscoKey"));
	assert_true(j_equal(j_get(kept, "Endpoints"), j_get(told, "Endpoints")));
	j_free(told);
	j_free(m);
	cl_close(&a);
	free(key);
}

/* Logs never hold keys. */
static void the_log_holds_no_secret(void **state)
{
	char *key = new_key(&server, ",\"reusable\":true");
	struct client c;
	struct buf log, text;
	char path[100];
	json_t *doc;

	(void)state;
	cl_open(&c, &server, 1);
	cl_register(&c, 1, key);
	assert_true(joined(&c));
	cl_register(&c, 2, NULL);
	assert_int_equal(cl_finish(&c, WAIT_MS), 200);
	cl_close(&c);
	buf_init(&log, 1 << 20);
	buf_init(&text, 1 << 20);
	snprintf(path, sizeof(path), "%s/meshcoord.json", server.dir);
	assert_int_equal(fs_read(server.log, &log), 0);
	assert_int_equal(fs_read(path, &text), 0);
	doc = j_parse(buf_span(&text), 1 << 20, NULL);
	assert_null(strstr(buf_cstr(&log), key));
	assert_null(strstr(buf_cstr(&log), key + strlen(AUTH_KEY_PREFIX) + AUTH_KEY_ID_LEN + 1));
	assert_null(strstr(buf_cstr(&log), j_str(doc, "noise_key")));
	assert_null(strstr(buf_cstr(&log), "privkey:"));
	/* nor does the state file give auth keys away */
	assert_null(strstr(buf_cstr(&text), key + strlen(AUTH_KEY_PREFIX) + AUTH_KEY_ID_LEN + 1));
	j_free(doc);
	buf_fini(&log);
	buf_fini(&text);
	free(key);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_fifty_connections_with_one_key_one_joins),
		T(another_machine_does_not_get_the_map),
		T(peers_hear_of_each_other),
		T(names_are_told_when_they_change),
		T(a_login_waits_for_a_person),
		T(the_outer_server_answers_what_it_knows),
		T(refusals_of_the_handshake_say_why),
		T(registrations_can_be_refused_on_purpose),
		T(bodies_and_versions_are_checked),
		T(a_body_has_a_size),
		T(a_second_server_and_a_bad_folder_are_refused),
		T(ephemeral_nodes_go_with_their_stream),
		T(a_node_has_so_many_streams_and_no_more),
		T(a_ping_is_answered_on_the_outer_server),
		T(a_c2n_answer_must_come_from_the_node_asked),
		T(without_a_disk_there_is_no_success),
		T(kill_leaves_the_state_whole),
		T(kill_takes_back_nothing_that_was_told),
		T(the_log_holds_no_secret),
	};

	signal(SIGPIPE, SIG_IGN);
	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
