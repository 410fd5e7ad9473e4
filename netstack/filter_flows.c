/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter_flows.h"

#include "base/alloc.h"
#include "netstack/flow_journal.h"

#include <stdlib.h>

/* A flow in use is told again after so many others, or the reader would forget it; and after so
 * long, since the reader may take it for theirs now and for ours then. */
#define TELL_AGAIN (FLT_FLOWS / 4)
#define TELL_AGAIN_S 5

struct flt_flows {
	struct flow_hasher hasher;
	bool shields;	 /* of the filter last followed */
	uint32_t second; /* now */
	struct flow_journal *to;
	const struct flow_journal *from;
	uint64_t from_at[FLOW_KINDS];

	uint64_t last_filter; /* 0: nothing has passed */
	struct flow_key last;

	/* ours.mark: journal entry; theirs.mark: number of the filter that let it in */
	struct flow_lru ours, theirs;
	struct flow_lru tcp_opened, tcp_ours, tcp_older, tcp_theirs;
};

struct flt_flows *flt_flows_new(uint64_t seed)
{
	struct flt_flows *s = xcalloc(1, sizeof(*s));
	s->hasher = flow_hasher_of(seed);
	flow_lru_init(&s->ours, FLT_FLOWS);
	flow_lru_init(&s->theirs, FLT_THEIRS);
	flow_lru_init(&s->tcp_opened, FLT_TCP_OPENED);
	flow_lru_init(&s->tcp_ours, FLT_TCP_OURS);
	flow_lru_init(&s->tcp_older, FLT_TCP_OLDER);
	flow_lru_init(&s->tcp_theirs, FLT_TCP_THEIRS);
	return s;
}

void flt_flows_free(struct flt_flows *s)
{
	if (!s)
		return;
	flow_lru_fini(&s->ours);
	flow_lru_fini(&s->theirs);
	flow_lru_fini(&s->tcp_opened);
	flow_lru_fini(&s->tcp_ours);
	flow_lru_fini(&s->tcp_older);
	flow_lru_fini(&s->tcp_theirs);
	free(s);
}

size_t flt_flows_len(const struct flt_flows *s)
{
	return s->ours.n;
}

void flt_flows_write(struct flt_flows *s, struct flow_journal *j)
{
	s->to = j;
}

void flt_flows_read(struct flt_flows *s, const struct flow_journal *j)
{
	s->from = j;
}

/* ---- the flow that passed last ---- */

bool flt_flows_is_last(const struct flt_flows *s, uint64_t filter, const struct pkt *p)
{
	return s->last_filter == filter && !(p->tcp_flags & TCP_OPENS_OR_ENDS) &&
	       flow_key_matches(&s->last, p);
}

void flt_flows_set_last(struct flt_flows *s, uint64_t filter, const struct flow_ref *r)
{
	s->last_filter = filter;
	s->last = r->key;
}

/* ---- noting and learning ---- */

static struct flow_ref ref_of(const struct flt_flows *s, const struct flow_key *k)
{
	return (struct flow_ref){ *k, flow_hash(&s->hasher, k) };
}

static struct flow_entry *find(const struct flow_lru *l, const struct flow_ref *r)
{
	return flow_lru_find(l, r->hash, &r->key);
}

static void forget(struct flow_lru *l, const struct flow_ref *r)
{
	struct flow_entry *e = find(l, r);
	if (e)
		flow_lru_del(l, e);
}

/* The flow as the most recent one of l, and whether it was in it. */
static struct flow_entry *use(struct flow_lru *l, const struct flow_ref *r, bool *was)
{
	struct flow_entry *e = find(l, r);
	*was = e != NULL;
	if (!e)
		return flow_lru_add(l, r->hash, &r->key);
	flow_lru_touch(l, e);
	return e;
}

static bool is_forgotten(const struct flt_flows *s, const struct flow_entry *theirs)
{
	return s->second - theirs->second > FLT_THEIRS_S;
}

/* Is it an answer to something of theirs? */
static bool answers_theirs(struct flt_flows *s, const struct flow_ref *r)
{
	struct flow_entry *e = find(&s->theirs, r);
	if (!e)
		return false;
	if (is_forgotten(s, e)) {
		flow_lru_del(&s->theirs, e);
		return false;
	}
	flow_lru_touch(&s->theirs, e);
	return true;
}

static void tell(struct flt_flows *s, struct flow_entry *e)
{
	e->mark = flow_journal_head(s->to, FLOW_STATE);
	e->second = s->second;
	flow_journal_put(s->to, &e->key);
}

static void note_state(struct flt_flows *s, const struct flow_ref *r)
{
	bool was;
	if (!find(&s->ours, r) && answers_theirs(s, r))
		return;
	struct flow_entry *e = use(&s->ours, r, &was);
	if (s->to && (!was || s->second - e->second >= TELL_AGAIN_S ||
		      flow_journal_head(s->to, FLOW_STATE) - e->mark > TELL_AGAIN))
		tell(s, e);
}

/* What the reader looks up is all there is to remember: whoever only tells needs no table. */
static void note_tcp(struct flt_flows *s, const struct flow_ref *r)
{
	bool was;
	if (s->to) {
		flow_journal_put(s->to, &r->key);
		return;
	}
	if (!find(&s->tcp_ours, r))
		use(&s->tcp_opened, r, &was)->mark = 0;
}

void flt_flows_note(struct flt_flows *s, const struct flow_key *k)
{
	struct flow_ref r = ref_of(s, k);
	s->last_filter = 0; /* it is not the most recent flow any more */
	if (flow_kind_of(k) == FLOW_TCP)
		note_tcp(s, &r);
	else
		note_state(s, &r);
}

static void learn(struct flt_flows *s, enum flow_kind kind)
{
	struct flow_key k;
	while (s->from && flow_journal_next(s->from, kind, &s->from_at[kind], &k))
		flt_flows_note(s, &k);
}

struct flow_ref flt_flows_ref_in(struct flt_flows *s, const struct pkt *p)
{
	struct flow_key k = flow_key_in(p);
	learn(s, flow_kind_of(&k));
	return ref_of(s, &k);
}

/* What was noted before belongs to the time before: an answer to something of theirs does not
 * become more than that by being read late. */
void flt_flows_tick(struct flt_flows *s, mono_t now)
{
	uint32_t second = (uint32_t)(now.ns / NS_PER_S);
	if (s->second == second)
		return;
	learn(s, FLOW_STATE);
	learn(s, FLOW_TCP);
	s->second = second;
	s->last_filter = 0; /* so that the flow in use leaves its stamp */
}

void flt_flows_follow(struct flt_flows *s, bool shields)
{
	if (shields && !s->shields) {
		learn(s, FLOW_STATE);
		s->last_filter = 0;
		flow_lru_clear(&s->ours);
		flow_lru_clear(&s->theirs);
	}
	s->shields = shields;
}

/* ---- UDP, SCTP ---- */

bool flt_flows_is_ours(struct flt_flows *s, const struct flow_ref *r)
{
	struct flow_entry *e = find(&s->ours, r);
	if (e)
		flow_lru_touch(&s->ours, e);
	return e;
}

bool flt_flows_is_theirs(struct flt_flows *s, const struct flow_ref *r, uint64_t filter)
{
	struct flow_entry *e = find(&s->theirs, r);
	if (!e || e->mark != filter)
		return false;
	flow_lru_touch(&s->theirs, e);
	e->second = s->second;
	return true;
}

void flt_flows_let_in(struct flt_flows *s, const struct flow_ref *r, uint64_t filter)
{
	bool was;
	struct flow_entry *e = use(&s->theirs, r, &was);
	e->mark = filter;
	e->second = s->second;
}

void flt_flows_refused(struct flt_flows *s, const struct flow_ref *r)
{
	struct flow_entry *e = find(&s->theirs, r);
	if (e)
		e->second = s->second;
}

/* ---- TCP ---- */

#define ENDED 1 /* mark in tcp_opened: it was seen through, and is over */

static void move_tcp(struct flow_lru *from, struct flow_lru *to, const struct flow_ref *r,
		     uint64_t mark)
{
	bool was;
	forget(from, r);
	use(to, r, &was)->mark = mark;
}

/* A connection that is over makes room for others before one that is not. */
bool flt_flows_is_ours_tcp(struct flt_flows *s, const struct flow_ref *r, uint8_t flags)
{
	struct flow_entry *e = find(&s->tcp_ours, r);
	if (e && (flags & (TCP_FIN | TCP_RST))) {
		move_tcp(&s->tcp_ours, &s->tcp_opened, r, ENDED);
		return true;
	}
	if (e) {
		flow_lru_touch(&s->tcp_ours, e);
		return true;
	}
	e = find(&s->tcp_opened, r);
	if (!e)
		return find(&s->tcp_older, r);
	if (e->mark == ENDED || (flags & TCP_OPENS_OR_ENDS))
		flow_lru_touch(&s->tcp_opened, e);
	else
		move_tcp(&s->tcp_opened, &s->tcp_ours, r, 0);
	return true;
}

bool flt_flows_is_theirs_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter)
{
	struct flow_entry *e = find(&s->tcp_theirs, r);
	if (!e || e->mark != filter)
		return false;
	flow_lru_touch(&s->tcp_theirs, e);
	return true;
}

void flt_flows_let_in_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter)
{
	bool was;
	use(&s->tcp_theirs, r, &was)->mark = filter;
}

void flt_flows_pick_up_tcp(struct flt_flows *s, const struct flow_ref *r)
{
	if (!flow_lru_is_full(&s->tcp_older))
		flow_lru_add(&s->tcp_older, r->hash, &r->key);
}

void flt_flows_began_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter)
{
	forget(&s->tcp_opened, r);
	forget(&s->tcp_ours, r);
	forget(&s->tcp_older, r);
	flt_flows_let_in_tcp(s, r, filter);
}
