/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debug?action=..., logging for a while, bug reports. */
#include "daemon/localapi/handlers.h"

#include "base/log.h"
#include "base/rng.h"

#include <stdlib.h>
#include <time.h>

static void unknown(struct api_req *r, const char *action)
{
	struct log_esc_buf esc;
	char *text = xasprintf("unknown action \"%s\"", log_esc(span_str(action), &esc));
	api_text(r, 400, text);
	free(text);
}

static void act(struct api_req *r, const char *action)
{
	char *why = NULL;
	int rc = backend_debug_action(r->b, action, &why);
	if (rc == 0)
		api_text(r, 200, "done");
	else if (rc == -ERR_NOENT)
		unknown(r, action);
	else
		api_text(r, 500, why ? why : err_text(rc));
	free(why);
}

/* An action is a question, answered with JSON, or something to do, answered with "done". */
static void run(struct api_req *r, const char *action)
{
	bool netmap = strcmp(action, "current-netmap") == 0;
	bool dns = strcmp(action, "dns") == 0;
	json_t *v = netmap ? backend_netmap(r->b)
		    : dns  ? backend_dns_debug(r->b)
			   : backend_debug(r->b, action);
	if (v)
		api_json(r, 200, J_COMPACT, v);
	else if (netmap)
		api_text(r, 400, "no netmap");
	else
		act(r, action);
}

void api_debug(struct api_req *r)
{
	const char *action = httpd_query(r->http, "action");
	if (!action || !*action)
		action = httpd_header(r->http, "Debug-Action");
	if (!r->rights.write && (!action || strcmp(action, "netcheck") != 0))
		api_text(r, 403, "debug access denied");
	else if (!action || !*action)
		api_text(r, 400, "missing parameter 'action'");
	else if (strcmp(action, "netcheck") == 0)
		api_netcheck(r);
	else
		run(r, action);
}

void api_disconnect_control(struct api_req *r)
{
	char *why = NULL;
	int rc = backend_debug_action(r->b, "disconnect-control", &why);
	if (rc == -ERR_NOENT)
		api_unsupported(r);
	else if (rc)
		api_text(r, 500, why ? why : err_text(rc));
	else
		api_empty(r, 200);
	free(why);
}

/* Levels are not kept per room: a later daemon may take the component apart. */
void api_component_logging(struct api_req *r)
{
	api_error_json(
	    r, 200, "Error",
	    "per-component logging is not supported by this version; start meshd with --verbose=1");
}

/* ---- bug reports ----------------------------------------------------------------------------- */

static char *bug_marker(const char *id)
{
	uint8_t b[8];
	char nonce[17], stamp[32];
	rng_fill(rng_system(), b, sizeof(b));
	hex_encode(span_of(b, sizeof(b)), nonce);
	time_t now = (time_t)wall_now().s;
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%SZ", &tm);
	return xasprintf("BUG-%s-%s-%s", id, stamp, nonce);
}

static void log_health(struct api_req *r)
{
	json_t *status = backend_status(r->b, false);
	json_t *health = j_get(status, "Health");
	struct log_esc_buf esc;
	for (size_t i = 0; i < j_len(health); i++)
		log_info("user bugreport: health: %s", log_esc(j_text_span(j_at(health, i)), &esc));
	log_info("user bugreport: state %s", ipn_state_text(backend_state(r->b)));
	j_free(status);
}

void api_bugreport(struct api_req *r)
{
	const char *note = httpd_query(r->http, "note");
	const char *record = httpd_query(r->http, "record");
	if (record && strcmp(record, "true") == 0) {
		api_text(r, 501, "recording is not supported by this version");
		return;
	}
	char *marker = bug_marker(backend_log_id(r->b));
	struct log_esc_buf esc;
	log_info("user bugreport: %s", marker);
	if (note && *note)
		log_info("user bugreport note: %s", log_esc(span_str(note), &esc));
	log_health(r);
	api_text(r, 200, marker);
	free(marker);
}
