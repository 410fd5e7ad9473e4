/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iptables.h: the firewall for hosts without nftables, as texts for iptables-restore. Pure;
 * daemon/hands.h runs the programs. spec/routing.md 4.
 *
 * One text a family and table, for `iptables-restore --noflush --wait 5` (or ip6tables-restore;
 * both 1.6.2 or newer). Such a text is one transaction: our chains are filled anew and the jumps
 * into them are made or removed at one stroke, so that no packet meets half a rule set, and a
 * failure leaves the table as it was. -noflush leaves everybody else's rules alone. Inserting a
 * jump is not idempotent, so that what is there is read first, with iptables-save.
 *
 *   raw     PREROUTING  -> ts-prerouting   to own addresses only through the tunnel or from here
 *   mangle  PREROUTING  -> ts-prerouting   mark of a connection back onto answers
 *           OUTPUT      -> ts-output       mark of our sockets onto the connection
 *   nat     POSTROUTING -> ts-postrouting  masquerade what came through the tunnel
 *   filter  INPUT       -> ts-input        tunnel and our port in, forged sources out (ts-guard)
 *           FORWARD     -> ts-forward      tunnel marked and through, forged sources out (ts-guard)
 *
 * The mark rules have chains of their own, unlike the reference's, which sit in PREROUTING and
 * OUTPUT themselves: a later run with another --fwmark finds chains by name, but not such rules. */
#ifndef NETSTACK_IPTABLES_H
#define NETSTACK_IPTABLES_H

#include "netstack/firewall.h"

/* In the order to apply them: nothing is forwarded before it is masqueraded. Down: reversed. */
enum ipt_table { IPT_RAW, IPT_MANGLE, IPT_NAT, IPT_FILTER, IPT_TABLES };
const char *ipt_table_name(enum ipt_table t);

/* More sources than these a family, and the guard is the tailnet's whole range instead. */
#define IPT_GUARD_MAX 256
/* Longest text of one table, more than any ipt_want gives. */
#define IPT_TEXT_MAX (128 * 1024)
#define IPT_IFNAME_MAX 15

/* May this interface name stand in a rule? A letter, digit or '_', then also '-' and '.'; at most
 * 15. Narrower than the kernel's: no blank, no sign of an option, no '+' (a wildcard there). */
bool ipt_ifname_ok(const char *name);

/* ---- what is there ---- */

#define IPT_CHAINS 7

/* Ours among the rules of one family. Zeroed is "nothing". */
struct ipt_seen {
	struct {
		bool there;
		unsigned jumps;	     /* plain jumps from its base chain, as we make them */
		bool used_by_others; /* other jumps: the user's own, in mode nodivert */
	} chain[IPT_CHAINS];
	/* Over our rules and jumps, in order; 0: none. Equal before and after: nobody touched them.
	 */
	uint64_t digest[IPT_TABLES];
	unsigned rules[IPT_TABLES]; /* in our chains */
	int table; /* the one whose lines follow; -1: one that we have nothing in */
};
void ipt_seen_init(struct ipt_seen *s);
/* The next line of iptables-save, without its newline. Any bytes. */
void ipt_seen_line(struct ipt_seen *s, struct span line);
bool ipt_seen_any(const struct ipt_seen *s, enum ipt_table t);
/* What differs from `before` in words ("filter", "nat and filter" ...), into out; false if nothing
 * does. */
bool ipt_seen_differs(const struct ipt_seen *before, const struct ipt_seen *now, char *out,
		      size_t size);

/* ---- what to do ---- */

/* Borrowed for the call. tun: ipt_ifname_ok. cfg: mode nodivert or on. */
struct ipt_want {
	const char *tun;
	const struct router_params *params;
	const struct fw_config *cfg;
	/* Mode nodivert: plain jumps may be those of mode on, take them away. Otherwise it leaves
	 * them alone, since the user makes them. */
	bool remove_jumps;
};

/* Text that brings table t of the family from `seen` to w; appended to out, "" if there is nothing
 * to do. out should hold IPT_TEXT_MAX. */
void ipt_apply_text(const struct ipt_want *w, enum ip_family fam, enum ipt_table t,
		    const struct ipt_seen *seen, struct buf *out);
/* Text that removes what is ours; a chain that others jump to stays, empty. "" if nothing is. */
void ipt_down_text(enum ipt_table t, const struct ipt_seen *seen, struct buf *out);
/* Is what ipt_apply_text gave for table t now there? seen: read after it was fed. */
bool ipt_applied(const struct ipt_want *w, enum ipt_table t, struct span text,
		 const struct ipt_seen *seen);
/* Is the guard of this family widened to the tailnet's range (IPT_GUARD_MAX)? */
bool ipt_guard_widened(const struct fw_config *c, enum ip_family fam);

#endif
