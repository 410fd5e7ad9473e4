/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/peerapi/askers.h"

#include "base/alloc.h"
#include "base/bucket.h"

#include <stdlib.h>

#define GAP_NS (NS_PER_S / ASKERS_RATE)

struct asker {
	struct bucket rate;
	unsigned n_open;
};

void askers_init(struct askers *a)
{
	map_init(&a->by_id, sizeof(int64_t));
	a->n_open = 0;
}

void askers_fini(struct askers *a)
{
	size_t it = 0;
	struct asker *k;
	while ((k = map_next(&a->by_id, &it, NULL)))
		free(k);
	map_fini(&a->by_id);
}

/* One whose bucket is full again and who waits for nothing is as good as new. */
static void forget_quiet(struct askers *a, mono_t now)
{
	size_t it = 0;
	const void *id;
	struct asker *k;
	while ((k = map_next(&a->by_id, &it, &id))) {
		if (k->n_open || k->rate.full_ns > now.ns)
			continue;
		map_del(&a->by_id, id);
		free(k);
	}
}

static struct asker *asker_of(struct askers *a, int64_t id, mono_t now)
{
	struct asker *k = map_get(&a->by_id, &id);
	if (k)
		return k;
	if (map_len(&a->by_id) >= ASKERS_KEPT)
		forget_quiet(a, now);
	k = xcalloc(1, sizeof(*k));
	map_put(&a->by_id, &id, k);
	return k;
}

bool askers_begin(struct askers *a, int64_t id, mono_t now)
{
	struct asker *k = asker_of(a, id, now);
	if (a->n_open >= ASKERS_ALL_OPEN_MAX || k->n_open >= ASKERS_OPEN_MAX ||
	    !bucket_take(&k->rate, now, GAP_NS, ASKERS_BURST))
		return false;
	a->n_open++;
	k->n_open++;
	return true;
}

void askers_end(struct askers *a, int64_t id)
{
	struct asker *k = map_get(&a->by_id, &id);
	k->n_open--;
	a->n_open--;
}
