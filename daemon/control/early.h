/* SPDX-License-Identifier: GPL-2.0-or-later */
/* early.h: the early payload that a server may send ahead of HTTP/2 (shared/spec/control.md 5):
 * 5 magic bytes, a big-endian length, JSON. Pure. */
#ifndef DAEMON_CONTROL_EARLY_H
#define DAEMON_CONTROL_EARLY_H

#include "base/keys.h"

#define EARLY_HEADER_LEN 9
#define EARLY_MAX 65536 /* longer payloads are refused */

struct early_reader {
	uint8_t head[EARLY_HEADER_LEN];
	size_t n_head;
	struct buf json;
	size_t left;
	bool done;
	bool present;
	struct chal_key
	    challenge; /* zero if absent or unreadable; unused by register and map today */
};

void early_init(struct early_reader *e);
void early_fini(struct early_reader *e);
/* Feed decrypted bytes. 1: decided; HTTP/2 bytes are e->head (all nine, if !e->present) followed by
 * the rest of *in. 0: more needed, all of *in was used. -ERR_TOOBIG: close the connection. */
MUST_CHECK int early_feed(struct early_reader *e, struct span *in);
/* Server: the whole payload for a challenge. */
void early_build(const struct chal_key *challenge, struct buf *out);

#endif
