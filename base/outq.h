/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outq.h: bytes waiting to be written to a socket, with a ceiling: many small sends become few
 * writes. Pure but for its memory. A zeroed struct with max set is an empty queue. */
#ifndef BASE_OUTQ_H
#define BASE_OUTQ_H

#include "base/bytes.h"

struct outq {
	uint8_t *p;
	size_t off; /* first byte that is not written yet */
	size_t len; /* end of the bytes */
	size_t cap;
	size_t max;
	bool was_full; /* somebody was told ERR_FULL and waits for the drain */
};

void outq_fini(struct outq *q);
/* All or nothing: -ERR_FULL above max, -ERR_NOMEM. */
MUST_CHECK int outq_add(struct outq *q, struct span s);
/* Everything that waits; borrowed until the next add or drop. */
struct span outq_pending(const struct outq *q);
/* The first n bytes are written. */
void outq_drop(struct outq *q, size_t n);
/* True once after ERR_FULL, when less than half of max waits. */
bool outq_drained(struct outq *q);

#endif
