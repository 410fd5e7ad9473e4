/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floods end in the worker: what still reaches the control thread, and what goes back. */
#include "tests/unit/dataplane/world.h"

#include "daemon/dataplane/overload.h"
#include "wg/cookie.h"
#include "wg/gate.h"
#include "wg/load.h"
#include "wg/verdict.h"

#include <string.h>

#define FLOOD_PER_S 100000
#define REPLIES_OF_A_BATCH 32
#define SPAN(m) span_of(&(m), sizeof(m))

static struct ep stranger(uint32_t n)
{
	return (struct ep){ ip_v4(198, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n), 1000 };
}

static void arrive(struct world *w, struct ep from, struct span b)
{
	uint8_t copy[2048];
	memcpy(copy, b.p, b.len);
	struct dp_datagram d = { .ep = from, .bytes = mspan_of(copy, b.len) };
	dp_worker_udp(w->side[A].w, w->side[A].s, w->now, &d, 1);
}

static struct wg_initiation initiation(struct world *w, struct wg_cookie_jar *jar)
{
	struct wg_cookie_jar none = { .have_mac1 = false };
	struct wg_initiation m;
	memset(&m, 0x33, sizeof(m));
	wg_put_le32(m.type, WG_KIND_INITIATION);
	wg_cookie_add_macs(jar ? jar : &none, w->now, &w->side[A].s->self, mspan_of(&m, sizeof(m)));
	return m;
}

/* How often one kind of record came in ms of a flood; the boxes are emptied on the way. */
static size_t flood(struct world *w, struct span b, unsigned ms, uint32_t sources,
		    enum dp_msg_type type, size_t *answers)
{
	size_t n = 0;
	*answers = 0;
	for (unsigned i = 0; i < ms * (FLOOD_PER_S / 1000); i++) {
		w->now = mono_add_ns(w->now, NS_PER_S / FLOOD_PER_S);
		arrive(w, stranger(i % sources), b);
		n += count_events(&w->side[A], type);
		*answers += w->side[A].udp.n;
		empty_all(&w->side[A]);
	}
	return n;
}

static void a_handshake_goes_up_if_its_mac1_is_right(void **state)
{
	struct world *w = *state;
	struct wg_initiation m = initiation(w, NULL);
	uint64_t before = counted("wg_hs_bad_mac1");
	arrive(w, stranger(1), SPAN(m));
	const struct item *it = event_of(&w->side[A], DP_EV_HANDSHAKE);
	assert_non_null(it);
	assert_true(span_eq(item_span(it), SPAN(m)));
	assert_true(ep_eq(it->m.ep, stranger(1)));
	assert_int_equal(it->m.peer, DP_NO_PEER);
	m.mac1[0] ^= 1;
	arrive(w, stranger(1), SPAN(m));
	assert_int_equal(w->side[A].events.n, 1);
	assert_int_equal(counted("wg_hs_bad_mac1"), before + 1);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void nothing_is_for_us_without_a_key(void **state)
{
	struct world *w = *state;
	struct wg_initiation m = initiation(w, NULL);
	memset(&w->side[A].s->self, 0, sizeof(w->side[A].s->self));
	arrive(w, stranger(1), SPAN(m));
	assert_int_equal(w->side[A].events.n, 0);
	struct dp_datagram d = { .ep = stranger(1), .bytes = mspan_of(&m, sizeof(m)) };
	dp_worker_udp(w->side[A].w, NULL, w->now, &d, 1);
	assert_int_equal(w->side[A].events.n, 0);
}

static void a_flood_of_initiations_ends_here(void **state)
{
	struct world *w = *state;
	struct wg_initiation m = initiation(w, NULL);
	size_t cookies, up = flood(w, SPAN(m), 1000, 60000, DP_EV_HANDSHAKE, &cookies);
	assert_in_range(up, 1, WG_LOAD_PER_S / 4 + 1);
	assert_in_range(cookies, 1000,
			WG_GATE_SHARES * (WG_GATE_COOKIES_PER_S + WG_GATE_COOKIES_BURST));
}

/* The peer's own address has a gate of its own, which no stranger loads. */
static void a_peer_does_not_notice_it(void **state)
{
	struct world *w = *state;
	struct wg_initiation m = initiation(w, NULL);
	size_t cookies;
	flood(w, SPAN(m), 300, 60000, DP_EV_HANDSHAKE, &cookies);
	arrive(w, side_ep(B), SPAN(m));
	assert_non_null(event_of(&w->side[A], DP_EV_HANDSHAKE));
	assert_int_equal(w->side[A].udp.n, 0);
}

/* Several at once, as they come in one receive: each is answered where it came from. */
static void cookies_go_where_the_question_came_from(void **state)
{
	enum { N = 2 * REPLIES_OF_A_BATCH };
	struct world *w = *state;
	static struct wg_cookie_jar jar[N];
	static struct wg_initiation m[N];
	static struct dp_datagram v[N];
	memset(jar, 0, sizeof(jar));
	w->side[A].waiting = INTAKE_WAY_FULL / 4; /* the control thread is behind: load */
	for (uint32_t i = 0; i < N; i++) {
		m[i] = initiation(w, &jar[i]);
		v[i] = (struct dp_datagram){ .ep = stranger(i),
					     .bytes = mspan_of(&m[i], sizeof(m[i])) };
	}
	dp_worker_udp(w->side[A].w, w->side[A].s, w->now, v, N);
	assert_int_equal(w->side[A].udp.n, N);
	for (uint32_t i = 0; i < N; i++) {
		struct wg_cookie_reply r;
		assert_int_equal(w->side[A].udp.v[i].len, sizeof(r));
		assert_true(ep_eq(w->side[A].udp.v[i].to, stranger(i)));
		memcpy(&r, w->side[A].udp.v[i].b, sizeof(r));
		assert_int_equal(wg_cookie_consume(&jar[i], w->now, &w->side[A].s->self, &r), 0);
		m[i] = initiation(w, &jar[i]);
		arrive(w, stranger(i), SPAN(m[i]));
	}
	assert_int_equal(count_events(&w->side[A], DP_EV_HANDSHAKE), N);
}

static void the_others_have_their_share(void **state)
{
	struct world *w = *state;
	uint8_t disco[100] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	uint8_t stun[32] = { 1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42 };
	uint8_t cookie[WG_COOKIE_LEN] = { WG_KIND_COOKIE };
	size_t answers;
	uint64_t before = counted("dataplane_rx_drop_overload");
	size_t n = flood(w, SPAN(disco), 1000, 60000, DP_EV_DATAGRAM, &answers);
	assert_in_range(n, INTAKE_DISCO_PER_S, INTAKE_DISCO_PER_S * 11 / 10 + 1);
	assert_int_equal(answers, 0);
	assert_int_equal(counted("dataplane_rx_drop_overload"), before + FLOOD_PER_S - n);
	/* one kind does not take another's, nor a stranger a peer's */
	arrive(w, stranger(1), SPAN(cookie));
	arrive(w, stranger(1), SPAN(stun));
	arrive(w, side_ep(B), SPAN(disco));
	assert_int_equal(count_events(&w->side[A], DP_EV_DATAGRAM), 3);
	empty_all(&w->side[A]);
	n = flood(w, SPAN(stun), 1000, 1, DP_EV_DATAGRAM, &answers);
	assert_in_range(n, INTAKE_STUN_PER_S - 1, INTAKE_STUN_PER_S * 11 / 10 + 1);
	n = flood(w, SPAN(cookie), 1000, 1, DP_EV_DATAGRAM, &answers);
	assert_in_range(n, INTAKE_COOKIES_PER_S - 1, INTAKE_COOKIES_PER_S * 11 / 10 + 1);
}

static void half_of_the_way_is_kept_for_the_worker(void **state)
{
	struct world *w = *state;
	uint8_t disco[100] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	w->side[A].waiting = INTAKE_WAY_FULL / 2;
	arrive(w, side_ep(B), SPAN(disco));
	assert_int_equal(w->side[A].events.n, 1);
	w->side[A].waiting++;
	arrive(w, side_ep(B), SPAN(disco));
	struct wg_initiation m = initiation(w, NULL);
	arrive(w, side_ep(B), SPAN(m));
	assert_int_equal(w->side[A].events.n, 1);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void relayed_wireguard_in_geneve_is_junk(void **state)
{
	struct world *w = *state;
	uint8_t b[48] = { 0, 0, 0x7a, 0x12 };
	uint64_t before = counted("dataplane_rx_drop_junk");
	arrive(w, side_ep(B), SPAN(b));
	assert_int_equal(w->side[A].events.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_junk"), before + 1);
}

/* The thread is told so, and asks the kernel to help. */
static void a_flood_is_overload(void **state)
{
	struct world *w = *state;
	struct dp_worker *a = w->side[A].w;
	struct wg_initiation m = initiation(w, NULL);
	uint8_t transport[64] = { WG_KIND_TRANSPORT };
	size_t answers;
	assert_false(dp_worker_overload(a, w->now).handshakes);
	flood(w, SPAN(m), 100, 60000, DP_EV_HANDSHAKE, &answers);
	struct intake_overload o = dp_worker_overload(a, w->now);
	assert_true(o.handshakes && !o.forged && !o.transport);
	w->now = mono_add_s(w->now, 2);
	assert_false(dp_worker_overload(a, w->now).handshakes);
	memset(m.mac2, 0x55, sizeof(m.mac2));
	flood(w, SPAN(m), 100, 60000, DP_EV_HANDSHAKE, &answers);
	o = dp_worker_overload(a, w->now);
	assert_true(!o.handshakes && o.forged && !o.transport);
	w->now = mono_add_s(w->now, 2);
	flood(w, SPAN(transport), 100, 60000, DP_EV_NO_SESSION, &answers);
	o = dp_worker_overload(a, w->now);
	assert_true(!o.handshakes && !o.forged && o.transport);
}

static void what_came_before_is_overload_too(void **state)
{
	struct world *w = *state;
	struct dp_worker *a = w->side[A].w;
	send_number(w, B, 1);
	struct span sent = item_span(&w->side[B].udp.v[0]);
	for (int i = 0; i < OVERLOAD_BEGINS / 4; i++) {
		assert_false(dp_worker_overload(a, w->now).replays);
		arrive(w, side_ep(B), sent);
	}
	assert_false(dp_worker_overload(a, w->now).replays); /* the first was none */
	arrive(w, side_ep(B), sent);
	assert_true(dp_worker_overload(a, w->now).replays);
	w->now = mono_add_s(w->now, 2);
	assert_false(dp_worker_overload(a, w->now).replays);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_handshake_goes_up_if_its_mac1_is_right),
		T(nothing_is_for_us_without_a_key),
		T(a_flood_of_initiations_ends_here),
		T(a_peer_does_not_notice_it),
		T(cookies_go_where_the_question_came_from),
		T(the_others_have_their_share),
		T(half_of_the_way_is_kept_for_the_worker),
		T(relayed_wireguard_in_geneve_is_junk),
		T(a_flood_is_overload),
		T(what_came_before_is_overload_too),
	};
	wg_counters_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
