/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_derp.h: datagrams that came by relay, on their way to the worker. Transport data of one peer
 * that comes in one read is gathered into runs, one record each: that is what lets the worker open
 * many at once and hand the system joined packets. Everything else goes to the engine as it comes.
 * Thread: control. */
#ifndef DAEMON_ENGINE_NODE_DERP_H
#define DAEMON_ENGINE_NODE_DERP_H

#include "base/keys.h"
#include "base/mono.h"
#include "base/bytes.h"

#define DERP_RUN_BYTES 65535 /* of a record; runs are as udp_run.h has them */

struct engine;

struct derp_run {
	struct engine *engine; /* borrowed */
	struct node_key src;
	size_t n;	/* datagrams gathered */
	size_t segment; /* bytes of each but the last */
	size_t len;
	uint8_t *bytes;
};

void derp_run_init(struct derp_run *r, struct engine *e);
void derp_run_fini(struct derp_run *r);
/* As engine_input_derp: false if the sender is no peer of ours. */
bool derp_run_add(struct derp_run *r, mono_t now, wall_t wall, int region,
		  const struct node_key *src, struct span datagram);
/* Hand over what was gathered. */
void derp_run_flush(struct derp_run *r, mono_t now, wall_t wall);

#endif
