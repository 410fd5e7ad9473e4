/* SPDX-License-Identifier: GPL-2.0-or-later */
/* c2n.h: requests of the control server to this node, as HTTP/1.1 bytes inside a PingRequest
 * (shared/spec/control.md 11). Pure. */
#ifndef DAEMON_CONTROL_C2N_H
#define DAEMON_CONTROL_C2N_H

#include "base/json.h"

#define C2N_REQUEST_MAX 65536
#define C2N_ANSWER_MAX (4u << 20)

/* Where the bodies come from; a NULL member is an unknown path. */
struct c2n_sources {
	json_t *(*prefs)(void *arg);  /* new, redacted */
	json_t *(*health)(void *arg); /* new */
	void (*metrics)(void *arg, struct buf *out);
	void *arg;
};

/* The whole answer, head and body, for whatever request is. */
void c2n_answer(struct span request, const struct c2n_sources *src, struct buf *out);

#endif
