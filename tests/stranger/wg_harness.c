/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wg_harness: our WireGuard over a UDP socket and without a TUN, to meet another implementation.
 * It sends ICMP echo requests through the tunnel, or answers those that come.
 *
 *   wg_harness --key FILE --peer BASE64 [--psk FILE] --port N --endpoint A:P --address IP --to IP
 *              --ping N | --serve N  [--patience SECONDS] [--jump SECONDS] [--load] [--flood]
 *              [--cross]
 *
 *   --ping N    N requests, 100 ms apart; success when each has its answer
 *   --serve N   answer N requests; success when so many came
 *   --patience  how long to wait for that; default 12 s
 *   --jump S    after half of the pings our clock goes S seconds ahead (keys age at once)
 *   --load      be under load all the time: who wants a session needs a cookie
 *   --flood     put the other side under load before each handshake message; success needs a cookie
 *   --cross     begin when the other side's first message is here, but before reading it
 * The last line of the output says what happened. */
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "base/rng.h"
#include "wg/activity.h"
#include "wg/allowedips.h"
#include "wg/cookie.h"
#include "wg/inner.h"
#include "wg/peer.h"
#include "wg/session.h"

#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1420
#define ROOM 2048
#define STAGED_MAX 64
#define PING_EVERY (100 * NS_PER_MS)
#define PATIENCE_S 12
#define LINGER (200 * NS_PER_MS) /* after the last answer given */
#define FLOOD 4000
#define FLOOD_SLICE 100		 /* a millisecond apart, or its socket drops most of them */
#define RECEIVE_BUFFER (8 << 20) /* takes the answers to a flood */
#define FLOOD_SETTLES_MS 300	 /* a full queue would drop our own message */
#define ICMP 1
#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO_LEN (20 + 8 + 56)

struct options {
	struct node_priv key;
	struct node_key peer;
	uint8_t psk[32];
	bool have_psk, load, flood, cross;
	uint16_t port;
	struct ep endpoint;
	struct ip address, to;
	unsigned pings, serve, patience_s, jump_s;
};

struct packet {
	uint8_t room[ROOM];
	uint32_t len; /* of the plaintext, at room + WG_HEADER_LEN */
};

struct harness {
	struct options o;
	int fd;
	mono_t now, start;
	int64_t ahead_ns;
	struct wg_device *dev;
	struct wg_peer *peer;
	struct wg_activity act;
	unsigned acts;
	struct wg_allowedips *allowed;
	struct packet staged[STAGED_MAX];
	unsigned n_staged;
	unsigned sent, answered, served, keepalives, refused;
	unsigned initiated, responded, cookies_sent, cookies_got, sessions;
	mono_t next_ping, last_ping, last_served, first_answer;
};

static void usage(const char *what)
{
	fprintf(stderr, "wg_harness: %s\n", what);
	exit(2);
}

/* ---- the socket ------------------------------------------------------------------------------ */

static struct sockaddr_in sockaddr_of(struct ep ep)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(ep.port) };
	memcpy(&sa.sin_addr, ep.ip.b, 4);
	return sa;
}

static void udp_send(struct harness *h, struct span d)
{
	struct sockaddr_in sa = sockaddr_of(h->o.endpoint);
	/* loss is what the protocol is for */
	(void)!sendto(h->fd, d.p, d.len, 0, (struct sockaddr *)&sa, sizeof(sa));
}

static void udp_open(struct harness *h)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(h->o.port) };
	h->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || bind(h->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		perror("wg_harness: socket");
		exit(2);
	}
	int room = RECEIVE_BUFFER;
	if (setsockopt(h->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		perror("wg_harness: receive buffer");
}

/* Handshakes that anybody can make who knows the public key: right mac1, garbage inside. */
static void flood(struct harness *h)
{
	struct wg_initiation m;
	struct wg_cookie_jar jar = { .have_mac1 = false };
	memset(&m, 0x5a, sizeof(m));
	wg_put_le32(m.type, WG_KIND_INITIATION);
	wg_cookie_add_macs(&jar, h->now, &h->o.peer, mspan_of(&m, sizeof(m)));
	for (uint32_t i = 0; i < FLOOD; i++) {
		if (i % FLOOD_SLICE == 0)
			poll(NULL, 0, 1);
		udp_send(h, span_of(&m, sizeof(m)));
	}
	poll(NULL, 0, FLOOD_SETTLES_MS);
}

/* ---- packets --------------------------------------------------------------------------------- */

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_checksum(uint8_t *at, const uint8_t *p, size_t len)
{
	at[0] = at[1] = 0;
	uint16_t sum = checksum(p, len);
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static void build_echo(const struct harness *h, struct packet *pkt, uint16_t seq)
{
	uint8_t *p = pkt->room + WG_HEADER_LEN;
	struct wr w = wr_init(mspan_of(p, ECHO_LEN));
	wr_be16(&w, 0x4500);
	wr_be16(&w, ECHO_LEN);
	wr_be32(&w, 0);
	wr_be16(&w, 64 << 8 | ICMP);
	wr_be16(&w, 0);
	wr_bytes(&w, h->o.address.b, 4);
	wr_bytes(&w, h->o.to.b, 4);
	wr_be32(&w, ECHO_REQUEST << 24);
	wr_be16(&w, 77);
	wr_be16(&w, seq);
	wr_zero(&w, 56);
	put_checksum(p + 10, p, 20);
	put_checksum(p + 22, p + 20, ECHO_LEN - 20);
	pkt->len = ECHO_LEN;
}

/* Turn a request round where it lies. */
static void make_reply(uint8_t *p, size_t len)
{
	uint8_t to[4];
	memcpy(to, p + 12, 4);
	memcpy(p + 12, p + 16, 4);
	memcpy(p + 16, to, 4);
	p[20] = ECHO_REPLY;
	put_checksum(p + 22, p + 20, len - 20);
}

static bool seal_and_send(struct harness *h, struct packet *pkt, bool asked)
{
	struct wg_session *s = wg_peer_current(h->peer);
	struct wg_seal_item it = { pkt->room + WG_HEADER_LEN, pkt->len };
	bool data = pkt->len > 0;
	if (!s || wg_session_seal(s, h->now, MTU, &it, 1) != 1)
		return false;
	udp_send(h, span_of(pkt->room, it.len));
	h->acts |= asked ? wg_activity_on_keepalive(&h->act, s, h->now)
			 : wg_activity_on_tx(&h->act, s, h->now, data);
	return true;
}

static void send_keepalive(struct harness *h, bool asked)
{
	struct packet pkt = { .len = 0 };
	seal_and_send(h, &pkt, asked);
}

/* ---- what the device asks for ---------------------------------------------------------------- */

static void on_send(void *arg, struct wg_peer *p, struct span d)
{
	struct harness *h = arg;
	(void)p;
	h->initiated += wg_classify(d) == WG_KIND_INITIATION;
	h->responded += wg_classify(d) == WG_KIND_RESPONSE;
	if (h->o.flood)
		flood(h);
	udp_send(h, d);
}

static void on_reply(void *arg, const struct wg_from *to, struct span d)
{
	struct harness *h = arg;
	struct sockaddr_in sa = sockaddr_of(to->ep);
	h->cookies_sent++;
	(void)!sendto(h->fd, d.p, d.len, 0, (struct sockaddr *)&sa, sizeof(sa));
}

static void on_ready(struct harness *h)
{
	h->sessions++;
	for (unsigned i = 0; i < h->n_staged; i++)
		seal_and_send(h, &h->staged[i], false);
	if (h->n_staged == 0 && wg_session_we_initiated(wg_peer_current(h->peer)))
		send_keepalive(h, false);
	h->n_staged = 0;
}

static void on_event(void *arg, struct wg_peer *p, enum wg_event ev)
{
	struct harness *h = arg;
	(void)p;
	if (ev == WG_EV_READY)
		on_ready(h);
	else if (ev == WG_EV_KEEPALIVE)
		send_keepalive(h, true);
	else if (ev == WG_EV_GAVE_UP || ev == WG_EV_ZEROED)
		h->n_staged = 0;
}

static struct wg_out out_of(struct harness *h)
{
	return (struct wg_out){ h, on_send, on_reply, on_event };
}

static void want(struct harness *h)
{
	struct wg_out out = out_of(h);
	wg_peer_want_session(h->peer, h->now, wall_now(), &out);
}

static void settle(struct harness *h)
{
	unsigned acts = h->acts;
	h->acts = 0;
	if (acts & WG_ACT_WATCH)
		wg_peer_on_active(h->peer);
	if (acts & WG_ACT_REKEY)
		want(h);
}

static void send_or_stage(struct harness *h, struct packet *pkt)
{
	if (seal_and_send(h, pkt, false))
		return;
	if (h->n_staged < STAGED_MAX)
		h->staged[h->n_staged++] = *pkt;
	want(h);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void on_inner(struct harness *h, struct packet *pkt)
{
	uint8_t *p = pkt->room + WG_HEADER_LEN;
	size_t len = wg_inner_len(span_of(p, pkt->len));
	struct span ip = span_of(p, len);
	if (len < 28 || p[0] != 0x45 || p[9] != ICMP ||
	    !wg_allowedips_source_ok(h->allowed, 0, wg_inner_source(ip)) ||
	    checksum(p + 20, len - 20) != 0) {
		h->refused++;
		return;
	}
	if (p[20] == ECHO_REPLY) {
		if (h->answered++ == 0)
			h->first_answer = h->now;
	} else if (p[20] == ECHO_REQUEST) {
		h->served++;
		h->last_served = h->now;
		make_reply(p, len);
		pkt->len = (uint32_t)len;
		send_or_stage(h, pkt);
	}
}

static struct wg_session *session_of(struct harness *h, uint32_t index)
{
	struct wg_session *v[] = { wg_peer_previous(h->peer), wg_peer_current(h->peer),
				   wg_peer_next(h->peer) };
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (v[i] && wg_session_local_index(v[i]) == index)
			return v[i];
	return NULL;
}

static void on_transport(struct harness *h, struct packet *pkt, size_t len)
{
	uint32_t index = wg_transport_receiver(span_of(pkt->room, len));
	struct wg_session *s = session_of(h, index);
	struct wg_open_item it = { .p = pkt->room, .len = (uint32_t)len };
	if (!s || wg_session_open(s, h->now, &it, 1) != 1) {
		h->refused++;
		return;
	}
	struct wg_out out = out_of(h);
	if (s == wg_peer_next(h->peer))
		wg_peer_on_confirmed(h->peer, h->now, index, &out);
	bool data = it.verdict == WG_OPEN_DATA;
	h->acts |= wg_activity_on_rx(&h->act, wg_peer_current(h->peer), h->now, data);
	pkt->len = it.len;
	if (data)
		on_inner(h, pkt);
	else
		h->keepalives++;
}

static void on_handshake(struct harness *h, struct span d, struct ep source)
{
	struct wg_from from = { .ep = source };
	struct wg_out out = out_of(h);
	if (h->o.load)
		wg_device_on_backlog(h->dev, h->now, 1, 1);
	enum wg_kind kind = wg_classify(d);
	enum wg_verdict v = wg_device_input(h->dev, h->now, &from, d, &out);
	h->cookies_got += kind == WG_KIND_COOKIE && v == WG_PASS;
}

static void receive_all(struct harness *h)
{
	static struct packet pkt;
	struct sockaddr_in sa;
	socklen_t sa_len = sizeof(sa);
	ssize_t n;
	while ((n = recvfrom(h->fd, pkt.room, sizeof(pkt.room), 0, (struct sockaddr *)&sa,
			     &sa_len)) >= 0) {
		struct span d = span_of(pkt.room, (size_t)n);
		struct ep source = { ip_from_bytes(span_of(&sa.sin_addr, 4)), ntohs(sa.sin_port) };
		if (wg_classify(d) == WG_KIND_TRANSPORT)
			on_transport(h, &pkt, d.len);
		else
			on_handshake(h, d, source);
		settle(h);
		sa_len = sizeof(sa);
	}
}

/* ---- the run --------------------------------------------------------------------------------- */

static void read_clock(struct harness *h)
{
	h->now = mono_add_ns(mono_now(), h->ahead_ns);
}

static void ping(struct harness *h)
{
	struct packet pkt = { .len = 0 };
	if (h->o.jump_s && h->sent == h->o.pings / 2 && h->ahead_ns == 0) {
		h->ahead_ns = h->o.jump_s * NS_PER_S;
		read_clock(h);
	}
	build_echo(h, &pkt, (uint16_t)++h->sent);
	send_or_stage(h, &pkt);
	settle(h);
	h->last_ping = h->now;
	h->next_ping = h->sent < h->o.pings ? mono_add_ns(h->now, PING_EVERY) : MONO_NEVER;
}

static bool is_served(const struct harness *h)
{
	return h->o.serve && h->served >= h->o.serve;
}

static mono_t end_of(const struct harness *h)
{
	if (is_served(h))
		return mono_add_ns(h->last_served, LINGER);
	mono_t from = h->o.serve ? h->start : h->last_ping;
	return mono_is_never(h->next_ping) ? mono_add_s(from, h->o.patience_s) : MONO_NEVER;
}

static bool is_done(const struct harness *h)
{
	return mono_due(end_of(h), h->now) || (h->o.pings && h->answered >= h->o.pings);
}

static int wait_ms(const struct harness *h)
{
	mono_t at = mono_min(mono_min(end_of(h), h->next_ping), wg_device_deadline(h->dev));
	int64_t ns = mono_diff_ns(at, h->now);
	return ns <= 0 ? 0 : ns > 1000 * NS_PER_MS ? 1000 : (int)(ns / NS_PER_MS) + 1;
}

static void run(struct harness *h)
{
	struct wg_out out = out_of(h);
	if (h->o.cross)
		poll(&(struct pollfd){ .fd = h->fd, .events = POLLIN }, 1, PATIENCE_S * 1000);
	read_clock(h);
	h->start = h->now;
	h->next_ping = h->o.pings ? h->now : MONO_NEVER;
	if (h->o.cross)
		ping(h);
	while (!is_done(h)) {
		struct pollfd pfd = { .fd = h->fd, .events = POLLIN };
		poll(&pfd, 1, wait_ms(h));
		read_clock(h);
		receive_all(h);
		wg_device_tick(h->dev, h->now, wall_now(), &out);
		settle(h);
		if (mono_due(h->next_ping, h->now))
			ping(h);
	}
}

static int report(const struct harness *h)
{
	int64_t first_ms = h->answered ? mono_diff_ns(h->first_answer, h->start) / NS_PER_MS : -1;
	printf("sent %u answered %u first_ms %lld served %u initiated %u responded %u sessions %u "
	       "cookies_sent %u cookies_got %u refused %u\n",
	       h->sent, h->answered, (long long)first_ms, h->served, h->initiated, h->responded,
	       h->sessions, h->cookies_sent, h->cookies_got, h->refused);
	bool ok = h->o.pings ? h->answered >= h->o.pings : is_served(h);
	return ok && (!h->o.flood || h->cookies_got) ? 0 : 1;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void key_text(const char *text, uint8_t key[static 32])
{
	uint8_t b[64];
	size_t len = sizeof(b);
	if (base64_decode(span_str(text), b, &len) || len != 32)
		usage("a key is 44 characters of base64");
	memcpy(key, b, 32);
	wipe(b, sizeof(b));
}

static void key_file(const char *path, uint8_t key[static 32])
{
	char text[64] = "";
	FILE *f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		usage("cannot read a key file");
	fclose(f);
	text[strcspn(text, "\n")] = 0;
	key_text(text, key);
	wipe(text, sizeof(text));
}

static unsigned count(const char *text)
{
	uint64_t v;
	if (u64_decode(span_str(text), 65535, &v))
		usage("a number is expected");
	return (unsigned)v;
}

static void set_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'k':
		key_file(arg, o->key.b);
		break;
	case 'P':
		key_text(arg, o->peer.b);
		break;
	case 's':
		key_file(arg, o->psk);
		o->have_psk = true;
		break;
	case 'p':
		o->port = (uint16_t)count(arg);
		break;
	case 'e':
		if (ep_decode(span_str(arg), &o->endpoint))
			usage("--endpoint");
		break;
	case 'a':
		if (ip_decode(span_str(arg), &o->address))
			usage("--address");
		break;
	case 't':
		if (ip_decode(span_str(arg), &o->to))
			usage("--to");
		break;
	case 'n':
		o->pings = count(arg);
		break;
	case 'S':
		o->serve = count(arg);
		break;
	case 'w':
		o->patience_s = count(arg);
		break;
	case 'j':
		o->jump_s = count(arg);
		break;
	case 'l':
		o->load = true;
		break;
	case 'f':
		o->flood = true;
		break;
	case 'x':
		o->cross = true;
		break;
	default:
		usage("unknown option");
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "key", 1, NULL, 'k' },      { "peer", 1, NULL, 'P' },
		{ "psk", 1, NULL, 's' },      { "port", 1, NULL, 'p' },
		{ "to", 1, NULL, 't' },	      { "endpoint", 1, NULL, 'e' },
		{ "address", 1, NULL, 'a' },  { "ping", 1, NULL, 'n' },
		{ "serve", 1, NULL, 'S' },    { "jump", 1, NULL, 'j' },
		{ "patience", 1, NULL, 'w' }, { "load", 0, NULL, 'l' },
		{ "flood", 0, NULL, 'f' },    { "cross", 0, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	int c;
	o->patience_s = PATIENCE_S;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(o, c, optarg);
	if (node_priv_is_zero(&o->key) || node_key_is_zero(&o->peer) || !ep_is_set(o->endpoint) ||
	    !ip_is_set(o->address) || !ip_is_set(o->to) || !o->pings == !o->serve ||
	    (o->cross && !o->pings))
		usage("--key --peer --endpoint --address --to and one of --ping, --serve");
}

int main(int argc, char **argv)
{
	static struct harness h;
	parse(&h.o, argc, argv);
	if (crypto_init() || aead_batch_init(NULL))
		return 2;
	udp_open(&h);
	h.dev = wg_device_new(rng_system());
	h.allowed = wg_allowedips_new(rng_u64(rng_system()));
	struct wg_out out = out_of(&h);
	wg_device_set_key(h.dev, &h.o.key, &out);
	h.peer = wg_peer_add(h.dev, &h.o.peer, 0, NULL);
	if (!h.peer || wg_allowedips_insert(h.allowed, prefix_host(h.o.to), 0))
		usage("--peer or --to");
	wg_peer_set_activity(h.peer, &h.act);
	wg_peer_set_psk(h.peer, h.o.have_psk ? h.o.psk : NULL);
	run(&h);
	int rc = report(&h);
	wg_device_free(h.dev);
	wg_allowedips_free(h.allowed);
	wipe(&h.o, sizeof(h.o));
	close(h.fd);
	return rc;
}
