/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_rules_linux.h"

#define TABLE_DEFAULT 253
#define TABLE_MAIN 254
#define UNREACHABLE 0 /* in the place of a table */
#define RULES 4

/* Sockets of ours (marked) use the main table, then the default table, then fail: they never loop
 * into the tunnel. Everything else tries the tunnel's table before the main one. */
static void ours(const struct router_params *p, uint8_t fam, struct kroute_rule out[static RULES])
{
	uint32_t mark = p->fwmark_bypass, mask = p->fwmark_mask, base = p->rule_base;
	out[0] = (struct kroute_rule){ fam, base + 10, mark, mask, TABLE_MAIN };
	out[1] = (struct kroute_rule){ fam, base + 30, mark, mask, TABLE_DEFAULT };
	out[2] = (struct kroute_rule){ fam, base + 50, mark, mask, UNREACHABLE };
	out[3] = (struct kroute_rule){ fam, base + 70, 0, 0, p->table };
}

static const char *family_text(uint8_t fam)
{
	return fam == IP_V4 ? "IPv4" : "IPv6";
}

void router_rules_add(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep)
{
	struct kroute_rule rules[RULES];
	ours(p, fam, rules);
	for (size_t i = 0; i < RULES; i++)
		router_note(rep, "add rules of", family_text(fam), kroute_rule_add(nl, &rules[i]));
}

void router_rules_del(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep)
{
	struct kroute_rule rules[RULES];
	ours(p, fam, rules);
	for (size_t i = 0; i < RULES; i++)
		router_note(rep, "delete rules of", family_text(fam),
			    kroute_rule_del(nl, &rules[i]));
}
