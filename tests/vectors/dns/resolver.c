/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_resolver.json: each query with the bytes that come back, with the clock it was made at. Where
 * shared/spec/dns.md asks for better than the reference, the better is expected and named here. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "dns/fqdn.h"
#include "dns/local.h"
#include "dns/name.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW ((wall_t){ 1700000000, 0 })
#define SUFFIX "tail.example.com"
#define NAMES_MAX 256

static int failed, checked;

static void check(bool ok, const json_t *c, const char *what)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", j_str(c, "name"), what);
}

/* ---- the network map of the file ---- */

struct map {
	struct dns_local_node nodes[32];
	struct ip addrs[32][4];
	struct dns_local_record records[32];
	char *names[NAMES_MAX];
	const char *zones[NAMES_MAX];
	size_t n_nodes, n_records, n_names, n_zones;
};

static char *name_of(struct map *m, const char *text)
{
	char out[DNS_FQDN_MAX + 1];
	if (m->n_names == NAMES_MAX || dns_fqdn_clean(text, out))
		exit(1);
	return m->names[m->n_names++] = xstrdup(out);
}

static struct dns_local_node *add_node(struct map *m, const char *name)
{
	struct dns_local_node *n = &m->nodes[m->n_nodes];
	*n = (struct dns_local_node){ .name = name, .addrs = m->addrs[m->n_nodes++] };
	return n;
}

static void add_addr(struct map *m, struct dns_local_node *n, const char *text)
{
	struct prefix p;
	if (prefix_decode(span_str(text), &p))
		exit(1);
	m->addrs[n - m->nodes][n->n_addrs++] = p.ip;
}

static void read_peers(struct map *m, const json_t *peers)
{
	for (size_t i = 0; i < j_len(peers); i++) {
		const json_t *p = j_at(peers, i), *addrs = j_get(p, "addresses");
		const json_t *caps = j_get(p, "cap_map");
		struct dns_local_node *n = add_node(m, j_str(p, "name"));
		for (size_t k = 0; k < j_len(addrs); k++)
			add_addr(m, n, j_text(j_at(addrs, k)));
		for (size_t k = 0; k < j_len(caps); k++)
			n->subdomains |=
			    str_cmp(j_text(j_at(caps, k)), "dns-subdomain-resolve") == 0;
	}
}

static bool covered(const struct map *m, json_t *routes, const char *name)
{
	for (size_t i = 0; i < m->n_zones; i++)
		if (dns_fqdn_below(name, m->zones[i]))
			return true;
	for (void *it = j_iter(routes); it; it = j_iter_next(routes, it))
		if (dns_fqdn_below(name, j_iter_key(it)))
			return true;
	return false;
}

/* Records of addresses; each that no route covers becomes a zone of its own (dns.md 2, 8b). */
static void read_records(struct map *m, const json_t *dns)
{
	const json_t *v = j_get(dns, "ExtraRecords");
	for (size_t i = 0; i < j_len(v); i++) {
		const char *type = j_str(j_at(v, i), "Type");
		struct ip ip;
		if (ip_decode(span_str(j_str(j_at(v, i), "Value")), &ip) ||
		    (type && strcmp(type, "A") != 0 && strcmp(type, "AAAA") != 0))
			continue;
		char *name = name_of(m, j_str(j_at(v, i), "Name"));
		m->records[m->n_records++] = (struct dns_local_record){ name, ip };
		if (!covered(m, j_get(dns, "Routes"), name))
			m->zones[m->n_zones++] = name;
	}
}

static void read_map(struct map *m, const json_t *all, const json_t *os, bool proxied)
{
	const json_t *reverse = j_get(os, "ts_reverse_zones");
	*m = (struct map){ 0 };
	struct dns_local_node *self = add_node(m, "host1." SUFFIX ".");
	add_addr(m, self, "100.64.0.1/32");
	add_addr(m, self, "fd7a:115c:a1e0::1/128");
	read_peers(m, j_get(os, "peers"));
	for (size_t i = 0; i < j_len(reverse); i++)
		m->zones[m->n_zones++] = name_of(m, j_text(j_at(reverse, i)));
	if (proxied)
		m->zones[m->n_zones++] = SUFFIX;
	read_records(m, j_get(all, "netmap_dns"));
}

static void map_fini(struct map *m)
{
	for (size_t i = 0; i < m->n_names; i++)
		free(m->names[i]);
}

static struct dns_local_in in_of(const struct map *m)
{
	return (struct dns_local_in){ .nodes = m->nodes,
				      .n_nodes = m->n_nodes,
				      .records = m->records,
				      .n_records = m->n_records,
				      .zones = m->zones,
				      .n_zones = m->n_zones,
				      .suffix = SUFFIX };
}

/* ---- one question ---- */

static bool named(const json_t *c, const char *start)
{
	return strncmp(j_str(c, "name"), start, strlen(start)) == 0;
}

static bool same(const json_t *c, struct span got)
{
	size_t n;
	uint8_t *want = vec_hex(c, "response", &n);
	bool eq = span_eq(got, span_of(want, n));
	free(want);
	return eq;
}

/* What we do better; false: as the reference. */
static bool better(const json_t *c, enum dns_local_verdict v, struct span got)
{
	if (named(c, "bad_response_bit")) {
		check(v == DNS_LOCAL_DROP, c, "an answer is answered");
	} else if (named(c, "opcode_")) {
		check(v == DNS_LOCAL_ANSWER && got.len == DNS_HEADER_LEN &&
			  dns_rcode_of(got) == DNS_NOTIMP,
		      c, "NOTIMP expected");
	} else if (named(c, "a_peer_class_ch")) {
		check(v == DNS_LOCAL_ANSWER && dns_rcode_of(got) == DNS_REFUSED, c,
		      "REFUSED expected");
	} else if (named(c, "a_extra_upper_name")) {
		static const uint8_t addr[] = { 0, 4, 100, 64, 0, 22 };
		check(got.len > sizeof(addr) && span_eq(span_from(got, got.len - sizeof(addr)),
							span_of(addr, sizeof(addr))),
		      c, "record with upper case not found");
	} else {
		return false;
	}
	return true;
}

static void ask(const struct dns_local *l, const json_t *c, bool udp)
{
	size_t n, len = 0;
	uint8_t *query = vec_hex(c, "query", &n), out[DNS_LOCAL_ANSWER_MAX];
	struct dns_query q;
	enum dns_local_verdict v =
	    dns_local_answer(l, NOW, span_of(query, n), udp, mspan_of(out, sizeof(out)), &len, &q);
	struct span got = span_of(out, len);
	free(query);
	if (better(c, v, got))
		return;
	if (j_bool(c, "drop", false))
		check(v == DNS_LOCAL_DROP, c, "should be dropped");
	else if (j_bool(c, "forward", false))
		check(v == DNS_LOCAL_FORWARD, c, "should be forwarded");
	else
		check(v == DNS_LOCAL_ANSWER && same(c, got), c, "answer differs");
}

static void set(const json_t *all, const json_t *os, const char *name, struct dns_local_in opts)
{
	const json_t *cases = j_get(all, name);
	struct map m;
	read_map(&m, all, os, opts.short_names);
	struct dns_local_in in = in_of(&m);
	in.short_names = opts.short_names;
	in.only_v6 = opts.only_v6;
	in.aaaa = opts.aaaa;
	struct dns_local *l = dns_local_new(&in);
	map_fini(&m); /* everything was copied */
	for (size_t i = 0; i < j_len(cases); i++) {
		ask(l, j_at(cases, i), true);
		ask(l, j_at(cases, i), false);
	}
	dns_local_unref(l);
}

/* What a forwarder without upstreams makes of the question. */
static void synthesized(const json_t *all)
{
	const json_t *cases = j_get(all, "cases_forwarder_synthesized");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		size_t n, len;
		uint8_t *query = vec_hex(c, "query", &n), out[DNS_LOCAL_ANSWER_MAX];
		struct dns_query q;
		struct mspan to = mspan_of(out, sizeof(out));
		check(dns_local_answer(NULL, NOW, span_of(query, n), true, to, &len, &q) ==
			  DNS_LOCAL_FORWARD,
		      c, "should be forwarded");
		if (dns_is_browse(q.name))
			len = dns_error_build(&q, dns_ra_of(&q), DNS_NXDOMAIN, to);
		else
			len = dns_error_build(&q, DNS_AA, DNS_SERVFAIL, to);
		check(same(c, span_of(out, len)), c, "error differs");
		free(query);
	}
}

int main(void)
{
	json_t *v = vec_load("dns_resolver.json"), *os = vec_load("dns_osconfig.json");
	set(v, os, "cases", (struct dns_local_in){ .short_names = true });
	set(v, os, "cases_peer_aaaa", (struct dns_local_in){ .short_names = true, .aaaa = true });
	set(v, os, "cases_self_v6only",
	    (struct dns_local_in){ .short_names = true, .only_v6 = true });
	set(v, os, "cases_magicdns_off", (struct dns_local_in){ 0 });
	synthesized(v);
	printf("%d checks, %d wrong\n", checked, failed);
	j_free(v);
	j_free(os);
	return failed || checked < 2 * (139 + 4 + 4 + 6) + 7;
}
