/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/cookie.h"

#include "base/crypto/crypto.h"
#include "wg/constants.h"

static const char label_mac1[] = "mac1----";
static const char label_cookie[] = "cookie--";

static struct span before_mac1(struct span msg)
{
	return span_of(msg.p, msg.len - 2 * WG_MAC_LEN);
}

static struct span before_mac2(struct span msg)
{
	return span_of(msg.p, msg.len - WG_MAC_LEN);
}

static const uint8_t *mac1_of(struct span msg)
{
	return msg.p + msg.len - 2 * WG_MAC_LEN;
}

static const uint8_t *mac2_of(struct span msg)
{
	return msg.p + msg.len - WG_MAC_LEN;
}

static void label_key(uint8_t key[static 32], const char *label, const struct node_key *pub)
{
	blake2s_hash(key, span_str(label), span_of(pub->b, 32));
}

static bool is_fresh(mono_t at, mono_t now)
{
	return mono_diff_ns(now, at) <= WG_COOKIE_REFRESH_TIME;
}

void wg_cookie_checker_init(struct wg_cookie_checker *c, const struct node_key *self)
{
	wipe(c, sizeof(*c));
	label_key(c->mac1_key, label_mac1, self);
	label_key(c->cookie_key, label_cookie, self);
}

bool wg_cookie_check_mac1(const struct wg_cookie_checker *c, struct span msg)
{
	uint8_t mac[WG_MAC_LEN];
	blake2s_mac16(mac, span_of(c->mac1_key, 32), before_mac1(msg));
	return secret_eq(mac, mac1_of(msg), WG_MAC_LEN);
}

bool wg_cookie_check_mac2(const struct wg_cookie_checker *c, mono_t now, struct span msg,
			  struct span source)
{
	if (!c->have_secret || !is_fresh(c->secret_at, now))
		return false;
	uint8_t cookie[WG_MAC_LEN], mac[WG_MAC_LEN];
	blake2s_mac16(cookie, span_of(c->secret, 32), source);
	blake2s_mac16(mac, span_of(cookie, WG_MAC_LEN), before_mac2(msg));
	wipe(cookie, sizeof(cookie));
	return secret_eq(mac, mac2_of(msg), WG_MAC_LEN);
}

void wg_cookie_make_reply(struct wg_cookie_checker *c, mono_t now, struct rng *rng, struct span msg,
			  struct span source, struct wg_cookie_reply *reply)
{
	if (!c->have_secret || !is_fresh(c->secret_at, now)) {
		rng_fill(rng, c->secret, sizeof(c->secret));
		c->secret_at = now;
		c->have_secret = true;
	}
	uint8_t cookie[WG_MAC_LEN];
	blake2s_mac16(cookie, span_of(c->secret, 32), source);
	wg_put_le32(reply->type, WG_KIND_COOKIE);
	/* the sender index has the same place in both messages */
	memcpy(reply->receiver, msg.p + offsetof(struct wg_initiation, sender), 4);
	rng_fill(rng, reply->nonce, sizeof(reply->nonce));
	xaead_seal(reply->enc_cookie, c->cookie_key, reply->nonce, span_of(cookie, WG_MAC_LEN),
		   span_of(mac1_of(msg), WG_MAC_LEN));
	wipe(cookie, sizeof(cookie));
}

_Static_assert(offsetof(struct wg_initiation, sender) == offsetof(struct wg_response, sender),
	       "both messages have their sender index at the same place");

void wg_cookie_add_macs(struct wg_cookie_jar *j, mono_t now, const struct node_key *peer,
			struct mspan msg)
{
	struct span m = span_const(msg);
	uint8_t *mac1 = msg.p + msg.len - 2 * WG_MAC_LEN, *mac2 = mac1 + WG_MAC_LEN;
	uint8_t key[32];
	label_key(key, label_mac1, peer);
	blake2s_mac16(mac1, span_of(key, 32), before_mac1(m));
	memcpy(j->last_mac1, mac1, WG_MAC_LEN);
	j->have_mac1 = true;
	memset(mac2, 0, WG_MAC_LEN);
	if (j->have_cookie && is_fresh(j->cookie_at, now))
		blake2s_mac16(mac2, span_of(j->cookie, WG_MAC_LEN), before_mac2(m));
}

int wg_cookie_consume(struct wg_cookie_jar *j, mono_t now, const struct node_key *peer,
		      const struct wg_cookie_reply *reply)
{
	if (!j->have_mac1)
		return -ERR_STATE;
	uint8_t key[32], cookie[WG_MAC_LEN];
	label_key(key, label_cookie, peer);
	if (xaead_open(cookie, key, reply->nonce,
		       span_of(reply->enc_cookie, sizeof(reply->enc_cookie)),
		       span_of(j->last_mac1, WG_MAC_LEN)))
		return -ERR_AUTH;
	memcpy(j->cookie, cookie, WG_MAC_LEN);
	wipe(cookie, sizeof(cookie));
	j->cookie_at = now;
	j->have_cookie = true;
	return 0;
}
