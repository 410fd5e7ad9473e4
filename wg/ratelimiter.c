/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/ratelimiter.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_TOKEN (NS_PER_S / WG_RATE_PER_S)
#define NS_FULL (NS_PER_TOKEN * WG_RATE_BURST)
#define FORGET_AFTER NS_PER_S

struct bucket {
	struct list by_age;
	uint8_t key[WG_RATE_KEY_LEN];
	mono_t last;
	int64_t tokens_ns;
};

void wg_ratelimiter_init(struct wg_ratelimiter *l)
{
	map_init(&l->buckets, WG_RATE_KEY_LEN);
	list_init(&l->by_age);
}

static void forget(struct wg_ratelimiter *l, struct bucket *b)
{
	map_del(&l->buckets, b->key);
	list_remove(&b->by_age);
	free(b);
}

static void forget_idle(struct wg_ratelimiter *l, mono_t now)
{
	struct list *it;
	while ((it = list_first(&l->by_age))) {
		struct bucket *b = LIST_ENTRY(it, struct bucket, by_age);
		if (mono_diff_ns(now, b->last) <= FORGET_AFTER)
			return;
		forget(l, b);
	}
}

void wg_ratelimiter_fini(struct wg_ratelimiter *l)
{
	struct list *it;
	while ((it = list_first(&l->by_age)))
		forget(l, LIST_ENTRY(it, struct bucket, by_age));
	map_fini(&l->buckets);
}

static struct bucket *bucket_new(struct wg_ratelimiter *l, mono_t now, const uint8_t *key)
{
	struct bucket *b = xcalloc(1, sizeof(*b));
	memcpy(b->key, key, WG_RATE_KEY_LEN);
	b->tokens_ns = NS_FULL;
	b->last = now;
	list_push_back(&l->by_age, &b->by_age);
	map_put(&l->buckets, b->key, b);
	return b;
}

static void refill(struct wg_ratelimiter *l, struct bucket *b, mono_t now)
{
	b->tokens_ns += mono_diff_ns(now, b->last);
	if (b->tokens_ns > NS_FULL)
		b->tokens_ns = NS_FULL;
	b->last = now;
	list_remove(&b->by_age);
	list_push_back(&l->by_age, &b->by_age);
}

bool wg_ratelimiter_allow(struct wg_ratelimiter *l, mono_t now,
			  const uint8_t key[static WG_RATE_KEY_LEN])
{
	forget_idle(l, now);
	struct bucket *b = map_get(&l->buckets, key);
	if (b)
		refill(l, b, now);
	else if (map_len(&l->buckets) < WG_RATE_SOURCES_MAX)
		b = bucket_new(l, now, key);
	if (!b || b->tokens_ns < NS_PER_TOKEN)
		return false;
	b->tokens_ns -= NS_PER_TOKEN;
	return true;
}

size_t wg_ratelimiter_len(const struct wg_ratelimiter *l)
{
	return map_len(&l->buckets);
}
