/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disco.json: messages sealed byte for byte and opened again, plaintext verdicts, envelopes,
 * Geneve. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "magicsock/demux.h"
#include "magicsock/disco_wire.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, cases;
static const json_t *all;

static void check(bool good, const char *what, const json_t *v)
{
	cases++;
	if (good)
		return;
	failed++;
	printf("wrong: %s: %s\n", what, j_str(v, "name") ? j_str(v, "name") : "");
}

static struct box_key box_of(const char *mine, const char *theirs)
{
	const json_t *keys = j_get(all, "keys");
	uint8_t priv[32], pub[32];
	struct box_key k;
	vec_hex_into(j_get(keys, mine), "disco_private", priv, 32);
	vec_hex_into(j_get(keys, theirs), "disco_public", pub, 32);
	check(box_precompute(&k, priv, pub) == 0, "precompute", keys);
	return k;
}

static void precomputed(void)
{
	const json_t *k = j_get(j_get(all, "keys"), "precomputed_box_keys");
	static const char *const pairs[][3] = {
		{ "alice_bob", "alice", "bob" },
		{ "alice_relay", "alice", "relay" },
		{ "bob_relay", "bob", "relay" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		uint8_t want[32];
		vec_hex_into(k, pairs[i][0], want, 32);
		struct box_key there = box_of(pairs[i][1], pairs[i][2]);
		struct box_key back = box_of(pairs[i][2], pairs[i][1]);
		check(secret_eq(there.b, want, 32) && secret_eq(back.b, want, 32), "box key", k);
	}
}

static bool eps_match(const struct ep *eps, size_t n, const json_t *list)
{
	char text[EP_TEXT_MAX];
	if (j_len(list) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(ep_encode(eps[i], text), j_text(j_at(list, i))) != 0)
			return false;
	return true;
}

static bool hex_match(const uint8_t *b, size_t n, const json_t *f, const char *member)
{
	size_t len;
	if (!j_str(f, member))
		return true;
	uint8_t *want = vec_hex(f, member, &len);
	bool same = len == n && memcmp(b, want, n) == 0;
	free(want);
	return same;
}

static bool num_match(uint64_t got, const json_t *f, const char *member)
{
	return !j_has(f, member) || got == (uint64_t)j_int(f, member, -1);
}

static bool bool_match(bool got, const json_t *f, const char *member)
{
	return !j_has(f, member) || got == j_bool(f, member, !got);
}

static bool relay_match(const struct disco_relay *r, const json_t *f)
{
	uint8_t lamport[8];
	struct wr w = wr_init(mspan_of(lamport, 8));
	wr_be64(&w, r->lamport);
	const json_t *addrs = j_get(f, "addr_ports");
	bool same_addrs = j_is_int(addrs) ? (int64_t)r->n_addrs == j_integer(addrs)
					  : eps_match(r->addrs, r->n_addrs, addrs);
	return same_addrs && hex_match(lamport, 8, f, "lamport_id_hex") &&
	       num_match(r->vni, f, "vni") && num_match(r->bind_ns, f, "bind_lifetime_ns") &&
	       num_match(r->steady_ns, f, "steady_state_lifetime_ns") &&
	       bool_match(disco_key_is_zero(&r->server), f, "server_zero");
}

static bool ping_match(const struct disco_ping *p, const json_t *f)
{
	bool node = j_has(f, "has_node_key") ? j_bool(f, "has_node_key", false)
					     : j_str(f, "node_key") != NULL;
	return node == p->has_node && hex_match(p->txid.b, 12, f, "txid") &&
	       hex_match(p->node.b, 32, f, "node_key") && num_match(p->padding, f, "padding");
}

static bool pong_match(const struct disco_pong *p, const json_t *f)
{
	char text[EP_TEXT_MAX];
	return hex_match(p->txid.b, 12, f, "txid") &&
	       strcmp(ep_encode(p->src, text), j_str(f, "src")) == 0;
}

static bool alloc_match(const struct disco_alloc *a, const json_t *f)
{
	uint8_t keys[64];
	memcpy(keys, a->client[0].b, 32);
	memcpy(keys + 32, a->client[1].b, 32);
	const json_t *want = j_get(f, "client_disco");
	for (size_t i = 0; i < j_len(want); i++) {
		uint8_t k[32];
		if (hex_decode(j_text_span(j_at(want, i)), k, 32) || memcmp(k, keys + 32 * i, 32))
			return false;
	}
	return num_match(a->generation, f, "generation") &&
	       bool_match(disco_key_is_zero(&a->client[0]), f, "client0_zero");
}

static bool fields_match(const struct disco_msg *m, const json_t *f)
{
	switch (m->type) {
	case DISCO_PING:
		return ping_match(&m->ping, f);
	case DISCO_PONG:
		return pong_match(&m->pong, f);
	case DISCO_CALL_ME_MAYBE:
		return eps_match(m->cmm.eps, m->cmm.n, j_get(f, "endpoints"));
	case DISCO_BIND:
	case DISCO_CHALLENGE:
	case DISCO_ANSWER:
		return num_match(m->bind.vni, f, "vni") &&
		       num_match(m->bind.generation, f, "generation") &&
		       hex_match(m->bind.remote.b, 32, f, "remote_key") &&
		       hex_match(m->bind.challenge, 32, f, "challenge");
	case DISCO_CALL_ME_MAYBE_VIA:
		return relay_match(&m->via, f);
	case DISCO_ALLOC_REQUEST:
		return alloc_match(&m->alloc, f);
	case DISCO_ALLOC_RESPONSE:
		return alloc_match(&m->alloc, f) && relay_match(&m->alloc.relay, f);
	}
	return false;
}

static void rebuild(const json_t *v, const struct disco_msg *m, struct span plain)
{
	uint8_t out[2048];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	disco_build(&w, m);
	check(span_eq(wr_span_of(&w), plain), "plaintext rebuilt", v);
}

static void reseal(const json_t *v, const char *from, const struct box_key *box, struct span plain,
		   struct span packet)
{
	uint8_t nonce[BOX_NONCE_LEN], out[4096];
	struct disco_key self;
	struct rng_script rng;
	vec_hex_into(v, "nonce", nonce, sizeof(nonce));
	vec_hex_into(j_get(j_get(all, "keys"), from), "disco_public", self.b, 32);
	rng_script_init(&rng, nonce, sizeof(nonce));
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	disco_seal(&w, &self, box, &rng.seeded.rng, plain);
	check(span_eq(wr_span_of(&w), packet), "sealed byte for byte", v);
}

static void geneve_wrapped(const json_t *v, struct span packet)
{
	size_t n;
	struct geneve g;
	if (!j_has(v, "udp_datagram"))
		return;
	uint8_t *d = vec_hex(v, "udp_datagram", &n);
	check(ms_classify(span_of(d, n), &g) == MS_GENEVE_DISCO, "Geneve class", v);
	check(span_eq(span_from(span_of(d, n), GENEVE_LEN), packet), "Geneve payload", v);
	free(d);
}

static void message(const json_t *v)
{
	size_t n, plain_len;
	uint8_t *p = vec_hex(v, "packet", &n), *want = vec_hex(v, "plaintext", &plain_len);
	struct span packet = span_of(p, n), plain;
	const char *from = j_str(v, "sender"), *to = j_str(v, "recipient");
	struct box_key box = box_of(to, from);
	struct disco_msg m;
	uint8_t scratch[4096];
	check(n == (size_t)j_int(v, "packet_len", 0), "length", v);
	check(ms_classify(packet, NULL) == MS_DISCO, "class", v);
	int rc = disco_open(packet, &box, mspan_of(scratch, sizeof(scratch)), &plain);
	check(rc == 0 && span_eq(plain, span_of(want, plain_len)), "opens", v);
	check(disco_parse(span_of(want, plain_len), &m) == 0, "parses", v);
	check((int64_t)m.type == j_int(v, "type", 0), "type", v);
	check(fields_match(&m, j_get(v, "fields")), "fields", v);
	rebuild(v, &m, span_of(want, plain_len));
	reseal(v, from, &box, span_of(want, plain_len), packet);
	geneve_wrapped(v, packet);
	free(p);
	free(want);
}

static void parse(const json_t *v)
{
	size_t n;
	uint8_t *p = vec_hex(v, "plaintext", &n);
	struct disco_msg m;
	int want = 0;
	if (str_cmp(j_str(v, "error_class"), "short") == 0)
		want = -ERR_SHORT;
	if (str_cmp(j_str(v, "error_class"), "unknown-type") == 0)
		want = -ERR_TYPE;
	int rc = disco_parse(span_of(p, n), &m);
	check(rc == want, "verdict", v);
	if (rc == 0)
		check(fields_match(&m, j_get(v, "fields")), "fields", v);
	free(p);
}

static void envelope(const json_t *v)
{
	size_t n;
	uint8_t *p = vec_hex(v, "packet", &n), scratch[256];
	struct box_key box;
	struct span plain;
	struct disco_key sender = { { 0 } };
	uint8_t priv[32];
	vec_hex_into(j_get(j_get(all, "keys"), "bob"), "disco_private", priv, 32);
	int has_sender = disco_sender(span_of(p, n), &sender);
	check(has_sender == 0 || !j_bool(v, "opens_for_bob", false), "sender", v);
	if (box_precompute(&box, priv, sender.b))
		memset(&box, 0, sizeof(box));
	bool wrapped = j_bool(v, "looks_like_disco_wrapper", false);
	check(disco_is_wrapped(span_of(p, n)) == wrapped, "wrapper", v);
	int rc = disco_open(span_of(p, n), &box, mspan_of(scratch, sizeof(scratch)), &plain);
	check((rc == 0) == j_bool(v, "opens_for_bob", false), "opens", v);
	free(p);
}

static void geneve(const json_t *v)
{
	uint8_t b[GENEVE_LEN], out[GENEVE_LEN];
	struct geneve g;
	vec_hex_into(v, "bytes", b, sizeof(b));
	check(geneve_parse(span_of(b, sizeof(b)), &g) == 0, "Geneve parses", v);
	check(g.vni == (uint32_t)j_int(v, "vni", -1), "vni", v);
	check(g.control == j_bool(v, "control", false), "control", v);
	check((strstr(j_str(v, "protocol"), "disco") != NULL) == (g.proto == GENEVE_PROTO_DISCO),
	      "protocol", v);
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	geneve_build(&w, &g);
	check(wr_ok(&w) && memcmp(out, b, sizeof(b)) == 0, "Geneve built", v);
}

static void each(const char *list, void (*fn)(const json_t *))
{
	const json_t *a = j_get(all, list);
	for (size_t i = 0; i < j_len(a); i++)
		fn(j_at(a, i));
}

int main(void)
{
	json_t *v = vec_load("disco.json");
	all = v;
	if (crypto_init())
		return 1;
	precomputed();
	each("messages", message);
	each("parse", parse);
	each("envelope", envelope);
	each("geneve_headers", geneve);
	j_free(v);
	printf("%d checks, %d wrong\n", cases, failed);
	return failed || cases < 200;
}
