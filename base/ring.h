/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring.h: single-producer single-consumer ring of variable-length records between two threads.
 * No lock, no allocation after creation. A record is contiguous, at most a quarter of the ring. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/bytes.h"

struct ring;

/* size is rounded up to a power of two */
struct ring *ring_new(size_t size);
void ring_free(struct ring *r);

/* Producer: room for one record of len bytes, or NULL if full (count it and drop). Fill it, then
 * commit with the length really used. *was_empty tells whether the consumer needs a wake. */
uint8_t *ring_reserve(struct ring *r, size_t len);
void ring_commit(struct ring *r, size_t len, bool *was_empty);
/* Producer: bytes in use, for who must not fill the ring up. */
size_t ring_used(const struct ring *r);

/* Consumer: the oldest record (borrowed until ring_pop); p is NULL if there is none. */
struct mspan ring_peek(struct ring *r);
void ring_pop(struct ring *r);

#endif
