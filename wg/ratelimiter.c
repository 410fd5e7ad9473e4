/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All sources lie in one array, chained by the hash of their key and in a list by age. */
#include "wg/ratelimiter.h"

#include "base/bucket.h"
#include "base/list.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define PERIOD (NS_PER_S / WG_RATE_PER_S)
#define FORGET_AFTER NS_PER_S
#define CHAINS WG_RATE_SOURCES_MAX

struct source {
	struct list by_age;  /* or of the free ones */
	struct source *next; /* of the chain */
	uint8_t key[WG_RATE_KEY_LEN];
	mono_t last;
	struct bucket tokens;
};

struct wg_ratelimiter {
	struct list by_age; /* oldest first */
	struct list free;
	size_t len;
	size_t touched; /* of pool; the others were never used */
	struct source *chain[CHAINS];
	struct source pool[WG_RATE_SOURCES_MAX];
};

struct wg_ratelimiter *wg_ratelimiter_new(void)
{
	struct wg_ratelimiter *l = xcalloc(1, sizeof(*l));
	list_init(&l->by_age);
	list_init(&l->free);
	return l;
}

void wg_ratelimiter_free(struct wg_ratelimiter *l)
{
	free(l);
}

static struct source **place(struct wg_ratelimiter *l, const uint8_t *key)
{
	struct source **at = &l->chain[map_hash(key, WG_RATE_KEY_LEN) % CHAINS];
	while (*at && memcmp((*at)->key, key, WG_RATE_KEY_LEN) != 0)
		at = &(*at)->next;
	return at;
}

static void forget(struct wg_ratelimiter *l, struct source *s)
{
	struct source **at = place(l, s->key);
	*at = s->next;
	list_remove(&s->by_age);
	list_push_back(&l->free, &s->by_age);
	l->len--;
}

static void forget_idle(struct wg_ratelimiter *l, mono_t now)
{
	struct list *it;
	while ((it = list_first(&l->by_age))) {
		struct source *s = LIST_ENTRY(it, struct source, by_age);
		if (mono_diff_ns(now, s->last) <= FORGET_AFTER)
			return;
		forget(l, s);
	}
}

/* An unused entry, in no list; NULL: none is left. Untouched ones last, so that few sources take
 * little memory. */
static struct source *unused(struct wg_ratelimiter *l)
{
	struct list *it = list_first(&l->free);
	if (!it && l->touched == WG_RATE_SOURCES_MAX)
		return NULL;
	struct source *s = it ? LIST_ENTRY(it, struct source, by_age) : &l->pool[l->touched++];
	if (it)
		list_remove(it);
	return s;
}

static struct source *remember(struct wg_ratelimiter *l, struct source **at, const uint8_t *key)
{
	struct source *s = unused(l);
	if (!s)
		return NULL;
	*s = (struct source){ .next = NULL };
	memcpy(s->key, key, WG_RATE_KEY_LEN);
	list_init(&s->by_age);
	*at = s;
	l->len++;
	return s;
}

bool wg_ratelimiter_allow(struct wg_ratelimiter *l, mono_t now,
			  const uint8_t key[static WG_RATE_KEY_LEN])
{
	forget_idle(l, now);
	struct source **at = place(l, key);
	struct source *s = *at ? *at : remember(l, at, key);
	if (!s)
		return false;
	s->last = now;
	list_remove(&s->by_age);
	list_push_back(&l->by_age, &s->by_age);
	return bucket_take(&s->tokens, now, PERIOD, WG_RATE_BURST);
}

size_t wg_ratelimiter_len(const struct wg_ratelimiter *l)
{
	return l->len;
}
