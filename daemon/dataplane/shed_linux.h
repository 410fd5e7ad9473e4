/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shed_linux.h: keep the kernel's filters (udp_shed_linux.h) in line with what a receiving thread
 * is flooded with, and with the peers and sessions that must not notice. */
#ifndef DAEMON_DATAPLANE_SHED_LINUX_H
#define DAEMON_DATAPLANE_SHED_LINUX_H

#include "daemon/dataplane/intake.h"

#define SHED_CHECK_MS 250 /* while something is shed, look so often whether it is over */

struct udp_sock;

/* All zero: nothing is shed. */
struct shed {
	struct intake_overload what;
	uint64_t snapshot; /* for which the filters were made */
	mono_t at;	   /* when */
};

/* Cheap when nothing changed. Under replays the filters follow the windows of the sessions, which
 * are the calling thread's to read. v4, v6 may be NULL; s may be NULL: nothing can be shed. */
void shed_update(struct shed *h, const struct dp_snapshot *s, const struct intake_overload *what,
		 mono_t now, struct udp_sock *v4, struct udp_sock *v6);

static inline bool shed_is_on(const struct shed *h)
{
	return intake_overload_any(&h->what);
}

#endif
