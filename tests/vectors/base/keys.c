/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys.json: every text and short form, both directions, and what must be refused. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/keys.h"

#include <stdio.h>

static int failed;

static void check(bool good, const char *what)
{
	if (good)
		return;
	failed++;
	printf("wrong: %s\n", what);
}

static void same_text(const char *got, const json_t *obj, const char *member)
{
	check(str_cmp(got, j_str(obj, member)) == 0, member);
}

static void x25519_pair(const json_t *v, struct node_priv *priv, struct node_key *pub)
{
	char text[KEY_TEXT_MAX];
	uint8_t want[32];
	check(node_priv_decode(j_span(v, "private_text"), priv) == 0, "private_text");
	vec_hex_into(v, "private", want, 32);
	check(memcmp(priv->b, want, 32) == 0, "private");
	node_priv_encode_secret(priv, text);
	same_text(text, v, "private_text");
	node_priv_public(priv, pub);
	vec_hex_into(v, "public", want, 32);
	check(memcmp(pub->b, want, 32) == 0, "public from private");
}

static void node(const json_t *v)
{
	struct node_priv priv;
	struct node_key pub, back, zero = { { 0 } };
	char text[KEY_TEXT_MAX], brief[KEY_SHORT_MAX];
	x25519_pair(v, &priv, &pub);
	same_text(node_key_encode(&pub, text), v, "public_text");
	same_text(node_key_short(&pub, brief), v, "public_short");
	same_text(node_key_encode(&zero, text), v, "zero_public_text");
	check(node_key_decode(j_span(v, "public_text"), &back) == 0 && node_key_eq(&back, &pub),
	      "node public_text decodes");
	check(node_key_decode(j_span(v, "zero_public_text"), &back) == 0 && node_key_is_zero(&back),
	      "the zero key is legal");
}

static void machine(const json_t *v)
{
	struct node_priv priv;
	struct node_key pub;
	struct machine_key m, back;
	char text[KEY_TEXT_MAX], brief[KEY_SHORT_MAX];
	x25519_pair(v, &priv, &pub);
	memcpy(m.b, pub.b, 32);
	same_text(machine_key_encode(&m, text), v, "public_text");
	same_text(machine_key_short(&m, brief), v, "public_short");
	check(machine_key_decode(j_span(v, "public_text"), &back) == 0 && machine_key_eq(&back, &m),
	      "machine public_text decodes");
}

static void disco(const json_t *v)
{
	struct disco_key k, zero = { { 0 } };
	char text[KEY_TEXT_MAX], brief[KEY_SHORT_MAX];
	vec_hex_into(v, "public", k.b, 32);
	same_text(disco_key_encode(&k, text), v, "public_text");
	same_text(disco_key_short(&k, brief), v, "public_short");
	same_text(disco_key_encode(&zero, text), v, "zero_public_text");
}

static void challenge(const json_t *v)
{
	struct chal_key k;
	char text[KEY_TEXT_MAX];
	vec_hex_into(v, "public", k.b, 32);
	same_text(chal_key_encode(&k, text), v, "public_text");
	check(chal_key_decode(j_span(v, "public_text"), &k) == 0, "chalpub decodes");
}

static void tailnet_lock(const json_t *v)
{
	struct nl_priv priv;
	struct nl_key pub, back, zero = { { 0 } };
	uint8_t id[32];
	char text[KEY_TEXT_MAX], secret[NLPRIV_TEXT_MAX];
	check(nl_priv_decode(j_span(v, "private_text"), &priv) == 0, "nlpriv decodes");
	nl_priv_encode_secret(&priv, secret);
	same_text(secret, v, "private_text");
	nl_priv_public(&priv, &pub);
	vec_hex_into(v, "key_id", id, 32);
	check(memcmp(pub.b, id, 32) == 0, "key_id");
	same_text(nl_key_encode(&pub, text), v, "public_text");
	same_text(nl_key_encode_cli(&pub, text), v, "public_cli_text");
	same_text(nl_key_encode(&zero, text), v, "zero_public_text");
	check(nl_key_decode(j_span(v, "public_cli_text"), &back) == 0 && nl_key_eq(&back, &pub),
	      "tlpub decodes");
}

/* The case's name starts with the kind of key that is asked for. */
static bool accepted(const char *name, struct span text)
{
	struct node_key n;
	struct machine_key m;
	struct disco_key d;
	struct nl_key l;
	struct node_priv p;
	if (strncmp(name, "node", 4) == 0)
		return node_key_decode(text, &n) == 0;
	if (strncmp(name, "machine", 7) == 0)
		return machine_key_decode(text, &m) == 0;
	if (strncmp(name, "disco", 5) == 0)
		return disco_key_decode(text, &d) == 0;
	if (strncmp(name, "nl", 2) == 0)
		return nl_key_decode(text, &l) == 0;
	check(strncmp(name, "private", 7) == 0, name);
	return node_priv_decode(text, &p) == 0;
}

static void parse(const json_t *cases)
{
	check(j_len(cases) >= 18, "number of parse cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		const char *name = j_str(c, "name");
		check(accepted(name, j_span(c, "text")) == j_bool(c, "ok", false), name);
	}
}

int main(void)
{
	if (crypto_init())
		return 1;
	json_t *v = vec_load("keys.json");
	node(j_get(v, "node"));
	machine(j_get(v, "machine"));
	disco(j_get(v, "disco"));
	challenge(j_get(v, "challenge"));
	tailnet_lock(j_get(v, "tailnet_lock"));
	parse(j_get(v, "parse"));
	j_free(v);
	return failed != 0;
}
