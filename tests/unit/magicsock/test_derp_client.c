/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay connections against a relay made of our own server-side frames, over TLS on loopback.
 */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/conn.h"
#include "base/http1.h"
#include "magicsock/derp_client.h"
#include "magicsock/derp_queue.h"
#include "magicsock/derp_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WAIT_S 60
#define REGION 7

/* ---- the relay ------------------------------------------------------------------------------ */

struct relay;
struct client { /* a connection as the relay sees it */
	struct relay *relay;
	struct conn *conn;
	struct buf http;
	bool upgraded;
	struct derp_reader reader;
	struct node_key key;
	bool home;
};

struct relay {
	struct listener *listener;
	struct node_priv priv;
	struct node_key pub;
	struct client *client; /* the latest */
	int accepted;
	bool refuse;	 /* answers the upgrade with 404 */
	bool echo;	 /* sends packets back, as if from their destination */
	bool ping_first; /* pings after the login */
	unsigned packets;
	unsigned pongs;
	char ideal[64];
};

static struct {
	struct loop *loop;
	struct net *net;
	struct rng_seeded rng;
	struct conn_tls *tls;
	char cert[128], key[128];
	uint8_t pin[32];
} env;

static void client_free(struct client *c)
{
	if (c->relay->client == c)
		c->relay->client = NULL;
	conn_free(c->conn);
	buf_fini(&c->http);
	derp_reader_fini(&c->reader);
	free(c);
}

static void put(struct client *c, const struct wr *w)
{
	assert_true(wr_ok(w));
	assert_int_equal(conn_send(c->conn, wr_span_of(w)), 0);
}

static void relay_login(struct client *c, const struct derp_frame *f)
{
	struct relay *r = c->relay;
	struct box_key box;
	struct derp_client_info info;
	struct derp_server_info mine = { .version = 2 };
	uint8_t json[64], out[256];
	assert_int_equal(derp_client_info_key(f, &c->key), 0);
	assert_int_equal(box_precompute(&box, r->priv.b, c->key.b), 0);
	assert_int_equal(derp_client_info_open(f, &box, &info), 0);
	assert_true(info.can_ack_pings);
	struct wr j = wr_init(mspan_of(json, sizeof(json)));
	derp_server_info_json(&j, &mine);
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	derp_server_info_build(&w, &box, &env.rng.rng, wr_span_of(&j));
	if (r->ping_first)
		derp_ping_build(&w, (const uint8_t *)"01234567");
	put(c, &w);
}

static void relay_frame(struct client *c, const struct derp_frame *f)
{
	struct relay *r = c->relay;
	struct node_key dst;
	struct span payload;
	static uint8_t out[DERP_SEND_LEN(DERP_PACKET_MAX)];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	switch (f->type) {
	case DERP_CLIENT_INFO:
		relay_login(c, f);
		break;
	case DERP_NOTE_PREFERRED:
		assert_int_equal(derp_note_preferred_parse(f, &c->home), 0);
		break;
	case DERP_PONG:
		r->pongs++;
		break;
	case DERP_PING:
		derp_pong_build(&w, f->body.p);
		put(c, &w);
		break;
	case DERP_SEND_PACKET:
		assert_int_equal(derp_packet_parse(f, &dst, &payload), 0);
		r->packets++;
		if (r->echo) {
			derp_recv_build(&w, &dst, payload);
			put(c, &w);
		}
		break;
	}
}

static void relay_upgrade(struct client *c)
{
	static const char no[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n"
				  "Connection: Upgrade\r\n\r\n";
	struct http1_head head;
	uint8_t out[512];
	if (http1_parse(buf_span(&c->http), true, &head))
		return;
	assert_true(http1_has_token(&head, "Upgrade", "DERP"));
	struct span ideal = http1_find(&head, "Ideal-Node");
	snprintf(c->relay->ideal, sizeof(c->relay->ideal), "%.*s", (int)ideal.len, ideal.p);
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	wr_str(&w, c->relay->refuse ? no : yes);
	if (!c->relay->refuse)
		derp_server_key_build(&w, &c->relay->pub);
	put(c, &w);
	c->upgraded = true;
}

static void relay_data(void *arg, struct span data)
{
	struct client *c = arg;
	struct derp_frame f;
	if (!c->upgraded) {
		buf_add_span(&c->http, data);
		relay_upgrade(c);
		return;
	}
	while (derp_reader_next(&c->reader, &data, &f) > 0)
		relay_frame(c, &f);
}

static void relay_close(void *arg, int err)
{
	(void)err;
	client_free(arg);
}

static const struct conn_ops relay_ops = { relay_data, relay_close, NULL };

static void relay_accept(void *arg, struct conn *conn)
{
	struct relay *r = arg;
	struct client *c = xcalloc(1, sizeof(*c));
	c->relay = r;
	c->conn = conn;
	buf_init(&c->http, HTTP1_HEAD_MAX);
	derp_reader_init(&c->reader, DERP_FRAME_MAX);
	r->client = c;
	r->accepted++;
	conn_set_ops(conn, &relay_ops, c);
}

static void relay_start(struct relay *r, uint16_t port)
{
	struct ep at = { ip_v4(127, 0, 0, 1), port };
	if (node_priv_is_zero(&r->priv))
		node_priv_generate(&r->priv, &env.rng.rng);
	node_priv_public(&r->priv, &r->pub);
	r->listener = listener_new(env.loop, at, env.tls, relay_accept, r);
	assert_non_null(r->listener);
}

static void relay_stop(struct relay *r)
{
	if (r->client)
		client_free(r->client);
	listener_free(r->listener);
	r->listener = NULL;
}

/* ---- the node ---------------------------------------------------------------------------------
 */

struct node {
	struct derp_mgr *mgr;
	struct node_priv priv;
	int ups, downs, packets, gone, heard, restuns;
	bool unknown_sources;
	char text[DERP_TEXT_MAX];
	int not_ended; /* packets since the last on_read_end */
	int read_ends;
	uint8_t last[64];
	size_t last_len;
};

static bool on_packet(void *arg, int region, const struct node_key *src, struct span d)
{
	struct node *n = arg;
	(void)region, (void)src;
	n->packets++;
	n->not_ended++;
	n->last_len = d.len < sizeof(n->last) ? d.len : sizeof(n->last);
	memcpy(n->last, d.p, n->last_len);
	return !n->unknown_sources;
}

static void on_read_end(void *arg)
{
	struct node *n = arg;
	n->not_ended = 0;
	n->read_ends++;
}

static void on_state(void *arg, int region, bool connected, const char *text)
{
	struct node *n = arg;
	assert_true(region == REGION || region == REGION + 1);
	if (connected)
		n->ups++;
	else
		n->downs++;
	snprintf(n->text, sizeof(n->text), "%s", text);
}

static void on_peer_gone(void *arg, int region, const struct node_key *peer, uint8_t reason)
{
	struct node *n = arg;
	(void)region, (void)peer;
	assert_int_equal(reason, DERP_GONE_NOT_HERE);
	n->gone++;
}

static void on_heard(void *arg, int region, mono_t now)
{
	struct node *n = arg;
	(void)region, (void)now;
	n->heard++;
}

static void on_want_restun(void *arg)
{
	struct node *n = arg;
	n->restuns++;
}

static const struct derp_mgr_ops ops = { on_packet,    on_read_end, on_state,
					 on_peer_gone, on_heard,    on_want_restun };

static struct derp_node *add_node(struct derp_map *map, int region, const struct relay *r)
{
	struct derp_region *reg = derp_map_find(map, region);
	if (!reg)
		reg = derp_map_add(map, region);
	struct derp_node *n = derp_region_add_node(reg);
	str_set(&n->name, "7a");
	str_set(&n->host, "relay.test");
	str_set(&n->ipv4, "127.0.0.1");
	n->derp_port = listener_addr(r->listener).port;
	n->insecure = true;
	return n;
}

static void node_start(struct node *n, struct derp_map *map, int home)
{
	node_priv_generate(&n->priv, &env.rng.rng);
	n->mgr = derp_mgr_new(env.net, &env.rng.rng, &ops, n);
	derp_mgr_set_map(n->mgr, map);
	derp_mgr_set_key(n->mgr, &n->priv);
	derp_mgr_set_home(n->mgr, home);
	derp_map_free(map);
}

#define WAIT(condition)                                                                            \
	do {                                                                                       \
		mono_t limit_ = mono_add_s(mono_now(), WAIT_S);                                    \
		while (!(condition) && !mono_due(limit_, mono_now()))                              \
			loop_turn(env.loop, 5);                                                    \
		assert_true(condition);                                                            \
	} while (0)

static void turn(int n)
{
	while (n--)
		loop_turn(env.loop, 1);
}

static const struct node_key peer = { { 9, 9 } };

/* ---- cases --------------------------------------------------------------------------------------
 */

static void home_connects_and_carries_packets(void **state)
{
	struct relay r = { .echo = true, .ping_first = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	struct derp_region_status st;
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_str("early")), 0);
	WAIT(n.packets == 1 && n.ups == 1 && r.pongs == 1);
	assert_memory_equal(n.last, "early", 5);
	assert_true(r.client->home);
	assert_true(n.heard == 1);
	assert_true(derp_mgr_status(n.mgr, REGION, &st) && st.connected && st.home);
	assert_false(mono_is_zero(st.last_frame));
	assert_int_equal(st.remote.port, listener_addr(r.listener).port);
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, 0), REGION);
	derp_mgr_forget_peer(n.mgr, &peer);
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, 0), 0);
	derp_mgr_free(n.mgr);
	WAIT(!r.client);
	relay_stop(&r);
}

static void big_bursts_arrive_whole(void **state)
{
	struct relay r = { .echo = false };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	static uint8_t big[1400];
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	for (int i = 0; i < 50; i++) {
		for (int k = 0; k < 32; k++)
			assert_int_equal(
			    derp_mgr_send(n.mgr, REGION, &peer, span_of(big, sizeof(big))), 0);
		turn(1);
	}
	WAIT(r.packets == 50 * 32);
	static uint8_t huge[DERP_PACKET_MAX + 1];
	assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_of(huge, sizeof(huge))),
			 -ERR_TOOBIG);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

/* What comes at once is handed over at once, and its end is told. */
static void reads_are_gathered(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	static uint8_t big[1400];
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	int before = n.read_ends;
	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 32; k++)
			assert_int_equal(
			    derp_mgr_send(n.mgr, REGION, &peer, span_of(big, sizeof(big))), 0);
		turn(1);
	}
	WAIT(n.packets == 320);
	assert_int_equal(n.not_ended, 0);
	assert_true(n.read_ends - before < n.packets / 2);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void queue_drops_the_oldest(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	struct derp_region_status st;
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	for (unsigned i = 0; i < DERP_QUEUE_MAX + 5; i++) {
		uint8_t d[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_of(d, 2)), 0);
	}
	assert_true(derp_mgr_status(n.mgr, REGION, &st));
	assert_int_equal(st.tx_dropped, 5);
	WAIT(n.packets == DERP_QUEUE_MAX);
	assert_int_equal(n.last[0] << 8 | n.last[1], DERP_QUEUE_MAX + 4);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void reconnects_after_the_relay_comes_back(void **state)
{
	struct relay r = { .echo = false };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	uint16_t port = listener_addr(r.listener).port;
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	relay_stop(&r);
	WAIT(n.downs >= 2); /* the loss, and a refused attempt */
	assert_int_equal(n.restuns, 1);
	assert_true(strlen(n.text) > 0);
	relay_start(&r, port);
	WAIT(n.ups == 2);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void refused_upgrade_is_told(void **state)
{
	struct relay r = { .refuse = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	WAIT(n.downs == 1);
	assert_non_null(strstr(n.text, "refused the DERP upgrade"));
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void on_demand_region_and_change_of_home(void **state)
{
	struct relay a = { .echo = true }, b = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	int ids[4];
	(void)state;
	relay_start(&a, 0);
	relay_start(&b, 0);
	add_node(map, REGION, &a);
	add_node(map, REGION + 1, &b);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	assert_int_equal(b.accepted, 0);
	assert_int_equal(derp_mgr_send(n.mgr, REGION + 1, &peer, span_str("x")), 0);
	WAIT(n.packets == 1);
	assert_false(b.client->home);
	assert_int_equal(derp_mgr_regions(n.mgr, ids, 4), 2);
	/* its home has no connection, but it was heard on the other region */
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, 99), REGION + 1);
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, REGION), REGION);
	derp_mgr_set_home(n.mgr, REGION + 1);
	WAIT(b.client->home && !a.client->home);
	assert_int_equal(a.accepted + b.accepted, 2);
	derp_mgr_free(n.mgr);
	relay_stop(&a);
	relay_stop(&b);
}

static void unknown_sources_leave_no_route(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .unknown_sources = true };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_str("x")), 0);
	WAIT(n.packets == 1);
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, 0), 0);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void peer_gone_forgets_the_route(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	uint8_t out[64];
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_str("x")), 0);
	WAIT(n.packets == 1);
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	derp_peer_gone_build(&w, &peer, DERP_GONE_NOT_HERE);
	put(r.client, &w);
	WAIT(n.gone == 1);
	assert_int_equal(derp_mgr_route_for(n.mgr, &peer, 0), 0);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void key_and_map_changes_reconnect(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	struct node_key first;
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	struct derp_map *changed = derp_map_copy(map);
	str_set(&derp_map_find(changed, REGION)->nodes[0].name, "7z");
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	first = r.client->key;
	node_priv_generate(&n.priv, &env.rng.rng);
	derp_mgr_set_key(n.mgr, &n.priv);
	WAIT(n.ups == 2 && r.client && !node_key_eq(&r.client->key, &first));
	derp_mgr_set_key(n.mgr, &n.priv);
	turn(20);
	assert_int_equal(n.ups, 2); /* the same key: nothing happens */
	derp_mgr_set_map(n.mgr, changed);
	WAIT(n.ups == 3);
	derp_mgr_set_map(n.mgr, changed);
	turn(20);
	assert_int_equal(n.ups, 3);
	derp_mgr_set_key(n.mgr, NULL);
	WAIT(n.downs == 3);
	assert_int_equal(derp_mgr_send(n.mgr, REGION, &peer, span_str("x")), -ERR_NOENT);
	turn(20);
	assert_int_equal(n.ups, 3);
	derp_map_free(changed);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void link_changes(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	struct ip here = ip_v4(127, 0, 0, 1), elsewhere = ip_v4(192, 0, 2, 1);
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	derp_mgr_on_link_change(n.mgr, &here, 1); /* probed, and it answers */
	turn(50);
	assert_int_equal(n.downs, 0);
	derp_mgr_on_link_change(n.mgr, &elsewhere, 1);
	WAIT(n.ups == 2 && n.downs == 1);
	derp_mgr_set_network_up(n.mgr, false);
	WAIT(n.downs == 2);
	turn(50);
	assert_int_equal(n.ups, 2);
	derp_mgr_set_network_up(n.mgr, true);
	WAIT(n.ups == 3);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void second_node_and_certificate_pin(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	char pin[96] = "sha256-raw:";
	(void)state;
	relay_start(&r, 0);
	struct derp_node *stun = add_node(map, REGION, &r);
	stun->stun_only = true;
	struct derp_node *bad = add_node(map, REGION, &r);
	bad->insecure = false;
	str_set(&bad->cert_name, "sha256-raw:"
				 "00000000000000000000000000000000"
				 "00000000000000000000000000000000");
	struct derp_node *good = add_node(map, REGION, &r);
	good->insecure = false;
	hex_encode(span_of(env.pin, 32), pin + strlen(pin));
	str_set(&good->cert_name, pin);
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	assert_string_equal(r.ideal, "7a");
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static void wrong_certificates_are_refused(void **state)
{
	struct relay r = { .echo = true };
	static const char *const names[] = { "", "other.test", "sha256-raw:zz" };
	(void)state;
	relay_start(&r, 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct node n = { .ups = 0 };
		struct derp_map *map = derp_map_new();
		struct derp_node *node = add_node(map, REGION, &r);
		node->insecure = false;
		str_set(&node->cert_name, names[i]);
		node_start(&n, map, REGION);
		WAIT(n.downs == 1);
		assert_true(strlen(n.text) > 0);
		assert_int_equal(n.ups, 0);
		derp_mgr_free(n.mgr);
	}
	relay_stop(&r);
}

static void no_family_no_dial(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	struct derp_node *node = add_node(map, REGION, &r);
	str_set(&node->ipv4, "none");
	str_set(&node->ipv6, "none");
	node_start(&n, map, REGION);
	WAIT(n.downs == 1);
	assert_non_null(strstr(n.text, "families"));
	assert_int_equal(r.accepted, 0);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

/* One family by look-up, the other off: only the former is dialed. */
static void half_resolved_name(void **state)
{
	struct relay r = { .echo = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	struct derp_node *node = add_node(map, REGION, &r);
	str_set(&node->host, "localhost");
	str_set(&node->ipv4, NULL);
	str_set(&node->ipv6, "none");
	node_start(&n, map, REGION);
	WAIT(n.ups == 1);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

/* A relay that lets us in and then breaks the protocol is not hammered. */
static void misbehaving_relay_is_left_alone(void **state)
{
	struct relay r = { .refuse = true };
	struct node n = { .ups = 0 };
	struct derp_map *map = derp_map_new();
	(void)state;
	relay_start(&r, 0);
	add_node(map, REGION, &r);
	node_start(&n, map, REGION);
	mono_t start = mono_now();
	WAIT(r.accepted >= 2);
	while (mono_diff_ns(mono_now(), start) < 1500 * NS_PER_MS)
		loop_turn(env.loop, 20);
	int64_t half_seconds = mono_diff_ns(mono_now(), start) / (500 * NS_PER_MS);
	assert_in_range(r.accepted, 2, 1 + half_seconds);
	derp_mgr_free(n.mgr);
	relay_stop(&r);
}

static int setup(void **state)
{
	const char *why;
	char dir[] = "/tmp/derp-client-XXXXXX";
	(void)state;
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	if (crypto_init() || !mkdtemp(dir))
		return -1;
	rng_seeded_init(&env.rng, 7);
	snprintf(env.cert, sizeof(env.cert), "%s/cert.pem", dir);
	snprintf(env.key, sizeof(env.key), "%s/key.pem", dir);
	if (conn_tls_make("relay.test", env.cert, env.key))
		return -1;
	env.tls = conn_tls_load(env.cert, env.key, &why);
	unlink(env.cert);
	unlink(env.key);
	rmdir(dir);
	if (!env.tls)
		return -1;
	conn_tls_sha256(env.tls, env.pin);
	env.loop = loop_new();
	env.net = net_new(env.loop, NULL);
	return env.loop && env.net ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	turn(20);
	net_free(env.net);
	turn(5);
	loop_free(env.loop);
	conn_tls_free(env.tls);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(home_connects_and_carries_packets),
		cmocka_unit_test(big_bursts_arrive_whole),
		cmocka_unit_test(reads_are_gathered),
		cmocka_unit_test(queue_drops_the_oldest),
		cmocka_unit_test(reconnects_after_the_relay_comes_back),
		cmocka_unit_test(refused_upgrade_is_told),
		cmocka_unit_test(on_demand_region_and_change_of_home),
		cmocka_unit_test(unknown_sources_leave_no_route),
		cmocka_unit_test(peer_gone_forgets_the_route),
		cmocka_unit_test(key_and_map_changes_reconnect),
		cmocka_unit_test(link_changes),
		cmocka_unit_test(second_node_and_certificate_pin),
		cmocka_unit_test(wrong_certificates_are_refused),
		cmocka_unit_test(no_family_no_dial),
		cmocka_unit_test(half_resolved_name),
		cmocka_unit_test(misbehaving_relay_is_left_alone),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
