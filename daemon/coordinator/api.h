/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api.h: what a node may ask inside its ts2021 connection. Every handler ties the node key in the
 * body to the machine key of the connection: a node key alone is public. Thread: the loop's. */
#ifndef COORDINATOR_API_H
#define COORDINATOR_API_H

#include "daemon/coordinator/node_conn.h"

/* Route a whole request to its handler. */
void api_dispatch(struct node_req *q);

void api_register(struct node_req *q);			 /* register_serve.c */
void api_map(struct node_req *q);			 /* map_serve.c */
void api_c2n_answer(struct node_req *q, const char *id); /* pings.c */

/* register_serve.c: a login was approved: answer who waits for it. */
void register_waits_wake(struct coord *c, const char *login_id);
/* Logins may have been forgotten: those who wait for one of them get a fresh URL. */
void register_waits_forget(struct coord *c);

#endif
