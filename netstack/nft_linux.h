/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_linux.h: the firewall (firewall.h) in the kernel's nf_tables, through libmnl and libnftnl.
 * Needs only CAP_NET_ADMIN. Each call is some 40 netlink round trips, under a millisecond; one with
 * 10,000 guarded prefixes takes some 30 ms, one more or less of them 6 ms. Nothing here logs;
 * failures are told in a report, in words for the user. Control thread. spec/routing.md 4.
 *
 * What is there afterwards, always by one transaction, so that a packet meets the old rules or the
 * new ones and a refusal leaves the old:
 *
 *   table inet meshd     ours alone, rebuilt whole. What works wherever it stands: marks,
 *                        masquerade, drops. (ip meshd, ip6 meshd where the kernel has no inet.)
 *     raw          hook prerouting -300  own addresses (@self4, @self6) only by lo and TUN
 *     prerouting   hook prerouting -150  connection mark to packet mark, mode on only
 *     output       hook output -150      packet mark to connection mark, mode on only
 *     input        hook input -10        sources in @guard4, @guard6 only by lo and TUN, or to
 *                                        our UDP port; absent with no_guard
 *     forward      hook forward -10      mark what comes by TUN; guarded sources do not go into
 *                                        TUN; stateful filtering
 *     postrouting  hook srcnat 100       masquerade what is marked, ports at random; with snat
 *
 *   tables ip filter, ip6 filter    those of iptables, since accepting is final only in the chain
 *     ts-input, ts-forward          of the one who drops. Rules that `iptables -S` can print, and
 *     INPUT, FORWARD                a jump before all others; both chains are made if missing.
 *
 * Mode nodivert: without jumps and connection marks. Where packets are accepted is then up to who
 * calls the ts-* chains; marks, masquerade and drops depend on no place among other rules, the
 * accept rules would mean nothing without them, so they stay. Mode off: nothing of this at all.
 *
 * A jump to a ts-* chain that somebody else made, or moved, in INPUT or FORWARD serves as ours if
 * it has no condition, and in mode on goes with us; others are left as they are, and what they lead
 * to is left, empty. Tables and chains of iptables that we had to make go with us unless somebody
 * used them. What we made carries a mark (user data) that listings do not show. */
#ifndef NETSTACK_NFT_LINUX_H
#define NETSTACK_NFT_LINUX_H

#include "base/loop.h"
#include "netstack/firewall.h"
#include "netstack/router_linux.h"

struct nft;

/* Changes nothing yet. tun: borrowed for the call; need not exist. New; NULL with the report
 * filled if this process cannot use nf_tables here. */
struct nft *nft_new(const char *tun, const struct router_params *p, struct router_report *rep);
/* Removes nothing by itself: nft_down first. NULL is fine. */
void nft_free(struct nft *n);

/* Make the kernel have just this, whatever is there: rules of a dead process, rules that somebody
 * took away. Costs a look if nothing differs, and a few set elements if only the guard does.
 * 0: applied, perhaps without what this kernel cannot do: see nft_lost.
 * Negative: nothing was changed; the report says why. */
int nft_apply(struct nft *n, const struct fw_config *want, struct router_report *rep);
/* Remove all that is ours. Repeatable; nothing to do is success. */
int nft_down(struct nft *n, struct router_report *rep);

/* Is what was applied last still there, unchanged? Counters and rules of others do not matter. */
MUST_CHECK int nft_check(struct nft *n, bool *intact);

/* The i-th thing that the last applied state lacks because this kernel cannot do it: one sentence
 * with what to do about it, static. NULL past the last. */
const char *nft_lost(const struct nft *n, size_t i);

/* Remove what a dead process left, also another agent's jumps to the ts-* chains. Repeatable;
 * nothing there, or no nf_tables, is success. */
void nft_cleanup(struct router_report *rep);
/* This run uses iptables: remove what an earlier one made by nftables. What iptables made in the
 * same tables (iptables-nft) stays, for iptables to take over without a gap. Repeatable likewise.
 */
void nft_hand_over(struct router_report *rep);

/* Tells when somebody else removed or changed something of ours, or may have (messages were lost):
 * time for nft_check. At most some 200 ms after it happened, several changes at once; a fight
 * with another manager is slowed down to one call in 5 s. */
struct nft_monitor;

/* n: whose own changes are no news; borrowed, outlives the monitor. on_changed is called from the
 * loop and may call nft_check and nft_apply. New; NULL: errno. */
struct nft_monitor *nft_monitor_new(struct loop *l, const struct nft *n,
				    void (*on_changed)(void *arg), void *arg);
void nft_monitor_free(struct nft_monitor *m); /* NULL is fine; not from inside on_changed */

#endif
