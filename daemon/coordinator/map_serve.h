/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_serve.h: the open map streams. Thread: the loop's. */
#ifndef COORDINATOR_MAP_SERVE_H
#define COORDINATOR_MAP_SERVE_H

#include "daemon/coordinator/coord.h"

struct map_session;

/* A node changed; all streams are to hear of it. */
void map_sessions_note(struct coord *c, int64_t node, unsigned what);
void map_sessions_note_policy(struct coord *c);
void map_sessions_note_dns(struct coord *c);
void map_sessions_note_derp(struct coord *c);
/* Make what is due. It is sent once all it says is on disk: a server that is killed and started
 * again must not know less than its clients do, or they lose peers and keys that they already use.
 */
void map_sessions_flush(struct coord *c);
/* Everything that had changed is on disk (err 0), or the disk fails: then the network goes on
 * without. */
void map_sessions_stored(struct coord *c, int err);
/* End the streams of a node; returns how many. */
size_t map_sessions_drop(struct coord *c, int64_t node);
/* Send this message on the streams of a node as it is; returns how many. */
size_t map_sessions_inject(struct coord *c, int64_t node, struct span json);
/* Faults of the next message on the node's streams: hold it (and all later ones) back that long, or
 * flip a bit in it. Return how many streams. */
size_t map_sessions_delay(struct coord *c, int64_t node, int64_t ms);
size_t map_sessions_corrupt(struct coord *c, int64_t node);

#endif
