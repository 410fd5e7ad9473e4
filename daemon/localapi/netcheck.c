/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debug?action=netcheck: answered when the measurement is done. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

struct netcheck_call {
	struct httpd_req *http;
	struct backend_netcheck *backend;
};

static void on_report(void *arg, const json_t *report)
{
	struct netcheck_call *c = arg;
	if (report)
		api_reply_json(c->http, 200, report);
	else
		api_reply_text(c->http, 503, "no relay map yet; type: meshctl up");
	free(c);
}

static void on_abort(void *arg)
{
	struct netcheck_call *c = arg;
	backend_netcheck_cancel(c->backend);
	free(c);
}

void api_netcheck(struct api_req *r)
{
	struct netcheck_call *c = xcalloc(1, sizeof(*c));
	c->http = r->http;
	r->http = NULL;
	httpd_on_abort(c->http, on_abort, c);
	c->backend = backend_netcheck(r->b, on_report, c);
}
