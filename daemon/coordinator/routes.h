/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes.h: which node serves which subnet. A prefix counts when announced and approved; of several
 * online nodes with it the present one stays, otherwise the lowest id takes over. Exit routes (/0)
 * have no primary: each approved node offers them. Pure. */
#ifndef COORDINATOR_ROUTES_H
#define COORDINATOR_ROUTES_H

#include "daemon/coordinator/registry.h"

struct primary {
	struct prefix prefix;
	int64_t node;
};

/* Choose again after any change of announced, approved or online state; nodes whose `active` set
 * changed are reported with NODE_INFO. */
void routes_refresh(struct registry *r);
/* Replace the approved set, then refresh. */
void routes_approve(struct registry *r, struct node *n, const struct prefixes *approved);

#endif
