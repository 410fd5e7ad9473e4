/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_eval.h: what a ruleset does to packets, read from the text of `nft list ruleset`, for the
 * kinds of rules that a mesh agent makes. Two rulesets mean the same if they do the same. */
#ifndef TESTS_UNIT_NETSTACK_NFT_EVAL_H
#define TESTS_UNIT_NETSTACK_NFT_EVAL_H

#include "base/alloc.h"
#include "netstack/ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EV_RULES 64
#define EV_WORDS 40

struct ev_rule {
	char *v[EV_WORDS];
	size_t n;
};

struct ev_chain {
	char fam[8], table[32], name[32], hook[16]; /* hook: "" if it is jumped to */
	int priority;
	bool drops; /* the policy */
	struct ev_rule rules[EV_RULES];
	size_t n;
};

struct ev_set {
	char fam[8], table[32], name[32];
	struct ranges r;
};

struct ev_world {
	struct ev_chain chains[64];
	size_t n_chains;
	struct ev_set sets[16];
	size_t n_sets;
};

struct ev_packet {
	int fam; /* 4, 6; always UDP */
	const char *iif, *oif;
	struct ip src, dst;
	unsigned dport, ct_state;
	uint32_t mark, ct_mark;
};

struct ev_outcome {
	bool dropped, masqueraded;
	uint32_t mark, ct_mark;
};

enum { EV_INVALID = 1, EV_ESTABLISHED = 2, EV_RELATED = 4, EV_NEW = 8, EV_UNTRACKED = 64 };

static inline void ev_die(const char *why, const char *what)
{
	printf("cannot read this ruleset: %s: %s\n", why, what);
	exit(1);
}

/* ---- reading ---- */

static inline struct ip ev_ip(const char *s)
{
	struct ip ip;
	if (ip_decode((struct span){ (const void *)s, strlen(s) }, &ip))
		ev_die("address", s);
	return ip;
}

static inline struct ip_range ev_range(const char *text)
{
	char s[128];
	struct prefix p;
	snprintf(s, sizeof(s), "%s", text);
	char *dash = strchr(s, '-');
	if (dash) {
		*dash = 0;
		return (struct ip_range){ ev_ip(s), ev_ip(dash + 1) };
	}
	if (!strchr(s, '/'))
		return (struct ip_range){ ev_ip(s), ev_ip(s) };
	if (prefix_decode((struct span){ (const void *)s, strlen(s) }, &p))
		ev_die("prefix", s);
	return range_of_prefix(p);
}

static inline void ev_elements(struct ev_set *set, char *text)
{
	char *save;
	for (char *t = strtok_r(text, " ,{}\t", &save); t; t = strtok_r(NULL, " ,{}\t", &save)) {
		struct ip_range r = ev_range(t);
		ranges_add(&set->r, &r);
	}
	ranges_sort(&set->r);
}

static inline int ev_priority(const char *s)
{
	static const struct {
		const char *name;
		int value;
	} names[] = { { "raw", -300 }, { "mangle", -150 }, { "filter", 0 }, { "srcnat", 100 } };
	char name[16] = "", op;
	int by = 0;
	if (sscanf(s, "%15[a-z] %c %d", name, &op, &by) == 3 && op == '-')
		by = -by;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].value + by;
	return atoi(s);
}

static inline void ev_hook(struct ev_chain *c, const char *line)
{
	const char *priority = strstr(line, "priority ");
	if (sscanf(line, "type %*s hook %15s", c->hook) != 1 || !priority)
		ev_die("hook", line);
	c->priority = ev_priority(priority + strlen("priority "));
	c->drops = strstr(line, "policy drop");
}

static inline char *ev_trim(char *line)
{
	line += strspn(line, " \t");
	for (size_t n = strlen(line); n > 0 && strchr(" \t", line[n - 1]);)
		line[--n] = 0;
	return line;
}

static inline void ev_add_rule(struct ev_chain *c, char *line)
{
	char *save;
	if (c->n == EV_RULES)
		ev_die("too many rules", c->name);
	struct ev_rule *r = &c->rules[c->n++];
	for (char *t = strtok_r(line, " \"", &save); t; t = strtok_r(NULL, " \"", &save)) {
		if (r->n == EV_WORDS)
			ev_die("too many words", c->name);
		r->v[r->n++] = t;
	}
}

/* Chains of one hook run in this order. */
static inline void ev_sort(struct ev_world *w)
{
	for (size_t i = 1; i < w->n_chains; i++)
		for (size_t j = i; j > 0 && w->chains[j].priority < w->chains[j - 1].priority;
		     j--) {
			struct ev_chain c = w->chains[j];
			w->chains[j] = w->chains[j - 1];
			w->chains[j - 1] = c;
		}
}

/* text: is cut up, and outlives the world */
static inline struct ev_world *ev_read(char *text)
{
	struct ev_world *w = xcalloc(1, sizeof(*w));
	struct ev_chain *chain = NULL;
	struct ev_set *set = NULL;
	char fam[8] = "", table[32] = "", *save;
	bool elements = false;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		l = ev_trim(l);
		if (set && (elements || strncmp(l, "elements = ", 11) == 0)) {
			char *body = elements ? l : l + 11;
			elements = !strchr(body, '}');
			ev_elements(set, body);
		} else if (sscanf(l, "table %7s %31s {", fam, table) == 2) {
			chain = NULL;
		} else if (strncmp(l, "chain ", 6) == 0) {
			chain = &w->chains[w->n_chains++];
			snprintf(chain->fam, sizeof(chain->fam), "%s", fam);
			snprintf(chain->table, sizeof(chain->table), "%s", table);
			sscanf(l, "chain %31s {", chain->name);
		} else if (strncmp(l, "set ", 4) == 0) {
			set = &w->sets[w->n_sets++];
			snprintf(set->fam, sizeof(set->fam), "%s", fam);
			snprintf(set->table, sizeof(set->table), "%s", table);
			sscanf(l, "set %31s {", set->name);
		} else if (strcmp(l, "}") == 0) {
			chain = NULL;
			set = NULL;
		} else if (chain && strncmp(l, "type ", 5) == 0) {
			ev_hook(chain, l);
		} else if (chain) {
			ev_add_rule(chain, l);
		}
	}
	ev_sort(w);
	return w;
}

static inline void ev_free(struct ev_world *w)
{
	for (size_t i = 0; i < w->n_sets; i++)
		ranges_fini(&w->sets[i].r);
	free(w);
}

static inline struct ev_chain *ev_find(struct ev_world *w, const char *fam, const char *table,
				       const char *chain)
{
	for (size_t i = 0; i < w->n_chains; i++)
		if (strcmp(w->chains[i].fam, fam) == 0 && strcmp(w->chains[i].table, table) == 0 &&
		    strcmp(w->chains[i].name, chain) == 0)
			return &w->chains[i];
	return NULL;
}

/* The host's own policy in a chain of iptables, which is made if it is not there. */
static inline void ev_set_policy(struct ev_world *w, const char *fam, const char *chain,
				 const char *hook, bool drops)
{
	struct ev_chain *c = ev_find(w, fam, "filter", chain);
	if (!c) {
		c = &w->chains[w->n_chains++];
		snprintf(c->fam, sizeof(c->fam), "%s", fam);
		snprintf(c->table, sizeof(c->table), "filter");
		snprintf(c->name, sizeof(c->name), "%s", chain);
		snprintf(c->hook, sizeof(c->hook), "%s", hook);
	}
	c->drops = drops;
	ev_sort(w);
}

/* ---- one rule ---- */

enum ev_verdict { EV_NO_MATCH, EV_GO_ON, EV_ACCEPT, EV_DROP, EV_RETURN, EV_JUMP };

struct ev_words {
	char *const *v;
	size_t n, at;
};

static inline const char *ev_word(struct ev_words *w)
{
	return w->at < w->n ? w->v[w->at++] : "";
}

static inline bool ev_take(struct ev_words *w, const char *word)
{
	if (w->at < w->n && strcmp(w->v[w->at], word) == 0) {
		w->at++;
		return true;
	}
	return false;
}

static inline uint32_t ev_number(struct ev_words *w)
{
	return (uint32_t)strtoul(ev_word(w), NULL, 0);
}

static inline bool ev_name_matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);
	if (n > 0 && pattern[n - 1] == '*')
		return strncmp(pattern, name, n - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static inline bool ev_addr_matches(const struct ev_world *w, const struct ev_chain *c,
				   const char *what, struct ip ip)
{
	struct ip_range r;
	if (what[0] != '@') {
		r = ev_range(what);
		return range_contains(&r, ip);
	}
	for (size_t i = 0; i < w->n_sets; i++)
		if (strcmp(w->sets[i].name, what + 1) == 0 && strcmp(w->sets[i].fam, c->fam) == 0 &&
		    strcmp(w->sets[i].table, c->table) == 0)
			return ranges_contains(&w->sets[i].r, ip);
	ev_die("no such set", what);
	return false;
}

static inline unsigned ev_states(const char *list)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = { { "invalid", EV_INVALID },
		      { "established", EV_ESTABLISHED },
		      { "related", EV_RELATED },
		      { "new", EV_NEW },
		      { "untracked", EV_UNTRACKED } };
	char s[512], *save;
	unsigned bits = 0;
	snprintf(s, sizeof(s), "%s", list);
	for (char *t = strtok_r(s, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		size_t i = 0;
		while (i < ARRAY_LEN(names) && strcmp(names[i].name, t) != 0)
			i++;
		bits |= i < ARRAY_LEN(names) ? names[i].bit : (unsigned)strtoul(t, NULL, 0);
	}
	return bits;
}

/* "set meta mark & A | B", "& M == V", "& M != V" behind "meta mark" or "ct mark" */
static inline bool ev_mark(struct ev_words *w, uint32_t *mark, const struct ev_packet *p)
{
	if (ev_take(w, "set")) {
		bool ct = strcmp(ev_word(w), "ct") == 0;
		ev_take(w, "mark");
		uint32_t v = ct ? p->ct_mark : p->mark;
		if (ev_take(w, "&"))
			v &= ev_number(w);
		if (ev_take(w, "|"))
			v |= ev_number(w);
		*mark = v;
		return true;
	}
	uint32_t v = *mark;
	if (ev_take(w, "&"))
		v &= ev_number(w);
	bool is = strcmp(ev_word(w), "==") == 0;
	return (v == ev_number(w)) == is;
}

static inline bool ev_interface(struct ev_words *w, const char *name)
{
	bool is = !ev_take(w, "!=");
	return ev_name_matches(ev_word(w), name) == is;
}

/* A rule of the ip family is not asked about other packets; its chain is not. */
static inline bool ev_address(const struct ev_world *w, const struct ev_chain *c,
			      struct ev_words *words, int fam, const struct ev_packet *p)
{
	bool source = strcmp(ev_word(words), "saddr") == 0;
	const char *what = ev_word(words);
	return p->fam == fam && ev_addr_matches(w, c, what, source ? p->src : p->dst);
}

static inline bool ev_meta(struct ev_words *w, struct ev_packet *p)
{
	const char *key = ev_word(w);
	if (strcmp(key, "mark") == 0)
		return ev_mark(w, &p->mark, p);
	if (strcmp(key, "nfproto") != 0)
		ev_die("meta", key);
	return strcmp(ev_word(w), p->fam == 4 ? "ipv4" : "ipv6") == 0;
}

static inline bool ev_ct(struct ev_words *w, struct ev_packet *p)
{
	const char *key = ev_word(w);
	if (strcmp(key, "mark") == 0)
		return ev_mark(w, &p->ct_mark, p);
	bool one = !ev_take(w, "!");
	return ((ev_states(ev_word(w)) & p->ct_state) != 0) == one;
}

static inline enum ev_verdict ev_rule(const struct ev_world *w, const struct ev_chain *c,
				      struct ev_words *words, struct ev_packet *p,
				      struct ev_outcome *o)
{
	while (words->at < words->n) {
		const char *t = ev_word(words);
		bool match = true;
		if (strcmp(t, "iifname") == 0)
			match = ev_interface(words, p->iif);
		else if (strcmp(t, "oifname") == 0)
			match = ev_interface(words, p->oif);
		else if (strcmp(t, "ip") == 0 || strcmp(t, "ip6") == 0)
			match = ev_address(w, c, words, t[2] ? 6 : 4, p);
		else if (strcmp(t, "udp") == 0 && ev_take(words, "dport"))
			match = ev_number(words) == p->dport;
		else if (strcmp(t, "meta") == 0)
			match = ev_meta(words, p);
		else if (strcmp(t, "ct") == 0)
			match = ev_ct(words, p);
		else if (strcmp(t, "masquerade") == 0)
			o->masqueraded = true;
		else if (strcmp(t, "accept") == 0)
			return EV_ACCEPT;
		else if (strcmp(t, "drop") == 0)
			return EV_DROP;
		else if (strcmp(t, "return") == 0)
			return EV_RETURN;
		else if (strcmp(t, "jump") == 0)
			return EV_JUMP; /* to the next word */
		else if (strcmp(t, "counter") != 0 && strcmp(t, "fully-random") != 0)
			ev_die("unknown word", t);
		if (!match)
			return EV_NO_MATCH;
	}
	return EV_GO_ON;
}

/* ---- chains and hooks ---- */

static inline enum ev_verdict ev_chain_run(const struct ev_world *w, const struct ev_chain *c,
					   struct ev_packet *p, struct ev_outcome *o);

static inline enum ev_verdict ev_jump(const struct ev_world *w, const struct ev_chain *from,
				      const char *to, struct ev_packet *p, struct ev_outcome *o)
{
	for (size_t i = 0; i < w->n_chains; i++) {
		const struct ev_chain *c = &w->chains[i];
		if (strcmp(c->fam, from->fam) == 0 && strcmp(c->table, from->table) == 0 &&
		    strcmp(c->name, to) == 0)
			return ev_chain_run(w, c, p, o);
	}
	ev_die("no such chain", to);
	return EV_GO_ON;
}

static inline enum ev_verdict ev_chain_run(const struct ev_world *w, const struct ev_chain *c,
					   struct ev_packet *p, struct ev_outcome *o)
{
	for (size_t i = 0; i < c->n; i++) {
		struct ev_words words = { c->rules[i].v, c->rules[i].n, 0 };
		enum ev_verdict v = ev_rule(w, c, &words, p, o);
		if (v == EV_JUMP)
			v = ev_jump(w, c, ev_word(&words), p, o);
		if (v == EV_ACCEPT || v == EV_DROP || v == EV_RETURN)
			return v == EV_RETURN ? EV_GO_ON : v;
	}
	return EV_GO_ON;
}

static inline bool ev_sees(const struct ev_chain *c, const char *hook, int fam)
{
	return strcmp(c->hook, hook) == 0 &&
	       (strcmp(c->fam, "inet") == 0 || strcmp(c->fam, fam == 4 ? "ip" : "ip6") == 0);
}

/* An accept ends the chain, a drop ends it all. */
static inline void ev_hook_run(const struct ev_world *w, const char *hook, struct ev_packet *p,
			       struct ev_outcome *o)
{
	for (size_t i = 0; i < w->n_chains && !o->dropped; i++) {
		const struct ev_chain *c = &w->chains[i];
		if (!ev_sees(c, hook, p->fam))
			continue;
		enum ev_verdict v = ev_chain_run(w, c, p, o);
		o->dropped = v == EV_DROP || (v == EV_GO_ON && c->drops);
	}
}

/* The way of a packet: to us (oif ""), from us (iif ""), or through us. */
static inline struct ev_outcome ev_packet_run(const struct ev_world *w, struct ev_packet p)
{
	struct ev_outcome o = { 0 };
	if (p.iif[0])
		ev_hook_run(w, "prerouting", &p, &o);
	else
		ev_hook_run(w, "output", &p, &o);
	if (p.iif[0] && !p.oif[0])
		ev_hook_run(w, "input", &p, &o);
	if (p.iif[0] && p.oif[0])
		ev_hook_run(w, "forward", &p, &o);
	if (p.oif[0])
		ev_hook_run(w, "postrouting", &p, &o);
	o.mark = p.mark;
	o.ct_mark = p.ct_mark;
	return o;
}

#endif
