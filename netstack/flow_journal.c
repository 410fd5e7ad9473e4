/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/flow_journal.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WORDS (sizeof(struct flow_key) / sizeof(uint64_t))

struct entry {
	_Atomic uint64_t word[WORDS];
};

struct flow_journal {
	_Atomic uint64_t head; /* entries put so far; the last one is at (head - 1) % LEN */
	struct entry v[FLOW_JOURNAL_LEN];
};

_Static_assert(sizeof(struct flow_key) % sizeof(uint64_t) == 0, "a key is whole words");

struct flow_journal *flow_journal_new(void)
{
	return xcalloc(1, sizeof(struct flow_journal));
}

void flow_journal_free(struct flow_journal *j)
{
	free(j);
}

uint64_t flow_journal_head(const struct flow_journal *j)
{
	return atomic_load_explicit(&j->head, memory_order_acquire);
}

/* Each word is a release, so that a reader who sees one of the new words sees the head that came
 * before it, and knows that the entry it is copying is being replaced. */
void flow_journal_put(struct flow_journal *j, const struct flow_key *k)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	uint64_t words[WORDS];
	memcpy(words, k, sizeof(words));
	struct entry *e = &j->v[head % FLOW_JOURNAL_LEN];
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&e->word[i], words[i], memory_order_release);
	atomic_store_explicit(&j->head, head + 1, memory_order_release);
}

/* False: the writer has come round to it. */
static bool copy(const struct flow_journal *j, uint64_t at, struct flow_key *out)
{
	const struct entry *e = &j->v[at % FLOW_JOURNAL_LEN];
	uint64_t words[WORDS];
	for (size_t i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(&e->word[i], memory_order_acquire);
	memcpy(out, words, sizeof(words));
	return flow_journal_head(j) - at < FLOW_JOURNAL_LEN;
}

bool flow_journal_next(const struct flow_journal *j, uint64_t *at, struct flow_key *out)
{
	uint64_t head;
	while ((head = flow_journal_head(j)) != *at) {
		if (head - *at >= FLOW_JOURNAL_LEN)
			*at = head - FLOW_JOURNAL_LEN + 1;
		uint64_t mine = (*at)++;
		if (copy(j, mine, out))
			return true;
	}
	return false;
}
