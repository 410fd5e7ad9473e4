/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/load/flood_messages.h"

#include "base/mono.h"
#include "base/rng.h"
#include "wg/cookie.h"
#include "wg/noise.h"

#include <string.h>

#define TRANSPORT_BLOCKS 80 /* of 16 bytes, behind an empty packet */
#define DISCO_NOISE 100
#define STUN_LEN 32

static void noise(uint8_t *out, size_t len)
{
	rng_fill(rng_system(), out, len);
}

static void add_macs(const struct node_key *to, struct mspan msg)
{
	struct wg_cookie_jar jar = { .have_mac1 = false };
	wg_cookie_add_macs(&jar, mono_now(), to, msg);
}

static size_t initiation(const struct node_key *to, uint8_t *out)
{
	struct wg_initiation m;
	struct wg_identity self;
	struct node_priv key;
	struct wg_pending pending = { .index = rng_u32(rng_system()) };
	uint8_t ss[32], stamp[WG_TAI64N_LEN];
	noise(key.b, sizeof(key.b));
	wg_identity_set(&self, &key);
	wall_tai64n(wall_now(), stamp);
	if (wg_noise_static_shared(ss, &self, to) ||
	    wg_noise_create_initiation(&pending, &self, to, ss, stamp, rng_system(), &m))
		return 0;
	add_macs(to, mspan_of(&m, sizeof(m)));
	wg_pending_wipe(&pending);
	wg_identity_wipe(&self);
	memcpy(out, &m, sizeof(m));
	return sizeof(m);
}

static size_t initiation_with(const struct node_key *to, uint8_t *out, size_t made_up)
{
	size_t n = initiation(to, out);
	noise(out + made_up, WG_MAC_LEN);
	return n;
}

static size_t typed_noise(uint8_t *out, uint32_t type, size_t len)
{
	noise(out, len);
	wg_put_le32(out, type);
	return len;
}

static size_t response(const struct node_key *to, uint8_t *out)
{
	size_t n = typed_noise(out, WG_KIND_RESPONSE, WG_RESPONSE_LEN);
	add_macs(to, mspan_of(out, n));
	return n;
}

static size_t transport(uint8_t *out)
{
	size_t n = WG_TRANSPORT_MIN + 16 * (size_t)rng_below(rng_system(), TRANSPORT_BLOCKS + 1);
	return typed_noise(out, WG_KIND_TRANSPORT, n);
}

static size_t disco(uint8_t *out)
{
	static const uint8_t magic[] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	noise(out, sizeof(magic) + DISCO_NOISE);
	memcpy(out, magic, sizeof(magic));
	return sizeof(magic) + DISCO_NOISE;
}

static size_t stun(uint8_t *out)
{
	static const uint8_t head[] = { 1, 1, 0, STUN_LEN - 20, 0x21, 0x12, 0xa4, 0x42 };
	noise(out, STUN_LEN);
	memcpy(out, head, sizeof(head));
	return STUN_LEN;
}

static size_t junk(uint8_t *out)
{
	size_t n = 1 + rng_below(rng_system(), FLOOD_DATAGRAM_MAX);
	noise(out, n);
	return n;
}

const char *flood_kind_name(enum flood_kind k)
{
	static const char *const name[FLOOD_KINDS] = {
		"initiation", "forged-cookie", "bad-mac1", "response", "cookie",
		"transport",  "disco",	       "stun",	   "junk",
	};
	return k < FLOOD_KINDS ? name[k] : "";
}

int flood_key_decode(struct span text, struct node_key *out)
{
	uint8_t b[64];
	size_t len = sizeof(b);
	if (node_key_decode(text, out) == 0)
		return 0;
	if (base64_decode(text, b, &len) || len != sizeof(out->b))
		return -ERR_TYPE;
	memcpy(out->b, b, len);
	return 0;
}

size_t flood_message(enum flood_kind k, const struct node_key *to,
		     uint8_t out[static FLOOD_DATAGRAM_MAX])
{
	switch (k) {
	case FLOOD_INITIATION:
		return initiation(to, out);
	case FLOOD_FORGED_COOKIE:
		return initiation_with(to, out, offsetof(struct wg_initiation, mac2));
	case FLOOD_BAD_MAC1:
		return initiation_with(to, out, offsetof(struct wg_initiation, mac1));
	case FLOOD_RESPONSE:
		return response(to, out);
	case FLOOD_COOKIE:
		return typed_noise(out, WG_KIND_COOKIE, WG_COOKIE_LEN);
	case FLOOD_TRANSPORT:
		return transport(out);
	case FLOOD_DISCO:
		return disco(out);
	case FLOOD_STUN:
		return stun(out);
	case FLOOD_JUNK:
	case FLOOD_KINDS:
		break;
	}
	return junk(out);
}
