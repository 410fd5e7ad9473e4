/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_routes.json: normalisation of names, and the size of an OPT record with what is left of it in
 * front of an upstream. We also know an OPT with options (shared/spec/dns.md 4.3, last sentence).
 */
#include "tests/lib/vec.h"

#include "dns/fqdn.h"
#include "dns/msg.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const json_t *c, const char *name, const char *what)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", j_str(c, name), what);
}

/* The file has names with their final dots, and none for the root. */
static bool is_dotted(const char *ours, const char *dotted)
{
	size_t n = strlen(ours);
	return strncmp(dotted, ours, n) == 0 && strcmp(dotted + n, ".") == 0;
}

/* The reference does not look at the length of the last label; we do. */
static bool last_too_long(const json_t *c)
{
	const char *in = j_str(c, "in"), *dot = strrchr(in, '.');
	return strlen(dot ? dot + 1 : in) > 63;
}

static void fqdn(const json_t *c)
{
	char out[DNS_FQDN_MAX + 1], low[DNS_FQDN_MAX + 1];
	int rc = dns_fqdn_decode(j_str(c, "in"), out);
	check(dns_fqdn_clean(j_str(c, "in"), low) == rc, c, "in", "case makes a difference");
	check((rc != 0) == (j_bool(c, "error", false) || last_too_long(c)), c, "in", "verdict");
	if (rc)
		return;
	const char *parent = j_str(c, "parent"), *ours = dns_fqdn_parent(out);
	check(is_dotted(out, j_str(c, "out")), c, "in", "name");
	check((int64_t)dns_fqdn_labels(out) == j_int(c, "labels", -1), c, "in", "labels");
	check(*ours ? is_dotted(ours, parent) : *parent == '\0', c, "in", "parent");
	dns_fqdn_lower(out);
	check(strcmp(low, out) == 0, c, "in", "lower case");
}

static void edns(const json_t *c)
{
	size_t n, n_after;
	uint8_t *query = vec_hex(c, "query", &n), *after = vec_hex(c, "after_clamp", &n_after);
	bool options = strcmp(j_str(c, "name"), "with_option") == 0;
	int64_t size = options ? 4096 : j_int(c, "size", 0);
	struct dns_query q;
	int rc = dns_query_parse(span_of(query, n), &q);
	check(rc == 0 || n < DNS_HEADER_LEN + 5, c, "name", "does not parse");
	check(q.opt == (options || j_bool(c, "opt_found", false)), c, "name", "OPT");
	check(q.udp_size == (size > DNS_UDP_MIN ? size : DNS_UDP_MIN), c, "name", "size");
	dns_query_clamp(mspan_of(query, n));
	check(n == n_after && (memcmp(query, after, n) == 0) != options, c, "name", "clamped");
	free(query);
	free(after);
}

int main(void)
{
	json_t *v = vec_load("dns_routes.json");
	const json_t *names = j_get(v, "fqdn"), *queries = j_get(v, "edns");
	for (size_t i = 0; i < j_len(names); i++)
		fqdn(j_at(names, i));
	for (size_t i = 0; i < j_len(queries); i++)
		edns(j_at(queries, i));
	printf("%d checks, %d wrong\n", checked, failed);
	j_free(v);
	return failed || checked < 100;
}
