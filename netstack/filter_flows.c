/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter_flows.h"

#include "base/alloc.h"
#include "netstack/flow_journal.h"

#include <stdlib.h>

#define N_CHAINS (FLT_FLOWS * 2)
#define NIL UINT16_MAX
/* A flow in use is told again after so many others, or the reader would forget it. */
#define TELL_AGAIN (FLT_FLOWS / 4)

struct flow {
	struct flow_key key;
	uint64_t told; /* journal entry */
	uint16_t chain_next;
	uint16_t newer, older; /* NIL at the ends */
};

struct flt_flows {
	uint64_t seed;
	bool shields; /* of the filter last followed */
	struct flow_journal *to;
	const struct flow_journal *from;
	uint64_t from_at;
	size_t n;
	uint16_t newest, oldest;
	uint16_t chains[N_CHAINS];
	struct flow v[FLT_FLOWS];
};

_Static_assert(sizeof(struct flow_key) == 40, "flow_key is hashed and compared as bytes");

struct flow_key flow_key_in(const struct pkt *p)
{
	struct flow_key k = {
		.sport = p->src.port, .dport = p->dst.port, .proto = p->proto, .version = p->version
	};
	memcpy(k.src, p->src.ip.b, 16);
	memcpy(k.dst, p->dst.ip.b, 16);
	return k;
}

struct flow_key flow_key_out(const struct pkt *p)
{
	struct pkt back = *p;
	back.src = p->dst;
	back.dst = p->src;
	return flow_key_in(&back);
}

static void forget_all(struct flt_flows *s)
{
	s->n = 0;
	s->newest = s->oldest = NIL;
	for (size_t i = 0; i < N_CHAINS; i++)
		s->chains[i] = NIL;
}

struct flt_flows *flt_flows_new(uint64_t seed)
{
	struct flt_flows *s = xcalloc(1, sizeof(*s));
	s->seed = seed;
	forget_all(s);
	return s;
}

void flt_flows_free(struct flt_flows *s)
{
	free(s);
}

size_t flt_flows_len(const struct flt_flows *s)
{
	return s->n;
}

static uint16_t *chain_of(struct flt_flows *s, const struct flow_key *k)
{
	uint64_t h = s->seed, word;
	const uint8_t *p = (const uint8_t *)k;
	for (size_t i = 0; i < sizeof(*k); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return &s->chains[h % N_CHAINS];
}

static uint16_t find(struct flt_flows *s, const struct flow_key *k)
{
	uint16_t i = *chain_of(s, k);
	while (i != NIL && memcmp(&s->v[i].key, k, sizeof(*k)) != 0)
		i = s->v[i].chain_next;
	return i;
}

static void age_unlink(struct flt_flows *s, uint16_t i)
{
	struct flow *f = &s->v[i];
	if (f->newer == NIL)
		s->newest = f->older;
	else
		s->v[f->newer].older = f->older;
	if (f->older == NIL)
		s->oldest = f->newer;
	else
		s->v[f->older].newer = f->newer;
}

static void age_push(struct flt_flows *s, uint16_t i)
{
	s->v[i].newer = NIL;
	s->v[i].older = s->newest;
	if (s->newest == NIL)
		s->oldest = i;
	else
		s->v[s->newest].newer = i;
	s->newest = i;
}

static void touch(struct flt_flows *s, uint16_t i)
{
	if (s->newest == i)
		return;
	age_unlink(s, i);
	age_push(s, i);
}

static void chain_unlink(struct flt_flows *s, uint16_t i)
{
	uint16_t *at = chain_of(s, &s->v[i].key);
	while (*at != i)
		at = &s->v[*at].chain_next;
	*at = s->v[i].chain_next;
}

/* A place that is in no list: a fresh one, or the one of the oldest flow. */
static uint16_t take_place(struct flt_flows *s)
{
	if (s->n < FLT_FLOWS)
		return (uint16_t)s->n++;
	uint16_t i = s->oldest;
	age_unlink(s, i);
	chain_unlink(s, i);
	return i;
}

static uint16_t insert(struct flt_flows *s, const struct flow_key *k)
{
	uint16_t i = take_place(s);
	uint16_t *chain = chain_of(s, k);
	s->v[i].key = *k;
	s->v[i].chain_next = *chain;
	*chain = i;
	age_push(s, i);
	return i;
}

static void tell(struct flt_flows *s, struct flow *f)
{
	f->told = flow_journal_head(s->to);
	flow_journal_put(s->to, &f->key);
}

void flt_flows_note(struct flt_flows *s, const struct flow_key *k)
{
	uint16_t i = find(s, k);
	bool is_new = i == NIL;
	if (is_new)
		i = insert(s, k);
	else
		touch(s, i);
	if (s->to && (is_new || flow_journal_head(s->to) - s->v[i].told > TELL_AGAIN))
		tell(s, &s->v[i]);
}

static void learn(struct flt_flows *s)
{
	struct flow_key k;
	while (s->from && flow_journal_next(s->from, &s->from_at, &k))
		flt_flows_note(s, &k);
}

bool flt_flows_use(struct flt_flows *s, const struct flow_key *k)
{
	learn(s);
	uint16_t i = find(s, k);
	if (i == NIL)
		return false;
	touch(s, i);
	return true;
}

void flt_flows_follow(struct flt_flows *s, bool shields)
{
	if (shields && !s->shields) {
		learn(s);
		forget_all(s);
	}
	s->shields = shields;
}

void flt_flows_write(struct flt_flows *s, struct flow_journal *j)
{
	s->to = j;
}

void flt_flows_read(struct flt_flows *s, const struct flow_journal *j)
{
	s->from = j;
}
