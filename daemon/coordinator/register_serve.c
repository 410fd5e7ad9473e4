/* SPDX-License-Identifier: GPL-2.0-or-later */
/* register_serve.c: POST /machine/register over a connection: answers at once, after the state is
 * on disk, or when a person has decided. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/coordinator/api.h"

#include <stdio.h>
#include <stdlib.h>

/* A request that cannot be answered yet. */
struct reg_wait {
	struct list link; /* in coord->reg_waits while a login is undecided */
	struct node_req *req;
	struct store_wait sync;
	json_t *answer; /* ready, waits for the disk */
	char login[LOGIN_ID_LEN + 1];
};

static void decide(struct node_req *q);

static void wait_free(struct reg_wait *w)
{
	list_remove(&w->link);
	store_cancel(&w->sync);
	w->req->owner = NULL;
	w->req->on_gone = NULL;
	j_free(w->answer);
	free(w);
}

static void on_gone(struct node_req *q)
{
	wait_free(q->owner);
}

static struct reg_wait *wait_new(struct node_req *q)
{
	struct reg_wait *w = xcalloc(1, sizeof(*w));

	list_init(&w->link);
	store_wait_init(&w->sync);
	w->req = q;
	q->owner = w;
	q->on_gone = on_gone;
	return w;
}

static void on_stored(struct store_wait *s, int err)
{
	struct reg_wait *w = s->arg;
	struct node_req *q = w->req;
	json_t *answer = w->answer;

	w->answer = NULL;
	wait_free(w);
	if (err == 0) {
		node_reply_json(q, answer);
		return;
	}
	j_free(answer);
	node_reply_text(q, 500, "the server cannot store its state\n");
}

static void answer_when_stored(struct node_req *q, json_t *answer)
{
	struct reg_wait *w = wait_new(q);

	w->answer = answer;
	store_sync(node_conn_coord(q->conn)->store, &w->sync, on_stored, w);
}

static void hold(struct node_req *q, const struct login *g)
{
	struct reg_wait *w = wait_new(q);

	memcpy(w->login, g->id, sizeof(w->login));
	list_push_back(&node_conn_coord(q->conn)->reg_waits, &w->link);
}

void register_waits_wake(struct coord *c, const char *login_id)
{
	LIST_EACH (it, &c->reg_waits) {
		struct reg_wait *w = LIST_ENTRY(it, struct reg_wait, link);
		struct node_req *q = w->req;

		if (strcmp(w->login, login_id) != 0)
			continue;
		wait_free(w);
		decide(q);
	}
}

void register_waits_forget(struct coord *c)
{
	LIST_EACH (it, &c->reg_waits) {
		struct reg_wait *w = LIST_ENTRY(it, struct reg_wait, link);
		struct node_req *q = w->req;

		if (login_find(&c->logins, w->login))
			continue;
		wait_free(w);
		decide(q);
	}
}

static void announce_login(const struct coord *c, const struct login *g)
{
	struct log_esc_buf esc;

	LOG_LIMITED(
	    1, LOG_INFO,
	    "register: %s wants to join; to allow it: meshcoord node approve-login %s --state %s",
	    log_esc(span_str(j_str(g->hostinfo, "Hostname") ? j_str(g->hostinfo, "Hostname")
							    : "a node"),
		    &esc),
	    g->id, c->conf->state_dir);
}

static void answer(struct node_req *q, const struct register_outcome *o)
{
	struct coord *c = node_conn_coord(q->conn);
	json_t *body;

	if (o->verdict == REGISTER_WAIT) {
		hold(q, o->login);
		return;
	}
	if (o->node)
		coord_auto_approve(c, o->node);
	if (o->verdict == REGISTER_LOGIN)
		announce_login(c, o->login);
	body = register_answer(o, c->conf->url);
	/* also where nothing changed now: what made the node known may still be on its way to the
	 * disk */
	if (o->stored || o->verdict == REGISTER_OK)
		answer_when_stored(q, body);
	else
		node_reply_json(q, body);
}

static void refuse_version(struct node_req *q, int version)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "unsupported client version: capability version %d, needed %d\n", version,
		 CLIENT_VERSION_MIN);
	node_reply_text(q, 400, text);
}

static void decide(struct node_req *q)
{
	struct coord *c = node_conn_coord(q->conn);
	struct register_env env = coord_env(c);
	struct register_request rq;
	struct register_outcome out;
	int rc = register_parse(buf_span(&q->body), env.wall, &rq);

	if (rc == -ERR_SYNTAX || rq.version < CLIENT_VERSION_MIN) {
		refuse_version(q, rc == -ERR_SYNTAX ? 0 : rq.version);
	} else if (rc < 0) {
		node_reply_text(q, 400, "NodeKey is not valid\n");
	} else {
		register_decide(&env, node_conn_machine(q->conn), &rq, &out);
		answer(q, &out);
	}
	register_request_fini(&rq);
}

void api_register(struct node_req *q)
{
	struct faults *f = &node_conn_coord(q->conn)->faults;

	if (f->register_times > 0) {
		f->register_times--;
		node_reply_retry(q, f->register_status, f->retry_after);
		return;
	}
	decide(q);
}
