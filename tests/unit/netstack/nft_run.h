/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_run.h: the tools that list and change a ruleset, run in the test's own network namespace. */
#ifndef TESTS_UNIT_NETSTACK_NFT_RUN_H
#define TESTS_UNIT_NETSTACK_NFT_RUN_H

#include "tests/unit/netstack/netns.h"

#include "base/alloc.h"

#include <string.h>

/* Ends the program with 77 where the tools are missing. */
static inline void nft_need_tools(void)
{
	static const char *const tools[] = { "/usr/sbin/nft", "/usr/sbin/iptables-nft",
					     "/usr/sbin/ip6tables-nft" };
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		if (access(tools[i], X_OK)) {
			printf("needs %s; type: apt-get install nftables iptables\n", tools[i]);
			exit(77);
		}
}

/* What a command prints; it must succeed. New. */
static inline char *run(const char *cmd)
{
	FILE *f = popen(cmd, "r");
	size_t cap = 1 << 22, n;
	char *out = xcalloc(1, cap);
	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	int rc = pclose(f);
	if (rc != 0 || n == cap - 1)
		printf("%s: exit %d\n%s\n", cmd, rc, out);
	assert_int_equal(rc, 0);
	return xrealloc(out, 1, n + 1);
}

static inline void do_run(const char *cmd)
{
	free(run(cmd));
}

/* Feed text to nft as one transaction. */
static inline void nft_feed(const char *text)
{
	FILE *f = popen("nft -f -", "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(pclose(f), 0);
}

/* The ruleset without counts. New. */
static inline char *ruleset(void)
{
	return run("nft -s list ruleset");
}

#endif
