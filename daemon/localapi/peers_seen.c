/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/peers_seen.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <stdlib.h>

#define NODE_JSON_MAX (1u << 20)

/* Somebody who makes two of a node's states collide hides one update from a GUI; the snapshot of
 * the data path does not come from here. */
static uint64_t hash(struct span s)
{
	return fnv1a(FNV1A_START, s);
}

static int by_id(const void *a, const void *b)
{
	int64_t x = ((const struct peer_mark *)a)->id;
	int64_t y = ((const struct peer_mark *)b)->id;
	return x < y ? -1 : x > y;
}

static const struct peer_mark *find(const struct peers_seen *s, int64_t id)
{
	struct peer_mark key = { .id = id };
	return s->n ? bsearch(&key, s->marks, s->n, sizeof(key), by_id) : NULL;
}

static struct peers_seen marks_of(const struct peers_seen *old, const json_t *nodes,
				  json_t *changed)
{
	struct peers_seen s = { .n = j_len(nodes) };
	s.marks = xcalloc(s.n ? s.n : 1, sizeof(*s.marks));
	struct buf b;
	buf_init(&b, NODE_JSON_MAX);
	for (size_t i = 0; i < s.n; i++) {
		json_t *node = j_at(nodes, i);
		buf_reset(&b);
		j_write(node, J_COMPACT, false, &b);
		s.marks[i] = (struct peer_mark){ j_int(node, "ID", 0), hash(buf_span(&b)) };
		const struct peer_mark *was = find(old, s.marks[i].id);
		if (!was || was->hash != s.marks[i].hash)
			j_add(changed, j_ref(node));
	}
	buf_fini(&b);
	qsort(s.marks, s.n, sizeof(*s.marks), by_id);
	return s;
}

void peers_seen_update(struct peers_seen *s, const json_t *nodes, json_t **changed,
		       json_t **removed)
{
	*changed = j_array();
	*removed = j_array();
	struct peers_seen now = marks_of(s, nodes, *changed);
	for (size_t i = 0; i < s->n; i++)
		if (!find(&now, s->marks[i].id))
			j_add(*removed, j_from_int(s->marks[i].id));
	free(s->marks);
	*s = now;
}

void peers_seen_fini(struct peers_seen *s)
{
	free(s->marks);
	*s = (struct peers_seen){ 0 };
}
