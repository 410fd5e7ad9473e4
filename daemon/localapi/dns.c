/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns-config, dns-osconfig, dns-query (shared/spec/dns.md 8). */
#include "daemon/localapi/handlers.h"

#include "dns/type_name.h"

#include <stdlib.h>

void api_dns_config(struct api_req *r)
{
	json_t *config = backend_dns_config(r->b);
	if (config)
		api_json(r, 200, J_INDENT_TAB, config);
	else
		api_text(r, 503, "no netmap");
}

void api_dns_osconfig(struct api_req *r)
{
	char *why = NULL;
	json_t *o = backend_dns_osconfig(r->b, &why);
	if (o)
		api_json(r, 200, J_COMPACT, o);
	else
		api_text(r, 500, why ? why : "getting OS base config is not supported");
	free(why);
}

/* ---- dns-query -------------------------------------------------------------------------------- */

struct dns_call {
	struct httpd_req *http;
	struct backend_dns_ask *backend;
};

static void on_reply(void *arg, const json_t *reply)
{
	struct dns_call *c = arg;
	if (reply)
		api_reply_json(c->http, 200, reply);
	else
		api_reply_text(c->http, 504, "no resolver answered in time");
	free(c);
}

static void on_abort(void *arg)
{
	struct dns_call *c = arg;
	backend_dns_query_cancel(c->backend);
	free(c);
}

/* The word for the backend; NULL: it is none. */
static const char *dns_type(const char *type)
{
	if (!type || !*type)
		return "A";
	if (strcasecmp(type, "ANY") == 0) /* its newer name */
		return "ALL";
	return dns_type_find(type, NULL);
}

/* The type comes back to the one who sent it; only what can be printed does. */
static void refuse_type(struct api_req *r, const char *type)
{
	char safe[16] = "";
	for (size_t i = 0; type[i] && i + 1 < sizeof(safe); i++)
		safe[i] = type[i] > ' ' && type[i] < 0x7f ? type[i] : '?';
	char *text = xasprintf("unknown DNS message type: %s", safe);
	api_text(r, 400, text);
	free(text);
}

void api_dns_query(struct api_req *r)
{
	const char *name = httpd_query(r->http, "name"), *given = httpd_query(r->http, "type");
	const char *type = dns_type(given);
	char *why = NULL;
	if (!type) {
		refuse_type(r, given);
		return;
	}
	struct dns_call *c = xcalloc(1, sizeof(*c));
	c->backend = backend_dns_query(r->b, name ? name : "", type, on_reply, c, &why);
	if (c->backend) {
		c->http = r->http;
		r->http = NULL;
		httpd_on_abort(c->http, on_abort, c);
		return;
	}
	api_text(r, 400, why ? why : "not a DNS name");
	free(why);
	free(c);
}
