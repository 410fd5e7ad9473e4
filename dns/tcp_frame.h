/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_frame.h: messages out of a TCP stream: two bytes of length, then the message. Memory grows
 * with what has come, not with what was announced. Pure. */
#ifndef DNS_TCP_FRAME_H
#define DNS_TCP_FRAME_H

#include "base/bytes.h"

struct dns_frame {
	uint8_t head[2];
	uint8_t n_head;
	uint8_t *body;
	size_t len, got, cap;
	size_t max;
};

void dns_frame_init(struct dns_frame *f, size_t max); /* longer messages are refused */
void dns_frame_fini(struct dns_frame *f);
/* Take from *in up to the end of a message. 1: it is complete, see dns_frame_msg; 0: more is needed,
 * all was taken; -ERR_TOOBIG, -ERR_NOMEM: the stream is of no more use. */
MUST_CHECK int dns_frame_feed(struct dns_frame *f, struct span *in);
struct span dns_frame_msg(const struct dns_frame *f); /* borrowed until dns_frame_next */
void dns_frame_next(struct dns_frame *f);	      /* begin the next message */
/* Some of a message has come, but not all. */
bool dns_frame_is_partial(const struct dns_frame *f);

#endif
