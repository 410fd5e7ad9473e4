/* SPDX-License-Identifier: GPL-2.0-or-later */
/* askers.h: how much each peer may have us resolve: a rate, and so many questions at once. Pure. */
#ifndef DAEMON_PEERAPI_ASKERS_H
#define DAEMON_PEERAPI_ASKERS_H

#include "base/map.h"
#include "base/mono.h"

#define ASKERS_RATE 50 /* questions a second */
#define ASKERS_BURST 100
#define ASKERS_OPEN_MAX 64 /* of one */
#define ASKERS_ALL_OPEN_MAX 512
#define ASKERS_KEPT 256 /* above, who has been quiet is forgotten */

struct askers {
	struct map by_id; /* int64_t -> one of them */
	size_t n_open;
};

void askers_init(struct askers *a);
void askers_fini(struct askers *a);
/* May this one ask now? Then askers_end follows. */
bool askers_begin(struct askers *a, int64_t id, mono_t now);
void askers_end(struct askers *a, int64_t id);

#endif
