/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter.h: the packet filter. Pure. Rules and their meaning: spec/routing.md 7.
 *
 *   flt_rules  plain values, parsed from the control server's JSON (filter_parse.h)
 *   flt        compiled from rules and the local set; immutable, shared by all threads
 *   flt_flows  who opened which flow; mutable, one per worker and kind of filter, and it outlives
 *              any number of rebuilds of the filter
 *
 * Policy that is withdrawn ends what it had let in, with the first packet that the new filter sees.
 * UDP and SCTP: only answers to what we sent first pass without a rule. TCP past its SYN passes, as
 * with other agents, as long as nothing has ever been taken away; from then on (a "narrowed"
 * filter) only if we opened the connection or a rule still lets it in. filter_flows.h tells how
 * that is known. Nothing is sent back for a connection that is cut: it stands still, as behind any
 * firewall that was closed, and a bulk sender gets no packet for each of its own.
 *
 * Cost of a verdict: a comparison for one more packet of the flow that passed last; O(log l) for
 * the local set of l ranges and a few look-ups in hash tables for a flow that is known; else
 * O(log s + k log d) where s counts the source ranges of all rules, k the rules that name this
 * source, d the destinations of one rule. Memory is linear in the rules. Nothing is allocated per
 * packet. */
#ifndef NETSTACK_FILTER_H
#define NETSTACK_FILTER_H

#include "base/mono.h"
#include "netstack/ip_wire.h"
#include "netstack/ranges.h"

/* ---- rules ---- */

struct flt_protos {
	uint64_t bits[4]; /* one per IP protocol number */
};

struct flt_dst {
	struct ip_range net;
	uint16_t first, last; /* ports, inclusive */
};

struct flt_rule {
	struct ip_range *srcs;
	size_t n_srcs;
	char **src_caps; /* sources that hold one of these node capabilities */
	size_t n_src_caps;
	struct flt_dst *dsts;
	size_t n_dsts;
	struct flt_protos protos;
};

struct flt_rules {
	struct flt_rule *v;
	size_t n, cap;
};

static inline void flt_protos_add(struct flt_protos *p, uint8_t proto)
{
	p->bits[proto / 64] |= UINT64_C(1) << (proto % 64);
}
static inline bool flt_protos_has(const struct flt_protos *p, uint8_t proto)
{
	return p->bits[proto / 64] >> (proto % 64) & 1;
}

void flt_rules_fini(struct flt_rules *r); /* leaves it empty */
/* Does any rule name a capability as source? If not, flt_new needs no holders. */
bool flt_rules_use_caps(const struct flt_rules *r);
/* Does any rule that grants packets have a source inside one of the prefixes? Then, for peers that
 * may only use the peer API, the caller must drop all rules (health "invalid-packet-filter").
 * O(m log m) for m sources and prefixes: ask for all peers at once. */
bool flt_rules_name_source(const struct flt_rules *r, const struct prefix *p, size_t n);

/* ---- compiled filter ---- */

struct flt;

/* Peer self address `ip` holds node capability `cap`; leave out peers that may only use the peer
 * API and peers outside the tailnet lock. */
struct flt_cap_holder {
	struct ip ip;
	const char *cap;
};

/* rules and local (sorted) are borrowed for the call. New; NULL when memory ran out. */
struct flt *flt_new(const struct flt_rules *rules, const struct ranges *local,
		    const struct flt_cap_holder *holders, size_t n_holders);
/* Shields up, also used for jailed peers: nothing may come in but answers. */
struct flt *flt_new_shields(const struct ranges *local);
void flt_free(struct flt *f); /* NULL is fine */
bool flt_is_shields(const struct flt *f);
/* f is to take the place of old. If old let somebody in whom f does not, as far as a look at equal
 * rules can tell (so a rule whose destinations or ports changed counts as taken away), or if old
 * was narrowed, f is narrowed. The local set does not count: what is not in it is refused whoever
 * asks. Before f is shared. */
void flt_succeed(struct flt *f, const struct flt *old);
void flt_set_narrowed(struct flt *f); /* likewise */
bool flt_is_narrowed(const struct flt *f);

/* ---- flows ---- */

#define FLT_FLOWS 512 /* of UDP and SCTP that we opened; without a time limit */

struct flt_flows;

/* seed: random, so that nobody can aim for one hash chain. New. Thread: one at a time. */
struct flt_flows *flt_flows_new(uint64_t seed);
void flt_flows_free(struct flt_flows *s);
size_t flt_flows_len(const struct flt_flows *s); /* of FLT_FLOWS */
/* What time it is, to the second; once a batch is enough. Never called: time stands still. */
void flt_flows_tick(struct flt_flows *s, mono_t now);
/* Packets go out by one thread and come in by another, each with a table of its own: what the first
 * notes goes into a journal, from which the second learns before it looks. j is borrowed. */
struct flow_journal;
void flt_flows_write(struct flt_flows *s, struct flow_journal *j);
void flt_flows_read(struct flt_flows *s, const struct flow_journal *j);

/* ---- verdicts ---- */

enum flt_verdict {
	FLT_PASS,
	FLT_DROP_TOO_SHORT,
	FLT_DROP_UNKNOWN_PROTO,
	FLT_DROP_MULTICAST,
	FLT_DROP_LINK_LOCAL,
	FLT_DROP_NO_FILTER,	/* nothing comes in before the first filter */
	FLT_DROP_NOT_LOCAL,	/* destination outside the local set */
	FLT_DROP_ACL,		/* no rule allows it */
	FLT_DROP_WITHDRAWN,	/* TCP past its SYN that no rule allows any more */
	FLT_DROP_FOREIGN_ERROR, /* ICMP error about a packet that is not ours */
	FLT_DROP_OWN,		/* ours to handle, not to pass on: TSMP, our own disco packets */
	FLT_VERDICT_MAX
};

/* Packet from a peer. f may be NULL (drop). p: decoded from a buffer of buf_len bytes. Only flows
 * is changed. Going from a filter to a shields-up one forgets the flows; the way back keeps them.
 */
enum flt_verdict flt_in(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			size_t buf_len);
/* The checks of both directions that need no filter; FLT_PASS: nothing against it so far. */
enum flt_verdict flt_check(const struct pkt *p, size_t buf_len);
/* Packet to a peer: flt_check, and remember the flow. f may be NULL. */
enum flt_verdict flt_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			 size_t buf_len);
/* Remember the flow of a packet we made ourselves, which needs no verdict. Before SNAT. */
void flt_note_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p);
/* Is it a destination we may receive packets for? */
bool flt_is_local(const struct flt *f, struct ip ip);
/* Would a TCP SYN from src to dst be let in? For decisions above the packet path. */
bool flt_allows_tcp(const struct flt *f, struct ip src, struct ep dst);

/* ---- counters ---- */

/* "netstack_in_drop_acl", ...; Thread: any. */
void flt_counters_register(void);
void flt_count_in(enum flt_verdict v, uint64_t n);
void flt_count_out(enum flt_verdict v, uint64_t n);

#endif
