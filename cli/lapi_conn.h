/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lapi_conn.h: one connection of the client: connect with patience, send a request, read the answer
 * piece by piece against a deadline. */
#ifndef CLI_LAPI_CONN_H
#define CLI_LAPI_CONN_H

#include "cli/cli.h"
#include "cli/http_body.h"

struct lapi_conn {
	int fd;
	int status;
	char server_version[128]; /* "" if the daemon does not say */
	struct http_body body;
	struct buf raw;	 /* received, not decoded */
	struct buf text; /* decoded, not consumed */
};

/* Tries for 2 s, and for 5 s while a process named like the daemon is there: the answer to
 * `meshd & meshctl up`. Returns the fd or -errno of the last attempt. */
int lapi_dial(struct cli *c);

/* Takes fd. */
void lapi_conn_init(struct lapi_conn *k, int fd);
void lapi_conn_fini(struct lapi_conn *k);
/* All of data. 0 or -ERR_IO. */
MUST_CHECK int lapi_conn_send(struct lapi_conn *k, struct span data);
/* The head. 0, -ERR_TIMEOUT, -ERR_CLOSED, -ERR_PROTO. */
MUST_CHECK int lapi_conn_read_head(struct lapi_conn *k, mono_t deadline);
/* Something more of the body into k->text; 0 also at the end (k->body.done). */
MUST_CHECK int lapi_conn_read_more(struct lapi_conn *k, mono_t deadline);

#endif
