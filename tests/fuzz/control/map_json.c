/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Map messages, separated by newlines, into one session that has a map: afterwards the map is
 * sound, and what it says when written out is the same map again. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/json_scan.h"
#include "daemon/control/map_session.h"

#define K(b) "nodekey:" b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b
static const char FIRST[] = "{\"Node\":{\"ID\":1,\"Key\":\"" K(
    "01") "\"},\"Peers\":[{\"ID\":2,\"Key\":"
	  "\"" K("02") "\"},{\"ID\":3,\"Key\":\"" K("03") "\"}],\"PacketFilter\":[]}";
static const wall_t NOW = { 1800000000, 0 };

/* By the peer that says so, or one before it. */
static void owned(const struct netmap *nm, const struct nm_node *p, struct prefix addr)
{
	if (!prefix_is_host(addr))
		return;
	const struct nm_node *owner = netmap_peer_by_address(nm, addr.ip);
	must(owner && owner->id <= p->id, "an address is the first peer's that has it");
	must(nm_node_has_address(owner, addr.ip), "and an owner has it");
}

static void check(const struct netmap *nm)
{
	size_t bytes = 0;
	must(nm->self != NULL, "there is a self");
	must(map_len(&nm->by_key) == nm->n_peers, "one key a peer");
	for (size_t i = 0; i < nm->n_peers; i++) {
		const struct nm_node *p = nm->peers[i];
		bytes += p->size + p->n_addresses * (size_t)NM_BYTES_PER_ADDRESS;
		must(i == 0 || nm->peers[i - 1]->id < p->id, "sorted by id");
		must(p->id != nm->self->id, "we are no peer of ours");
		must(!node_key_eq(&p->key, &nm->self->key), "nor is our key");
		must(!nm_key_is_low_order(p->key.b), "no low-order key");
		must(netmap_peer_by_key(nm, &p->key) == p, "found by key");
		for (size_t k = 0; k < p->n_addresses; k++)
			owned(nm, p, p->addresses[k]);
		must(p->n_endpoints <= NM_ENDPOINTS_MAX, "bounded endpoints");
	}
	must(bytes == nm->bytes, "bytes are counted");
	for (size_t i = 1; i < nm->n_filters; i++)
		must(strcmp(nm->filters[i - 1].name, nm->filters[i].name) < 0, "filters by name");
	for (size_t i = 1; i < nm->n_users; i++)
		must(nm->users[i - 1].id < nm->users[i].id, "users by id");
	must(nm->n_messages <= NM_MESSAGES_MAX, "bounded messages");
}

/* The cache's text makes the same map. */
static void round_trip(const struct netmap *nm)
{
	struct map_session *s = map_session_new();
	struct map_result res;
	const char *why;
	json_t *a = netmap_to_json(nm);
	char *text = j_dump(a);
	int err = map_session_apply(s, span_str(text), NOW, &res, &why);
	if (err)
		printf("%s: %s\n", why, text);
	must(err == 0, "a map can be read back");
	check(map_session_netmap(s));
	must(map_session_netmap(s)->n_peers == nm->n_peers, "with all its peers");
	map_session_free(s);
	free(text);
	j_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct map_session *s = map_session_new();
	struct map_result res;
	struct nm_change ch;
	wall_t next;
	const char *why;
	struct span in = span_of(p, len);
	int err = map_session_apply(s, span_str(FIRST), NOW, &res, &why);
	must(err == 0, "the first message is good");
	while (in.len && !err) {
		const uint8_t *nl = memchr(in.p, '\n', in.len);
		struct span one = span_of(in.p, nl ? (size_t)(nl - in.p) : in.len);
		in = span_from(in, one.len + (nl ? 1 : 0));
		err = map_session_apply(s, one, NOW, &res, &why);
		must(res.sleep_s >= 0 && res.sleep_s <= MAP_SLEEP_MAX_S, "bounded sleep");
		for (size_t i = 1; i < res.change.n_ids; i++)
			must(res.change.ids[i - 1] < res.change.ids[i], "ids ascend");
		map_session_expire(s, NOW, &ch, &next);
		check(map_session_netmap(s));
	}
	round_trip(map_session_netmap(s));
	map_session_free(s);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char delta[] = "{\"PeersChanged\":[{\"ID\":2,\"Key\":\"" K(
	    "04") "\",\"Addresses\":[\"100.64.0.2/32\"],"
		  "\"CapMap\":{\"a\":[1]},\"Hostinfo\":{\"OS\":\"linux\"}}],\"PeersRemoved\":[3]}\n"
		  "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":[\"1.2.3.4:5\"],\"Online\":"
		  "true}]}\n"
		  "{\"OnlineChange\":{\"2\":false},\"DNSConfig\":{\"Routes\":{\"x\":null}}}";
	if (i == 0) {
		*out = span_str(delta);
		return true;
	}
	return seeds_text("control_json.json", "map_messages", "json", i - 1, out);
}
