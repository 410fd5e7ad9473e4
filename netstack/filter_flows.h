/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_flows.h: what the filter remembers of flows, and who opened them. Pure. For filter.c.
 *
 *   UDP, SCTP  OURS    we sent first: answers pass whatever the rules say
 *              THEIRS  a rule let them in first: our answers do not make it a flow of ours, so it
 *                      ends with its rule. Forgotten after FLT_THEIRS_S without a packet of theirs,
 *                      which may then be answers to something new of ours.
 *   TCP        OURS    we sent the SYN; those whose handshake has been seen through and is not
 *                      over yet have a table of their own, which no scan of ours can fill
 *              OLDER   passed while nothing had ever been taken away and no rule spoke for it: a
 *                      connection of ours, older than this daemon
 *              THEIRS  what the filter in force has said to a flow that a rule lets in
 *
 * Each kind has its own bounded table, so that nothing a peer sends can push out what we opened. It
 * can push out what is known of its own flows: one that the policy took from it becomes ours if it
 * may still send FLT_THEIRS others and our side has gone on sending on it all the while. */
#ifndef NETSTACK_FILTER_FLOWS_H
#define NETSTACK_FILTER_FLOWS_H

#include "netstack/filter.h"
#include "netstack/flow_lru.h"

#define FLT_THEIRS 2048
#define FLT_THEIRS_S 180
#define FLT_TCP_OPENED 2048
#define FLT_TCP_OURS 8192
#define FLT_TCP_OLDER 2048
#define FLT_TCP_THEIRS 2048

/* A flow that is being judged. */
struct flow_ref {
	struct flow_key key;
	uint32_t hash;
};

/* p belongs to the flow that filter (its number) passed last: it need not be judged again. SYN, FIN
 * and RST never do. */
bool flt_flows_is_last(const struct flt_flows *s, uint64_t filter, const struct pkt *p);
void flt_flows_set_last(struct flt_flows *s, uint64_t filter, const struct flow_ref *r);

/* The flow of a packet that came in, once what the sender noted has been learned. */
struct flow_ref flt_flows_ref_in(struct flt_flows *s, const struct pkt *p);

/* UDP, SCTP. All make what they find the most recent one. */
bool flt_flows_is_ours(struct flt_flows *s, const struct flow_ref *r);
/* That filter has let it in before. */
bool flt_flows_is_theirs(struct flt_flows *s, const struct flow_ref *r, uint64_t filter);
void flt_flows_let_in(struct flt_flows *s, const struct flow_ref *r, uint64_t filter);
/* They still try, so that what we send is still no flow of ours. */
void flt_flows_refused(struct flt_flows *s, const struct flow_ref *r);

/* TCP, packets that are no SYN; flags of the packet. */
bool flt_flows_is_ours_tcp(struct flt_flows *s, const struct flow_ref *r, uint8_t flags);
bool flt_flows_is_theirs_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter);
void flt_flows_let_in_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter);
void flt_flows_pick_up_tcp(struct flt_flows *s, const struct flow_ref *r); /* if there is room */
/* A rule let their SYN in: whoever had these addresses and ports before, the flow is theirs. */
void flt_flows_began_tcp(struct flt_flows *s, const struct flow_ref *r, uint64_t filter);

/* We send on a flow; k as its answers look. TCP: a SYN of ours. */
void flt_flows_note(struct flt_flows *s, const struct flow_key *k);

/* The filter in force is (not) a shields-up one. UDP and SCTP of a normal filter end with shields
 * up. */
void flt_flows_follow(struct flt_flows *s, bool shields);

#endif
