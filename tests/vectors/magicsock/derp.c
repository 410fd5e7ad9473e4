/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp.json: every frame of the transcript built byte for byte and decoded again, hostile frames to
 * the client and to the server, the HTTP upgrade, the meta certificate's name, the certificate pin.
 * Input is fed in pieces of several sizes: where it is cut must not matter. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/http1.h"
#include "magicsock/derp_session.h"
#include "magicsock/derpmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int failed, cases;
static const json_t *all;
static struct node_priv alice_priv, server_priv;
static struct node_key alice, bob, ghost, server;

static void check(bool good, const char *what, const json_t *v)
{
	cases++;
	if (good)
		return;
	failed++;
	printf("wrong: %s: %s\n", what, j_str(v, "name") ? j_str(v, "name") : "");
}

static void load_key(const char *who, struct node_priv *priv, struct node_key *pub)
{
	const json_t *k = j_get(j_get(all, "keys"), who);
	struct node_key derived;
	vec_hex_into(k, "public", pub->b, 32);
	if (!priv)
		return;
	vec_hex_into(k, "private", priv->b, 32);
	node_priv_public(priv, &derived);
	check(node_key_eq(&derived, pub), "public key", k);
}

/* ---- build --------------------------------------------------------------------------------- */

static void seal(struct wr *w, const json_t *v, bool client)
{
	uint8_t nonce[BOX_NONCE_LEN];
	struct rng_script rng;
	struct box_key box;
	struct span json = j_span(v, "json");
	vec_hex_into(v, "nonce", nonce, sizeof(nonce));
	rng_script_init(&rng, nonce, sizeof(nonce));
	check(box_precompute(&box, alice_priv.b, server.b) == 0, "box", v);
	if (client)
		derp_client_info_build(w, &alice, &box, &rng.seeded.rng, json);
	else
		derp_server_info_build(w, &box, &rng.seeded.rng, json);
}

/* What our builder makes of a transcript entry; false: no builder of ours (mesh frames). */
static bool build(struct wr *w, const json_t *v, struct span frame)
{
	static const uint8_t ping[DERP_PING_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const char *name = j_str(v, "name");
	const struct node_key *to =
	    strstr(name, "ghost") || strstr(name, "not here") ? &ghost : &bob;
	struct span payload = span_from(frame, DERP_HEADER_LEN + DERP_KEY_LEN);
	switch (frame.p[0]) {
	case DERP_SERVER_KEY:
		derp_server_key_build(w, &server);
		return true;
	case DERP_CLIENT_INFO:
	case DERP_SERVER_INFO:
		seal(w, v, frame.p[0] == DERP_CLIENT_INFO);
		return true;
	case DERP_SEND_PACKET:
		derp_send_build(w, to, payload);
		return true;
	case DERP_RECV_PACKET:
		derp_recv_build(w, &bob, payload);
		return true;
	case DERP_KEEP_ALIVE:
		derp_keep_alive_build(w);
		return true;
	case DERP_NOTE_PREFERRED:
		derp_note_preferred_build(w, strstr(name, "true") != NULL);
		return true;
	case DERP_PEER_GONE:
		derp_peer_gone_build(
		    w, to, j_int(v, "reason", 0) ? DERP_GONE_NOT_HERE : DERP_GONE_DISCONNECTED);
		return true;
	case DERP_PING:
		derp_ping_build(w, ping);
		return true;
	case DERP_PONG:
		derp_pong_build(w, ping);
		return true;
	case DERP_HEALTH:
		derp_health_build(w, j_str(v, "text") ? j_str(v, "text") : "");
		return true;
	case DERP_RESTARTING:
		derp_restarting_build(w, (uint32_t)j_int(v, "reconnect_in_ms", 0),
				      (uint32_t)j_int(v, "try_for_ms", 0));
		return true;
	}
	return false;
}

static void transcript_built(void)
{
	const json_t *list = j_get(all, "transcript_alice");
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *v = j_at(list, i);
		size_t n;
		uint8_t *bytes = vec_hex(v, "bytes", &n), out[1024];
		struct wr w = wr_init(mspan_of(out, sizeof(out)));
		if (build(&w, v, span_of(bytes, n)))
			check(span_eq(wr_span_of(&w), span_of(bytes, n)), "frame built", v);
		free(bytes);
	}
}

static void info_texts(void)
{
	const json_t *list = j_get(all, "transcript_alice");
	char out[DERP_INFO_JSON_MAX];
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *v = j_at(list, i);
		struct span json = j_span(v, "json");
		struct derp_server_info info = { .version = 2 };
		struct wr w = wr_init(mspan_of(out, sizeof(out)));
		if (!json.p)
			continue;
		if (strcmp(j_str(v, "dir"), "C->S") == 0) {
			check(span_eq(derp_client_info_json(), json), "ClientInfo text", v);
			continue;
		}
		if (strstr(j_str(v, "name"), "rate"))
			info = (struct derp_server_info){ 2, 1000000, 65536 };
		derp_server_info_json(&w, &info);
		check(span_eq(wr_span_of(&w), json), "ServerInfo text", v);
	}
}

/* ---- decode ---------------------------------------------------------------------------------- */

struct texts {
	char s[32][256];
	size_t n;
};

static char *next_text(struct texts *t)
{
	if (t->n == ARRAY_LEN(t->s))
		exit(1);
	return t->s[t->n++];
}

static void key_text(char out[9], const struct node_key *k)
{
	hex_encode(span_of(k->b, 4), out);
}

static void decode_packet(struct texts *t, const struct derp_frame *f)
{
	struct node_key src;
	struct span data;
	char key[9], hex[200];
	if (derp_packet_parse(f, &src, &data))
		return;
	key_text(key, &src);
	hex_encode(data, hex);
	snprintf(next_text(t), 256, "packet src=%s data=%s", key, hex);
}

static void decode_peer(struct texts *t, const struct derp_frame *f)
{
	struct node_key peer;
	struct ep addr;
	uint8_t v;
	char key[9], text[EP_TEXT_MAX];
	if (f->type == DERP_PEER_GONE && derp_peer_gone_parse(f, &peer, &v) == 0) {
		key_text(key, &peer);
		snprintf(next_text(t), 256, "peer-gone key=%s reason=%u", key, v);
	}
	if (f->type == DERP_PEER_PRESENT && derp_peer_present_parse(f, &peer, &addr, &v) == 0) {
		key_text(key, &peer);
		snprintf(next_text(t), 256, "peer-present key=%s addr=%s flags=%u", key,
			 ep_is_set(addr) ? ep_encode(addr, text) : "invalid AddrPort", v);
	}
}

static void decode_small(struct texts *t, const struct derp_frame *f)
{
	uint8_t data[DERP_PING_LEN];
	uint32_t in, try;
	char hex[2 * DERP_PING_LEN + 1];
	switch (f->type) {
	case DERP_PING:
	case DERP_PONG:
		if (derp_ping_parse(f, data))
			return;
		hex_encode(span_of(data, sizeof(data)), hex);
		snprintf(next_text(t), 256, "%s %s", f->type == DERP_PING ? "ping" : "pong", hex);
		return;
	case DERP_KEEP_ALIVE:
		snprintf(next_text(t), 256, "keepalive");
		return;
	case DERP_HEALTH:
		snprintf(next_text(t), 256, "health \"%.*s\"", (int)f->body.len, f->body.p);
		return;
	case DERP_RESTARTING:
		if (derp_restarting_parse(f, &in, &try) == 0)
			snprintf(next_text(t), 256, "restarting in=%us for=%us", in / 1000,
				 try / 1000);
		return;
	}
}

static void decode(struct texts *t, const struct derp_frame *f)
{
	struct derp_server_info info;
	struct box_key box;
	switch (f->type) {
	case DERP_RECV_PACKET:
		decode_packet(t, f);
		return;
	case DERP_PEER_GONE:
	case DERP_PEER_PRESENT:
		decode_peer(t, f);
		return;
	case DERP_SERVER_INFO:
		if (box_precompute(&box, alice_priv.b, server.b) == 0 &&
		    derp_server_info_open(f, &box, &info) == 0)
			snprintf(next_text(t), 256, "server-info rate=%" PRIu64 " burst=%" PRIu64,
				 info.rate, info.burst);
		return;
	default:
		decode_small(t, f);
	}
}

/* Feed bytes in pieces of `cut`; the greeting frame is left out of the texts. */
static int feed(struct derp_reader *r, struct span in, size_t cut, struct texts *t)
{
	struct derp_frame f;
	int rc = 0;
	while (in.len && rc >= 0) {
		struct span piece = span_of(in.p, in.len < cut ? in.len : cut);
		in = span_from(in, piece.len);
		while ((rc = derp_reader_next(r, &piece, &f)) > 0)
			decode(t, &f);
	}
	return rc;
}

static bool texts_match(const struct texts *t, const json_t *want)
{
	bool same = t->n == j_len(want);
	for (size_t i = 0; same && i < t->n; i++)
		same = strcmp(t->s[i], j_text(j_at(want, i))) == 0;
	for (size_t i = 0; !same && i < t->n; i++)
		printf("  got: %s\n", t->s[i]);
	return same;
}

static bool has_text(const struct texts *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->s[i], text) == 0)
			return true;
	return false;
}

/* The recording fed the frames in another order than it lists them. */
static bool texts_match_unordered(const struct texts *t, const json_t *want)
{
	bool same = t->n == j_len(want);
	for (size_t i = 0; same && i < j_len(want); i++)
		same = has_text(t, j_text(j_at(want, i)));
	return same;
}

static const size_t cuts[] = { 1, 2, 3, 5, 7, 33, 1000, 1u << 20 };

static void transcript_decoded(void)
{
	const json_t *list = j_get(all, "transcript_alice");
	struct buf b;
	buf_init(&b, 65536);
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *v = j_at(list, i);
		size_t n;
		uint8_t *p = vec_hex(v, "bytes", &n);
		if (strcmp(j_str(v, "dir"), "S->C") == 0)
			buf_add(&b, p, n);
		free(p);
	}
	for (size_t c = 0; c < ARRAY_LEN(cuts); c++) {
		static struct texts t;
		struct derp_reader r;
		t.n = 0;
		derp_reader_init(&r, DERP_FRAME_MAX);
		check(feed(&r, buf_span(&b), cuts[c], &t) == 0, "transcript ends whole", all);
		derp_reader_fini(&r);
		check(texts_match_unordered(&t, j_get(all, "client_decoded_messages")), "decoded",
		      all);
	}
	buf_fini(&b);
}

/* ---- hostile frames to the client ---- */

/* Long inputs are given by length and beginning: filler, then (except for the greeting) a
 * keep-alive. */
static uint8_t *server_bytes(const json_t *v, size_t *n)
{
	static const uint8_t keep_alive[] = { DERP_KEEP_ALIVE, 0, 0, 0, 0 };
	if (j_has(v, "server_bytes"))
		return vec_hex(v, "server_bytes", n);
	size_t head;
	uint8_t *p = vec_hex(v, "server_bytes_prefix", &head);
	*n = (size_t)j_int(v, "server_bytes_len", 0);
	p = xrealloc(p, *n, 1);
	memset(p + head, 0, *n - head);
	if (!strstr(j_str(v, "name"), "greeting"))
		memcpy(p + *n - sizeof(keep_alive), keep_alive, sizeof(keep_alive));
	return p;
}

static void ignore_packet(void *arg, const struct node_key *src, struct span payload)
{
	(void)arg, (void)src, (void)payload;
}
static void ignore_up(void *arg)
{
	(void)arg;
}
static void ignore_gone(void *arg, const struct node_key *peer, uint8_t reason)
{
	(void)arg, (void)peer, (void)reason;
}
static void ignore_health(void *arg, struct span text)
{
	(void)arg, (void)text;
}
static const struct derp_session_ops ops = { ignore_packet, ignore_up, ignore_gone, ignore_health };

static const char *session_end(struct span in, size_t cut, const char *response)
{
	mono_t now = mono_add_s(MONO_ZERO, 1000);
	struct rng_seeded rng;
	rng_seeded_init(&rng, 1);
	struct derp_session *s = derp_session_new(now, &alice_priv, "derp.example.com", 443, NULL,
						  true, &rng.rng, &ops, NULL);
	int rc = derp_session_input(s, now, span_str(response));
	while (in.len && !rc) {
		struct span piece = span_of(in.p, in.len < cut ? in.len : cut);
		in = span_from(in, piece.len);
		rc = derp_session_input(s, now, piece);
	}
	const char *why = derp_session_error(s);
	const char *end = "clean end of input (frames accepted or skipped)";
	if (rc)
		end = strstr(why, "greeting") ? "greeting rejected"
					      : "connection failed: protocol error";
	derp_session_free(s);
	return end;
}

static void client_verdicts(void)
{
	const json_t *list = j_get(all, "client_verdicts");
	const json_t *http = j_get(all, "http_upgrade");
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *v = j_at(list, i);
		size_t n;
		uint8_t *p = server_bytes(v, &n);
		for (size_t c = 0; c < ARRAY_LEN(cuts); c++) {
			const char *answer = c & 1 ? "response_101" : "response_101_headscale";
			const char *end = session_end(span_of(p, n), cuts[c], j_str(http, answer));
			check(strcmp(end, j_str(v, "end")) == 0, "client verdict", v);
		}
		static struct texts t;
		struct derp_reader r;
		t.n = 0;
		derp_reader_init(&r, DERP_FRAME_MAX);
		int rc = feed(&r, span_of(p, n), 11, &t);
		if (strncmp(j_str(v, "end"), "clean", 5) == 0)
			check(rc == 0 && texts_match(&t, j_get(v, "messages")), "messages", v);
		derp_reader_fini(&r);
		free(p);
	}
}

/* ---- hostile frames to a server ---- */

static bool server_keeps(const struct derp_frame *f)
{
	struct node_key key;
	struct span payload;
	bool home;
	switch (f->type) {
	case DERP_NOTE_PREFERRED:
		return derp_note_preferred_parse(f, &home) == 0;
	case DERP_PING:
		return f->len >= DERP_PING_LEN && f->len <= DERP_PING_MAX;
	case DERP_SEND_PACKET:
		return derp_packet_parse(f, &key, &payload) == 0;
	case DERP_WATCH_CONNS:
	case DERP_CLOSE_PEER:
	case DERP_FORWARD_PACKET:
		return false;
	}
	return true;
}

static uint8_t *client_bytes(const json_t *v, size_t *n)
{
	if (j_has(v, "client_bytes"))
		return vec_hex(v, "client_bytes", n);
	size_t head;
	uint8_t *p = vec_hex(v, "client_bytes_prefix", &head);
	*n = (size_t)j_int(v, "client_bytes_len", 0);
	p = xrealloc(p, *n, 1);
	memset(p + head, 1, *n - head);
	return p;
}

static void server_after_login(const json_t *v)
{
	size_t n;
	uint8_t *p = client_bytes(v, &n);
	struct span in = span_of(p, n);
	struct derp_reader r;
	struct derp_frame f;
	derp_reader_init(&r, DERP_KEY_LEN + DERP_PACKET_MAX);
	bool kept = derp_reader_next(&r, &in, &f) == 1 && server_keeps(&f);
	check(kept == (strcmp(j_str(v, "verdict"), "kept-open") == 0), "server verdict", v);
	derp_reader_fini(&r);
	free(p);
}

static bool login_accepted(struct span in)
{
	struct derp_reader r;
	struct derp_frame f;
	struct derp_client_info info;
	struct node_key client;
	struct box_key box;
	derp_reader_init(&r, DERP_CLIENT_INFO_MAX);
	bool ok = derp_reader_next(&r, &in, &f) == 1 && derp_client_info_key(&f, &client) == 0 &&
		  box_precompute(&box, server_priv.b, client.b) == 0 &&
		  derp_client_info_open(&f, &box, &info) == 0;
	derp_reader_fini(&r);
	return ok;
}

static void server_login(const json_t *v)
{
	size_t n;
	uint8_t *p = client_bytes(v, &n);
	bool want = strcmp(j_str(v, "verdict"), "frame type 0x03") == 0;
	check(login_accepted(span_of(p, n)) == want, "login verdict", v);
	free(p);
}

/* ---- HTTP, names, pins ---- */

/* Same request line and headers, in any order; User-Agent and fast start are not ours. */
static bool same_request(const char *ours, const char *theirs)
{
	static struct http1_head a, b;
	size_t theirs_count = 0;
	if (http1_parse(span_str(ours), true, &a) || http1_parse(span_str(theirs), true, &b))
		return false;
	for (size_t i = 0; i < b.n_headers; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)b.headers[i].name.len,
			 b.headers[i].name.p);
		if (strcmp(name, "User-Agent") == 0 || strcmp(name, "Derp-Fast-Start") == 0)
			continue;
		theirs_count++;
		if (!span_eq(http1_find(&a, name), b.headers[i].value))
			return false;
	}
	return a.n_headers == theirs_count && span_eq(a.target, b.target) &&
	       span_eq(a.method, b.method);
}

static void upgrade(const char *member, const char *host, uint16_t port, const char *ideal)
{
	const json_t *http = j_get(all, "http_upgrade");
	char out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	derp_upgrade_request_build(&w, host, port, ideal);
	wr_u8(&w, 0);
	check(wr_ok(&w) && same_request(out, j_str(http, member)), member, http);
}

static void meta_name(void)
{
	const json_t *http = j_get(all, "http_upgrade");
	struct node_key k;
	struct span cn = j_span(http, "meta_cert_common_name");
	check(derp_meta_name_parse(cn, &k) == 0 && node_key_eq(&k, &server), "meta name", http);
	check(derp_meta_name_parse(span_of(cn.p, cn.len - 1), &k) == -ERR_SYNTAX, "short", http);
	check(derp_meta_name_parse(span_str("derp"), &k) == -ERR_SYNTAX, "prefix", http);
}

static void pin(void)
{
	const json_t *tls = j_get(all, "tls");
	char name[128];
	uint8_t got[32];
	char hex[65];
	struct derp_node n = { .host = (char *)(uintptr_t) "derp.example.com", .cert_name = name };
	snprintf(name, sizeof(name), "%s", j_str(tls, "leaf_cert_name"));
	check(derp_node_tls(&n, got) == DERP_TLS_PIN, "pin is known", tls);
	hex_encode(span_of(got, 32), hex);
	check(strcmp(hex, strchr(name, ':') + 1) == 0, "pin value", tls);
	for (char *c = strchr(name, ':'); *c; c++)
		if (*c >= 'a' && *c <= 'f')
			*c = (char)(*c - 'a' + 'A');
	check(derp_node_tls(&n, got) == DERP_TLS_BAD, "upper case is refused", tls);
}

static void each(const char *list, void (*fn)(const json_t *))
{
	const json_t *a = j_get(all, list);
	for (size_t i = 0; i < j_len(a); i++)
		fn(j_at(a, i));
}

int main(void)
{
	json_t *v = vec_load("derp.json");
	all = v;
	if (crypto_init())
		return 1;
	load_key("alice", &alice_priv, &alice);
	load_key("bob", NULL, &bob);
	load_key("ghost", NULL, &ghost);
	load_key("server", &server_priv, &server);
	transcript_built();
	info_texts();
	transcript_decoded();
	client_verdicts();
	each("server_verdicts_after_login", server_after_login);
	each("server_verdicts_login", server_login);
	upgrade("request_plain", "derp.example.com", 443, NULL);
	upgrade("request_port_8443", "derp.example.com", 8443, NULL);
	upgrade("request_non_ideal_node", "derp2.example.com", 443, "1a");
	meta_name();
	pin();
	j_free(v);
	printf("%d checks, %d wrong\n", cases, failed);
	return failed || cases < 240;
}
