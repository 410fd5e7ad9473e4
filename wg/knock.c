/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/knock.h"

#include "wg/constants.h"

static struct wg_knock *find(struct wg_knocks *k, const struct node_key *key)
{
	for (unsigned i = 0; i < WG_KNOCKS_MAX; i++)
		if (!mono_is_zero(k->v[i].at) && node_key_eq(&k->v[i].key, key))
			return &k->v[i];
	return NULL;
}

void wg_knock_put(struct wg_knocks *k, const struct wg_knock *knock)
{
	struct wg_knock *slot = find(k, &knock->key);
	if (!slot)
		slot = &k->v[k->next++ % WG_KNOCKS_MAX];
	*slot = *knock;
	slot->open = false;
}

void wg_knock_open(struct wg_knocks *k, const struct node_key *key)
{
	struct wg_knock *slot = find(k, key);
	if (slot)
		slot->open = k->any_open = true;
}

mono_t wg_knock_deadline(const struct wg_knocks *k)
{
	for (unsigned i = 0; k->any_open && i < WG_KNOCKS_MAX; i++)
		if (k->v[i].open)
			return k->v[i].at;
	return MONO_NEVER;
}

bool wg_knock_take(struct wg_knocks *k, mono_t now, struct wg_knock *out)
{
	for (unsigned i = 0; k->any_open && i < WG_KNOCKS_MAX; i++) {
		struct wg_knock *slot = &k->v[i];
		if (!slot->open)
			continue;
		*out = *slot;
		*slot = (struct wg_knock){ .open = false };
		if (mono_diff_ns(now, out->at) < WG_REKEY_TIMEOUT)
			return true;
	}
	k->any_open = false;
	return false;
}

void wg_knock_forget(struct wg_knocks *k)
{
	*k = (struct wg_knocks){ .next = 0 };
}
