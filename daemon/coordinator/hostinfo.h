/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostinfo.h: what of a node's Hostinfo others see. Measurements (NetInfo) and log ids stay here,
 * so that a new measurement is no reason to tell all peers. Pure. */
#ifndef COORDINATOR_HOSTINFO_H
#define COORDINATOR_HOSTINFO_H

#include "base/json.h"

json_t *hostinfo_for_peers(const json_t *info); /* new; an empty object for NULL */
bool hostinfo_same_for_peers(const json_t *a, const json_t *b);

#endif
