/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"
#include "magicsock/udp_priv.h"

#include <stdlib.h>

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
		struct msghdr *h = &b->msgs[i].msg_hdr;
		h->msg_iov = &b->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = &b->addrs[i];
	}
	return b;
}

void udp_batch_free(struct udp_batch *b)
{
	free(b);
}
