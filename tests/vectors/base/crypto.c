/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primitives of wireguard.json: BLAKE2s, KDF, TAI64N, X25519, and the packets of the recorded
 * handshakes through the AEAD door. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/crypto/aead_batch.h"
#include "base/crypto/noise.h"
#include "base/mono.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check_hex(const uint8_t *got, const json_t *obj, const char *member)
{
	size_t len;
	uint8_t *want = vec_hex(obj, member, &len);
	checked++;
	if (len == 0 || memcmp(got, want, len) != 0) {
		failed++;
		printf("wrong: %s\n", member);
	}
	free(want);
}

/* Member as bytes; the caller frees p. */
static struct span hex_of(const json_t *obj, const char *member)
{
	size_t len;
	uint8_t *p = vec_hex(obj, member, &len);
	return span_of(p, len);
}

static void drop(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

static void blake2s(const json_t *cases)
{
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		struct span in = hex_of(c, "input"), k16 = hex_of(c, "key16"),
			    k32 = hex_of(c, "key32");
		uint8_t out[HASH_LEN], mac[MAC16_LEN];
		for (size_t cut = 0; cut <= in.len; cut += cut < 8 ? 1 : 61) {
			blake2s_hash(out, span_of(in.p, cut), span_from(in, cut));
			check_hex(out, c, "hash256_unkeyed");
		}
		blake2s_mac16(mac, k16, in);
		check_hex(mac, c, "keyed128_key16");
		blake2s_mac16(mac, k32, in);
		check_hex(mac, c, "keyed128_key32");
		drop(in);
		drop(k16);
		drop(k32);
	}
}

static void kdf(const json_t *cases)
{
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		struct span key = hex_of(c, "key"), in = hex_of(c, "input");
		uint8_t ck[HASH_LEN] = { 0 }, t1[HASH_LEN], t2[HASH_LEN], t3[HASH_LEN];
		hmac_blake2s(t1, key, in, span_of(NULL, 0));
		check_hex(t1, c, "hmac_blake2s");
		hmac_blake2s(t1, key, span_of(in.p, in.len / 2), span_from(in, in.len / 2));
		check_hex(t1, c, "hmac_blake2s");
		/* HMAC pads its key with zeros, so a short one may be padded before */
		if (key.len <= sizeof(ck)) {
			if (key.len)
				memcpy(ck, key.p, key.len);
			kdf_blake2s(ck, in, t1, t2, t3);
			check_hex(t1, c, "t1");
			check_hex(t2, c, "t2");
			check_hex(t3, c, "t3");
			kdf_blake2s(ck, in, t1, t2, NULL);
			check_hex(t2, c, "t2");
			kdf_blake2s(ck, in, ck, NULL, NULL); /* may alias */
			check_hex(ck, c, "t1");
		}
		drop(key);
		drop(in);
	}
}

static void tai64n(const json_t *cases)
{
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		uint8_t out[12];
		wall_tai64n((wall_t){ j_int(c, "unix", -1), (int32_t)j_int(c, "nsec", -1) }, out);
		check_hex(out, c, "tai64n");
	}
}

static void dh(const json_t *cases)
{
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		struct node_priv a, b;
		struct node_key pa, pb;
		uint8_t shared[32];
		vec_hex_into(c, "private_a", a.b, 32);
		vec_hex_into(c, "private_b", b.b, 32);
		node_priv_public(&a, &pa);
		node_priv_public(&b, &pb);
		check_hex(pa.b, c, "public_a");
		check_hex(pb.b, c, "public_b");
		failed += x25519(shared, a.b, pb.b) != 0;
		check_hex(shared, c, "shared");
		failed += x25519(shared, b.b, pa.b) != 0;
		check_hex(shared, c, "shared");
	}
}

static void constants(const json_t *v)
{
	struct noise_sym s;
	struct span id = hex_of(v, "identifier_hex");
	noise_sym_init(&s, j_span(v, "construction"));
	check_hex(s.ck, v, "initial_chain_key");
	noise_mix_hash(&s, id);
	check_hex(s.h, v, "initial_hash");
	drop(id);
}

/* A data packet: type and receiver (8), counter (8), text, tag. Opened and sealed again. */
static void packet(const json_t *pkt, const uint8_t key[32])
{
	struct span wire = hex_of(pkt, "wire"), plain = hex_of(pkt, "padded_plaintext");
	struct rd r = rd_init(wire);
	rd_skip(&r, 8);
	uint64_t counter = rd_le64(&r);
	struct span sealed = rd_rest(&r);
	uint8_t *copy = malloc(sealed.len);
	if (!copy || sealed.len < TAG_LEN)
		exit(1);
	memcpy(copy, sealed.p, sealed.len);
	struct aead_pkt p = { copy, (uint32_t)sealed.len - TAG_LEN, false, counter };
	aead_batch_open(key, &p, 1);
	bool good = p.ok && span_eq(plain, span_of(copy, p.len));
	aead_batch_seal(key, &p, 1);
	good &= span_eq(sealed, span_of(copy, sealed.len));
	checked++;
	if (!good) {
		failed++;
		printf("wrong: packet %s\n", j_str(pkt, "note"));
	}
	free(copy);
	drop(wire);
	drop(plain);
}

static void packets(const json_t *handshakes)
{
	for (size_t i = 0; i < j_len(handshakes); i++) {
		const json_t *h = j_at(handshakes, i), *list = j_get(h, "transport_packets");
		uint8_t ours[32], theirs[32];
		vec_hex_into(h, "transport_key_initiator_send", ours, 32);
		vec_hex_into(h, "transport_key_responder_send", theirs, 32);
		for (size_t k = 0; k < j_len(list); k++) {
			const json_t *p = j_at(list, k);
			bool out = str_cmp(j_str(p, "dir"), "initiator_to_responder") == 0;
			packet(p, out ? ours : theirs);
		}
	}
}

/* By each implementation that this CPU runs. */
static void packets_of_all(const json_t *handshakes)
{
	const char *name;
	for (size_t i = 0; (name = aead_batch_usable(i)); i++) {
		if (!aead_batch_protects(name))
			continue;
		if (aead_batch_init(name))
			failed++;
		packets(handshakes);
	}
}

/* XChaCha20-Poly1305: the cookie reply. */
static void cookie(const json_t *v)
{
	uint8_t key[32], nonce[24], aad[16], out[16 + TAG_LEN];
	struct span reply = hex_of(v, "cookie_reply");
	struct span sealed = span_from(reply, 32);
	vec_hex_into(v, "cookie_encryption_key", key, 32);
	vec_hex_into(v, "reply_nonce", nonce, 24);
	vec_hex_into(v, "reply_aad_mac1", aad, 16);
	failed += xaead_open(out, key, nonce, sealed, span_of(aad, 16)) != 0;
	check_hex(out, v, "cookie");
	uint8_t text[16];
	memcpy(text, out, 16);
	xaead_seal(out, key, nonce, span_of(text, 16), span_of(aad, 16));
	failed += !span_eq(sealed, span_of(out, sizeof(out)));
	drop(reply);
}

int main(void)
{
	if (crypto_init() || aead_batch_init(NULL))
		return 1;
	json_t *v = vec_load("wireguard.json");
	blake2s(j_get(v, "blake2s"));
	kdf(j_get(v, "kdf"));
	tai64n(j_get(v, "tai64n"));
	dh(j_get(v, "x25519"));
	constants(j_get(v, "constants"));
	packets_of_all(j_get(v, "handshakes"));
	cookie(j_get(v, "cookie"));
	j_free(v);
	printf("%d checked, %d wrong\n", checked, failed);
	return failed || checked < 80;
}
