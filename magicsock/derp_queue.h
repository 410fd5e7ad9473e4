/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp_queue.h: datagrams that wait for one relay connection. Short, since waiting is pure latency;
 * fair, since one peer's bulk shall not hold up another's: a FIFO per peer, served in turns by
 * bytes. Full means that the peer with most bytes waiting loses its oldest datagram. Handshakes and
 * disco messages have a FIFO of their own, so that bulk cannot push out what keeps its session
 * alive. Pure but for its allocations. Thread: the owner's. */
#ifndef MAGICSOCK_DERP_QUEUE_H
#define MAGICSOCK_DERP_QUEUE_H

#include "base/keys.h"
#include "base/mono.h"
#include "base/bytes.h"

#define DERP_QUEUE_MAX 256	      /* datagrams waiting per region */
#define DERP_QUEUE_BYTES (192u << 10) /* of those; a longer datagram is refused */

struct derp_queue;

struct derp_queue *derp_queue_new(void); /* new */
void derp_queue_free(struct derp_queue *q);

/* Copy one in. Returns how many datagrams were lost: older ones that gave way, or this one itself
 * (too long, out of memory). */
size_t derp_queue_put(struct derp_queue *q, mono_t now, const struct node_key *dst,
		      struct span datagram);
/* The datagram whose turn it is, and where to; borrowed until the next call. False if none waits.
 */
bool derp_queue_next(struct derp_queue *q, const struct node_key **dst, struct span *datagram);
/* Drop what derp_queue_next showed. */
void derp_queue_pop(struct derp_queue *q);
/* Drop what was put in before `at`; returns how many. */
size_t derp_queue_expire(struct derp_queue *q, mono_t at);
size_t derp_queue_clear(struct derp_queue *q); /* returns how many */

size_t derp_queue_len(const struct derp_queue *q); /* datagrams */
size_t derp_queue_bytes(const struct derp_queue *q);

#endif
