/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expiry.h: key expiry (shared/spec/control.md 9.5): peers by the server's clock, ourselves by our
 * own. Pure. */
#ifndef DAEMON_CONTROL_EXPIRY_H
#define DAEMON_CONTROL_EXPIRY_H

#include "daemon/control/nm_node.h"

#define EXPIRY_SLACK_S 60 /* clocks closer than this count as equal */
#define EXPIRY_RECHECK_S 10
#define EXPIRY_EPOCH_S INT64_C(1673308800) /* 2023-01-10: before it a clock is not believed */

/* Server's clock minus ours in seconds; 0 if within the slack or unknown. */
int64_t expiry_clock_offset(wall_t control, wall_t now);
/* Has the peer's key expired by the corrected clock? */
bool expiry_peer(const struct nm_node *peer, wall_t now, int64_t offset_s);
/* Has our own, by the local clock, or does the server say so? */
bool expiry_self(const struct nm_node *self, wall_t now);

#endif
