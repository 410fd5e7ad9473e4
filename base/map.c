/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing. A slot is a state byte, the key, and the value's pointer,
 * packed; slots are copied with memcpy because nothing in them is aligned. */
#include "base/map.h"

#include "base/alloc.h"

#include <sodium.h>

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum slot_state { SLOT_EMPTY, SLOT_USED, SLOT_DEAD };

#define SLOTS_MIN 16

static uint8_t hash_key[crypto_shorthash_KEYBYTES];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void hash_key_make(void)
{
	randombytes_buf(hash_key, sizeof(hash_key));
}

void map_set_test_seed(uint64_t seed)
{
	pthread_once(&hash_key_once, hash_key_make);
	memset(hash_key, 0, sizeof(hash_key));
	memcpy(hash_key, &seed, sizeof(seed));
}

static size_t slot_size(const struct map *m)
{
	return 1 + m->key_len + sizeof(void *);
}

static uint8_t *slot_at(const struct map *m, size_t i)
{
	return m->slots + i * slot_size(m);
}

static void *slot_value(const struct map *m, const uint8_t *slot)
{
	void *v;
	memcpy(&v, slot + 1 + m->key_len, sizeof(v));
	return v;
}

static void slot_fill(const struct map *m, uint8_t *slot, const void *key, void *value)
{
	slot[0] = SLOT_USED;
	memcpy(slot + 1, key, m->key_len);
	memcpy(slot + 1 + m->key_len, &value, sizeof(value));
}

static uint64_t hash(const void *key, size_t len)
{
	uint64_t h;
	_Static_assert(sizeof(h) == crypto_shorthash_BYTES, "SipHash gives 64 bits");
	crypto_shorthash((uint8_t *)&h, key, len, hash_key);
	return h;
}

uint64_t map_hash(const void *key, size_t len)
{
	pthread_once(&hash_key_once, hash_key_make);
	return hash(key, len);
}

static size_t hash_place(const struct map *m, const void *key)
{
	return (size_t)hash(key, m->key_len) & (m->n_slots - 1);
}

/* The used slot that holds key, or NULL. */
static uint8_t *find(const struct map *m, const void *key)
{
	if (m->n_slots == 0)
		return NULL;
	for (size_t i = hash_place(m, key);; i = (i + 1) & (m->n_slots - 1)) {
		uint8_t *s = slot_at(m, i);
		if (s[0] == SLOT_EMPTY)
			return NULL;
		if (s[0] == SLOT_USED && memcmp(s + 1, key, m->key_len) == 0)
			return s;
	}
}

/* Where a key that is not in the map goes; there is always an empty slot. */
static uint8_t *vacancy(const struct map *m, const void *key)
{
	size_t i = hash_place(m, key);
	while (slot_at(m, i)[0] == SLOT_USED)
		i = (i + 1) & (m->n_slots - 1);
	return slot_at(m, i);
}

void map_init(struct map *m, size_t key_len)
{
	pthread_once(&hash_key_once, hash_key_make);
	*m = (struct map){ .key_len = key_len };
}

void map_fini(struct map *m)
{
	free(m->slots);
	*m = (struct map){ .key_len = m->key_len };
}

void *map_get(const struct map *m, const void *key)
{
	const uint8_t *s = find(m, key);
	return s ? slot_value(m, s) : NULL;
}

static void rehash(struct map *m)
{
	struct map old = *m;
	m->n_slots = SLOTS_MIN;
	while (m->n_slots < (old.n_used + 1) * 2)
		m->n_slots *= 2;
	m->n_dead = 0;
	m->slots = xcalloc(m->n_slots, slot_size(m));
	for (size_t i = 0; i < old.n_slots; i++) {
		const uint8_t *s = slot_at(&old, i);
		if (s[0] == SLOT_USED)
			memcpy(vacancy(m, s + 1), s, slot_size(m));
	}
	free(old.slots);
}

void *map_put(struct map *m, const void *key, void *value)
{
	assert(value);
	uint8_t *s = find(m, key);
	if (s) {
		void *old = slot_value(m, s);
		slot_fill(m, s, key, value);
		return old;
	}
	/* at least a quarter stays empty, so that every probe ends soon */
	if ((m->n_used + m->n_dead + 1) * 4 > m->n_slots * 3)
		rehash(m);
	s = vacancy(m, key);
	if (s[0] == SLOT_DEAD)
		m->n_dead--;
	slot_fill(m, s, key, value);
	m->n_used++;
	return NULL;
}

void *map_del(struct map *m, const void *key)
{
	uint8_t *s = find(m, key);
	if (!s)
		return NULL;
	s[0] = SLOT_DEAD;
	m->n_dead++;
	m->n_used--;
	return slot_value(m, s);
}

size_t map_len(const struct map *m)
{
	return m->n_used;
}

void *map_next(const struct map *m, size_t *it, const void **key)
{
	while (*it < m->n_slots) {
		const uint8_t *s = slot_at(m, (*it)++);
		if (s[0] != SLOT_USED)
			continue;
		if (key)
			*key = s + 1;
		return slot_value(m, s);
	}
	return NULL;
}
