/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_conn_priv.h: for node_reply.c alone. */
#ifndef COORDINATOR_NODE_CONN_PRIV_H
#define COORDINATOR_NODE_CONN_PRIV_H

#include "daemon/control/h2.h"
#include "daemon/coordinator/node_conn.h"

struct h2 *node_conn_h2(const struct node_conn *nc);
/* Send what was queued at the end of this turn; never from inside. */
void node_conn_pump_soon(struct node_conn *nc);

#endif
