/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_fixture.h: a namespace, a back end and a configuration for each test, and how rulesets are
 * compared. */
#ifndef TESTS_UNIT_NETSTACK_NFT_FIXTURE_H
#define TESTS_UNIT_NETSTACK_NFT_FIXTURE_H

#include "tests/unit/netstack/nft_eval.h"
#include "tests/unit/netstack/nft_run.h"

#include "netstack/nft_linux.h"

#define TUN "mesh0"

static const struct router_params params = ROUTER_PARAMS_DEFAULT;

static struct nft *n;
static struct fw_config cfg;
static struct router_report rep;

static inline struct prefix pfx(const char *s)
{
	struct prefix p;
	assert_int_equal(prefix_decode((struct span){ (const void *)s, strlen(s) }, &p), 0);
	return p;
}

static inline void guard_add(const char *s)
{
	prefix_list_add(&cfg.guard, pfx(s));
	prefix_list_sort(&cfg.guard);
}

static inline void start(void)
{
	n = nft_new(TUN, &params, &rep);
	assert_string_equal(rep.first, "");
	assert_non_null(n);
}

/* The process dies: nothing is taken away. */
static inline void crash(void)
{
	nft_free(n);
	n = NULL;
}

static inline int setup(void **state)
{
	(void)state;
	netns_fresh();
	cfg = (struct fw_config){
		.mode = RT_NETFILTER_ON, .port4 = 41641, .port6 = 41642, .snat = true
	};
	prefix_list_add(&cfg.self, pfx("100.64.0.1/32"));
	prefix_list_add(&cfg.self, pfx("fd7a:115c:a1e0::1/128"));
	guard_add("100.64.0.1/32");
	guard_add("100.64.0.7/32");
	guard_add("fd7a:115c:a1e0::/48");
	start();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	nft_free(n);
	n = NULL;
	fw_config_fini(&cfg);
	return 0;
}

static inline void apply(void)
{
	assert_int_equal(nft_apply(n, &cfg, &rep), 0);
	assert_string_equal(rep.first, "");
	assert_int_equal(rep.failed, 0);
}

static inline void down(void)
{
	assert_int_equal(nft_down(n, &rep), 0);
	assert_string_equal(rep.first, "");
}

static inline void cleanup(void)
{
	nft_cleanup(&rep);
	assert_string_equal(rep.first, "");
}

static inline bool intact(void)
{
	bool yes;
	assert_int_equal(nft_check(n, &yes), 0);
	return yes;
}

/* ---- rulesets ---- */

static inline int by_name(const void *a, const void *b)
{
	const struct ev_chain *x = a, *y = b;
	int c = strcmp(x->fam, y->fam);
	c = c ? c : strcmp(x->table, y->table);
	return c ? c : strcmp(x->name, y->name);
}

static inline void print_set(FILE *f, const struct ev_set *s)
{
	fprintf(f, "set %s %s %s", s->fam, s->table, s->name);
	for (size_t i = 0; i < s->r.n; i++) {
		char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
		fprintf(f, " %s-%s", ip_encode(s->r.v[i].first, a), ip_encode(s->r.v[i].last, b));
	}
	fputc('\n', f);
}

/* The ruleset with chains in the order of their names; rules in their own. New. */
static inline char *canonical(void)
{
	char *text = ruleset(), *out;
	size_t len;
	struct ev_world *w = ev_read(text);
	FILE *f = open_memstream(&out, &len);
	qsort(w->chains, w->n_chains, sizeof(w->chains[0]), by_name);
	for (size_t i = 0; i < w->n_sets; i++)
		print_set(f, &w->sets[i]);
	for (size_t i = 0; i < w->n_chains; i++) {
		const struct ev_chain *c = &w->chains[i];
		fprintf(f, "chain %s %s %s %s %d %d\n", c->fam, c->table, c->name, c->hook,
			c->priority, c->drops);
		for (size_t j = 0; j < c->n; j++) {
			for (size_t k = 0; k < c->rules[j].n; k++)
				fprintf(f, " %s", c->rules[j].v[k]);
			fputc('\n', f);
		}
	}
	fclose(f);
	ev_free(w);
	free(text);
	return out;
}

/* Takes both. */
static inline void same_text(char *a, char *b)
{
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static inline size_t count(const char *text, const char *part)
{
	size_t found = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		found++;
	return found;
}

static inline void ruleset_has(const char *part, size_t times)
{
	char *text = ruleset();
	if (count(text, part) != times)
		printf("%zu times '%s' in:\n%s\n", count(text, part), part, text);
	assert_int_equal(count(text, part), times);
	free(text);
}

#endif
