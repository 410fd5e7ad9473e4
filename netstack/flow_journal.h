/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_journal.h: flows that the sending worker has noted, for the receiving worker's table. One
 * writer, one reader, no lock and no wait: who falls behind loses the oldest, which a table of
 * FLT_FLOWS would have forgotten too. What is put before a packet is sent is there to be read when
 * the answer to that packet has come. Pure. */
#ifndef NETSTACK_FLOW_JOURNAL_H
#define NETSTACK_FLOW_JOURNAL_H

#include "netstack/filter_flows.h"

#define FLOW_JOURNAL_LEN (2 * FLT_FLOWS)

struct flow_journal;

struct flow_journal *flow_journal_new(void); /* new, empty */
void flow_journal_free(struct flow_journal *j);

/* Thread: the writer. */
void flow_journal_put(struct flow_journal *j, const struct flow_key *k);
uint64_t flow_journal_head(const struct flow_journal *j); /* how many were put; any thread */
/* The oldest that was neither read nor lost; false: none. *at: how many were read or lost, kept by
 * the reader, 0 at first. Thread: the reader. */
bool flow_journal_next(const struct flow_journal *j, uint64_t *at, struct flow_key *out);

#endif
