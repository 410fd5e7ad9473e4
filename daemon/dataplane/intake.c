/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/intake.h"

#include "base/alloc.h"
#include "base/bucket.h"
#include "base/crypto/crypto.h"
#include "daemon/dataplane/counters.h"
#include "daemon/dataplane/overload.h"
#include "magicsock/demux.h"
#include "wg/cookie.h"
#include "wg/gate.h"

#include <stdlib.h>

#define WAITING_MAX (INTAKE_WAY_FULL / 2) /* the rest is for the worker's own records */

enum share { SHARE_DISCO, SHARE_COOKIES, SHARE_STUN, SHARES };

enum lane { LANE_STRANGERS, LANE_PEERS, LANES };

struct intake {
	struct wg_gate *gate[LANES];
	struct bucket share[LANES][SHARES];
	struct overload handshakes, forged, transport; /* of strangers */
	struct overload replays;
};

struct intake *intake_new(struct rng *rng)
{
	struct intake *i = xcalloc(1, sizeof(*i));
	for (int l = 0; l < LANES; l++)
		i->gate[l] = wg_gate_new(rng);
	return i;
}

void intake_free(struct intake *i)
{
	if (!i)
		return;
	for (int l = 0; l < LANES; l++)
		wg_gate_free(i->gate[l]);
	free(i);
}

static bool has_cookie(struct span msg)
{
	static const uint8_t none[WG_MAC_LEN];
	return !secret_eq(msg.p + msg.len - WG_MAC_LEN, none, WG_MAC_LEN);
}

static enum intake_action handshake(struct intake *i, enum lane l, const struct dp_snapshot *s,
				    mono_t now, unsigned waiting, struct ep from, struct span msg,
				    struct wg_cookie_reply *reply)
{
	struct wg_gate *g = i->gate[l];
	struct wg_from f = { .ep = from };
	wg_gate_set_self(g, s ? &s->self : NULL);
	wg_gate_on_backlog(g, now, waiting, WAITING_MAX);
	enum wg_verdict v = wg_gate_admit(g, now, &f, msg, reply);
	if (v == WG_PASS)
		return INTAKE_ADMIT;
	wg_verdict_count(v);
	if (l == LANE_STRANGERS && (v == WG_DROP_LOAD || v == WG_DROP_COOKIE))
		overload_count(has_cookie(msg) ? &i->forged : &i->handshakes, now);
	return v == WG_DROP_COOKIE ? INTAKE_REPLY : INTAKE_DROP;
}

static enum intake_action take_share(struct bucket *b, mono_t now, unsigned per_s)
{
	if (bucket_take(b, now, NS_PER_S / per_s, per_s / 10))
		return INTAKE_TELL;
	dp_count(DPC_RX_OVERLOAD, 1);
	return INTAKE_DROP;
}

static enum intake_action wireguard(struct intake *i, enum lane l, const struct dp_snapshot *s,
				    mono_t now, unsigned waiting, struct ep from, struct span d,
				    struct wg_cookie_reply *reply)
{
	switch (wg_classify(d)) {
	case WG_KIND_INITIATION:
	case WG_KIND_RESPONSE:
		return handshake(i, l, s, now, waiting, from, d, reply);
	case WG_KIND_COOKIE:
		return take_share(&i->share[l][SHARE_COOKIES], now, INTAKE_COOKIES_PER_S);
	default:
		dp_count(DPC_RX_JUNK, 1);
		return INTAKE_DROP;
	}
}

enum intake_action intake_judge(struct intake *i, const struct dp_snapshot *s, mono_t now,
				unsigned waiting, struct ep from, struct span datagram,
				struct wg_cookie_reply *reply)
{
	enum lane l = s && dp_snapshot_knows(s, from) ? LANE_PEERS : LANE_STRANGERS;
	struct bucket *share = i->share[l];
	if (waiting > WAITING_MAX) {
		dp_count(DPC_RX_OVERLOAD, 1);
		return INTAKE_DROP;
	}
	switch (ms_classify(datagram, NULL)) {
	case MS_DISCO:
	case MS_GENEVE_DISCO:
		return take_share(&share[SHARE_DISCO], now, INTAKE_DISCO_PER_S);
	case MS_STUN:
		return take_share(&share[SHARE_STUN], now, INTAKE_STUN_PER_S);
	case MS_WG:
		return wireguard(i, l, s, now, waiting, from, datagram, reply);
	case MS_GENEVE_WG:
		break;
	}
	dp_count(DPC_RX_JUNK, 1);
	return INTAKE_DROP;
}

void intake_lost(struct intake *i, mono_t now)
{
	overload_count(&i->transport, now);
}

void intake_replayed(struct intake *i, mono_t now, unsigned n)
{
	while (n-- > 0)
		overload_count(&i->replays, now);
}

struct intake_overload intake_overload(struct intake *i, mono_t now)
{
	return (struct intake_overload){ .handshakes = overload_is(&i->handshakes, now),
					 .forged = overload_is(&i->forged, now),
					 .transport = overload_is(&i->transport, now),
					 .replays = overload_is(&i->replays, now) };
}
