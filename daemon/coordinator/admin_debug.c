/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin_debug.c: the fault commands (shared/spec/control.md 13, last paragraph): make the server
 * misbehave on purpose, to test clients. */
#include "base/alloc.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/map_serve.h"
#include "daemon/coordinator/node_conn.h"
#include "daemon/coordinator/pings.h"
#include "daemon/coordinator/relay_io.h"

/* ---- switches ---- */

/* "on" or "off" in argument "value" into *off; false and the call has failed otherwise. */
static bool take_switch(struct admin_call *call, bool *off)
{
	const char *v = admin_str(call, "value");

	if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0) {
		admin_fail(call, "say on or off");
		return false;
	}
	*off = strcmp(v, "off") == 0;
	return true;
}

static void set_switch(struct admin_call *call, bool *off)
{
	if (take_switch(call, off))
		admin_ok(call, NULL);
}

static void dbg_keep_alive(struct admin_call *call)
{
	set_switch(call, &call->coord->faults.no_keep_alive);
}

static void dbg_early(struct admin_call *call)
{
	set_switch(call, &call->coord->faults.no_early);
}

static void dbg_zstd(struct admin_call *call)
{
	set_switch(call, &call->coord->faults.no_zstd);
}

static void dbg_stun(struct admin_call *call)
{
	set_switch(call, &call->coord->faults.no_stun);
}

static void dbg_relay(struct admin_call *call)
{
	if (!take_switch(call, &call->coord->faults.no_relay))
		return;
	if (call->coord->faults.no_relay)
		relay_server_kick_all(call->coord->relay);
	admin_ok(call, NULL);
}

static void dbg_handshake(struct admin_call *call)
{
	static const char *const names[] = { [HANDSHAKE_NORMAL] = "normal",
					     [HANDSHAKE_CLOSE] = "close",
					     [HANDSHAKE_SILENT] = "silent",
					     [HANDSHAKE_ERROR] = "error" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(admin_str(call, "value"), names[i]) == 0) {
			call->coord->faults.handshake = (enum handshake_fault)i;
			admin_ok(call, NULL);
			return;
		}
	admin_fail(call, "say normal, close, silent or error");
}

static void dbg_register(struct admin_call *call)
{
	struct faults *f = &call->coord->faults;
	int64_t status = j_int(call->args, "status", 0), times = j_int(call->args, "times", 1);
	const char *retry = admin_str(call, "retry_after");

	if (status < 400 || status > 599 || times < 0 || times > 1000000 ||
	    strlen(retry) >= sizeof(f->retry_after)) {
		admin_fail(
		    call,
		    "needs a status of 400..599, and a Retry-After of less than %zu characters",
		    sizeof(f->retry_after));
		return;
	}
	f->register_status = (int)status;
	f->register_times = (int)times;
	memcpy(f->retry_after, retry, strlen(retry) + 1);
	admin_ok(call, NULL);
}

static void dbg_ephemeral(struct admin_call *call)
{
	int64_t ms = j_int(call->args, "ms", 0);

	if (ms < 1 || ms > INT64_C(86400000)) {
		admin_fail(call, "needs milliseconds, 1 to 86400000");
		return;
	}
	call->coord->faults.ephemeral_ms = ms;
	loop_timer_arm_ms(&call->coord->reaper, 1);
	admin_ok(call, NULL);
}

/* ---- streams ---- */

static void ok_count(struct admin_call *call, size_t n)
{
	json_t *o;

	if (!n) {
		admin_fail(call, "the node has no open map stream");
		return;
	}
	o = j_object();
	j_set_int(o, "streams", (int64_t)n);
	admin_ok(call, o);
}

static void dbg_drop_map(struct admin_call *call)
{
	struct node *n = admin_node(call);

	if (n)
		ok_count(call, map_sessions_drop(call->coord, n->id));
}

static void dbg_drop_conns(struct admin_call *call)
{
	node_conns_close(call->coord);
	admin_ok(call, NULL);
}

static void dbg_delay(struct admin_call *call)
{
	int64_t ms = j_int(call->args, "ms", -1);
	struct node *n;

	if (ms < 0 || ms > INT64_C(3600000)) {
		admin_fail(call, "needs milliseconds, 0 to 3600000");
		return;
	}
	n = admin_node(call);
	if (n)
		ok_count(call, map_sessions_delay(call->coord, n->id, ms));
}

static void dbg_corrupt(struct admin_call *call)
{
	struct node *n = admin_node(call);

	if (n)
		ok_count(call, map_sessions_corrupt(call->coord, n->id));
}

static void dbg_inject(struct admin_call *call)
{
	struct span json = j_span(call->args, "json");
	struct node *n;

	if (!json.len) {
		admin_fail(call, "needs the message's JSON");
		return;
	}
	n = admin_node(call);
	if (n)
		ok_count(call, map_sessions_inject(call->coord, n->id, json));
}

/* Rules for everybody instead of the policy's; "" gives the policy back. */
static void dbg_filter(struct admin_call *call)
{
	struct coord *c = call->coord;
	struct span text = j_span(call->args, "json");
	struct j_error err = { "" };
	json_t *rules = text.len ? j_parse(text, ADMIN_LINE_MAX, &err) : NULL;

	if (text.len && !j_is_array(rules)) {
		j_free(rules);
		admin_fail(call, "not an array of filter rules: %s", err.text);
		return;
	}
	j_free(c->filter_override);
	c->filter_override = rules;
	map_sessions_note_policy(c);
	coord_flush_soon(c);
	admin_ok(call, NULL);
}

/* ---- questions ---- */

static void on_ping(void *arg, const struct ping_result *r)
{
	struct admin_call *call = arg;
	json_t *o;

	if (r->err) {
		admin_fail(call, "no answer: %s", err_text(r->err));
		return;
	}
	o = j_object();
	j_set(o, "ms", j_from_num(r->ms));
	if (r->body.len)
		j_set(o, "body", j_string_span(r->body));
	admin_ok(call, o);
}

static void ask(struct admin_call *call, const char *request)
{
	struct node *n = admin_node(call);
	int rc;

	if (!n)
		return;
	rc = ping_start(call->coord, n, request, on_ping, call);
	if (rc < 0)
		admin_fail(call, rc == -ERR_NOENT ? "the node has no open map stream"
						  : "too many questions wait for an answer");
}

static void dbg_ping(struct admin_call *call)
{
	ask(call, NULL);
}

static void dbg_c2n(struct admin_call *call)
{
	const char *request = admin_str(call, "request");

	if (*request)
		ask(call, request);
	else
		admin_fail(call, "needs an HTTP/1.1 request");
}

static void dbg_stats(struct admin_call *call)
{
	struct relay_stats st = relay_server_stats(call->coord->relay);
	json_t *o = j_object();

	j_set_int(o, "nodes", (int64_t)call->coord->st.reg.n_nodes);
	j_set_int(o, "relay_clients", (int64_t)st.clients);
	j_set_int(o, "relay_forwarded", (int64_t)st.forwarded);
	j_set_int(o, "relay_dropped_full", (int64_t)st.dropped_full);
	j_set_int(o, "relay_dropped_unknown", (int64_t)st.dropped_unknown);
	admin_ok(call, o);
}

const struct admin_verb admin_debug_verbs[] = {
	{ "debug keep-alive", dbg_keep_alive },
	{ "debug early", dbg_early },
	{ "debug zstd", dbg_zstd },
	{ "debug stun", dbg_stun },
	{ "debug relay", dbg_relay },
	{ "debug handshake", dbg_handshake },
	{ "debug register", dbg_register },
	{ "debug ephemeral", dbg_ephemeral },
	{ "debug drop-map", dbg_drop_map },
	{ "debug drop-conns", dbg_drop_conns },
	{ "debug delay", dbg_delay },
	{ "debug corrupt", dbg_corrupt },
	{ "debug inject", dbg_inject },
	{ "debug filter", dbg_filter },
	{ "debug ping", dbg_ping },
	{ "debug c2n", dbg_c2n },
	{ "debug stats", dbg_stats },
	{ NULL, NULL },
};
