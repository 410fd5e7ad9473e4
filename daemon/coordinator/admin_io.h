/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin_io.h: the admin socket: one JSON line in, one JSON line out, then closed. Only root and the
 * user who runs the server get in. Thread: the loop's. */
#ifndef COORDINATOR_ADMIN_IO_H
#define COORDINATOR_ADMIN_IO_H

#include "daemon/coordinator/coord.h"

struct admin_server;

/* -ERR_BUSY in *err if another server answers there, -ERR_IO otherwise; returns new. */
struct admin_server *admin_server_new(struct coord *c, const char *path, int *err);
void admin_server_free(struct admin_server *s);

/* The client's side, blocking: send one request (borrowed), wait for the reply. New, or NULL with
 * why (static or errno text) filled. */
json_t *admin_ask(const char *path, const json_t *request, char why[static 200]);

#endif
