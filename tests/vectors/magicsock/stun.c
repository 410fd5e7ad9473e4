/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stun.json: requests and responses built byte for byte, and every parser verdict. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "magicsock/stun_wire.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, cases;

static void check(bool good, const json_t *v, const char *what)
{
	cases++;
	if (good)
		return;
	failed++;
	printf("wrong: %s (%s)\n", what, j_str(v, "name") ? j_str(v, "name") : "");
}

static bool same_addr(struct ep ep, const json_t *v, const char *member)
{
	char text[EP_TEXT_MAX];
	return str_cmp(ep_encode(ep, text), j_str(v, member)) == 0;
}

static void request_built(const json_t *v)
{
	struct stun_txid txid;
	uint8_t out[STUN_REQUEST_LEN], want[STUN_REQUEST_LEN];
	vec_hex_into(v, "txid", txid.b, sizeof(txid.b));
	vec_hex_into(v, "packet", want, sizeof(want));
	stun_request_build(&txid, out);
	check(memcmp(out, want, sizeof(want)) == 0, v, "request built");
}

/* "[::ffff:a.b.c.d]:p" is no struct ep: such a response is only parsed, never built by us. */
static bool buildable(const json_t *v)
{
	return strncmp(j_str(v, "addr"), "[::ffff:", 8) != 0;
}

static void response_built(const json_t *v)
{
	struct stun_txid txid, got_txid;
	struct ep addr, got;
	size_t n;
	uint8_t *want = vec_hex(v, "packet", &n), out[STUN_RESPONSE_MAX];
	vec_hex_into(v, "txid", txid.b, sizeof(txid.b));
	if (buildable(v)) {
		check(ep_decode(j_span(v, "addr"), &addr) == 0, v, "address in the vector");
		size_t len = stun_response_build(&txid, addr, out);
		check(len == n && memcmp(out, want, n) == 0, v, "response built");
	}
	check(stun_response_parse(span_of(want, n), &got_txid, &got) == 0, v, "response parses");
	check(memcmp(got_txid.b, txid.b, sizeof(txid.b)) == 0, v, "txid");
	check(same_addr(got, v, "parsed_addr"), v, "parsed address");
	free(want);
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int err;
	} table[] = {
		{ "wrong-software", -ERR_PERM },
		{ "wrong-fingerprint", -ERR_AUTH },
		{ "no-trailing-fingerprint", -ERR_STATE },
		{ "not-binding-request", -ERR_TYPE },
		{ "not-success-response", -ERR_TYPE },
		{ "malformed-attributes", -ERR_PROTO },
		{ "not-stun", -ERR_SYNTAX },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_cmp(name, table[i].name) == 0)
			return table[i].err;
	return 0;
}

static void request_parsed(const json_t *v)
{
	size_t n;
	uint8_t *p = vec_hex(v, "packet", &n), want[STUN_TXID_LEN];
	struct stun_txid txid;
	int rc = stun_request_parse(span_of(p, n), &txid);
	check(rc == error_of(j_str(v, "error")), v, "request verdict");
	if (rc == 0) {
		vec_hex_into(v, "txid", want, sizeof(want));
		check(memcmp(txid.b, want, sizeof(want)) == 0, v, "request txid");
	}
	free(p);
}

static void response_parsed(const json_t *v)
{
	size_t n;
	uint8_t *p = vec_hex(v, "packet", &n), want[STUN_TXID_LEN];
	struct stun_txid txid;
	struct ep addr;
	check(stun_is(span_of(p, n)) == j_bool(v, "is_stun", false), v, "is_stun");
	int rc = stun_response_parse(span_of(p, n), &txid, &addr);
	check(rc == error_of(j_str(v, "error")), v, "response verdict");
	if (rc == 0) {
		vec_hex_into(v, "txid", want, sizeof(want));
		check(memcmp(txid.b, want, sizeof(want)) == 0, v, "response txid");
		check(same_addr(addr, v, "addr"), v, "response address");
	}
	free(p);
}

static void each(const json_t *all, const char *list, void (*fn)(const json_t *))
{
	const json_t *a = j_get(all, list);
	for (size_t i = 0; i < j_len(a); i++)
		fn(j_at(a, i));
}

int main(void)
{
	json_t *v = vec_load("stun.json");
	each(v, "requests", request_built);
	each(v, "responses", response_built);
	each(v, "parse_request", request_parsed);
	each(v, "parse_response", response_parsed);
	j_free(v);
	printf("%d checks, %d wrong\n", cases, failed);
	return failed || cases < 60;
}
