/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http_front.h: the outer HTTP/1.1: one request per connection, answered, or the connection handed
 * on to ts2021 or the relay. Thread: the loop's. */
#ifndef COORDINATOR_HTTP_FRONT_H
#define COORDINATOR_HTTP_FRONT_H

#include "base/conn.h"
#include "daemon/coordinator/coord.h"

/* A listener_fn: arg is the struct coord. */
void http_front_accept(void *arg, struct conn *conn);
void http_fronts_close(struct coord *c);

#endif
