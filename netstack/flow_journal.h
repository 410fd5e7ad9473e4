/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_journal.h: flows that the sending worker has noted, for the receiving worker's table. One
 * writer, one reader, no lock and no wait: who falls behind loses the oldest. TCP has a ring of its
 * own, longer, since a connection is told of once, and neither kind can push out the other. What is
 * put before a packet is sent is there to be read when the answer to that packet has come. Pure. */
#ifndef NETSTACK_FLOW_JOURNAL_H
#define NETSTACK_FLOW_JOURNAL_H

#include "netstack/flow_key.h"

/* Which ring. */
enum flow_kind { FLOW_STATE /* UDP, SCTP */, FLOW_TCP, FLOW_KINDS };

#define FLOW_JOURNAL_LEN 1024 /* FLOW_STATE: twice what a table remembers */
#define FLOW_JOURNAL_TCP_LEN 4096

struct flow_journal;

struct flow_journal *flow_journal_new(void); /* new, empty */
void flow_journal_free(struct flow_journal *j);

static inline enum flow_kind flow_kind_of(const struct flow_key *k)
{
	return k->proto == IP_PROTO_TCP ? FLOW_TCP : FLOW_STATE;
}

/* Thread: the writer. */
void flow_journal_put(struct flow_journal *j, const struct flow_key *k);
/* How many were put; any thread. */
uint64_t flow_journal_head(const struct flow_journal *j, enum flow_kind kind);
/* The oldest that was neither read nor lost; false: none. *at: how many were read or lost, kept by
 * the reader, 0 at first. Thread: the reader. */
bool flow_journal_next(const struct flow_journal *j, enum flow_kind kind, uint64_t *at,
		       struct flow_key *out);

#endif
