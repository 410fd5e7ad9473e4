/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/session_priv.h"

#include "base/alloc.h"
#include "base/crypto/aead_batch.h"
#include "wg/constants.h"

#include <stdlib.h>

struct wg_session *wg_session_new(const struct wg_keys *keys, uint32_t local, uint32_t remote,
				  bool we_initiated, mono_t now)
{
	struct wg_session *s = xcalloc(1, sizeof(*s));
	s->refs = 1;
	s->local = local;
	s->remote = remote;
	s->we_initiated = we_initiated;
	s->created = now;
	s->keys = *keys;
	return s;
}

struct wg_session *wg_session_ref(struct wg_session *s)
{
	if (s)
		s->refs++;
	return s;
}

void wg_session_unref(struct wg_session *s)
{
	if (!s || --s->refs)
		return;
	wipe(s, sizeof(*s));
	free(s);
}

uint32_t wg_session_local_index(const struct wg_session *s)
{
	return s->local;
}

uint32_t wg_session_remote_index(const struct wg_session *s)
{
	return s->remote;
}

bool wg_session_we_initiated(const struct wg_session *s)
{
	return s->we_initiated;
}

mono_t wg_session_created(const struct wg_session *s)
{
	return s->created;
}

uint64_t wg_session_sent(const struct wg_session *s)
{
	return atomic_load_explicit(&s->next_counter, memory_order_relaxed);
}

static int64_t age(const struct wg_session *s, mono_t now)
{
	return mono_diff_ns(now, s->created);
}

bool wg_session_can_send(const struct wg_session *s, mono_t now)
{
	return age(s, now) < WG_REJECT_AFTER_TIME && wg_session_sent(s) < WG_REJECT_AFTER_MESSAGES;
}

bool wg_session_can_receive(const struct wg_session *s, mono_t now)
{
	return age(s, now) <= WG_REJECT_AFTER_TIME;
}

bool wg_session_is_heard(const struct wg_session *s)
{
	return atomic_load_explicit(&s->heard, memory_order_acquire);
}

bool wg_session_wants_rekey(const struct wg_session *s, mono_t now)
{
	return wg_session_sent(s) > WG_REKEY_AFTER_MESSAGES ||
	       (s->we_initiated && age(s, now) > WG_REKEY_AFTER_TIME);
}

void wg_session_stop_sending(struct wg_session *s)
{
	atomic_store_explicit(&s->next_counter, WG_REJECT_AFTER_MESSAGES, memory_order_relaxed);
}

/* ---- worker -------------------------------------------------------------------------------- */

/* Take up to n counters that nobody else gets; returns how many, the first in *first. */
static size_t take_counters(struct wg_session *s, size_t n, uint64_t *first)
{
	uint64_t at = wg_session_sent(s);
	size_t k;
	do {
		if (at >= WG_REJECT_AFTER_MESSAGES)
			return 0;
		uint64_t left = WG_REJECT_AFTER_MESSAGES - at;
		k = left < n ? (size_t)left : n;
	} while (!atomic_compare_exchange_weak_explicit(
	    &s->next_counter, &at, at + k, memory_order_relaxed, memory_order_relaxed));
	*first = at;
	return k;
}

static void frame(const struct wg_session *s, struct wg_seal_item *it, uint32_t mtu,
		  uint64_t counter, struct aead_pkt *pkt)
{
	uint32_t pad = wg_padding(it->len, mtu);
	memset(it->p + it->len, 0, pad);
	struct wg_transport_header *h = (struct wg_transport_header *)(it->p - WG_HEADER_LEN);
	wg_put_le32(h->type, WG_KIND_TRANSPORT);
	wg_put_le32(h->receiver, s->remote);
	wg_put_le64(h->counter, counter);
	*pkt = (struct aead_pkt){ .p = it->p, .len = it->len + pad, .counter = counter };
	it->len = WG_HEADER_LEN + pkt->len + WG_TAG_LEN;
}

static size_t seal_chunk(struct wg_session *s, uint32_t mtu, struct wg_seal_item *v, size_t n)
{
	struct aead_pkt pkts[AEAD_BATCH_MAX];
	uint64_t counter;
	size_t k = take_counters(s, n, &counter);
	for (size_t i = 0; i < k; i++)
		frame(s, &v[i], mtu, counter + i, &pkts[i]);
	if (k)
		aead_batch_seal(s->keys.send, pkts, k);
	return k;
}

static size_t chunk_of(size_t left)
{
	return left < AEAD_BATCH_MAX ? left : AEAD_BATCH_MAX;
}

size_t wg_session_seal(struct wg_session *s, mono_t now, uint32_t mtu, struct wg_seal_item *v,
		       size_t n)
{
	if (!wg_session_can_send(s, now))
		return 0;
	size_t done = 0;
	while (done < n) {
		size_t want = chunk_of(n - done);
		size_t got = seal_chunk(s, mtu, v + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

/* What can be refused without touching the key; WG_OPEN_DATA if nothing speaks against it. The
 * window is only looked at here: a capture that is played back costs no decryption. */
static enum wg_open_verdict precheck(const struct wg_session *s, const struct wg_open_item *it,
				     bool expired, uint64_t *counter)
{
	if (it->len < WG_TRANSPORT_MIN)
		return WG_OPEN_SHORT;
	if (expired)
		return WG_OPEN_EXPIRED;
	*counter = wg_le64(it->p + offsetof(struct wg_transport_header, counter));
	if (*counter >= WG_REJECT_AFTER_MESSAGES)
		return WG_OPEN_COUNTER;
	return wg_replay_is_new(&s->replay, *counter) ? WG_OPEN_DATA : WG_OPEN_REPLAY;
}

/* The counter is marked only now that the packet is known to be authentic. */
static enum wg_open_verdict judge(struct wg_session *s, const struct aead_pkt *pkt)
{
	if (!pkt->ok)
		return WG_OPEN_AUTH;
	if (!wg_replay_accept(&s->replay, pkt->counter))
		return WG_OPEN_REPLAY;
	return pkt->len ? WG_OPEN_DATA : WG_OPEN_KEEPALIVE;
}

static size_t open_chunk(struct wg_session *s, bool expired, struct wg_open_item *v, size_t n)
{
	struct aead_pkt pkts[AEAD_BATCH_MAX];
	uint8_t item[AEAD_BATCH_MAX];
	size_t k = 0, good = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t counter = 0;
		v[i].verdict = precheck(s, &v[i], expired, &counter);
		if (v[i].verdict != WG_OPEN_DATA)
			continue;
		item[k] = (uint8_t)i;
		pkts[k++] = (struct aead_pkt){ .p = v[i].p + WG_HEADER_LEN,
					       .len = v[i].len - WG_TRANSPORT_MIN,
					       .counter = counter };
	}
	if (k)
		aead_batch_open(s->keys.recv, pkts, k);
	for (size_t i = 0; i < k; i++) {
		struct wg_open_item *it = &v[item[i]];
		it->verdict = judge(s, &pkts[i]);
		it->len = pkts[i].len;
		good += it->verdict <= WG_OPEN_KEEPALIVE;
	}
	return good;
}

_Static_assert(AEAD_BATCH_MAX <= 256, "an item's place in a chunk fits a byte");

size_t wg_session_open(struct wg_session *s, mono_t now, struct wg_open_item *v, size_t n)
{
	bool expired = !wg_session_can_receive(s, now);
	size_t good = 0;
	for (size_t done = 0; done < n; done += chunk_of(n - done))
		good += open_chunk(s, expired, v + done, chunk_of(n - done));
	if (good && !wg_session_is_heard(s))
		atomic_store_explicit(&s->heard, true, memory_order_release);
	return good;
}

uint64_t wg_session_replay_floor(const struct wg_session *s)
{
	return wg_replay_floor(&s->replay);
}

const char *wg_open_verdict_name(enum wg_open_verdict v)
{
	static const char *const names[WG_OPEN_VERDICTS] = {
		[WG_OPEN_DATA] = "data",       [WG_OPEN_KEEPALIVE] = "keepalive",
		[WG_OPEN_SHORT] = "short",     [WG_OPEN_EXPIRED] = "expired_key",
		[WG_OPEN_COUNTER] = "counter", [WG_OPEN_AUTH] = "auth",
		[WG_OPEN_REPLAY] = "replay",
	};
	return (unsigned)v < WG_OPEN_VERDICTS ? names[v] : "unknown";
}
