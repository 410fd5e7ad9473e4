/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting, logging in and out. */
#include "daemon/localapi/handlers.h"

#include "base/log.h"

#include <stdlib.h>

void api_start(struct api_req *r)
{
	json_t *options = api_body_json(r);
	if (!options)
		return;
	char *why = NULL;
	int rc = backend_start(r->b, options, &why);
	j_free(options);
	api_result(r, rc, 204, why);
}

void api_login_interactive(struct api_req *r)
{
	backend_login_interactive(r->b);
	api_empty(r, 204);
}

/* A logout in flight outlives the client that asked for it. */
struct logout {
	struct httpd_req *http; /* NULL: the client went away */
};

static void on_logout_abort(void *arg)
{
	struct logout *l = arg;
	l->http = NULL;
}

static void on_logout_done(void *arg, const char *why)
{
	struct logout *l = arg;
	if (l->http && why)
		api_reply_text(l->http, 500, why);
	else if (l->http)
		httpd_reply(l->http, 204, NULL, span_of("", 0));
	free(l);
}

/* Why somebody logs out is text of theirs, for the log; bad base64 is refused. */
static bool reason_ok(const char *header)
{
	uint8_t raw[512];
	size_t len = sizeof(raw);
	if (!header)
		return true;
	if (base64_decode(span_str(header), raw, &len))
		return false;
	struct log_esc_buf esc;
	log_info("localapi: logout: %s", log_esc(span_of(raw, len), &esc));
	return true;
}

void api_logout(struct api_req *r)
{
	if (!reason_ok(httpd_header(r->http, "X-Tailscale-Reason"))) {
		api_text(r, 400, "invalid reason header");
		return;
	}
	struct logout *l = xcalloc(1, sizeof(*l));
	l->http = r->http;
	r->http = NULL;
	httpd_on_abort(l->http, on_logout_abort, l);
	backend_logout(r->b, on_logout_done, l);
}

/* Half of it (the profiles without the machine key) would be worse than a refusal. */
void api_reset_auth(struct api_req *r)
{
	api_text(
	    r, 501,
	    "reset-auth is not supported by this version; stop meshd and remove its state file");
}
