/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receive rules, with two sets talking to each other through the hands of the test. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/demux.h"
#include "magicsock/disco.h"

#define SENT_MAX 64

struct sent {
	struct ep to; /* unset: DERP */
	int region;
	struct node_key peer;
	uint8_t b[2048];
	size_t len;
};

struct side {
	struct disco *d;
	struct disco_priv priv;
	struct disco_key key;
	struct node_key node;
	struct rng_seeded rng;
	struct sent sent[SENT_MAX];
	size_t n_sent;
	int changed, rearmed, wants;
	bool homeless; /* no endpoint of our own */
	struct disco_peer *peer;
};

static struct sent *next_sent(struct side *s, struct span d)
{
	assert_true(s->n_sent < SENT_MAX && d.len <= sizeof(s->sent[0].b));
	struct sent *x = &s->sent[s->n_sent++];
	memset(x, 0, sizeof(*x));
	memcpy(x->b, d.p, d.len);
	x->len = d.len;
	return x;
}
static void send_udp(void *arg, struct ep to, struct span d)
{
	next_sent(arg, d)->to = to;
}
static void send_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	struct sent *x = next_sent(arg, d);
	x->region = region;
	x->peer = *to;
}
static size_t endpoints(void *arg, struct ep *out, size_t max)
{
	assert_int_equal(max, DISCO_CMM_MAX);
	if (((struct side *)arg)->homeless)
		return 0;
	out[0] = (struct ep){ ip_v4(198, 51, 100, 1), 41641 };
	return 1;
}
static void want_endpoints(void *arg)
{
	((struct side *)arg)->wants++;
}
static void changed(void *arg, struct disco_peer *p, bool addr, const char *why)
{
	(void)p, (void)why;
	((struct side *)arg)->changed += addr;
}
static void cli_pong(void *arg, struct disco_peer *p, const struct path_cli_pong *pong)
{
	(void)arg, (void)p, (void)pong;
}
static void rearm(void *arg)
{
	((struct side *)arg)->rearmed++;
}
static const struct disco_ops ops = { send_udp, send_derp, endpoints, want_endpoints,
				      changed,	cli_pong,  rearm };

static const struct ep ep_a = { { IP_V4, { 203, 0, 113, 1 } }, 1111 };
static const struct ep ep_b = { { IP_V4, { 203, 0, 113, 2 } }, 2222 };

static mono_t t(int64_t ms)
{
	return mono_add_ms(MONO_ZERO, 1000000 + ms);
}

static void side_init(struct side *s, uint8_t id)
{
	memset(s, 0, sizeof(*s));
	rng_seeded_init(&s->rng, id);
	disco_priv_generate(&s->priv, &s->rng.rng);
	disco_priv_public(&s->priv, &s->key);
	memset(s->node.b, id, sizeof(s->node.b));
	s->d = disco_new(&ops, s, &s->rng.rng);
	disco_set_self(s->d, &s->node, &s->priv);
	disco_node(s->d)->endpoints_at = t(0);
}

static void know(struct side *s, const struct side *other, struct ep at)
{
	struct path_netmap nm = { &at, ep_is_set(at), 1, false };
	s->peer = disco_peer_add(s->d, &other->node, s);
	assert_false(disco_peer_set_key(s->d, s->peer, &other->key));
	disco_peer_set_netmap(s->d, s->peer, t(0), &nm);
}

static void pair(struct side *a, struct side *b)
{
	side_init(a, 1);
	side_init(b, 2);
	know(a, b, ep_b);
	know(b, a, ep_a);
}

static void done(struct side *a, struct side *b)
{
	disco_free(a->d);
	disco_free(b->d);
}

static struct span bytes(const struct sent *x)
{
	return span_of(x->b, x->len);
}

/* A message of our making, sealed as `from` would for `to`. */
static struct sent forge(const struct side *from, const struct side *to, const struct disco_msg *m)
{
	struct sent x = { .region = 0 };
	uint8_t plain[1024];
	struct rng_seeded rng;
	struct box_key box;
	rng_seeded_init(&rng, 77);
	assert_int_equal(box_precompute(&box, from->priv.b, to->key.b), 0);
	struct wr p = wr_init(mspan_of(plain, sizeof(plain)));
	disco_build(&p, m);
	struct wr w = wr_init(mspan_of(x.b, sizeof(x.b)));
	disco_seal(&w, &from->key, &box, &rng.rng, wr_span_of(&p));
	x.len = wr_len(&w);
	return x;
}

static void ping_pong_and_direct(void **state)
{
	struct side a, b;
	(void)state;
	pair(&a, &b);
	disco_node(b.d)->ping_back = false;
	struct path_route r = disco_on_send(a.d, a.peer, t(0));
	assert_int_equal(r.region, 1);
	assert_true(a.rearmed > 0);
	assert_int_equal(a.n_sent, 2); /* ping over UDP, call-me-maybe over DERP */
	assert_int_equal(a.sent[0].len, DISCO_PING_LEN);
	assert_int_equal(ms_classify(bytes(&a.sent[0]), NULL), MS_DISCO);
	assert_int_equal(a.sent[1].region, 1);
	assert_true(node_key_eq(&a.sent[1].peer, &b.node));
	assert_int_equal(disco_input_udp(b.d, t(5), ep_a, false, bytes(&a.sent[0])), DISCO_RX_OK);
	assert_int_equal(b.n_sent, 1);
	assert_true(ep_eq(b.sent[0].to, ep_a));
	assert_int_equal(disco_input_udp(b.d, t(6), ep_a, false, bytes(&a.sent[0])),
			 DISCO_RX_DUPLICATE);
	assert_int_equal(b.n_sent, 1);
	assert_int_equal(disco_input_udp(a.d, t(10), ep_b, false, bytes(&b.sent[0])), DISCO_RX_OK);
	assert_int_equal(a.changed, 1);
	assert_true(ep_eq(path_view(a.peer->path).best, ep_b));
	assert_int_equal(disco_input_udp(a.d, t(11), ep_b, false, bytes(&b.sent[0])),
			 DISCO_RX_IGNORED); /* a pong counts once */
	assert_int_equal(disco_input_derp(b.d, t(12), 1, &a.node, bytes(&a.sent[1])), DISCO_RX_OK);
	assert_true(b.n_sent > 1); /* it pings what we offered */
	done(&a, &b);
}

static void carriers_and_senders(void **state)
{
	struct side a, b, c;
	struct disco_msg cmm = { .type = DISCO_CALL_ME_MAYBE };
	struct disco_msg ping = { .type = DISCO_PING };
	(void)state;
	pair(&a, &b);
	side_init(&c, 3);
	cmm.cmm.n = 1;
	cmm.cmm.eps[0] = (struct ep){ ip_v4(192, 0, 2, 66), 6666 };
	struct sent m = forge(&a, &b, &cmm), p = forge(&a, &b, &ping),
		    strange = forge(&c, &b, &ping);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, bytes(&m)), DISCO_RX_IGNORED);
	assert_int_equal(disco_input_derp(b.d, t(0), 1, &c.node, bytes(&m)), DISCO_RX_WRONG_PEER);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, true, bytes(&p)), DISCO_RX_IGNORED);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, bytes(&strange)),
			 DISCO_RX_UNKNOWN);
	assert_int_equal(disco_input_derp(b.d, t(0), 1, &a.node, bytes(&strange)),
			 DISCO_RX_UNKNOWN);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, span_of(m.b, 37)), DISCO_RX_SHORT);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, span_of(m.b, 60)), DISCO_RX_SHORT);
	m.b[m.len - 1] ^= 1;
	assert_int_equal(disco_input_derp(b.d, t(0), 1, &a.node, bytes(&m)), DISCO_RX_BAD_BOX);
	assert_int_equal(b.n_sent, 0);
	/* a peer whose node is known, speaking with another peer's disco key */
	know(&b, &c, ep_a);
	assert_int_equal(disco_input_derp(b.d, t(0), 1, &c.node, bytes(&p)), DISCO_RX_WRONG_PEER);
	done(&a, &b);
	disco_free(c.d);
}

static void relay_messages_are_swallowed(void **state)
{
	static const enum disco_type types[] = { DISCO_BIND,	      DISCO_CHALLENGE,
						 DISCO_ANSWER,	      DISCO_CALL_ME_MAYBE_VIA,
						 DISCO_ALLOC_REQUEST, DISCO_ALLOC_RESPONSE };
	struct side a, b;
	(void)state;
	pair(&a, &b);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct disco_msg m = { .type = types[i] };
		if (types[i] == DISCO_CALL_ME_MAYBE_VIA)
			m.via.n_addrs = 1, m.via.addrs[0] = ep_a;
		if (types[i] == DISCO_ALLOC_RESPONSE)
			m.alloc.relay.n_addrs = 1, m.alloc.relay.addrs[0] = ep_a;
		struct sent x = forge(&a, &b, &m);
		assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, bytes(&x)),
				 DISCO_RX_IGNORED);
		assert_int_equal(disco_input_derp(b.d, t(0), 1, &a.node, bytes(&x)),
				 DISCO_RX_IGNORED);
	}
	assert_int_equal(b.n_sent, 0);
	done(&a, &b);
}

static void ping_over_derp_is_answered_there(void **state)
{
	struct side a, b;
	struct disco_msg ping = { .type = DISCO_PING };
	(void)state;
	pair(&a, &b);
	struct sent p = forge(&a, &b, &ping);
	assert_int_equal(disco_input_derp(b.d, t(0), 9, &a.node, bytes(&p)), DISCO_RX_OK);
	assert_int_equal(b.n_sent, 1);
	assert_int_equal(b.sent[0].region, 9);
	assert_true(node_key_eq(&b.sent[0].peer, &a.node));
	struct box_key box;
	uint8_t scratch[256];
	struct span plain;
	struct disco_msg m;
	assert_int_equal(box_precompute(&box, a.priv.b, b.key.b), 0);
	assert_int_equal(disco_open(bytes(&b.sent[0]), &box, mspan_of(scratch, 256), &plain), 0);
	assert_int_equal(disco_parse(plain, &m), 0);
	assert_int_equal(m.pong.src.port, 9);
	assert_true(ip_eq(m.pong.src.ip, DISCO_DERP_FAKE_IP));
	done(&a, &b);
}

static void padded_pings_are_opened(void **state)
{
	struct side a, b;
	(void)state;
	pair(&a, &b);
	assert_int_equal(disco_ping_start(a.d, a.peer, t(0), 2000, &a), 0);
	assert_int_equal(a.n_sent, 2);
	assert_int_equal(a.sent[1].len, 2000);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_a, false, bytes(&a.sent[1])), DISCO_RX_OK);
	assert_int_equal(b.sent[0].len, 110); /* the pong is not padded */
	disco_ping_stop(a.peer, &a);
	done(&a, &b);
}

static void no_endpoints_no_call_me_maybe(void **state)
{
	struct side a, b;
	(void)state;
	pair(&a, &b);
	a.homeless = true;
	disco_on_send(a.d, a.peer, t(0));
	assert_int_equal(a.n_sent, 1); /* the ping alone */
	done(&a, &b);
}

static void key_change_keeps_the_path(void **state)
{
	struct side a, b;
	struct disco_msg ping = { .type = DISCO_PING };
	struct disco_key zero = { { 0 } };
	(void)state;
	pair(&a, &b);
	disco_on_send(a.d, a.peer, t(0));
	disco_input_udp(b.d, t(5), ep_a, false, bytes(&a.sent[0]));
	disco_input_udp(a.d, t(10), ep_b, false, bytes(&b.sent[0]));
	assert_true(ep_is_set(path_view(a.peer->path).best));
	struct sent old = forge(&b, &a, &ping);
	disco_priv_generate(&b.priv, &b.rng.rng);
	disco_priv_public(&b.priv, &b.key);
	struct sent fresh = forge(&b, &a, &ping);
	assert_int_equal(disco_input_udp(a.d, t(20), ep_b, false, bytes(&fresh)), DISCO_RX_UNKNOWN);
	assert_true(disco_peer_set_key(a.d, a.peer, &b.key));
	assert_false(disco_peer_set_key(a.d, a.peer, &b.key));
	assert_true(ep_is_set(path_view(a.peer->path).best));
	assert_int_equal(disco_input_udp(a.d, t(20), ep_b, false, bytes(&fresh)), DISCO_RX_OK);
	assert_int_equal(disco_input_udp(a.d, t(20), ep_b, false, bytes(&old)), DISCO_RX_UNKNOWN);
	assert_false(disco_peer_set_key(a.d, a.peer, &zero));
	assert_int_equal(disco_input_udp(a.d, t(20), ep_b, false, bytes(&fresh)), DISCO_RX_UNKNOWN);
	done(&a, &b);
}

/* Two nodes with one disco key: a ping is answered once, the node key in it picks its node. */
static void shared_disco_key(void **state)
{
	struct side a, b;
	struct disco_msg ping = { .type = DISCO_PING };
	struct node_key twin = { { 99 } };
	struct path_status st;
	(void)state;
	pair(&a, &b);
	disco_node(b.d)->ping_back = false;
	struct disco_peer *p2 = disco_peer_add(b.d, &twin, &b);
	disco_peer_set_key(b.d, p2, &a.key);
	struct sent anonymous = forge(&a, &b, &ping);
	assert_int_equal(disco_input_udp(b.d, t(0), ep_b, false, bytes(&anonymous)), DISCO_RX_OK);
	assert_int_equal(b.n_sent, 1);
	path_status(p2->path, t(0), &st);
	assert_int_equal(st.n_candidates, 1);
	ping.ping.has_node = true;
	ping.ping.node = a.node;
	ping.ping.txid.b[0] = 5;
	struct ep other = { ip_v4(192, 0, 2, 7), 7 };
	struct sent named = forge(&a, &b, &ping);
	assert_int_equal(disco_input_udp(b.d, t(0), other, false, bytes(&named)), DISCO_RX_OK);
	assert_int_equal(b.n_sent, 2);
	path_status(p2->path, t(0), &st);
	assert_int_equal(st.n_candidates, 1); /* not its ping */
	disco_peer_remove(b.d, b.peer);
	ping.ping.txid.b[0] = 6;
	named = forge(&a, &b, &ping);
	assert_int_equal(disco_input_udp(b.d, t(0), other, false, bytes(&named)), DISCO_RX_OK);
	disco_peer_remove(b.d, p2);
	assert_int_equal(disco_input_udp(b.d, t(0), other, false, bytes(&named)), DISCO_RX_UNKNOWN);
	done(&a, &b);
}

static void without_own_key_nothing_opens(void **state)
{
	struct side a, b;
	struct disco_msg ping = { .type = DISCO_PING };
	(void)state;
	pair(&a, &b);
	struct sent p = forge(&a, &b, &ping);
	struct disco *none = disco_new(&ops, &b, &b.rng.rng);
	assert_int_equal(disco_input_udp(none, t(0), ep_a, false, bytes(&p)), DISCO_RX_NO_KEY);
	assert_int_equal(disco_input_derp(none, t(0), 1, &a.node, bytes(&p)), DISCO_RX_NO_KEY);
	disco_free(none);
	done(&a, &b);
}

static void one_deadline_for_all(void **state)
{
	struct side a, b;
	(void)state;
	pair(&a, &b);
	assert_true(mono_is_never(disco_deadline(a.d)));
	disco_on_activity(a.d, a.peer, t(0));
	assert_int_equal(disco_deadline(a.d).ns, t(3000).ns);
	struct disco_peer *p2 = disco_peer_add(a.d, &(struct node_key){ { 50 } }, &a);
	disco_on_activity(a.d, p2, t(-1000));
	assert_int_equal(disco_deadline(a.d).ns, t(2000).ns);
	assert_int_equal(a.rearmed, 2);
	for (int64_t ms = 0; ms < 200000; ms += 500)
		disco_tick(a.d, t(ms));
	assert_true(mono_is_never(disco_deadline(a.d)));
	disco_on_rebind(a.d, t(200000));
	assert_int_equal(disco_n_peers(a.d), 2);
	done(&a, &b);
}

/* The addresses gathered before are those of another network. */
static void a_link_change_makes_our_endpoints_old(void **state)
{
	struct side a, b;
	(void)state;
	pair(&a, &b);
	struct path_netmap nm = { .eps = &ep_b, .n_eps = 1, .home = 1 };
	disco_peer_set_netmap(a.d, a.peer, t(0), &nm);
	disco_on_endpoints(a.d, t(0));
	disco_on_rebind(a.d, t(1000));
	disco_on_send(a.d, a.peer, t(1000));
	assert_int_equal(a.n_sent, 1); /* the ping */
	assert_int_equal(a.wants, 1);
	disco_on_endpoints(a.d, t(1500));
	assert_int_equal(a.n_sent, 2);
	assert_int_equal(a.sent[1].region, 1);
	done(&a, &b);
}

static int setup(void **state)
{
	(void)state;
	return crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping_pong_and_direct),
		cmocka_unit_test(carriers_and_senders),
		cmocka_unit_test(relay_messages_are_swallowed),
		cmocka_unit_test(ping_over_derp_is_answered_there),
		cmocka_unit_test(padded_pings_are_opened),
		cmocka_unit_test(a_link_change_makes_our_endpoints_old),
		cmocka_unit_test(no_endpoints_no_call_me_maybe),
		cmocka_unit_test(key_change_keeps_the_path),
		cmocka_unit_test(shared_disco_key),
		cmocka_unit_test(without_own_key_nothing_opens),
		cmocka_unit_test(one_deadline_for_all),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
