/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/iptables_priv.h"

#include "base/hash.h"

#include <stdio.h>

const struct ipt_chain ipt_chains[IPT_CHAINS] = {
	{ IPT_RAW, "ts-prerouting", "PREROUTING" }, { IPT_MANGLE, "ts-prerouting", "PREROUTING" },
	{ IPT_MANGLE, "ts-output", "OUTPUT" },	    { IPT_NAT, "ts-postrouting", "POSTROUTING" },
	{ IPT_FILTER, "ts-input", "INPUT" },	    { IPT_FILTER, "ts-forward", "FORWARD" },
	{ IPT_FILTER, "ts-guard", NULL },
};

const char *ipt_table_name(enum ipt_table t)
{
	static const char *const names[IPT_TABLES] = { "raw", "mangle", "nat", "filter" };
	return names[t];
}

static bool starts(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.len >= n && memcmp(s.p, with, n) == 0;
}

static bool ends(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.len >= n && memcmp(s.p + s.len - n, with, n) == 0;
}

static int table_of(struct span name)
{
	for (int t = 0; t < IPT_TABLES; t++)
		if (span_eq_str(name, ipt_table_name(t)))
			return t;
	return -1;
}

static struct span word(struct span s)
{
	const uint8_t *end = memchr(s.p, ' ', s.len);
	return end ? span_of(s.p, (size_t)(end - s.p)) : s;
}

/* Who could write a collision could write the rules. */
static uint64_t mix(uint64_t h, struct span s)
{
	return fnv1a_u8(fnv1a(h ? h : FNV1A_START, s), '\n');
}

static int chain_of(int table, struct span name)
{
	for (int i = 0; i < IPT_CHAINS; i++)
		if ((int)ipt_chains[i].table == table && span_eq_str(name, ipt_chains[i].name))
			return i;
	return -1;
}

/* A rule of a chain that is not ours. True for a plain jump of ours. */
static bool see_jump(struct ipt_seen *s, struct span rule)
{
	char text[64];
	for (int i = 0; i < IPT_CHAINS; i++) {
		const struct ipt_chain *c = &ipt_chains[i];
		if ((int)c->table != s->table)
			continue;
		snprintf(text, sizeof(text), "%s -j %s", c->base ? c->base : "", c->name);
		if (span_eq_str(rule, text)) {
			s->chain[i].jumps++;
			return true;
		}
		snprintf(text, sizeof(text), " -j %s", c->name);
		bool used = ends(rule, text);
		snprintf(text, sizeof(text), " -g %s", c->name);
		if (used || ends(rule, text))
			s->chain[i].used_by_others = true;
	}
	return false;
}

void ipt_seen_init(struct ipt_seen *s)
{
	*s = (struct ipt_seen){ .table = -1 };
}

void ipt_seen_line(struct ipt_seen *s, struct span line)
{
	bool ours = false;
	if (starts(line, "*")) {
		s->table = table_of(span_from(line, 1));
	} else if (s->table >= 0 && starts(line, ":")) {
		int i = chain_of(s->table, word(span_from(line, 1)));
		if (i >= 0)
			s->chain[i].there = true;
	} else if (s->table >= 0 && starts(line, "-A ")) {
		struct span rule = span_from(line, 3);
		bool in_chain = chain_of(s->table, word(rule)) >= 0;
		s->rules[s->table] += in_chain;
		ours = in_chain || see_jump(s, rule);
	}
	if (ours)
		s->digest[s->table] = mix(s->digest[s->table], line);
}

bool ipt_seen_any(const struct ipt_seen *s, enum ipt_table t)
{
	for (int i = 0; i < IPT_CHAINS; i++)
		if (ipt_chains[i].table == t && s->chain[i].there)
			return true;
	return false;
}

static bool table_differs(const struct ipt_seen *a, const struct ipt_seen *b, enum ipt_table t)
{
	for (int i = 0; i < IPT_CHAINS; i++)
		if (ipt_chains[i].table == t && a->chain[i].there != b->chain[i].there)
			return true;
	return a->digest[t] != b->digest[t];
}

bool ipt_seen_differs(const struct ipt_seen *before, const struct ipt_seen *now, char *out,
		      size_t size)
{
	struct wr w = wr_init(mspan_of(out, size));
	for (enum ipt_table t = 0; t < IPT_TABLES; t++)
		if (table_differs(before, now, t))
			wr_fmt(&w, "%s%s", wr_len(&w) ? ", " : "", ipt_table_name(t));
	bool any = wr_len(&w) > 0;
	wr_u8(&w, '\0');
	return any;
}
