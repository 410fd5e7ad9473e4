/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overload.h: whether so much comes that the kernel shall drop most of it for us, of which one in
 * UDP_SHED_KEEPS then still arrives. It begins with OVERLOAD_BEGINS a second and ends when what
 * arrives is under OVERLOAD_ENDS. Pure. */
#ifndef DAEMON_DATAPLANE_OVERLOAD_H
#define DAEMON_DATAPLANE_OVERLOAD_H

#include "base/mono.h"

#define OVERLOAD_BEGINS 8000
#define OVERLOAD_ENDS 250 /* of what arrives: 4000 */
#define OVERLOAD_WINDOW (NS_PER_S / 4)

struct overload {
	mono_t since;	/* when counting began */
	unsigned count; /* since */
	bool on;
};

static inline bool overload_is(struct overload *o, mono_t now)
{
	int64_t past = mono_diff_ns(now, o->since);
	if (past >= OVERLOAD_WINDOW) {
		/* what a quiet time followed is long over */
		o->on = o->on && past < 2 * OVERLOAD_WINDOW && o->count >= OVERLOAD_ENDS / 4;
		o->since = now;
		o->count = 0;
	}
	return o->on;
}

static inline void overload_count(struct overload *o, mono_t now)
{
	overload_is(o, now);
	if (++o->count >= OVERLOAD_BEGINS / 4)
		o->on = true;
}

#endif
