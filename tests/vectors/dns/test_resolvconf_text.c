/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolvconf_detect.json, `parse`, and the texts of dns_osconfig.json and of `direct_sequences`, in
 * which the header is another than ours. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "dns/fqdn.h"
#include "dns/resolvconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int failed, checked;

static void check(bool ok, const char *what, const char *text)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", what, text ? text : "");
}

static bool server_is(const struct dns_server *s, const char *want)
{
	char ip[IP_TEXT_MAX];
	char *text = xasprintf("%s%s%s", ip_encode(s->ip, ip), *s->zone ? "%" : "", s->zone);
	bool same = strcmp(text, want) == 0;
	free(text);
	return same;
}

static bool servers_are(const struct dns_os_config *c, const json_t *want)
{
	if (c->n_servers != j_len(want))
		return false;
	for (size_t i = 0; i < c->n_servers; i++)
		if (!server_is(&c->servers[i], j_text(j_at(want, i))))
			return false;
	return true;
}

/* The root is no search domain that anybody needs: it is left out. */
static bool search_is(const struct dns_os_config *c, const json_t *want)
{
	char name[DNS_FQDN_MAX + 1];
	size_t n = 0;
	for (size_t i = 0; i < j_len(want); i++) {
		if (dns_fqdn_clean(j_text(j_at(want, i)), name) != 0)
			return false;
		if (!*name)
			continue;
		if (n >= c->n_search || strcmp(c->search[n++], name) != 0)
			return false;
	}
	return n == c->n_search;
}

static void parse(const json_t *o)
{
	struct resolvconf r = { 0 };
	const char *name = j_str(o, "name");
	int rc = resolvconf_parse(j_span(o, "text"), &r);
	if (j_bool(o, "error", false)) {
		check(rc != 0, "accepted", name);
	} else {
		check(rc == 0, "refused", name);
		check(servers_are(&r.config, j_get(o, "nameservers")), "servers", name);
		check(search_is(&r.config, j_get(o, "search")), "search", name);
	}
	resolvconf_fini(&r);
}

/* Everything behind the header. */
static const char *body_of(const char *text)
{
	const char *gap = strstr(text, "\n\n");
	return gap ? gap + 2 : "";
}

/* Names are lower case with us. */
static void build(const char *want, const char *name)
{
	struct resolvconf r = { 0 };
	struct buf out;
	buf_init(&out, RESOLVCONF_MAX);
	check(resolvconf_parse(span_str(want), &r) == 0, "does not parse", name);
	resolvconf_build(&r.config, "", &out);
	check(strcasecmp(body_of(buf_cstr(&out)), body_of(want)) == 0, "text", name);
	check(resolvconf_is_ours(buf_span(&out)), "marker", name);
	buf_fini(&out);
	resolvconf_fini(&r);
}

static void builds(const json_t *cases)
{
	for (size_t i = 0; i < j_len(cases); i++) {
		json_t *managers = j_get(j_at(cases, i), "managers");
		for (void *it = j_iter(managers); it; it = j_iter_next(managers, it)) {
			const char *text = j_str(j_iter_value(it), "resolv_conf");
			if (text && *text)
				build(text, j_str(j_at(cases, i), "name"));
		}
	}
}

int main(void)
{
	json_t *d = vec_load("resolvconf_detect.json");
	json_t *cases = j_get(d, "parse");
	for (size_t i = 0; i < j_len(cases); i++)
		parse(j_at(cases, i));
	builds(j_get(vec_load("dns_osconfig.json"), "cases"));
	printf("%d checked, %d failed\n", checked, failed);
	return failed || checked < 40;
}
