/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shed_linux.h: keep the kernel's filters (udp_shed_linux.h) in line with what a receiving thread
 * is flooded with, and with the peers and sessions that must not notice. */
#ifndef DAEMON_DATAPLANE_SHED_LINUX_H
#define DAEMON_DATAPLANE_SHED_LINUX_H

#include "daemon/dataplane/snapshot.h"

#define SHED_CHECK_MS 250 /* while something is shed, look so often whether it is over */

struct udp_sock;

/* All zero: nothing is shed. */
struct shed {
	bool handshakes, transport;
	uint64_t snapshot; /* for which the filters were made */
};

/* Cheap when nothing changed. v4, v6 may be NULL; s may be NULL: nothing can be shed. */
void shed_update(struct shed *h, const struct dp_snapshot *s, bool handshakes, bool transport,
		 struct udp_sock *v4, struct udp_sock *v6);

static inline bool shed_is_on(const struct shed *h)
{
	return h->handshakes || h->transport;
}

#endif
