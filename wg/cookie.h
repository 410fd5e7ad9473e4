/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cookie.h: mac1, mac2 and the cookie reply, from both ends. Pure. Spec: datapath.md 1.4.
 * msg is a whole initiation or response: its last 32 bytes are mac1 and mac2. */
#ifndef WG_COOKIE_H
#define WG_COOKIE_H

#include "base/keys.h"
#include "base/mono.h"
#include "base/rng.h"
#include "wg/messages.h"

#define WG_MAC_LEN 16

/* The end that receives handshakes and issues cookies: one per device. Holds a secret. */
struct wg_cookie_checker {
	uint8_t mac1_key[32];
	uint8_t cookie_key[32];
	uint8_t secret[32];
	mono_t secret_at;
	bool have_secret;
};

void wg_cookie_checker_init(struct wg_cookie_checker *c, const struct node_key *self);
bool wg_cookie_check_mac1(const struct wg_cookie_checker *c, struct span msg);
/* source: the bytes that a cookie is bound to */
bool wg_cookie_check_mac2(const struct wg_cookie_checker *c, mono_t now, struct span msg,
			  struct span source);
/* Answer msg with a cookie for source; a secret older than 120 s is replaced first. */
void wg_cookie_make_reply(struct wg_cookie_checker *c, mono_t now, struct rng *rng, struct span msg,
			  struct span source, struct wg_cookie_reply *reply);

/* The end that sends handshakes to one peer and keeps the cookie that the peer gave. */
struct wg_cookie_jar {
	uint8_t last_mac1[WG_MAC_LEN];
	uint8_t cookie[WG_MAC_LEN];
	mono_t cookie_at;
	bool have_mac1;
	bool have_cookie;
};

/* Write mac1, and mac2 if a fresh cookie is held (else zeroes). */
void wg_cookie_add_macs(struct wg_cookie_jar *j, mono_t now, const struct node_key *peer,
			struct mspan msg);
/* -ERR_STATE: we sent this peer nothing; -ERR_AUTH: not from it, or not about our last message. */
MUST_CHECK int wg_cookie_consume(struct wg_cookie_jar *j, mono_t now, const struct node_key *peer,
				 const struct wg_cookie_reply *reply);

#endif
