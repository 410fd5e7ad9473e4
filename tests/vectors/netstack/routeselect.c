/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routeselect.json: which prefixes of which peers are used, by WireGuard, by the look-up and by the
 * system. */
#include "tests/lib/vec.h"

#include "netstack/routeselect.h"

#include <stdio.h>
#include <stdlib.h>

#define PEERS_MAX 16

static int failed, checked;

static void check(bool ok, const char *name, const char *what, const char *detail)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s %s\n", name, what, detail);
}

static void read_list(struct prefix_list *out, const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		struct prefix p;
		if (prefix_decode(j_text_span(j_at(list, i)), &p))
			exit(1);
		prefix_list_add(out, p);
	}
}

struct world {
	struct prefix_list lists[PEERS_MAX][2];
	struct rt_peer peers[PEERS_MAX];
	size_t n;
};

static bool is_in(const json_t *ids, int64_t id)
{
	for (size_t i = 0; i < j_len(ids); i++)
		if (j_integer(j_at(ids, i)) == id)
			return true;
	return false;
}

static void read_peers(struct world *w, const json_t *peers, const json_t *ids)
{
	*w = (struct world){ 0 };
	for (size_t i = 0; i < j_len(peers); i++) {
		const json_t *o = j_at(peers, i);
		struct prefix_list *l = w->lists[w->n];
		if (!is_in(ids, j_int(o, "id", 0)))
			continue;
		read_list(&l[0], j_get(o, "addresses"));
		read_list(&l[1], j_get(o, "allowed_ips"));
		w->peers[w->n++] = (struct rt_peer){
			.id = (uint64_t)j_int(o, "id", 0),
			.addresses = l[0].v,
			.n_addresses = l[0].n,
			.allowed = l[1].v,
			.n_allowed = l[1].n,
			.expired = j_bool(o, "expired", false),
			.has_disco = j_bool(o, "has_disco_key", false),
			.wireguard_only = j_bool(o, "wireguard_only", false),
			.home_derp = (int)j_int(o, "home_derp", 0),
		};
	}
}

static void drop_peers(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		prefix_list_fini(&w->lists[i][0]);
		prefix_list_fini(&w->lists[i][1]);
	}
}

static void same_set(const char *name, const char *what, const struct prefix_list *got,
		     const json_t *want_json)
{
	struct prefix_list want = { 0 };
	char text[PREFIX_TEXT_MAX];
	read_list(&want, want_json);
	prefix_list_sort(&want);
	check(got->n == want.n, name, what, "count");
	for (size_t i = 0; i < want.n; i++)
		check(prefix_list_has(got, want.v[i]), name, what, prefix_encode(want.v[i], text));
	prefix_list_fini(&want);
}

static void allowed(const char *name, const struct rt_choice *c, const struct world *w,
		    const json_t *by_id)
{
	for (size_t i = 0; i < w->n; i++) {
		struct prefix_list got = { 0 };
		char id[24];
		snprintf(id, sizeof(id), "%d", (int)w->peers[i].id);
		rt_peer_allowed(c, &w->peers[i], &got);
		same_set(name, "allowed", &got, j_get(by_id, id));
		prefix_list_fini(&got);
	}
}

static int64_t owner_of(const struct rt_owner *o, size_t n, const struct world *w, struct ip ip)
{
	const struct rt_owner *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(o[i].prefix, ip) &&
		    (!best || o[i].prefix.bits > best->prefix.bits))
			best = &o[i];
	return best ? (int64_t)w->peers[best->peer].id : 0;
}

static void lookups(const char *name, const struct rt_choice *c, const struct world *w,
		    json_t *by_ip)
{
	size_t n;
	struct rt_owner *owners = rt_owners(c, w->peers, w->n, &n);
	for (void *it = j_iter(by_ip); it; it = j_iter_next(by_ip, it)) {
		struct ip ip;
		if (ip_decode(span_str(j_iter_key(it)), &ip))
			exit(1);
		check(owner_of(owners, n, w, ip) == j_integer(j_iter_value(it)), name, "look-up",
		      j_iter_key(it));
	}
	free(owners);
}

int main(void)
{
	json_t *v = vec_load("routeselect.json");
	const json_t *cases = j_get(v, "cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *o = j_at(cases, i);
		const char *name = j_str(o, "name");
		struct prefix_list routes = { 0 };
		struct world w;
		struct rt_choice c = {
			.route_all = j_bool(o, "route_all", false),
			.exit_node = j_bool(o, "exit_node_selected", false),
			.exit_node_id = (uint64_t)j_int(o, "exit_node_id", 0),
			.one_cgnat = j_bool(o, "one_cgnat", false),
			.disable_ipv4 = j_bool(o, "disable_ipv4", false),
		};
		read_peers(&w, j_get(v, "peers"), j_get(o, "peer_ids"));
		allowed(name, &c, &w, j_get(o, "peer_allowed"));
		lookups(name, &c, &w, j_get(o, "lookup_peer_id"));
		rt_os_routes(&c, w.peers, w.n, &routes);
		same_set(name, "routes", &routes, j_get(o, "os_routes_unordered"));
		prefix_list_fini(&routes);
		drop_peers(&w);
	}
	j_free(v);
	printf("%d of %d checks failed\n", failed, checked);
	return failed || checked < 350;
}
