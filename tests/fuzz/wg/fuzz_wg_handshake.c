/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshake input. The first byte says how to treat the rest: which kind of message to make of it,
 * whether to sign it (an attacker who knows our public key can), whether we are under load. The
 * device knows one peer and has an initiation pending. Must hold: nothing that was not made by the
 * peer's private key changes a session. */
#include "tests/fuzz/fuzz.h"

#include "wg/cookie.h"
#include "wg/device_priv.h"

#include <stdlib.h>

enum { SIGN = 1, LOAD = 2, RELAY = 4, AIM = 8 };

static const mono_t now = { 1000 * NS_PER_S };
static const wall_t wall = { 1700000000, 0 };

static void on_send(void *arg, struct wg_peer *p, struct span d)
{
	(void)p;
	struct wg_initiation *last = arg;
	if (d.len == sizeof(*last))
		memcpy(last, d.p, d.len);
}

static void on_reply(void *arg, const struct wg_from *to, struct span d)
{
	(void)arg;
	(void)to;
	if (d.len != WG_COOKIE_LEN)
		abort();
}

static void on_event(void *arg, struct wg_peer *p, enum wg_event ev)
{
	(void)arg;
	(void)p;
	(void)ev;
	abort(); /* a session out of thin air */
}

static void aim(uint8_t *m, size_t len, const struct wg_initiation *pending)
{
	size_t at = len == WG_RESPONSE_LEN ? offsetof(struct wg_response, receiver)
					   : offsetof(struct wg_cookie_reply, receiver);
	if (len == WG_RESPONSE_LEN || len == WG_COOKIE_LEN)
		memcpy(m + at, pending->sender, 4);
}

static void input(struct wg_device *d, const struct wg_out *out, unsigned mode, struct span in)
{
	struct wg_from from = { .ep = { ip_v4(192, 0, 2, 1), 1 } };
	uint8_t *m = malloc(in.len ? in.len : 1);
	if (!m)
		abort();
	memcpy(m, in.p, in.len);
	if (mode & RELAY)
		from = (struct wg_from){ .region = 1 };
	if (mode & AIM)
		aim(m, in.len, out->arg);
	if (mode & SIGN && in.len >= 2 * WG_MAC_LEN) {
		struct wg_cookie_jar jar = { .have_mac1 = false };
		wg_cookie_add_macs(&jar, now, wg_device_public(d), mspan_of(m, in.len));
	}
	if (mode & LOAD)
		wg_device_on_backlog(d, now, 1, 1);
	wg_device_input(d, now, &from, span_of(m, in.len), out);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 1)
		return 0;
	struct rng_seeded rng;
	struct node_priv key, peer_key;
	struct node_key peer_pub;
	struct wg_initiation last;
	struct wg_out out = { &last, on_send, on_reply, on_event };
	rng_seeded_init(&rng, 1);
	node_priv_generate(&key, &rng.rng);
	node_priv_generate(&peer_key, &rng.rng);
	node_priv_public(&peer_key, &peer_pub);
	struct wg_device *d = wg_device_new(&rng.rng);
	wg_device_set_key(d, &key, &out);
	struct wg_peer *peer = wg_peer_add(d, &peer_pub, 0, NULL);
	wg_peer_want_session(peer, now, wall, &out);
	input(d, &out, p[0], span_of(p + 1, len - 1));
	if (!peer->pending || peer->current || peer->next || peer->have_stamp)
		abort();
	wg_device_free(d);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t seeds[16][1 + WG_INITIATION_LEN];
	static const size_t lens[] = { WG_INITIATION_LEN, WG_RESPONSE_LEN, WG_COOKIE_LEN,
				       WG_TRANSPORT_MIN };
	if (i >= ARRAY_LEN(seeds))
		return false;
	static const uint8_t modes[] = { 0, SIGN, SIGN | LOAD, SIGN | AIM | RELAY };
	memset(seeds[i], (int)i * 17 + 1, sizeof(seeds[i]));
	seeds[i][0] = modes[i / 4];
	wg_put_le32(seeds[i] + 1, (uint32_t)(i % 4) + 1);
	*out = span_of(seeds[i], 1 + lens[i % 4]);
	return true;
}
