/* SPDX-License-Identifier: GPL-2.0-or-later */
/* health_lines.h: after a change that succeeded: what of the daemon's health comes from it. */
#ifndef CLI_HEALTH_LINES_H
#define CLI_HEALTH_LINES_H

#include "cli/cli.h"

/* Of `up` (what its flags can cause), of `set --advertise-routes` or --advertise-exit-node. */
enum health_of { HEALTH_OF_UP, HEALTH_OF_ROUTES };

/* Asks the daemon and prints. Routes that the server approves by itself are not complained about:
 * it gets a moment for it. */
void health_print(struct cli *c, enum health_of what);

#endif
