/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map.h: hash map from fixed-size byte keys to pointers; SipHash with a per-process random key, so
 * that outsiders cannot aim for collisions. Keys are copied in. Pure but for its allocations (x*). */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
	uint8_t *slots; /* n_slots x (state byte, key, value), open addressing */
	size_t n_slots;
	size_t n_used;
	size_t n_dead;
	size_t key_len;
};

void map_init(struct map *m, size_t key_len);
void map_fini(struct map *m); /* values are the caller's */
void *map_get(const struct map *m, const void *key);
/* Insert or replace; returns the previous value or NULL. value must not be NULL. */
void *map_put(struct map *m, const void *key, void *value);
/* Returns the removed value or NULL. */
void *map_del(struct map *m, const void *key);
size_t map_len(const struct map *m);
/* Iterate: size_t it = 0; while ((v = map_next(&m, &it, &key))) ... ; key (may be NULL) is borrowed.
 * Deleting the current entry inside the loop is allowed, inserting is not. */
void *map_next(const struct map *m, size_t *it, const void **key);

/* The same hash, for tables that may not allocate. Thread: any. */
uint64_t map_hash(const void *key, size_t len);

/* Tests and the simulator only, before the first map: a fixed hash key in place of the random one,
 * so that iteration order repeats from run to run. */
void map_set_test_seed(uint64_t seed);

#endif
