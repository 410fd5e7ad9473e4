/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h: one pair of transport keys with its send counter and replay window. The control thread
 * makes, counts and frees sessions; the worker seals and opens with them, in batches and in place,
 * without allocation or lock. Spec: datapath.md 2.7, 2.8. */
#ifndef WG_SESSION_H
#define WG_SESSION_H

#include "base/mono.h"
#include "wg/constants.h"
#include "wg/messages.h"
#include "wg/noise.h"

struct wg_session;

/* One reference, the caller's. keys are copied. Thread: control. */
struct wg_session *wg_session_new(const struct wg_keys *keys, uint32_t local, uint32_t remote,
				  bool we_initiated, mono_t now);
/* Thread: control. ref returns s; NULL is fine for both. The last unref wipes the keys. */
struct wg_session *wg_session_ref(struct wg_session *s);
void wg_session_unref(struct wg_session *s);

/* Thread: any. */
uint32_t wg_session_local_index(const struct wg_session *s);
uint32_t wg_session_remote_index(const struct wg_session *s);
bool wg_session_we_initiated(const struct wg_session *s);
mono_t wg_session_created(const struct wg_session *s);
uint64_t wg_session_sent(const struct wg_session *s); /* next counter */
/* Younger than 180 s and counters left. */
bool wg_session_can_send(const struct wg_session *s, mono_t now);
/* Not older than 180 s. */
bool wg_session_can_receive(const struct wg_session *s, mono_t now);
/* Something authentic came on it, so the other side has the keys. What is sent because of that may be
 * sent on it. */
bool wg_session_is_heard(const struct wg_session *s);
/* After a send: we initiated it and it is older than 120 s, or it carried 2^60 messages. */
bool wg_session_wants_rekey(const struct wg_session *s, mono_t now);
/* Never send on it again (our static key changed); receiving goes on until it expires. */
void wg_session_stop_sending(struct wg_session *s);

/* ---- worker -------------------------------------------------------------------------------- */

struct wg_seal_item {
	uint8_t *p; /* plaintext; 16 bytes before it and wg_padding() + 16 after it are writable */
	uint32_t len; /* in: of the plaintext, 0 = keepalive; out: of the datagram at p - 16 */
};

/* Zero bytes that follow len bytes of plaintext: to a multiple of 16, never beyond the MTU
 * (mtu 0: no limit). */
static inline uint32_t wg_padding(uint32_t len, uint32_t mtu)
{
	uint32_t last = mtu && len > mtu ? len % mtu : len;
	uint32_t padded = (last + WG_PADDING - 1) & ~(uint32_t)(WG_PADDING - 1);
	if (mtu && padded > mtu)
		padded = mtu;
	return padded - last;
}

/* Seal the first k of n packets, counters in their order, and return k: n, or less when the session
 * may not send (0) or runs out of counters. Items past k are untouched. Thread: worker. */
size_t wg_session_seal(struct wg_session *s, mono_t now, uint32_t mtu, struct wg_seal_item *v,
		       size_t n);

enum wg_open_verdict {
	WG_OPEN_DATA = 0,  /* authentic and new: plaintext at p + 16 */
	WG_OPEN_KEEPALIVE, /* authentic and new, empty */
	WG_OPEN_SHORT,	   /* no transport datagram */
	WG_OPEN_EXPIRED,   /* the session is too old */
	WG_OPEN_COUNTER,   /* counter over the limit */
	WG_OPEN_AUTH,
	WG_OPEN_REPLAY, /* its counter was seen before or is too old; not decrypted unless the one
			   that has the counter came in the same call. Never an attack */
	WG_OPEN_VERDICTS
};

struct wg_open_item {
	uint8_t *p;   /* the datagram; opened in place */
	uint32_t len; /* in: of the datagram; out: of the plaintext (DATA, KEEPALIVE) */
	enum wg_open_verdict verdict;
};

/* Open n datagrams whose receiver index names this session. Returns how many are authentic and new:
 * if any, the caller tells wg_activity_on_rx, and control when the session is its peer's `next`.
 * Thread: worker. */
size_t wg_session_open(struct wg_session *s, mono_t now, struct wg_open_item *v, size_t n);

/* Counters below this are refused. Thread: worker. */
uint64_t wg_session_replay_floor(const struct wg_session *s);

const char *wg_open_verdict_name(enum wg_open_verdict v);

#endif
