/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server.h: the LocalAPI, a thin layer of HTTP over backend.h: routing, who may do what, headers.
 * Paths, texts and rights: shared/spec/cli-localapi.md 1-4. Thread: control. */
#ifndef DAEMON_LOCALAPI_SERVER_H
#define DAEMON_LOCALAPI_SERVER_H

#include "daemon/engine/backend.h"
#include "daemon/localapi/rights.h"

struct api;
struct httpd_req;

/* Serve on listen_fd (from httpd_listen_unix; taken). The backend is borrowed and must outlive the
 * server; its notify callback belongs to the server until api_free. Returns new, or NULL. */
struct api *api_new(struct loop *l, int listen_fd, struct backend *b);
/* Ends streams and pending requests. NULL is fine. */
void api_free(struct api *a);

/* Tests: decide rights by fn instead of by peer credentials. */
void api_set_rights(struct api *a,
		    void (*fn)(void *arg, const struct httpd_req *r, struct api_rights *out),
		    void *arg);

#endif
