/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From control's DNSConfig to what our resolver asks and the system is told: dns_osconfig.json,
 * through the same steps as the daemon. Where the chapter wants better than the reference, the
 * expectation is made here, by name. */
#include "base/alloc.h"
#include "daemon/control/dns_json.h"
#include "daemon/engine/dns_facts.h"
#include "dns/fqdn.h"
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES "@ts_reverse_zones"
#define NODES_MAX 16

static json_t *all_zones;

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The list with the word for all reverse zones replaced by them. New. */
static json_t *spread(const json_t *list)
{
	json_t *out = j_array();
	for (size_t i = 0; i < j_len(list); i++) {
		const char *s = j_text(j_at(list, i));
		for (size_t k = 0; is(s, ZONES) && k < j_len(all_zones); k++)
			j_add(out, j_ref(j_at(all_zones, k)));
		if (!is(s, ZONES))
			j_add_str(out, s);
	}
	return out;
}

static json_t *spread_keys(json_t *obj)
{
	json_t *out = j_object();
	for (void *it = j_iter(obj); it; it = j_iter_next(obj, it)) {
		const char *key = j_iter_key(it);
		for (size_t k = 0; is(key, ZONES) && k < j_len(all_zones); k++)
			j_set(out, j_text(j_at(all_zones, k)), j_ref(j_iter_value(it)));
		if (!is(key, ZONES))
			j_set(out, key, j_ref(j_iter_value(it)));
	}
	return out;
}

static const char *clean(const char *name, char out[static DNS_FQDN_MAX + 1])
{
	assert_int_equal(dns_fqdn_clean(name, out), 0);
	return out;
}

/* ---- a map out of a case ---- */

struct world {
	struct netmap nm;
	struct prefs prefs;
	struct nm_node *nodes[NODES_MAX];
};

static struct nm_node *node_of(const json_t *o, const json_t *addrs, const char *name)
{
	struct nm_service services[4] = { 0 };
	struct prefix p[4];
	struct nm_node n = { .id = j_int(o, "id", 1),
			     .stable_id = j_str(o, "stable_id") ? j_str(o, "stable_id") : "self",
			     .name = name,
			     .cap = (int32_t)j_int(o, "cap", 0),
			     .hostname = "",
			     .os = "",
			     .location = "",
			     .exit_dns = "" };
	char *dns = NULL;
	for (size_t i = 0; i < j_len(addrs); i++) {
		struct span s = span_str(j_text(j_at(addrs, i)));
		if (memchr(s.p, '/', s.len)) {
			assert_int_equal(prefix_decode(s, &p[i]), 0);
			continue;
		}
		struct ip ip;
		assert_int_equal(ip_decode(s, &ip), 0);
		p[i] = prefix_host(ip);
	}
	n.addresses = p;
	n.n_addresses = (uint32_t)j_len(addrs);
	const json_t *list = j_get(o, "services");
	for (size_t i = 0; i < j_len(list); i++) {
		const char *proto = j_str(j_at(list, i), "Proto");
		services[i].proto = is(proto, "peerapi4") ? NM_SERVICE_PEERAPI4 : NM_SERVICE_PEERAPI6;
		services[i].port = (uint16_t)j_int(j_at(list, i), "Port", 0);
	}
	n.services = services;
	n.n_services = (uint32_t)j_len(list);
	if (j_bool(o, "wireguard_only", false))
		n.flags |= NM_WIREGUARD_ONLY;
	list = j_get(o, "exit_node_dns_resolvers");
	if (list) {
		json_t *resolvers = j_array();
		for (size_t i = 0; i < j_len(list); i++) {
			json_t *r = j_object();
			j_set_str(r, "Addr", j_text(j_at(list, i)));
			j_add(resolvers, r);
		}
		dns = j_dump(resolvers);
		n.exit_dns = dns;
		j_free(resolvers);
	}
	struct nm_node *made = nm_node_new(&n);
	free(dns);
	return made;
}

static void world_init(struct world *w, const json_t *c)
{
	const json_t *peers = j_get(vec_load("dns_osconfig.json"), "peers");
	json_t *dns = j_copy(j_get(c, "netmap_dns"));
	const char *why = NULL;
	size_t n = j_len(peers);
	netmap_init(&w->nm);
	prefs_init(&w->prefs);
	w->prefs.corp_dns = j_bool(c, "accept_dns", true);
	struct nm_node *self = node_of(NULL, j_get(c, "self_addresses"), j_str(c, "self_name"));
	struct nm_node with = *self;
	struct nm_cap cap = { "force-register-magicdns-ipv4-only", NULL };
	if (j_bool(c, "key_expired", false))
		with.flags |= NM_EXPIRED;
	if (j_bool(c, "ipv4_only_capability", false))
		with.caps = &cap, with.n_caps = 1;
	w->nm.self = nm_node_new(&with);
	nm_node_unref(self);
	w->nm.peers = xcalloc(n, sizeof(*w->nm.peers));
	for (size_t i = 0; i < n; i++)
		w->nm.peers[w->nm.n_peers++] = node_of(
		    j_at(peers, i), j_get(j_at(peers, i), "addresses"), j_str(j_at(peers, i), "name"));
	if (j_get(dns, "Routes"))
		j_set(dns, "Routes", spread_keys(j_get(dns, "Routes")));
	if (dns_config_from_json(dns, &w->nm.dns, &why) != 0)
		fail_msg("%s: %s", j_str(c, "name"), why);
	j_free(dns);
}

static void world_fini(struct world *w)
{
	netmap_fini(&w->nm);
	prefs_fini(&w->prefs);
}

static struct exit_choice exit_of(const struct world *w, const json_t *c)
{
	struct exit_choice x = { .wanted = *j_str(c, "exit_node_id") };
	for (size_t i = 0; i < w->nm.n_peers; i++)
		if (is(w->nm.peers[i]->stable_id, j_str(c, "exit_node_id")))
			x.node = w->nm.peers[i];
	return x;
}

/* ---- comparing ---- */

static void same_names(const char *what, char *const *v, size_t n, const json_t *want)
{
	json_t *list = spread(want);
	char name[DNS_FQDN_MAX + 1];
	if (n != j_len(list))
		fail_msg("%s: %zu names, wanted %zu", what, n, j_len(list));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(v[i], clean(j_text(j_at(list, i)), name));
	j_free(list);
}

static int by_name(const void *a, const void *b)
{
	return dns_fqdn_cmp(*(char *const *)a, *(char *const *)b);
}

/* As same_names, for a list that is sorted: lower case may change its order. */
static void same_sorted(const char *what, char *const *v, size_t n, const json_t *want)
{
	json_t *list = spread(want), *sorted = j_array();
	size_t n_want = j_len(list);
	char name[DNS_FQDN_MAX + 1], **names = xcalloc(n_want + 1, sizeof(*names));
	for (size_t i = 0; i < n_want; i++)
		names[i] = xstrdup(clean(j_text(j_at(list, i)), name));
	qsort(names, n_want, sizeof(*names), by_name);
	for (size_t i = 0; i < n_want; i++) {
		j_add_str(sorted, names[i]);
		free(names[i]);
	}
	free(names);
	same_names(what, v, n, sorted);
	j_free(sorted);
	j_free(list);
}

static void same_upstreams(const struct dns_upstreams *u, const json_t *want)
{
	assert_int_equal(u->n, j_len(want));
	for (size_t i = 0; i < u->n; i++)
		assert_string_equal(u->v[i].addr, j_text(j_at(want, i)));
}

static void same_routes(const char *what, const struct dns_suffix_route *v, size_t n, json_t *want)
{
	json_t *all = spread_keys(want);
	if (n != j_len(all))
		fail_msg("%s: %zu routes, wanted %zu", what, n, j_len(all));
	for (void *it = j_iter(all); it; it = j_iter_next(all, it)) {
		char name[DNS_FQDN_MAX + 1];
		size_t i = 0;
		clean(j_iter_key(it), name);
		while (i < n && !is(v[i].suffix, name))
			i++;
		if (i == n)
			fail_msg("%s: no route %s", what, name);
		same_upstreams(&v[i].to, j_iter_value(it));
	}
	j_free(all);
}

static void same_hosts(const struct dns_plan *p, json_t *want)
{
	size_t n = 0;
	for (void *it = j_iter(want); it; it = j_iter_next(want, it))
		for (size_t i = 0; i < j_len(j_iter_value(it)); i++, n++) {
			char name[DNS_FQDN_MAX + 1], ip[IP_TEXT_MAX];
			clean(j_iter_key(it), name);
			assert_string_equal(p->hosts[n].name, name);
			assert_string_equal(ip_encode(p->hosts[n].addr, ip),
					    j_text(j_at(j_iter_value(it), i)));
		}
	assert_int_equal(p->n_hosts, n);
}

static void same_os(const char *what, const struct dns_os_config *os, const json_t *want)
{
	const json_t *servers = j_get(want, "nameservers");
	char ip[IP_TEXT_MAX];
	assert_int_equal(dns_os_config_is_empty(os), j_bool(want, "is_zero", false));
	assert_int_equal(os->n_servers, j_len(servers));
	for (size_t i = 0; i < os->n_servers; i++)
		assert_string_equal(ip_encode(os->servers[i].ip, ip), j_text(j_at(servers, i)));
	same_names(what, os->search, os->n_search, j_get(want, "search_domains"));
	same_sorted(what, os->match, os->n_match, j_get(want, "match_domains"));
}

/* ---- the managers ---- */

static struct dns_os_config base;

static struct dns_os_able able_of(const char *manager)
{
	bool split = strncmp(manager, "split", 5) == 0;
	bool failed = is(manager, "nosplit_base_error");
	return (struct dns_os_able){
		.split = split,
		.has_base = !is(manager, "split_no_base"),
		.base_failed = failed,
		.base = failed ? NULL : &base,
	};
}

/* Better than the reference: no resolv.conf without a name server (spec 5.1, first deviation). */
static bool search_without_servers(const char *manager, const struct dns_result *r, json_t *want)
{
	json_t *os = j_get(want, "os");
	if (strncmp(manager, "nosplit", 7) != 0 || j_len(j_get(os, "nameservers")) ||
	    !j_len(j_get(os, "search_domains")))
		return false;
	if (is(manager, "nosplit_base_error")) {
		assert_true(dns_os_config_is_empty(&r->os));
		return true;
	}
	assert_int_equal(r->os.n_servers, 1);
	assert_true(ip_eq(r->os.servers[0].ip, ip_v4(192, 168, 1, 1)));
	assert_int_equal(r->os.n_search, j_len(j_get(os, "search_domains")) + 1);
	assert_string_equal(r->os.search[r->os.n_search - 1], "lan");
	return true;
}

static void check_manager(const struct dns_plan *p, bool force4, const char *name, json_t *want)
{
	struct dns_os_able able = able_of(name);
	struct dns_result r = { 0 };
	int rc = dns_plan_compile(p, &able, force4, &r);
	if (j_str(want, "error")) {
		assert_int_equal(rc, -ERR_IO);
		assert_true(dns_os_config_is_empty(&r.os));
		dns_result_fini(&r);
		return;
	}
	assert_int_equal(rc, 0);
	json_t *ours = j_get(want, "resolver");
	same_routes(name, r.routes, r.n_routes, j_get(ours, "routes"));
	same_sorted(name, r.zones, r.n_zones, j_get(ours, "local_domains"));
	same_hosts(p, j_get(ours, "hosts"));
	if (!search_without_servers(name, &r, want))
		same_os(name, &r.os, j_get(want, "os"));
	dns_result_fini(&r);
}

static void check_internal(const struct dns_plan *p, const json_t *want)
{
	same_upstreams(&p->resolvers, j_get(want, "default_resolvers"));
	same_routes("internal", p->routes, p->n_routes, j_get(want, "routes"));
	same_names("search", p->search, p->n_search, j_get(want, "search_domains"));
	same_hosts(p, j_get(want, "hosts"));
	assert_int_equal(p->only_v6, j_bool(want, "only_ipv6", false));
	assert_int_equal(p->hosts_unrouted, j_bool(want, "magicdns_hosts_unrouted", false));
}

/* A peer without a port does not resolve: then the case is another one of the file. */
static json_t *expectation(json_t *c)
{
	json_t *cases = j_get(vec_load("dns_osconfig.json"), "cases");
	if (!is(j_str(c, "name"), "exit_node_no_peerapi_port"))
		return c;
	for (size_t i = 0; i < j_len(cases); i++)
		if (is(j_str(j_at(cases, i), "name"), "magicdns_only"))
			return j_at(cases, i);
	fail_msg("no such case");
	return NULL;
}

static void check_case(json_t *c)
{
	struct world w = { 0 };
	struct dns_facts f = { 0 };
	struct dns_plan p = { 0 };
	world_init(&w, c);
	struct exit_choice x = exit_of(&w, c);
	dns_facts_take(&f, &w.nm, &w.prefs, &x, wall_now());
	dns_plan_build(&f.in, &p);
	json_t *want = expectation(c);
	check_internal(&p, j_get(want, "internal"));
	json_t *managers = j_get(want, "managers");
	size_t n = 0;
	for (void *it = j_iter(managers); it; it = j_iter_next(managers, it), n++)
		check_manager(&p, f.in.force_ipv4, j_iter_key(it), j_iter_value(it));
	assert_int_equal(n, 4);
	dns_plan_fini(&p);
	dns_facts_fini(&f);
	world_fini(&w);
}

static void test_cases(void **state)
{
	(void)state;
	json_t *cases = j_get(vec_load("dns_osconfig.json"), "cases");
	all_zones = j_get(vec_load("dns_osconfig.json"), "ts_reverse_zones");
	struct dns_server s = { .ip = ip_v4(192, 168, 1, 1) };
	assert_true(dns_os_config_add_server(&base, &s));
	assert_true(dns_os_config_add_search(&base, "lan"));
	assert_int_equal(j_len(cases), 29);
	for (size_t i = 0; i < j_len(cases); i++) {
		print_message("case %s\n", j_str(j_at(cases, i), "name"));
		check_case(j_at(cases, i));
	}
	dns_os_config_fini(&base);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
