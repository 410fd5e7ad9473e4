/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostile: a control server with its relay on one TCP port, which behaves as its mode
 * says, also under TLS.
 *
 *   hostile ADDRESS:PORT MODE
 *
 * It says one line for each thing a client asked: "key", "ts2021", "register", "map" (a stream),
 * "update", "derp", "elsewhere" (where its redirection leads), so that a test can count them and
 * see that its mode was reached. Each connection has its own process; none sends more than
 * FLOOD_MAX bytes.
 *
 * Modes: those of `modes` at the end, and
 *   register-STATUS[:RETRY-AFTER]   that status for each registration
 *   map-STATUS                      the same for each map request */
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/http1.h"
#include "base/json.h"
#include "base/sockaddr.h"
#include "daemon/control/early.h"
#include "daemon/control/h2.h"
#include "daemon/control/map_wire.h"
#include "daemon/control/noise_wire.h"
#include "daemon/control/upgrade_wire.h"
#include "magicsock/derp_wire.h"
#include "tests/fault/hostile_tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD_MAX (64u << 20)
#define MAP_MAX (32u << 20)
#define RELAY_REGION 900
#define MANY_PEERS 10000
#define MANY_ENDPOINTS 100000
#define DEEP 20000
#define DRIP_US 200000

static const char *mode;
static struct ep listen_at;
static struct machine_priv noise_priv;
static struct node_priv relay_priv;

static bool is(const char *name)
{
	return strcmp(mode, name) == 0;
}

static void say(const char *what)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\n", what);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(1);
}

/* ---- bytes out: each ends the process when the client is gone or had enough ---- */

static size_t sent_total;

static void put(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);

		sent_total += k > 0 ? (size_t)k : 0;
		if (k <= 0 || sent_total > FLOOD_MAX)
			_exit(0);
		at += k;
		n -= (size_t)k;
	}
}

static void put_str(int fd, const char *s)
{
	put(fd, s, strlen(s));
}

static _Noreturn void flood(int fd, const void *p, size_t n)
{
	for (;;)
		put(fd, p, n);
}

static _Noreturn void drip(int fd, const void *p, size_t n)
{
	for (;;) {
		put(fd, p, n);
		usleep(DRIP_US);
	}
}

/* Read what the client still says until it leaves. */
static _Noreturn void listen_only(int fd)
{
	uint8_t sink[4096];

	while (recv(fd, sink, sizeof(sink), 0) > 0)
		continue;
	_exit(0);
}

/* ---- plain HTTP ---- */

static void reply(int fd, const char *status, const char *fields, const char *body)
{
	char head[512];

	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields,
		 strlen(body));
	put_str(fd, head);
	put_str(fd, body);
}

static _Noreturn void endless_head(int fd)
{
	static const char field[] =
	    "X-Again: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

	put_str(fd, "HTTP/1.1 200 OK\r\n");
	flood(fd, field, sizeof(field) - 1);
}

static void serve_key(int fd)
{
	struct machine_key key;
	char text[KEY_TEXT_MAX], zero[KEY_TEXT_MAX], body[256];
	uint8_t junk[65536] = { 0 };

	say("key");
	if (is("key-endless-head"))
		endless_head(fd);
	if (is("key-endless-body")) {
		put_str(fd, "HTTP/1.1 200 OK\r\n\r\n");
		flood(fd, junk, sizeof(junk));
	}
	if (is("key-drip")) {
		put_str(fd, "HTTP/1.1 200 OK\r\n\r\n{");
		drip(fd, " ", 1);
	}
	if (is("key-redirect")) {
		ep_encode(listen_at, text);
		snprintf(body, sizeof(body), "Location: http://%s/elsewhere\r\n", text);
		reply(fd, "302 Found", body, "");
		return;
	}
	machine_priv_public(&noise_priv, &key);
	machine_key_encode(&key, text);
	memset(&key, 0, sizeof(key));
	machine_key_encode(&key, zero);
	snprintf(body, sizeof(body), "{\"legacyPublicKey\":\"%s\",\"publicKey\":\"%s\"}", zero,
		 is("key-low-order") ? zero : text);
	reply(fd, "200 OK", "", is("key-garbage") ? "\x1b[31m{\"publicKey\":7" : body);
}

/* ---- the map's JSON ---- */

static void add_key(struct buf *b, const char *member, unsigned n)
{
	struct node_key k = { { 0 } };
	char text[KEY_TEXT_MAX];

	memset(k.b, 0x11, sizeof(k.b));
	memcpy(k.b, &n, sizeof(n));
	buf_fmt(b, ",\"%s\":\"%s\"", member, node_key_encode(&k, text));
}

static void add_peer_open(struct buf *b, unsigned id)
{
	buf_fmt(b,
		"%s{\"ID\":%u,\"StableID\":\"%u\",\"Name\":\"p%u.h.test.\",\"User\":1,"
		"\"MachineAuthorized\":true,\"Cap\":100,\"Addresses\":[\"100.%u.%u.%u/32\"],"
		"\"AllowedIPs\":[\"100.%u.%u.%u/32\"]",
		id == 2 ? "" : ",", id, id, id, 65 + (id >> 16), id >> 8 & 255, id & 255,
		65 + (id >> 16), id >> 8 & 255, id & 255);
}

static void add_peer(struct buf *b, unsigned id)
{
	add_peer_open(b, id);
	add_key(b, "Key", id);
	buf_add_str(b, "}");
}

static void add_endpoints(struct buf *b, unsigned n)
{
	buf_add_str(b, ",\"Endpoints\":[\"10.77.0.250:1\"");
	for (unsigned i = 1; i < n; i++)
		buf_fmt(b, ",\"192.0.2.%u:%u\"", i % 250 + 1, i % 60000 + 1);
	buf_add_str(b, "]}");
}

static void add_odd_peers(struct buf *b, const char *own_key)
{
	char zero[KEY_TEXT_MAX];

	if (is("map-peers"))
		for (unsigned id = 2; id < MANY_PEERS + 2; id++)
			add_peer(b, id);
	if (is("map-endpoints")) {
		add_peer_open(b, 2);
		add_key(b, "Key", 2);
		add_endpoints(b, MANY_ENDPOINTS);
	}
	if (is("map-same-id")) {
		add_peer(b, 2);
		buf_add_str(b, ",");
		add_peer(b, 2);
	}
	if (is("map-same-key")) {
		add_peer(b, 2);
		add_peer_open(b, 3);
		add_key(b, "Key", 2);
		buf_add_str(b, "}");
	}
	if (is("map-self-as-peer")) {
		add_peer_open(b, 2);
		buf_fmt(b, ",\"Key\":\"%s\"}", own_key);
	}
	if (is("map-low-order")) {
		add_peer_open(b, 2);
		buf_fmt(b, ",\"Key\":\"%s\"}", node_key_encode(&(struct node_key){ { 1 } }, zero));
	}
}

static void add_relay(struct buf *b)
{
	char ip[IP_TEXT_MAX];

	ip_encode(listen_at.ip, ip);
	buf_fmt(b,
		"\"DERPMap\":{\"Regions\":{\"%d\":{\"RegionID\":%d,\"RegionCode\":\"h\","
		"\"RegionName\":\"\\u001b[2Jh\",\"Nodes\":[{\"Name\":\"h\",\"RegionID\":%d,"
		"\"HostName\":\"%s\",\"IPv4\":\"%s\",\"STUNPort\":-1,\"DERPPort\":%u,"
		"\"InsecureForTests\":true}]}},\"omitDefaultRegions\":true}",
		RELAY_REGION, RELAY_REGION, RELAY_REGION, ip, ip, listen_at.port);
}

static void add_first_map(struct buf *b, const char *own_key)
{
	buf_fmt(b,
		"{\"Node\":{\"ID\":1,\"StableID\":\"1\",\"Name\":\"victim.h.test.\",\"User\":1,"
		"\"Key\":\"%s\",\"Addresses\":[\"100.64.0.1/32\"],\"AllowedIPs\":"
		"[\"100.64.0.1/32\"],\"MachineAuthorized\":true,\"Cap\":100},"
		"\"Domain\":\"h.test\",",
		own_key);
	add_relay(b);
	buf_add_str(b, ",\"UserProfiles\":[{\"ID\":1,\"LoginName\":\"\\u001b[31mred\"}],"
		       "\"Health\":[\"\\u001b]0;title\\u0007\"],\"Peers\":[");
	add_odd_peers(b, own_key);
	buf_add_str(b, "]}");
}

/* ---- framed map messages ---- */

static void add_frame(struct buf *b, struct span text)
{
	uint8_t len[4];
	struct wr w = wr_init(mspan_of(len, sizeof(len)));

	wr_le32(&w, (uint32_t)text.len);
	buf_add(b, len, sizeof(len));
	buf_add_span(b, text);
}

/* A zstd frame of 1 GiB of blanks in 32 KiB: 8192 run-length blocks of 128 KiB. */
static void add_bomb(struct buf *b, uint8_t window)
{
	struct buf z;

	buf_init(&z, MAP_MAX);
	buf_add(&z, (const uint8_t[]){ 0x28, 0xb5, 0x2f, 0xfd, 0x00, window }, 6);
	for (unsigned i = 0; i < 8192; i++) {
		uint32_t head = (131072u << 3) | (1u << 1) | (i == 8191);

		buf_add(&z,
			(const uint8_t[]){ (uint8_t)head, (uint8_t)(head >> 8),
					   (uint8_t)(head >> 16), ' ' },
			4);
	}
	add_frame(b, buf_span(&z));
	buf_fini(&z);
}

/* One frame of raw blocks, so that no compressor is needed here. */
static void add_message(struct buf *b, struct span text, bool zstd)
{
	struct buf z;

	if (!zstd) {
		add_frame(b, text);
		return;
	}
	buf_init(&z, MAP_MAX);
	buf_add(&z, (const uint8_t[]){ 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40 }, 6);
	while (text.len) {
		size_t n = text.len < 65536 ? text.len : 65536;
		uint32_t head = (uint32_t)n << 3 | (n == text.len);

		buf_add(
		    &z,
		    (const uint8_t[]){ (uint8_t)head, (uint8_t)(head >> 8), (uint8_t)(head >> 16) },
		    3);
		buf_add(&z, text.p, n);
		text = span_from(text, n);
	}
	add_frame(b, buf_span(&z));
	buf_fini(&z);
}

static void add_deep(struct buf *b, bool zstd)
{
	struct buf text;

	buf_init(&text, MAP_MAX);
	buf_add_str(&text, "{\"Peers\":");
	for (unsigned i = 0; i < DEEP; i++)
		buf_add_str(&text, "[");
	add_message(b, buf_span(&text), zstd);
	buf_fini(&text);
}

static void add_text(struct buf *b, const char *json, bool zstd)
{
	add_message(b, span_str(json), zstd);
}

/* The whole answer to a map request. */
static void add_map(struct buf *b, const char *own_key, bool zstd)
{
	struct buf first;

	if (is("map-prefix"))
		buf_add(b, "\xff\xff\xff\xff", 4);
	else if (is("map-bomb"))
		add_bomb(b, 0x40);
	else if (is("map-window"))
		add_bomb(b, 0xa8);
	else if (is("map-garbage"))
		add_frame(b, span_str("\x1b[31mneither JSON nor zstd"));
	else if (is("map-deep"))
		add_deep(b, zstd);
	if (b->len)
		return;
	buf_init(&first, MAP_MAX);
	add_first_map(&first, own_key);
	add_message(b, buf_span(&first), zstd);
	buf_fini(&first);
	if (is("map-exit"))
		add_text(b, "{\"Debug\":{\"Exit\":7}}", zstd);
	if (is("map-sleep"))
		add_text(b, "{\"Debug\":{\"SleepSeconds\":1000000000}}", zstd);
	if (is("map-ping-local"))
		add_text(b, "{\"PingRequest\":{\"URL\":\"http://127.0.0.1:7/x\",\"Log\":true}}",
			 zstd);
}

/* ---- ts2021 ---- */

struct session {
	int fd;
	int32_t endless; /* a map stream that never runs dry; 0: none */
	bool zstd;	 /* of that stream */
	struct ts_tx tx;
	struct ts_rx rx;
	struct h2 *h2;
};

struct request {
	bool map;
	struct buf body;
};

static void seal(struct session *s, struct span plain)
{
	struct buf wire;

	buf_init(&wire, 2 * MAP_MAX);
	if (ts_seal(&s->tx, plain, &wire) < 0)
		_exit(1);
	put(s->fd, wire.p, wire.len);
	buf_fini(&wire);
}

static void pump(struct session *s)
{
	struct buf plain;

	buf_init(&plain, 2 * MAP_MAX);
	while (h2_wants_send(s->h2)) {
		buf_reset(&plain);
		if (h2_send(s->h2, &plain, 65536) < 0 || !plain.len)
			break;
		seal(s, buf_span(&plain));
	}
	buf_fini(&plain);
}

static void respond(struct session *s, int32_t stream, int status, const char *retry,
		    struct span body, bool more)
{
	struct h2_field field = { span_str("retry-after"), span_str(retry) };

	if (h2_respond(s->h2, stream, status, &field, *retry ? 1 : 0, true) < 0 ||
	    h2_write(s->h2, stream, body) < 0 || (!more && h2_finish(s->h2, stream) < 0))
		_exit(1);
}

/* "PREFIX401:99" -> 401 and "99"; 0 if the mode is another one */
static int status_mode(const char *prefix, const char **retry)
{
	size_t n = strlen(prefix);

	*retry = "";
	if (strncmp(mode, prefix, n) != 0 || mode[n] < '1' || mode[n] > '9')
		return 0;
	if (strchr(mode, ':'))
		*retry = strchr(mode, ':') + 1;
	return (int)strtol(mode + n, NULL, 10);
}

static const char *register_answer(void)
{
	static char url[128];

	if (is("register-expired"))
		return "{\"NodeKeyExpired\":true}";
	if (is("register-error"))
		return "{\"Error\":\"\\u001b[31mno\\u001b]0;x\\u0007\"}";
	if (is("register-url")) {
		snprintf(url, sizeof(url), "{\"AuthURL\":\"https://h.test/%d\"}", getpid());
		return url;
	}
	if (is("register-file-url"))
		return "{\"AuthURL\":\"file:///etc/shadow\"}";
	if (is("register-garbage"))
		return "[[[[{\"User\":\x01";
	return "{\"User\":{\"ID\":1,\"DisplayName\":\"v\"},\"Login\":{\"ID\":1,\"LoginName\":"
	       "\"v@h.test\"},\"MachineAuthorized\":true}";
}

static void serve_register(struct session *s, int32_t stream)
{
	static uint8_t junk[1 << 20];
	const char *retry;
	int status = status_mode("register-", &retry);

	say("register");
	if (is("register-silent"))
		return;
	if (is("register-endless")) {
		respond(s, stream, 200, "", span_of(junk, sizeof(junk)), true);
		while (h2_write(s->h2, stream, span_of(junk, sizeof(junk))) == 0)
			pump(s);
		return;
	}
	respond(s, stream, status ? status : 200, retry,
		span_str(status ? "\x1b[31mrefused\n" : register_answer()), false);
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);

	return s ? s : "";
}

/* Another megabyte of small changes whenever the client made room. */
static void feed_endless(struct session *s)
{
	static unsigned n;
	struct buf out;

	if (!s->endless || h2_queued(s->h2, s->endless) > (1 << 20))
		return;
	buf_init(&out, MAP_MAX);
	for (unsigned i = 0; i < 4096; i++, n++) {
		struct buf one;

		buf_init(&one, 1024);
		buf_add_str(&one, n % 2 ? "{\"PeersRemoved\":[2],\"X\":[" : "{\"PeersChanged\":[");
		add_peer(&one, 2);
		buf_add_str(&one, "]}");
		add_message(&out, buf_span(&one), s->zstd);
		buf_fini(&one);
	}
	if (h2_write(s->h2, s->endless, buf_span(&out)) < 0)
		_exit(0);
	buf_fini(&out);
}

static void serve_map(struct session *s, int32_t stream, struct span body)
{
	struct j_error err;
	json_t *rq = j_parse(body, MAP_MAX, &err);
	struct buf out;
	const char *retry;
	int status = status_mode("map-", &retry);
	bool stream_wanted = j_bool(rq, "Stream", false);

	say(stream_wanted ? "map" : "update");
	if (status || !stream_wanted) {
		respond(s, stream, status ? status : 200, retry, span_str(""), false);
	} else if (!is("map-silent")) {
		buf_init(&out, 2 * MAP_MAX);
		s->zstd = strcmp(text_of(rq, "Compress"), "zstd") == 0;
		add_map(&out, text_of(rq, "NodeKey"), s->zstd);
		respond(s, stream, 200, "", buf_span(&out), !is("map-ends"));
		buf_fini(&out);
		s->endless = is("map-flood") ? stream : 0;
	}
	j_free(rq);
}

static void on_head(void *arg, int32_t stream, const struct h2_head *head)
{
	struct session *s = arg;
	struct request *q = xcalloc(1, sizeof(*q));

	q->map = span_eq_str(head->path, "/machine/map");
	buf_init(&q->body, MAP_MAX);
	h2_set_stream_arg(s->h2, stream, q);
}

static void on_data(void *arg, int32_t stream, struct span data)
{
	struct session *s = arg;
	struct request *q = h2_stream_arg(s->h2, stream);

	buf_add_span(&q->body, data);
	h2_consume(s->h2, stream, data.len);
}

static void on_end(void *arg, int32_t stream)
{
	struct session *s = arg;
	struct request *q = h2_stream_arg(s->h2, stream);

	if (q->map)
		serve_map(s, stream, buf_span(&q->body));
	else
		serve_register(s, stream);
}

static void on_close(void *arg, int32_t stream, uint32_t code)
{
	(void)arg, (void)stream, (void)code;
}

static void on_goaway(void *arg, int32_t last)
{
	(void)arg, (void)last;
}

static const struct h2_ops ops = { on_head, on_data, on_end, on_close, on_goaway, NULL };

/* Frames that our HTTP/2 library would never write. */
static void http2_mischief(struct session *s)
{
	static const uint8_t ping[] = { 0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88 };
	static const uint8_t continuation[] = { 0, 0, 4, 9, 0, 0, 0, 0, 1, 0x40, 1, 'a', 0 };

	while (is("h2-ping-flood"))
		seal(s, span_of(ping, sizeof(ping)));
	while (is("h2-settings-flood"))
		seal(s, span_of(settings, sizeof(settings)));
	if (is("h2-continuation-flood")) {
		seal(s, span_of(settings, sizeof(settings)));
		seal(s, span_of(headers, sizeof(headers)));
		for (;;)
			seal(s, span_of(continuation, sizeof(continuation)));
	}
	if (is("h2-garbage"))
		seal(s, span_str("GET / HTTP/1.1\r\n\r\n"));
}

/* After the 101 and before HTTP/2. */
static void noise_mischief(int fd)
{
	uint8_t junk[4096];

	rng_fill(rng_system(), junk, sizeof(junk));
	if (is("noise-close"))
		_exit(0);
	if (is("noise-silent"))
		listen_only(fd);
	if (is("noise-garbage"))
		flood(fd, junk, sizeof(junk));
	if (is("noise-error")) {
		put(fd, "\x03\x00\x0c\x1b[31mrefused", 15);
		listen_only(fd);
	}
}

static void say_hello(struct session *s)
{
	struct chal_key challenge = { { 7 } };
	struct buf early;

	if (is("record-long"))
		put(s->fd, "\x04\xff\xff", 3);
	if (is("early-huge")) {
		seal(s, span_of("\xff\xff\xffTS\xff\xff\xff\xff", 9));
		flood(s->fd, "", 1);
	}
	buf_init(&early, EARLY_MAX);
	early_build(&challenge, &early);
	seal(s, buf_span(&early));
	buf_fini(&early);
	http2_mischief(s);
}

static void take(struct session *s, struct span in)
{
	struct span plain;
	int rc;

	while ((rc = ts_open(&s->rx, &in, &plain)) == 1)
		if (plain.len && h2_recv(s->h2, plain) < 0)
			_exit(0);
	if (rc < 0)
		_exit(0);
	feed_endless(s);
	pump(s);
}

static void serve_ts2021(int fd, const struct http1_head *head, struct span rest)
{
	struct session s = { .fd = fd };
	struct machine_key client;
	uint8_t init[TS_INIT_LEN], resp[TS_RESP_LEN], in[65536];
	size_t init_len = 0;
	uint16_t version;
	const char *text;
	struct buf out;
	ssize_t n;

	say("ts2021");
	buf_init(&out, 4096);
	upgrade_response_build(&out);
	put(fd, out.p, out.len);
	noise_mischief(fd);
	if (upgrade_request_check(head, init, &init_len, &text) ||
	    ts_server_accept(&noise_priv, span_of(init, init_len), rng_system(), resp, &version,
			     &client, &s.tx, &s.rx, &text) < 0)
		_exit(1);
	put(fd, resp, sizeof(resp));
	s.h2 = h2_new(true, &ops, &s);
	say_hello(&s);
	take(&s, rest);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0)
		take(&s, span_of(in, (size_t)n));
}

/* ---- relay ---- */

static void put_frame(int fd, struct wr *w)
{
	struct span s = wr_span_of(w);

	put(fd, s.p, s.len);
}

static _Noreturn void unknown_senders(int fd)
{
	uint8_t frame[512], payload[256] = { 4 };
	struct node_key src;

	for (;;) {
		struct wr w = wr_init(mspan_of(frame, sizeof(frame)));

		rng_fill(rng_system(), src.b, sizeof(src.b));
		derp_recv_build(&w, &src, span_of(payload, sizeof(payload)));
		put_frame(fd, &w);
	}
}

static _Noreturn void relay_pings(int fd)
{
	uint8_t frame[64];
	struct wr w = wr_init(mspan_of(frame, sizeof(frame)));

	derp_ping_build(&w, (const uint8_t[DERP_PING_LEN]){ 1 });
	flood(fd, frame, wr_len(&w));
}

static void relay_hello(int fd, struct wr *w)
{
	struct node_key key;

	put_str(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: "
		    "Upgrade\r\n\r\n");
	node_priv_public(&relay_priv, &key);
	derp_server_key_build(w, &key);
	put_frame(fd, w);
}

/* The client's login names its key; the answer is sealed for it. */
static void relay_login(int fd)
{
	struct derp_reader reader;
	struct derp_frame f;
	struct node_key client;
	struct box_key box;
	uint8_t in[4096], out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	int rc = 0;

	derp_reader_init(&reader, DERP_FRAME_MAX);
	while (rc == 0) {
		ssize_t n = recv(fd, in, sizeof(in), 0);
		struct span s = span_of(in, n > 0 ? (size_t)n : 0);

		if (n <= 0)
			_exit(0);
		rc = derp_reader_next(&reader, &s, &f);
	}
	if (rc < 0 || derp_client_info_key(&f, &client) < 0 ||
	    box_precompute(&box, relay_priv.b, client.b) < 0)
		_exit(1);
	derp_server_info_build(&w, &box, rng_system(), span_str("{\"version\":2}"));
	put_frame(fd, &w);
	derp_reader_fini(&reader);
}

static void serve_derp(int fd)
{
	uint8_t out[256], junk[4096];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));

	say("derp");
	if (is("relay-endless-head"))
		endless_head(fd);
	if (is("relay-closes"))
		_exit(0);
	relay_hello(fd, &w);
	if (is("relay-no-info"))
		listen_only(fd);
	relay_login(fd);
	rng_fill(rng_system(), junk, sizeof(junk));
	if (is("relay-huge-frame")) {
		put(fd, "\x05\xff\xff\xff\xff", 5);
		flood(fd, junk, sizeof(junk));
	}
	if (is("relay-ping-flood"))
		relay_pings(fd);
	if (is("relay-unknown-senders"))
		unknown_senders(fd);
	if (is("relay-garbage"))
		flood(fd, junk, sizeof(junk));
	listen_only(fd);
}

/* ---- front ---- */

static void route(int fd, const struct http1_head *head, struct span rest)
{
	if (span_eq_str(head->target, "/ts2021"))
		serve_ts2021(fd, head, rest);
	else if (span_eq_str(head->target, "/derp"))
		serve_derp(fd);
	else if (head->target.len > 4 && memcmp(head->target.p, "/key", 4) == 0)
		serve_key(fd);
	else if (span_eq_str(head->target, "/elsewhere"))
		say("elsewhere");
}

static void serve(int fd)
{
	struct http1_head head;
	uint8_t in[HTTP1_HEAD_MAX];
	size_t have = 0;

	while (have < sizeof(in)) {
		ssize_t n = recv(fd, in + have, sizeof(in) - have, 0);

		if (n <= 0)
			return;
		have += (size_t)n;
		if (http1_parse(span_of(in, have), true, &head) == 0) {
			route(fd, &head, span_from(span_of(in, have), head.len));
			return;
		}
	}
}

static int open_listener(void)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(listen_at, &ss);
	int on = 1, fd = socket(ss.ss_family, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, 64) < 0) {
		perror("hostile");
		exit(1);
	}
	return fd;
}

static const char *const modes[] = {
	"early-huge",	      "h2-continuation-flood",
	"h2-garbage",	      "h2-ping-flood",
	"h2-settings-flood",  "key-drip",
	"key-endless-body",   "key-endless-head",
	"key-garbage",	      "key-low-order",
	"key-redirect",	      "map-bomb",
	"map-deep",	      "map-endpoints",
	"map-ends",	      "map-exit",
	"map-flood",	      "map-garbage",
	"map-low-order",      "map-peers",
	"map-ping-local",     "map-prefix",
	"map-same-id",	      "map-same-key",
	"map-self-as-peer",   "map-silent",
	"map-sleep",	      "map-window",
	"noise-close",	      "noise-error",
	"noise-garbage",      "noise-silent",
	"ordinary",	      "record-long",
	"register-endless",   "register-error",
	"register-expired",   "register-file-url",
	"register-garbage",   "register-silent",
	"register-url",	      "relay-closes",
	"relay-endless-head", "relay-garbage",
	"relay-huge-frame",   "relay-no-info",
	"relay-ping-flood",   "relay-unknown-senders",
};

static bool known_mode(void)
{
	const char *retry;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (is(modes[i]))
			return true;
	return status_mode("register-", &retry) || status_mode("map-", &retry);
}

int main(int argc, char **argv)
{
	int fd;

	mode = argc == 3 ? argv[2] : "";
	if (!known_mode() || ep_decode(span_str(argv[1]), &listen_at) < 0 || crypto_init() < 0) {
		fprintf(stderr, "usage: hostile ADDRESS:PORT MODE\n");
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	machine_priv_generate(&noise_priv, rng_system());
	node_priv_generate(&relay_priv, rng_system());
	hostile_tls_init();
	fd = open_listener();
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c >= 0 && fork() == 0) {
			close(fd);
			serve(hostile_tls_front(c));
			_exit(0);
		}
		close(c);
	}
}
