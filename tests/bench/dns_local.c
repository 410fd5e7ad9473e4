/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local answers a second on one core, the call alone: dns_local [hosts [rounds]]. A host has an
 * address of each family; what is asked goes through all hosts in an order that caches dislike.
 * Prints one line a kind of question, and how much memory the table takes. */
#include "dns/local.h"
#include "dns/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SUFFIX "tail.example.com"
#define QUERY_MAX 96
#define STEP 7919 /* prime */

static size_t n_hosts = 10000;

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct ip host4(size_t i)
{
	return ip_v4(100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i);
}

static struct ip host6(size_t i)
{
	struct ip ip = { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } };
	for (int b = 0; b < 4; b++)
		ip.b[15 - b] = (uint8_t)(i >> 8 * b);
	return ip;
}

static struct dns_local *table_new(double *took)
{
	static char names[1 << 17][40];
	static struct ip addrs[1 << 17][2];
	static struct dns_local_node nodes[1 << 17];
	static const char *const zones[] = { SUFFIX, "64.100.in-addr.arpa", "65.100.in-addr.arpa",
					     "0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa" };
	for (size_t i = 0; i < n_hosts; i++) {
		snprintf(names[i], sizeof(names[i]), "host%zu." SUFFIX ".", i + 1);
		addrs[i][0] = host4(i + 1);
		addrs[i][1] = host6(i + 1);
		nodes[i] = (struct dns_local_node){ names[i], addrs[i], 2, false };
	}
	struct dns_local_in in = { .nodes = nodes,
				   .n_nodes = n_hosts,
				   .zones = zones,
				   .n_zones = 4,
				   .suffix = SUFFIX,
				   .short_names = true };
	double start = seconds();
	struct dns_local *l = dns_local_new(&in);
	*took = seconds() - start;
	return l;
}

struct question {
	const char *what;
	const char *before, *after; /* the number of the host; NULL: its reverse name */
	uint16_t type;
};

static size_t build(const struct question *k, size_t host, uint8_t out[QUERY_MAX])
{
	char name[DNS_NAME_MAX + 1];
	struct wr w = wr_init(mspan_of(out, QUERY_MAX));
	if (k->before)
		snprintf(name, sizeof(name), "%s%zu%s", k->before, host, k->after);
	else
		dns_reverse_name(host4(host), name);
	wr_be16(&w, (uint16_t)host);
	wr_be16(&w, DNS_RD);
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	dns_name_build(&w, name);
	wr_be16(&w, k->type);
	wr_be16(&w, DNS_IN);
	return wr_span_of(&w).len;
}

static void measure(const struct dns_local *l, const struct question *k, size_t rounds)
{
	static uint8_t queries[1 << 14][QUERY_MAX];
	static size_t lens[1 << 14];
	uint8_t out[DNS_LOCAL_ANSWER_MAX];
	struct dns_query q;
	size_t n = n_hosts < 1 << 14 ? n_hosts : 1 << 14, len = 0, answered = 0;
	for (size_t i = 0; i < n; i++)
		lens[i] = build(k, i * STEP % n_hosts + 1, queries[i]);
	double start = seconds();
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < n; i++)
			answered += dns_local_answer(l, (wall_t){ 1700000000, 0 },
						     span_of(queries[i], lens[i]), true,
						     mspan_of(out, sizeof(out)), &len,
						     &q) == DNS_LOCAL_ANSWER;
	double took = seconds() - start;
	printf("%-28s %10.0f answers/s  %5.0f ns each  %s\n", k->what, (double)answered / took,
	       took / (double)(n * rounds) * 1e9, answered == n * rounds ? "" : "NOT ALL ANSWERED");
}

int main(int argc, char **argv)
{
	static const struct question kinds[] = {
		{ "A, whole name", "host", "." SUFFIX, DNS_A },
		{ "A, short name", "host", "", DNS_A },
		{ "AAAA, hidden (SOA)", "host", "." SUFFIX, DNS_AAAA },
		{ "A, no such name (SOA)", "nope", "." SUFFIX, DNS_A },
		{ "PTR, IPv4", NULL, NULL, DNS_PTR },
	};
	double took;
	n_hosts = argc > 1 ? strtoul(argv[1], NULL, 10) : n_hosts;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
	if (n_hosts < 1 || n_hosts > 1 << 17 || rounds < 1)
		return fprintf(stderr, "usage: dns_local [hosts (1..131072) [rounds]]\n"), 2;
	struct dns_local *l = table_new(&took);
	if (!l)
		return 1;
	printf("%zu hosts: %zu bytes, %.1f a host, made in %.1f ms\n", n_hosts, dns_local_bytes(l),
	       (double)dns_local_bytes(l) / (double)n_hosts, took * 1e3);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		measure(l, &kinds[i], rounds);
	dns_local_unref(l);
	return 0;
}
