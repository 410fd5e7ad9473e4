/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_trace.json: sixteen recorded conversations of the official path machine, replayed on ours
 * with a simulated clock. Every datagram must match in time, carrier, destination and kind, and the
 * best address must change when it did there. Our optional early retries are switched off.
 *
 * In one millisecond: timers (ours, then pongs that arrive), the sample of the best address,
 * inputs. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "magicsock/path.h"

#include <stdio.h>
#include <stdlib.h>

#define EPOCH_MS 1000000 /* so that trace time 0 is not "never" */
#define EVENTS_MAX 512
#define SILENT_AFTER_MS 100000 /* traces that end in silence are watched this long */

struct event {
	int64_t t_ms;
	char text[128];
};

struct pending_pong {
	int64_t at_ms;
	struct path_ping ping;
};

struct answer {
	struct ep ep;
	int64_t delay_ms;
	bool on;
};

struct sim {
	int64_t t_ms;
	struct rng_seeded rng;
	struct path_node node;
	struct path_peer *peer;
	struct event out[EVENTS_MAX];
	size_t n_out;
	struct pending_pong pongs[EVENTS_MAX];
	size_t n_pongs;
	struct answer answers[8];
	size_t n_answers;
	struct path_ping first_ping; /* the odd traces answer it by hand */
	bool has_first;
	bool gathering; /* own endpoints are refreshed by an input, not by the driver */
	struct event best[32];
	size_t n_best;
};

static mono_t at(int64_t ms)
{
	return mono_add_ms(MONO_ZERO, EPOCH_MS + ms);
}

static void emit(struct sim *s, const char *via, const char *to, const char *what)
{
	if (s->n_out == EVENTS_MAX)
		exit(1);
	struct event *e = &s->out[s->n_out++];
	e->t_ms = s->t_ms;
	snprintf(e->text, sizeof(e->text), "%s %s %s", via, to, what);
}

static void emit_dest(struct sim *s, const struct path_dest *to, const char *what)
{
	char text[EP_TEXT_MAX];
	if (ep_is_set(to->ep))
		emit(s, "udp", ep_encode(to->ep, text), what);
	else
		emit(s, "derp-1", "peer", what);
}

static void plan_answer(struct sim *s, const struct path_ping *ping)
{
	for (size_t i = 0; i < s->n_answers; i++) {
		const struct answer *a = &s->answers[i];
		if (a->on && ep_eq(a->ep, ping->to.ep))
			s->pongs[s->n_pongs++] =
			    (struct pending_pong){ s->t_ms + a->delay_ms, *ping };
	}
}

static void on_send_ping(void *arg, struct path_peer *p, const struct path_ping *ping)
{
	struct sim *s = arg;
	(void)p;
	emit_dest(s, &ping->to, "disco ping");
	if (!s->has_first)
		s->first_ping = *ping;
	s->has_first = true;
	plan_answer(s, ping);
}

static void on_send_pong(void *arg, struct path_peer *p, const struct path_dest *to,
			 const struct disco_txid *txid, struct ep src)
{
	char text[EP_TEXT_MAX], what[96];
	(void)p, (void)txid;
	snprintf(what, sizeof(what), "disco pong src=%s", ep_encode(src, text));
	emit_dest(arg, to, what);
}

static void on_send_cmm(void *arg, struct path_peer *p, int region)
{
	(void)p;
	if (region != 1)
		exit(1);
	emit(arg, "derp-1", "peer", "disco call-me-maybe endpoints=2");
}

static void on_want_endpoints(void *arg)
{
	struct sim *s = arg;
	s->gathering = true;
}

static void on_changed(void *arg, struct path_peer *p, bool addr, const char *why)
{
	(void)arg, (void)p, (void)addr, (void)why;
}

static void on_cli_pong(void *arg, struct path_peer *p, const struct path_cli_pong *pong)
{
	(void)arg, (void)p, (void)pong;
	exit(1); /* nobody asked */
}

static const struct path_ops ops = {
	.send_ping = on_send_ping,
	.send_pong = on_send_pong,
	.send_cmm = on_send_cmm,
	.want_endpoints = on_want_endpoints,
	.changed = on_changed,
	.cli_pong = on_cli_pong,
};

/* ---- inputs -------------------------------------------------------------------------------- */

static struct ep ep_at(const char *text, const char **end)
{
	struct ep ep;
	size_t n = strcspn(text, " ,]");
	if (*text == '[')
		n = strcspn(text, "]") + 1 + strcspn(strchr(text, ']') + 1, " ,]");
	if (ep_decode(span_of(text, n), &ep)) {
		printf("no endpoint at: %s\n", text);
		exit(1);
	}
	if (end)
		*end = text + n;
	return ep;
}

/* "ip:port after 20 ms, ip:port after 2 ms" */
static void set_answers(struct sim *s, const char *detail)
{
	while (detail && *detail) {
		const char *rest;
		struct answer a = { .ep = ep_at(detail, &rest), .on = true };
		a.delay_ms = strtol(rest + strlen(" after "), NULL, 10);
		s->answers[s->n_answers++] = a;
		detail = strchr(rest, ',');
		detail = detail ? detail + 2 : NULL;
	}
}

/* "[ep ep ep]" */
static size_t ep_list(const char *text, struct ep *eps)
{
	size_t n = 0;
	text = strchr(text, '[') + 1;
	while (*text && *text != ']') {
		eps[n++] = ep_at(text, &text);
		text += *text == ' ';
	}
	return n;
}

static void data(struct sim *s)
{
	struct path_route r = path_on_send(s->peer, at(s->t_ms));
	struct path_dest udp = { .ep = r.udp }, derp = { .region = r.region };
	if (ep_is_set(r.udp))
		emit_dest(s, &udp, "wireguard data");
	if (r.region)
		emit_dest(s, &derp, "wireguard data");
}

static void incoming_ping(struct sim *s, const char *detail, bool over_derp)
{
	struct path_dest from = { .region = 1 };
	struct disco_txid txid = { { 1 } };
	const char *id = strstr(detail, "txid ");
	if (id)
		txid.b[1] = (uint8_t)id[5];
	if (!over_derp)
		from = (struct path_dest){ .ep = ep_at(detail + strlen("from "), NULL) };
	enum path_verdict v = path_on_ping(s->peer, at(s->t_ms), &from, &txid);
	if ((v == PATH_DUPLICATE) != (strstr(detail, "duplicate") != NULL))
		exit(1);
}

static void incoming_pong(struct sim *s, const char *detail)
{
	struct path_dest from = s->first_ping.to;
	const char *odd = strstr(detail, ", from ");
	if (odd)
		from.ep = ep_at(odd + strlen(", from "), NULL);
	enum path_verdict v = path_on_pong(s->peer, at(s->t_ms), &from, &s->first_ping.txid);
	if ((v == PATH_UNKNOWN_TXID) != (strstr(detail, "late") != NULL))
		exit(1);
}

static void netmap(struct sim *s, const struct ep *eps, size_t n)
{
	struct path_netmap nm = { .eps = eps, .n_eps = n, .home = 1 };
	path_on_netmap(s->peer, at(s->t_ms), &nm);
}

static void input(struct sim *s, const json_t *in)
{
	const char *action = j_str(in, "action");
	const char *detail = j_str(in, "detail") ? j_str(in, "detail") : "";
	struct ep eps[16];
	if (strcmp(action, "send one WireGuard packet") == 0)
		data(s);
	else if (strncmp(action, "candidate answers", 17) == 0 ||
		 strncmp(action, "candidates answer", 17) == 0)
		set_answers(s, detail);
	else if (strcmp(action, "candidate stops answering") == 0)
		s->answers[0].on = false;
	else if (strcmp(action, "receive disco ping over UDP") == 0)
		incoming_ping(s, detail, false);
	else if (strcmp(action, "receive disco ping over DERP") == 0)
		incoming_ping(s, detail, true);
	else if (strcmp(action, "receive disco pong") == 0)
		incoming_pong(s, detail);
	else if (strcmp(action, "receive call-me-maybe over DERP") == 0)
		path_on_cmm(s->peer, at(s->t_ms), eps, ep_list(detail, eps));
	else if (strcmp(action, "receive call-me-maybe over UDP") == 0)
		; /* disco.c refuses it before it gets here: tests/unit/magicsock/test_disco.c */
	else if (strcmp(action, "own endpoint gathering completes") == 0)
		path_node_endpoints_fresh(&s->node, at(s->t_ms));
	else if (strcmp(action, "rebind") == 0)
		path_on_rebind(s->peer, at(s->t_ms));
	else if (strcmp(action, "netmap update") == 0)
		netmap(s, eps, ep_list(detail, eps));
	else {
		printf("unknown input: %s\n", action);
		exit(1);
	}
}

/* ---- one trace ----------------------------------------------------------------------------------
 */

static void deliver_pongs(struct sim *s)
{
	for (size_t i = 0; i < s->n_pongs; i++) {
		struct pending_pong *p = &s->pongs[i];
		if (p->at_ms != s->t_ms)
			continue;
		path_on_pong(s->peer, at(s->t_ms), &p->ping.to, &p->ping.txid);
	}
}

static void sample_best(struct sim *s)
{
	char text[EP_TEXT_MAX];
	struct ep best = path_view(s->peer).best;
	const char *now = ep_is_set(best) ? ep_encode(best, text) : "none";
	if (s->t_ms % 10 || (s->n_best && strcmp(s->best[s->n_best - 1].text, now) == 0))
		return;
	struct event *e = &s->best[s->n_best++];
	e->t_ms = s->t_ms;
	snprintf(e->text, sizeof(e->text), "%s", now);
}

static void step(struct sim *s, const json_t *inputs, bool keep_fresh)
{
	if (keep_fresh)
		s->node.endpoints_at = at(s->t_ms);
	if (mono_due(path_deadline(s->peer), at(s->t_ms)))
		path_tick(s->peer, at(s->t_ms));
	deliver_pongs(s);
	sample_best(s);
	for (size_t i = 0; i < j_len(inputs); i++)
		if (j_int(j_at(inputs, i), "t_ms", -1) == s->t_ms)
			input(s, j_at(inputs, i));
}

static int by_time_then_text(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	if (x->t_ms != y->t_ms)
		return x->t_ms < y->t_ms ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int compare_outputs(struct sim *s, const json_t *want)
{
	struct event w[EVENTS_MAX];
	size_t n = j_len(want);
	int bad = 0;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = j_at(want, i);
		w[i].t_ms = j_int(o, "t_ms", -1);
		snprintf(w[i].text, sizeof(w[i].text), "%s %s %s", j_str(o, "via"), j_str(o, "to"),
			 j_str(o, "what"));
	}
	qsort(w, n, sizeof(*w), by_time_then_text);
	qsort(s->out, s->n_out, sizeof(*s->out), by_time_then_text);
	for (size_t i = 0; i < n || i < s->n_out; i++) {
		if (i < n && i < s->n_out && by_time_then_text(&w[i], &s->out[i]) == 0)
			continue;
		printf("  output %zu: want %lld %s, got %lld %s\n", i,
		       i < n ? (long long)w[i].t_ms : -1, i < n ? w[i].text : "nothing",
		       i < s->n_out ? (long long)s->out[i].t_ms : -1,
		       i < s->n_out ? s->out[i].text : "nothing");
		if (++bad == 5)
			break;
	}
	return bad;
}

/* The first entry is the state before anything happened; its time means nothing. */
static int compare_best(const struct sim *s, const json_t *want)
{
	int bad = j_len(want) != s->n_best;
	for (size_t i = 0; i < s->n_best && i < j_len(want); i++) {
		const json_t *o = j_at(want, i);
		if (strcmp(j_str(o, "detail"), s->best[i].text) != 0 ||
		    (i > 0 && j_int(o, "t_ms", -1) != s->best[i].t_ms))
			bad++;
	}
	for (size_t i = 0; bad && i < s->n_best; i++)
		printf("  best: %lld %s\n", (long long)s->best[i].t_ms, s->best[i].text);
	return bad;
}

static int64_t last_time(const json_t *list)
{
	int64_t last = 0;
	for (size_t i = 0; i < j_len(list); i++)
		if (j_int(j_at(list, i), "t_ms", 0) > last)
			last = j_int(j_at(list, i), "t_ms", 0);
	return last;
}

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How long the recording ran is not said: compare up to its last line, and further where it ends
 * because there is silence. */
static int64_t end_of(const json_t *t)
{
	static const char *const silent[] = { "no candidates", "two candidates, nobody answers",
					      "idle session", "call-me-maybe over UDP is ignored" };
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		if (strcmp(j_str(t, "name"), silent[i]) == 0)
			return SILENT_AFTER_MS;
	return max(last_time(j_get(t, "outputs")),
		   max(last_time(j_get(t, "inputs")), last_time(j_get(t, "best_path_changes"))));
}

static int replay(const json_t *t)
{
	static struct sim s;
	struct ep eps[16];
	const json_t *list = j_get(t, "netmap_endpoints");
	bool stale = strstr(j_str(t, "name"), "stale own endpoints") != NULL;
	memset(&s, 0, sizeof(s));
	rng_seeded_init(&s.rng, 1);
	path_node_init(&s.node, &ops, &s, &s.rng.rng);
	s.node.ping_back = false;
	s.node.eager_join = false;
	s.node.eager_rebind = false;
	s.node.endpoints_at = at(0);
	s.peer = path_new(&s.node, &s);
	for (size_t i = 0; i < j_len(list); i++)
		eps[i] = ep_at(j_text(j_at(list, i)), NULL);
	netmap(&s, eps, j_len(list));
	for (int64_t end = end_of(t); s.t_ms <= end; s.t_ms++)
		step(&s, j_get(t, "inputs"), !stale);
	int bad = compare_outputs(&s, j_get(t, "outputs")) +
		  compare_best(&s, j_get(t, "best_path_changes")) + (s.gathering != stale);
	path_free(s.peer);
	return bad;
}

int main(void)
{
	json_t *v = vec_load("path_trace.json");
	const json_t *traces = j_get(v, "traces");
	int bad = 0;
	for (size_t i = 0; i < j_len(traces); i++) {
		int n = replay(j_at(traces, i));
		printf("%s: %s\n", n ? "DIFFERS" : "same", j_str(j_at(traces, i), "name"));
		bad += n != 0;
	}
	bad += j_len(traces) < 16;
	j_free(v);
	return bad != 0;
}
