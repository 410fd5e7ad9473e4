/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/pings.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/coordinator/api.h"
#include "daemon/coordinator/map_serve.h"

#include <stdlib.h>

#define PING_ID_LEN 16

struct ping {
	struct list link;
	struct coord *coord;
	char id[PING_ID_LEN + 1];
	bool c2n;
	struct machine_key machine;
	mono_t sent;
	struct loop_timer timer;
	ping_fn *fn;
	void *arg;
};

static void finish(struct ping *p, const struct ping_result *r)
{
	list_remove(&p->link);
	loop_timer_cancel(&p->timer);
	p->fn(p->arg, r);
	free(p);
}

static void on_timeout(struct loop_timer *t, mono_t now)
{
	(void)now;
	finish(t->arg, &(struct ping_result){ .err = -ERR_TIMEOUT });
}

static json_t *ping_request(const struct ping *p, const char *c2n)
{
	json_t *msg = j_object(), *pr = j_object();
	char *url = xasprintf("%s/machine/%s%s", p->coord->conf->url,
			      c2n ? "c2n/" : "ping-response?id=", p->id);

	j_set_str(pr, "URL", url);
	if (c2n) {
		j_set_bool(pr, "URLIsNoise", true);
		j_set_str(pr, "Types", "c2n");
		j_set_base64(pr, "Payload", span_str(c2n));
	}
	j_set(msg, "PingRequest", pr);
	free(url);
	return msg;
}

static size_t count(const struct coord *c)
{
	size_t n = 0;

	LIST_EACH (it, &c->pings)
		n++;
	return n;
}

int ping_start(struct coord *c, const struct node *n, const char *c2n, ping_fn *fn, void *arg)
{
	struct ping *p;
	uint8_t id[PING_ID_LEN / 2];
	json_t *msg;
	char *text;

	if (!node_online(n))
		return -ERR_NOENT;
	if (count(c) >= PINGS_MAX)
		return -ERR_FULL;
	p = xcalloc(1, sizeof(*p));
	p->coord = c;
	p->c2n = c2n != NULL;
	p->machine = n->machine;
	p->sent = loop_now(c->loop);
	p->fn = fn;
	p->arg = arg;
	rng_fill(c->rng, id, sizeof(id));
	hex_encode(span_of(id, sizeof(id)), p->id);
	list_push_back(&c->pings, &p->link);
	loop_timer_init(c->loop, &p->timer, on_timeout, p);
	loop_timer_arm_ms(&p->timer, PING_TIMEOUT_MS);
	msg = ping_request(p, c2n);
	text = j_dump(msg);
	map_sessions_inject(c, n->id, span_str(text));
	free(text);
	j_free(msg);
	return 0;
}

static struct ping *find(struct coord *c, struct span id, bool c2n)
{
	LIST_EACH (it, &c->pings) {
		struct ping *p = LIST_ENTRY(it, struct ping, link);

		if (p->c2n == c2n && id.len == PING_ID_LEN && secret_eq(p->id, id.p, PING_ID_LEN))
			return p;
	}
	return NULL;
}

static double elapsed_ms(const struct ping *p)
{
	return (double)mono_diff_ns(mono_now(), p->sent) / 1e6;
}

bool ping_answered(struct coord *c, struct span id)
{
	struct ping *p = find(c, id, false);

	if (!p)
		return false;
	finish(p, &(struct ping_result){ .ms = elapsed_ms(p) });
	return true;
}

void api_c2n_answer(struct node_req *q, const char *id)
{
	struct ping *p = find(node_conn_coord(q->conn), span_str(id), true);

	/* only the node that was asked may answer */
	if (!p || !machine_key_eq(&p->machine, node_conn_machine(q->conn))) {
		node_reply_text(q, 404, "nobody waits for this answer\n");
		return;
	}
	finish(p, &(struct ping_result){ .ms = elapsed_ms(p), .body = buf_span(&q->body) });
	node_reply(q, 200, span_of(NULL, 0));
}

void pings_stop(struct coord *c)
{
	LIST_EACH (it, &c->pings)
		finish(LIST_ENTRY(it, struct ping, link),
		       &(struct ping_result){ .err = -ERR_CLOSED });
}
