/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints of features this version does not have: the answers clients know how to read. */
#include "daemon/localapi/handlers.h"

/* SHA-256 of the text "null": the Etag of "no serve config". */
#define ETAG_NONE "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"

static bool has_netmap(struct api_req *r)
{
	json_t *self = backend_self_node(r->b);
	j_free(self);
	return self != NULL;
}

void api_serve_config(struct api_req *r)
{
	if (api_is_method(r, "GET")) {
		httpd_add_header(r->http, "Etag", ETAG_NONE);
		httpd_reply(r->http, 200, "application/json", span_str("null"));
	} else if (!has_netmap(r)) {
		api_error_json(r, 500, "error", "updating config: netMap is nil");
	} else {
		api_error_json(r, 501, "error",
			       "serve and funnel are not supported by this version");
	}
}

void api_query_feature(struct api_req *r)
{
	if (has_netmap(r))
		api_text(r, 501, "Not implemented yet");
	else
		api_text(r, 503, "no netmap");
}

void api_file_targets(struct api_req *r)
{
	api_error_json(r, 500, "error", "file sharing is not supported by this version");
}

void api_tka_status(struct api_req *r)
{
	static const char no_key[] =
	    "nlpub:0000000000000000000000000000000000000000000000000000000000000000";
	json_t *o = j_object();
	j_set_bool(o, "Enabled", false);
	j_set_null(o, "Head");
	j_set_str(o, "PublicKey", no_key);
	j_set_null(o, "NodeKey");
	j_set_bool(o, "NodeKeySigned", false);
	j_set_null(o, "NodeKeySignature");
	j_set_null(o, "TrustedKeys");
	j_set_null(o, "VisiblePeers");
	j_set_null(o, "FilteredPeers");
	j_set_int(o, "StateID", 0);
	api_json_bare(r, o);
}

static bool self_has_cap(struct api_req *r, const char *cap)
{
	json_t *self = backend_self_node(r->b);
	bool has = j_has(j_get(self, "CapMap"), cap);
	j_free(self);
	return has;
}

void api_drive_shares(struct api_req *r)
{
	if (self_has_cap(r, "drive:share"))
		api_text(r, 501, "folder sharing is not supported by this version");
	else
		api_text(r, 403,
			 "taildrive sharing not enabled, please add the attribute \"drive:share\" "
			 "to this "
			 "node in your ACLs' \"nodeAttrs\" section");
}

void api_cert(struct api_req *r)
{
	api_text(r, 500, "your Tailscale account does not support getting TLS certs");
}

void api_dial(struct api_req *r)
{
	const char *upgrade = httpd_header(r->http, "Upgrade");
	if (!upgrade || strcmp(upgrade, "ts-dial") != 0)
		api_text(r, 400, "bad ts-dial upgrade");
	else
		api_text(r, 501, "dial is not supported by this version");
}

void api_set_expiry_sooner(struct api_req *r)
{
	const char *expiry = httpd_query(r->http, "expiry");
	if (!expiry || !*expiry)
		api_text(r, 400, "missing 'expiry' parameter, a unix timestamp");
	else
		api_unsupported(r);
}

void api_shutdown(struct api_req *r)
{
	api_text(r, 403, "shutdown access denied by policy");
}

void api_unsupported(struct api_req *r)
{
	api_text(r, 501, "not supported by this version");
}
