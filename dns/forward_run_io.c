/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward_run_io.c: one request on its way: what the race says is done with sockets, and what comes
 * in is told to the race. */
#include "dns/forward_priv.h"

#include <stdlib.h>

/* ---- which run a question belongs to ------------------------------------------------------- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 0x20) : c;
}

static bool same_nocase(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static bool same_question(const struct dns_query *a, const struct dns_query *b)
{
	return a->type == b->type && a->class == b->class && a->question_len == b->question_len &&
	       same_nocase(a->question, b->question, a->question_len - 4u);
}

static struct list *bucket_of(struct dns_forward *f, const struct dns_query *q)
{
	uint8_t key[DNS_WIRE_NAME_MAX + 4];

	for (size_t i = 0; i < q->question_len; i++)
		key[i] = lower(q->question[i]);
	return &f->runs[map_hash(key, q->question_len) % RUN_BUCKETS];
}

/* Both begin with a header whose id is 0 and the plain question. */
static bool same_request(const struct dns_run *r, struct span msg)
{
	size_t end = DNS_HEADER_LEN + (size_t)r->q.question_len;

	return r->msg_len == msg.len && memcmp(r->msg, msg.p, DNS_HEADER_LEN) == 0 &&
	       memcmp(r->msg + end, msg.p + end, msg.len - end) == 0;
}

struct dns_run *dns_run_find(struct dns_forward *f, uint64_t path, const struct dns_query *q,
			     struct span msg, bool udp)
{
	struct list *bucket = bucket_of(f, q);

	LIST_EACH(it, bucket) {
		struct dns_run *r = LIST_ENTRY(it, struct dns_run, bucket);

		if (r->path == path && r->race.udp_client == udp && same_question(&r->q, q) &&
		    same_request(r, msg))
			return r;
	}
	return NULL;
}

unsigned dns_run_depth(struct dns_forward *f, const struct dns_query *q, struct ip from)
{
	struct list *bucket = bucket_of(f, q);
	unsigned n = 0;

	LIST_EACH(it, bucket) {
		struct dns_run *r = LIST_ENTRY(it, struct dns_run, bucket);

		n += ip_eq(r->from, from) && same_question(&r->q, q);
	}
	return n;
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* Dead ones are left out, or asked on the side to see whether they are back; nobody waits for the
 * head start they had. When all are dead, all are asked. */
static void add_lanes(struct dns_run *r, mono_t now)
{
	struct dns_forward *f = r->f;
	const struct dns_group *g = r->group;
	uint32_t head_start = UINT32_MAX;

	for (size_t i = 0; i < g->n; i++)
		if (!dead_is(&f->dead, g->keys[i]) && g->targets[i].delay_ms < head_start)
			head_start = g->targets[i].delay_ms;
	for (size_t i = 0; i < g->n; i++) {
		const struct dns_target *t = &g->targets[i];
		bool dead = dead_is(&f->dead, g->keys[i]);

		if (head_start == UINT32_MAX)
			race_add(&r->race, t->kind, t->delay_ms, true);
		else if (dead)
			race_add(&r->race, t->kind, 0, dead_take_probe(&f->dead, now, g->keys[i]));
		else
			race_add(&r->race, t->kind, t->delay_ms - head_start, true);
	}
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	dns_run_advance(t->arg);
}

static void init_lanes(struct dns_run *r)
{
	for (size_t i = 0; i < r->group->n; i++) {
		struct lane_io *l = &r->lanes[i];

		l->env = &r->f->env;
		l->q = &r->q;
		l->to = &r->group->targets[i];
		l->index = i;
		l->owner = r;
	}
}

struct dns_run *dns_run_new(struct dns_forward *f, struct dns_group *g, const struct dns_query *q,
			    struct span msg, const struct dns_client *who)
{
	mono_t now = loop_now(f->loop);
	struct dns_run *r = xcalloc(1, sizeof(*r) + g->n * sizeof(r->lanes[0]) + msg.len);

	r->f = f;
	r->group = dns_group_ref(g);
	r->path = dns_group_path(g, &f->env);
	r->from = who->from;
	r->q = *q;
	r->msg = (uint8_t *)&r->lanes[g->n];
	r->msg_len = msg.len;
	memcpy(r->msg, msg.p, msg.len);
	list_init(&r->asks);
	loop_timer_init(f->loop, &r->timer, on_timer, r);
	init_lanes(r);
	race_init(&r->race, now, &(struct race_opts){ .udp_client = who->udp, .tcp = f->tcp });
	add_lanes(r, now);
	list_push_back(bucket_of(f, q), &r->bucket);
	f->n_runs++;
	return r;
}

void dns_run_free(struct dns_run *r)
{
	for (size_t i = 0; i < r->group->n; i++)
		lane_stop_all(&r->lanes[i]);
	loop_timer_cancel(&r->timer);
	list_remove(&r->bucket);
	r->f->n_runs--;
	dns_group_unref(r->group);
	free(r->kept);
	free(r);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void remember_dead(struct dns_run *r, mono_t now)
{
	struct dead *d = &r->f->dead;

	for (size_t i = 0; i < r->group->n; i++) {
		switch (race_mark(&r->race, now, i)) {
		case RACE_MARK_ALIVE:
			dead_on_alive(d, r->group->keys[i]);
			break;
		case RACE_MARK_DEAD:
			dead_on_miss(d, now, r->group->keys[i]);
			break;
		case RACE_MARK_NONE:
			break;
		}
	}
}

static void learn(struct dns_run *r)
{
	mono_t now = loop_now(r->f->loop);

	if (!r->starved)
		remember_dead(r, now);
	if (race_anybody_there(&r->race))
		dns_trouble_on_alive(r->f);
	else if (!r->starved)
		dns_trouble_on_silence(r->f, r->group, r->race.begun);
}

/* reply empty: SERVFAIL of our own. Callbacks may ask and cancel: nothing finds the run any more. */
static void finish(struct dns_run *r, struct span reply)
{
	struct list *first;

	learn(r);
	list_remove(&r->bucket);
	loop_timer_cancel(&r->timer);
	for (size_t i = 0; i < r->group->n; i++)
		lane_stop_all(&r->lanes[i]);
	while ((first = list_first(&r->asks))) {
		struct dns_ask *a = LIST_ENTRY(first, struct dns_ask, link);

		if (reply.len)
			dns_ask_answer(a, reply);
		else
			dns_ask_servfail(a);
	}
	dns_run_free(r);
}

static void won(struct dns_run *r, enum race_via via, struct span reply)
{
	static const enum dns_forward_count counts[] = { [RACE_UDP] = FWD_WON_UDP,
							 [RACE_TCP] = FWD_WON_TCP,
							 [RACE_HTTP] = FWD_WON_HTTP };
	struct dns_forward *f = r->f;
	uint8_t *copy = try_calloc(1, reply.len);

	dns_forward_count(counts[via]);
	if (f->cache && dns_cache_fits(&r->q, span_of(r->msg, r->msg_len)))
		dns_cache_put(f->cache, loop_now(f->loop), r->path, &r->q,
			      span_of(r->msg, r->msg_len), reply);
	/* what came stands in a buffer of the lane, which ends first */
	if (copy)
		memcpy(copy, reply.p, reply.len);
	finish(r, span_of(copy, copy ? reply.len : 0));
	free(copy);
}

static void lost(struct dns_run *r)
{
	dns_forward_count(FWD_LOST);
	finish(r, race_gives_kept(&r->race) ? span_of(r->kept, r->kept_len) : span_of(NULL, 0));
}

static void keep(struct dns_run *r, struct span reply)
{
	uint8_t *copy = try_calloc(1, reply.len);

	if (!copy)
		return;
	memcpy(copy, reply.p, reply.len);
	free(r->kept);
	r->kept = copy;
	r->kept_len = reply.len;
}

/* ---- events --------------------------------------------------------------------------------- */

void dns_run_on_lane(struct lane_io *l, enum race_via via, enum dns_reply_verdict v,
		     struct span reply)
{
	struct dns_run *r = l->owner;
	mono_t now = loop_now(r->f->loop);
	bool truncated = reply.len > 2 && (reply.p[2] & (DNS_TC >> 8));

	if (!reply.p) {
		lane_stop(l, via);
		race_on_error(&r->race, now, l->index, via);
		dns_run_advance(r);
		return;
	}
	switch (race_on_reply(&r->race, now, l->index, via, v, truncated)) {
	case RACE_WAIT_ON:
		dns_forward_count(FWD_IGNORED);
		return;
	case RACE_WIN:
		won(r, via, reply);
		return;
	case RACE_KEEP:
		keep(r, reply);
		break;
	case RACE_OVER:
		break;
	}
	lane_stop(l, via);
	dns_run_advance(r);
}

static bool is_asking(const struct dns_run *r)
{
	for (size_t i = 0; i < r->group->n; i++)
		if (r->lanes[i].udp_open || r->lanes[i].tcp || r->lanes[i].http)
			return true;
	return false;
}

/* The first socket of each question is sure; more of them, as long as the questions that may yet
 * come keep theirs. */
static bool may_open(const struct dns_run *r)
{
	const struct dns_forward *f = r->f;
	unsigned to_come = f->shares.max > f->n_runs ? f->shares.max - f->n_runs : 0;

	return !is_asking(r) || f->env.n_sockets + to_come < f->sockets_max;
}

static void start_lane(struct dns_run *r, mono_t now, const struct race_step *s)
{
	int rc = may_open(r) ? lane_start(&r->lanes[s->lane], s->via, span_of(r->msg, r->msg_len))
			     : -ERR_FULL;

	if (rc == 0)
		return;
	if (rc == -ERR_FULL) {
		dns_forward_count(FWD_STARVED);
		r->starved = true;
	}
	race_on_error(&r->race, now, s->lane, s->via);
}

static void take_steps(struct dns_run *r, mono_t now)
{
	struct race_step s;

	while (race_next(&r->race, now, &s)) {
		if (s.act == RACE_STOP)
			lane_stop(&r->lanes[s.lane], s.via);
		else
			start_lane(r, now, &s);
	}
}

/* A race that is lost at once is told about by the timer, not from inside the question. */
void dns_run_begin(struct dns_run *r)
{
	mono_t now = loop_now(r->f->loop);

	take_steps(r, now);
	loop_timer_arm(&r->timer, r->race.state == RACE_LOST ? now : race_deadline(&r->race));
}

void dns_run_advance(struct dns_run *r)
{
	take_steps(r, loop_now(r->f->loop));
	if (r->race.state == RACE_LOST)
		lost(r);
	else
		loop_timer_arm(&r->timer, race_deadline(&r->race));
}
