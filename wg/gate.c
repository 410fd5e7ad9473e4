/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/gate.h"

#include "base/alloc.h"
#include "base/bucket.h"
#include "base/crypto/crypto.h"
#include "base/map.h"
#include "wg/cookie.h"
#include "wg/load.h"
#include "wg/ratelimiter.h"

#include <stdlib.h>

#define COOKIE_PERIOD (NS_PER_S / WG_GATE_COOKIES_PER_S)
#define PERIOD (NS_PER_S / WG_GATE_PER_S)
#define BURST (WG_GATE_PER_S / 10)

struct wg_gate {
	struct rng *rng;
	struct node_key self;
	bool have_self;
	struct wg_cookie_checker checker;
	struct wg_load load;
	struct wg_ratelimiter *limiter;
	struct bucket all;
	struct bucket cookies[WG_GATE_SHARES];
};

struct wg_gate *wg_gate_new(struct rng *rng)
{
	struct wg_gate *g = xcalloc(1, sizeof(*g));
	g->rng = rng;
	g->limiter = wg_ratelimiter_new();
	wg_load_init(&g->load);
	return g;
}

void wg_gate_free(struct wg_gate *g)
{
	if (!g)
		return;
	wg_ratelimiter_free(g->limiter);
	wipe(g, sizeof(*g));
	free(g);
}

void wg_gate_set_self(struct wg_gate *g, const struct node_key *self)
{
	if (!self || node_key_is_zero(self)) {
		g->have_self = false;
		return;
	}
	if (g->have_self && node_key_eq(&g->self, self))
		return;
	g->self = *self;
	g->have_self = true;
	wg_cookie_checker_init(&g->checker, self);
}

void wg_gate_on_backlog(struct wg_gate *g, mono_t now, size_t waiting, size_t capacity)
{
	wg_load_on_backlog(&g->load, now, waiting, capacity);
}

bool wg_gate_under_load(const struct wg_gate *g, mono_t now)
{
	return wg_load_is_high(&g->load, now);
}

/* What a cookie is bound to, and whose token bucket it is: the UDP source (of IPv6 the /64, which
 * one host owns), or the sender that the relay names. */
struct source {
	uint8_t bytes[32];
	size_t len;
	uint8_t bucket[WG_RATE_KEY_LEN];
};

static void source_of(struct source *s, const struct wg_from *from)
{
	memset(s, 0, sizeof(*s));
	struct wr w = wr_init(mspan_of(s->bytes, sizeof(s->bytes)));
	if (!ep_is_set(from->ep)) {
		wr_bytes(&w, from->relay_key.b, sizeof(from->relay_key.b));
		memcpy(s->bucket, s->bytes, sizeof(s->bucket));
	} else {
		wr_ap16(&w, from->ep);
		memcpy(s->bucket, s->bytes, from->ep.ip.fam == IP_V6 ? 8 : 16);
	}
	s->len = wr_len(&w);
}

static bool has_mac2(struct span msg)
{
	static const uint8_t none[WG_MAC_LEN];
	return !secret_eq(msg.p + msg.len - WG_MAC_LEN, none, WG_MAC_LEN);
}

static enum wg_verdict by_rate(struct wg_gate *g, mono_t now, const struct source *src)
{
	return wg_ratelimiter_allow(g->limiter, now, src->bucket) &&
		       bucket_take(&g->all, now, PERIOD, BURST)
		   ? WG_PASS
		   : WG_DROP_RATE;
}

static enum wg_verdict under_load(struct wg_gate *g, mono_t now, const struct source *src,
				  struct span msg, struct wg_cookie_reply *reply)
{
	struct span bytes = span_of(src->bytes, src->len);
	struct bucket *share =
	    &g->cookies[map_hash(src->bucket, sizeof(src->bucket)) % WG_GATE_SHARES];
	bool ours = has_mac2(msg) && wg_cookie_check_mac2(&g->checker, now, msg, bytes);
	if (!ours && !bucket_has(share, now, COOKIE_PERIOD, WG_GATE_COOKIES_BURST))
		return WG_DROP_LOAD;
	if (!wg_cookie_check_mac1(&g->checker, msg))
		return WG_DROP_MAC1;
	wg_load_on_arrival(&g->load, now);
	if (ours)
		return by_rate(g, now, src);
	bucket_take(share, now, COOKIE_PERIOD, WG_GATE_COOKIES_BURST);
	wg_cookie_make_reply(&g->checker, now, g->rng, msg, bytes, reply);
	return WG_DROP_COOKIE;
}

enum wg_verdict wg_gate_admit(struct wg_gate *g, mono_t now, const struct wg_from *from,
			      struct span msg, struct wg_cookie_reply *reply)
{
	if (!g->have_self)
		return WG_DROP_NO_KEY;
	if (wg_load_is_high(&g->load, now)) {
		struct source src;
		source_of(&src, from);
		return under_load(g, now, &src, msg, reply);
	}
	if (!wg_cookie_check_mac1(&g->checker, msg))
		return WG_DROP_MAC1;
	wg_load_on_arrival(&g->load, now);
	return WG_PASS;
}
