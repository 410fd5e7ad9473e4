/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve.h: run the server until SIGTERM or SIGINT. */
#ifndef COORDINATOR_SERVE_H
#define COORDINATOR_SERVE_H

#include "daemon/coordinator/coord.h"

/* Returns the exit status; what is wrong has been said on stderr. conf->host and port may be unset:
 * they are taken from url. */
int serve(struct coord_conf *conf);

/* "http://host[:port]" cut up; false if it is no such URL. host is new. */
bool url_split(const char *url, char **host, uint16_t *port);

#endif
