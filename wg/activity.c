/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/activity.h"

#include "wg/constants.h"
#include "wg/session_priv.h"

static int64_t load(const _Atomic int64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void store(_Atomic int64_t *v, int64_t ns)
{
	atomic_store_explicit(v, ns, memory_order_relaxed);
}

/* What waited has its answer; most packets find nothing waiting and write nothing. */
static void clear(_Atomic int64_t *since)
{
	if (load(since))
		store(since, 0);
}

void wg_activity_cancel_keepalive(struct wg_activity *a)
{
	clear(&a->rx_data.since);
	if (atomic_load_explicit(&a->rx_data_more, memory_order_relaxed))
		atomic_store_explicit(&a->rx_data_more, false, memory_order_relaxed);
}

/* Set the stamp if nothing waits yet, and find out whether control must be told. The order of the
 * two accesses, here and in wg_stamp_watch, is what keeps a wake from being lost: hence seq_cst. */
static unsigned begin(struct wg_stamp *s, mono_t now)
{
	if (!load(&s->since))
		atomic_store(&s->since, now.ns);
	else if (atomic_load_explicit(&s->watched, memory_order_relaxed))
		return 0;
	return atomic_load(&s->watched) || atomic_exchange(&s->watched, true) ? 0 : WG_ACT_WATCH;
}

int64_t wg_stamp_watch(struct wg_stamp *s)
{
	atomic_store(&s->watched, false);
	int64_t since = atomic_load(&s->since);
	if (since)
		atomic_store(&s->watched, true);
	return since;
}

bool wg_stamp_is_watched(const struct wg_stamp *s)
{
	return atomic_load_explicit(&s->watched, memory_order_relaxed);
}

int64_t wg_stamp_since(const struct wg_stamp *s)
{
	return load(&s->since);
}

/* At most once a second, so that a lost request is repeated and a batch is not. */
static bool may_ask(struct wg_session *s, mono_t now)
{
	int64_t last = load(&s->rekey_asked);
	if (last && now.ns - last < NS_PER_S)
		return false;
	store(&s->rekey_asked, now.ns);
	return true;
}

/* Spec 2.4, after sending */
static unsigned rekey_on_tx(struct wg_session *s, mono_t now)
{
	return s && wg_session_wants_rekey(s, now) && may_ask(s, now) ? WG_ACT_REKEY : 0;
}

/* Spec 2.4, after receiving: once per session */
static unsigned rekey_on_rx(struct wg_session *s, mono_t now)
{
	if (!s || !s->we_initiated || mono_diff_ns(now, s->created) <= WG_REKEY_WHEN_RECEIVING_TIME)
		return 0;
	if (atomic_exchange_explicit(&s->rekey_asked_receiving, true, memory_order_relaxed))
		return 0;
	return WG_ACT_REKEY;
}

unsigned wg_activity_on_tx(struct wg_activity *a, struct wg_session *s, mono_t now, bool is_data)
{
	store(&a->last_tx, now.ns);
	wg_activity_cancel_keepalive(a);
	unsigned act = is_data ? begin(&a->tx_data, now) : 0;
	return act | rekey_on_tx(s, now);
}

unsigned wg_activity_on_keepalive(struct wg_activity *a, struct wg_session *s, mono_t now)
{
	store(&a->last_tx, now.ns);
	return rekey_on_tx(s, now);
}

unsigned wg_activity_on_rx(struct wg_activity *a, struct wg_session *s, mono_t now, bool is_data)
{
	store(&a->last_rx, now.ns);
	clear(&a->tx_data.since);
	unsigned act = rekey_on_rx(s, now);
	if (!is_data)
		return act;
	if (load(&a->rx_data.since) &&
	    !atomic_load_explicit(&a->rx_data_more, memory_order_relaxed))
		atomic_store_explicit(&a->rx_data_more, true, memory_order_relaxed);
	return act | begin(&a->rx_data, now);
}

void wg_activity_on_control_tx(struct wg_activity *a, mono_t now)
{
	store(&a->last_tx, now.ns);
	wg_activity_cancel_keepalive(a);
}

void wg_activity_on_control_rx(struct wg_activity *a, mono_t now)
{
	store(&a->last_rx, now.ns);
	clear(&a->tx_data.since);
}

bool wg_activity_take_keepalive(struct wg_activity *a, int64_t since, mono_t now)
{
	bool more = atomic_exchange_explicit(&a->rx_data_more, false, memory_order_relaxed);
	return atomic_compare_exchange_strong(&a->rx_data.since, &since, more ? now.ns : 0);
}

bool wg_activity_take_unanswered(struct wg_activity *a, int64_t since)
{
	return atomic_compare_exchange_strong(&a->tx_data.since, &since, 0);
}

mono_t wg_activity_last(const struct wg_activity *a)
{
	int64_t tx = load(&a->last_tx), rx = load(&a->last_rx);
	return (mono_t){ tx > rx ? tx : rx };
}

void wg_activity_untold(struct wg_activity *a)
{
	atomic_store(&a->rx_data.watched, false);
	atomic_store(&a->tx_data.watched, false);
}
