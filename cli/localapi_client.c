/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/localapi_client.h"

#include "base/alloc.h"
#include "cli/lapi_conn.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>

#define LAPI_HOST "local-tailscaled.sock"
/* Capability version the requests follow: shared/spec/control.md 12. */
#define LAPI_CAP "145"
#define LINE_MAX_BYTES LAPI_ANSWER_MAX

/* ---- what to say when it fails ----------------------------------------------------------------
 */

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Request Entity Too Large" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
	};
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "";
}

/* {"error": text} or {"Error": text}; new, or NULL. */
static char *json_error(struct span body)
{
	json_t *v = j_parse(body, body.len, NULL);
	json_t *text = j_get_nocase(v, "error");
	char *s = j_text(text) && *j_text(text) ? xstrdup(j_text(text)) : NULL;
	j_free(v);
	return s;
}

static char *trimmed(struct span body)
{
	const char *blanks = " \t\r\n";
	while (body.len && strchr(blanks, body.p[body.len - 1]))
		body.len--;
	while (body.len && strchr(blanks, body.p[0]))
		body = span_from(body, 1);
	return body.len ? xstrndup((const char *)body.p, body.len) : xstrdup("");
}

/* The command line as typed, to try again with more rights. */
static void add_args(const struct cli *c, struct buf *b)
{
	for (int i = 0; i < c->argc; i++) {
		buf_add_str(b, " ");
		text_shell_quote(b, c->argv[i]);
	}
}

static void say_sudo(const struct cli *c, struct buf *b)
{
	if (c->uid == 0)
		return;
	buf_add_str(b, "\n\nUse 'sudo " CLI_PROG);
	add_args(c, b);
	buf_add_str(b,
		    "'.\nTo not require root, use 'sudo " CLI_PROG " set --operator=$USER' once.");
}

static char *status_error(const struct cli *c, int status, struct span body)
{
	char *json = json_error(body);
	char *plain = trimmed(body);
	struct buf b;
	buf_init(&b, 1u << 20);
	if (status == 403) {
		buf_add_str(&b, "Access denied: ");
		text_clean(&b, json ? json : plain);
		say_sudo(c, &b);
	} else if (status == 412) {
		buf_add_str(&b, "Preconditions failed: ");
		text_clean(&b, plain);
	} else if (json) {
		text_clean(&b, json);
	} else {
		buf_fmt(&b, "%d %s: ", status, reason_phrase(status));
		text_clean(&b, plain);
	}
	char *text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	free(json);
	free(plain);
	return text;
}

static char *dial_error(const struct cli *c, const struct lapi_call *call, int rc)
{
	if (call->diagnose && (rc == -ENOENT || rc == -ECONNREFUSED))
		return xasprintf(
		    "failed to connect to local meshd; it doesn't appear to be running "
		    "(sudo systemctl start meshd ?)");
	return xasprintf("Failed to connect to local Tailscale daemon for %s; not running? "
			 "Error: dial unix %s: %s",
			 call->uri, c->socket, strerror(-rc));
}

static int broken(struct lapi_error *e, const struct lapi_call *call, int rc)
{
	e->fault = rc == -ERR_TIMEOUT ? LAPI_TIMEOUT : LAPI_BROKEN;
	e->text = rc == -ERR_TIMEOUT
		      ? xstrdup("context deadline exceeded")
		      : xasprintf("%s %s: %s", call->method, call->uri, err_text(rc));
	return -1;
}

/* ---- one request --------------------------------------------------------------------------------
 */

static void build_request(const struct lapi_call *call, struct buf *out)
{
	struct buf body;
	buf_init(&body, LAPI_ANSWER_MAX);
	body.secret = true; /* an auth key may be in there */
	if (call->body) {
		j_write(call->body, J_COMPACT, true, &body);
		buf_add_str(&body, "\n");
	}
	buf_fmt(out, "%s %s HTTP/1.1\r\nHost: " LAPI_HOST "\r\nTailscale-Cap: " LAPI_CAP "\r\n",
		call->method, call->uri);
	if (call->header)
		buf_fmt(out, "%s\r\n", call->header);
	if (call->body)
		buf_add_str(out, "Content-Type: application/json\r\n");
	if (call->body || strcmp(call->method, "GET") != 0)
		buf_fmt(out, "Content-Length: %zu\r\n", body.len);
	buf_add_str(out, "Connection: close\r\n\r\n");
	buf_add_span(out, buf_span(&body));
	buf_fini(&body);
}

static void compare_versions(struct cli *c, const char *server)
{
	if (!*server || c->warned_version || strcmp(server, CLI_VERSION) == 0)
		return;
	c->warned_version = true;
	char *clean = text_clean_new(server);
	fprintf(c->err, "Warning: client version \"%s\" != tailscaled server version \"%s\"\n",
		CLI_VERSION, clean);
	free(clean);
}

/* Connects, sends, reads the head. -1: *e filled, nothing to release. */
static int exchange(struct cli *c, const struct lapi_call *call, mono_t deadline,
		    struct lapi_conn *k, struct lapi_error *e)
{
	int fd = lapi_dial(c);
	if (fd < 0) {
		*e = (struct lapi_error){ LAPI_NO_DAEMON, 0, dial_error(c, call, fd) };
		return -1;
	}
	lapi_conn_init(k, fd);
	struct buf request;
	buf_init(&request, LAPI_ANSWER_MAX);
	request.secret = true;
	build_request(call, &request);
	/* The daemon may answer and close before it has read everything: look at its answer first.
	 */
	int sent = buf_ok(&request) ? lapi_conn_send(k, buf_span(&request)) : -ERR_TOOBIG;
	buf_fini(&request);
	int rc = lapi_conn_read_head(k, deadline);
	if (rc) {
		lapi_conn_fini(k);
		return broken(e, call, sent ? sent : rc);
	}
	compare_versions(c, k->server_version);
	return 0;
}

static int read_body(struct lapi_conn *k, mono_t deadline)
{
	int rc = 0;
	while (rc == 0 && !k->body.done)
		rc = lapi_conn_read_more(k, deadline);
	return rc;
}

static mono_t deadline_in(const struct cli *c, int64_t ms)
{
	return ms ? mono_add_ms(mono_now(), ms / (int64_t)c->hurry) : MONO_NEVER;
}

int lapi_do(struct cli *c, const struct lapi_call *call, struct buf *out, struct lapi_error *e)
{
	struct lapi_conn k;
	mono_t deadline = deadline_in(c, call->timeout_ms);
	*e = (struct lapi_error){ LAPI_NONE, 0, NULL };
	if (exchange(c, call, deadline, &k, e))
		return -1;
	int rc = read_body(&k, deadline);
	if (rc) {
		lapi_conn_fini(&k);
		return broken(e, call, rc);
	}
	if (k.status != (call->ok ? call->ok : 200)) {
		*e = (struct lapi_error){ LAPI_STATUS, k.status,
					  status_error(c, k.status, buf_span(&k.text)) };
		lapi_conn_fini(&k);
		return -1;
	}
	buf_add_span(out, buf_span(&k.text));
	lapi_conn_fini(&k);
	return 0;
}

/* ---- JSON ---- */

static json_t *parse_answer(const char *uri, struct span body, char **why)
{
	struct j_error err;
	json_t *v = j_parse(body, LAPI_ANSWER_MAX, &err);
	if (!v)
		*why = xasprintf("invalid JSON from the daemon for %s: %s", uri, err.text);
	return v;
}

int lapi_call_json(struct cli *c, const struct lapi_call *call, json_t **result, char **why)
{
	struct lapi_error e;
	struct buf b;
	buf_init(&b, LAPI_ANSWER_MAX);
	int rc = lapi_do(c, call, &b, &e);
	if (rc)
		*why = e.text;
	else if (result && !(*result = parse_answer(call->uri, buf_span(&b), why)))
		rc = -1;
	buf_fini(&b);
	return rc;
}

json_t *lapi_get(struct cli *c, const char *uri, char **why)
{
	const struct lapi_call call = { .method = "GET", .uri = uri };
	json_t *v = NULL;
	return lapi_call_json(c, &call, &v, why) ? NULL : v;
}

int lapi_send(struct cli *c, const char *method, const char *uri, const json_t *body, int ok,
	      json_t **result, char **why)
{
	const struct lapi_call call = { .method = method, .uri = uri, .body = body, .ok = ok };
	return lapi_call_json(c, &call, result, why);
}

json_t *lapi_status(struct cli *c, bool peers, bool diagnose, char **why)
{
	const struct lapi_call call = { .method = "GET",
					.uri = peers ? LAPI "status" : LAPI "status?peers=false",
					.diagnose = diagnose };
	json_t *v = NULL;
	if (lapi_call_json(c, &call, &v, why))
		return NULL;
	/* Everything below relies on these two. */
	const char *missing = !j_str(v, "BackendState")	       ? "BackendState"
			      : !j_is_object(j_get(v, "Self")) ? "Self"
							       : NULL;
	if (!missing)
		return v;
	*why = xasprintf("invalid status from the daemon: %s is missing or of the wrong type",
			 missing);
	j_free(v);
	return NULL;
}

/* ---- streams ---- */

struct lapi_stream {
	struct lapi_conn k;
	const char *uri;
};

struct lapi_stream *lapi_stream_open(struct cli *c, const char *uri, char **why)
{
	const struct lapi_call call = { .method = "GET", .uri = uri };
	struct lapi_stream *s = xcalloc(1, sizeof(*s));
	struct lapi_error e;
	s->uri = uri;
	if (exchange(c, &call, MONO_NEVER, &s->k, &e)) {
		*why = e.text;
		free(s);
		return NULL;
	}
	if (s->k.status == 200)
		return s;
	int rc = read_body(&s->k, MONO_NEVER);
	*why = rc ? xstrdup(err_text(rc)) : status_error(c, s->k.status, buf_span(&s->k.text));
	lapi_stream_free(s);
	return NULL;
}

void lapi_stream_free(struct lapi_stream *s)
{
	if (!s)
		return;
	lapi_conn_fini(&s->k);
	free(s);
}

static json_t *take_line(struct lapi_stream *s)
{
	struct span text = buf_span(&s->k.text);
	const uint8_t *end = text.len ? memchr(text.p, '\n', text.len) : NULL;
	if (!end)
		return NULL;
	size_t n = (size_t)(end - text.p);
	json_t *v = j_parse(span_of(text.p, n), LINE_MAX_BYTES, NULL);
	buf_drop(&s->k.text, n + 1);
	return v ? v : j_null();
}

static json_t *stream_fails(struct lapi_error *e, enum lapi_fault fault, const char *text)
{
	*e = (struct lapi_error){ fault, 0, xstrdup(text) };
	return NULL;
}

json_t *lapi_stream_next(struct lapi_stream *s, mono_t deadline, struct lapi_error *e)
{
	for (;;) {
		json_t *line = take_line(s);
		if (j_is_object(line))
			return line;
		if (line) {
			j_free(line);
			return stream_fails(e, LAPI_BROKEN,
					    "the daemon sent a line that is not JSON");
		}
		if (s->k.body.done)
			return stream_fails(e, LAPI_BROKEN, "the daemon ended the connection");
		int rc = lapi_conn_read_more(&s->k, deadline);
		if (rc == -ERR_TIMEOUT)
			return stream_fails(e, LAPI_TIMEOUT, "context deadline exceeded");
		if (rc)
			return stream_fails(e, LAPI_BROKEN, "the daemon ended the connection");
	}
}

void lapi_escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		uint8_t c = (uint8_t)*s;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-_.~", c);
		if (plain)
			buf_add(out, s, 1);
		else if (c == ' ')
			buf_add_str(out, "+");
		else
			buf_fmt(out, "%%%02X", c);
	}
}
