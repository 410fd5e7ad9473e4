/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/flow_journal.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

struct entry {
	_Atomic uint64_t word[FLOW_KEY_WORDS];
};

struct ring {
	_Atomic uint64_t head; /* entries put so far; the last one is at (head - 1) % len */
	uint32_t len;
	struct entry *v;
};

struct flow_journal {
	struct ring ring[FLOW_KINDS];
	struct entry state[FLOW_JOURNAL_LEN];
	struct entry tcp[FLOW_JOURNAL_TCP_LEN];
};

_Static_assert(sizeof(struct flow_key) % sizeof(uint64_t) == 0, "a key is whole words");

struct flow_journal *flow_journal_new(void)
{
	struct flow_journal *j = xcalloc(1, sizeof(*j));
	j->ring[FLOW_STATE].len = FLOW_JOURNAL_LEN;
	j->ring[FLOW_STATE].v = j->state;
	j->ring[FLOW_TCP].len = FLOW_JOURNAL_TCP_LEN;
	j->ring[FLOW_TCP].v = j->tcp;
	return j;
}

void flow_journal_free(struct flow_journal *j)
{
	free(j);
}

static uint64_t head_of(const struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_acquire);
}

uint64_t flow_journal_head(const struct flow_journal *j, enum flow_kind kind)
{
	return head_of(&j->ring[kind]);
}

/* Each word is a release, so that a reader who sees one of the new words sees the head that came
 * before it, and knows that the entry it is copying is being replaced. */
void flow_journal_put(struct flow_journal *j, const struct flow_key *k)
{
	struct ring *r = &j->ring[flow_kind_of(k)];
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t words[FLOW_KEY_WORDS];
	memcpy(words, k, sizeof(words));
	struct entry *e = &r->v[head % r->len];
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		atomic_store_explicit(&e->word[i], words[i], memory_order_release);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

/* False: the writer has come round to it. */
static bool copy(const struct ring *r, uint64_t at, struct flow_key *out)
{
	const struct entry *e = &r->v[at % r->len];
	uint64_t words[FLOW_KEY_WORDS];
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		words[i] = atomic_load_explicit(&e->word[i], memory_order_acquire);
	memcpy(out, words, sizeof(words));
	return head_of(r) - at < r->len;
}

bool flow_journal_next(const struct flow_journal *j, enum flow_kind kind, uint64_t *at,
		       struct flow_key *out)
{
	const struct ring *r = &j->ring[kind];
	uint64_t head;
	while ((head = head_of(r)) != *at) {
		if (head - *at >= r->len)
			*at = head - r->len + 1;
		uint64_t mine = (*at)++;
		if (copy(r, mine, out))
			return true;
	}
	return false;
}
