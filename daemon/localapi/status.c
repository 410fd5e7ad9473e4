/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node is and whom it sees. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

void api_status(struct api_req *r)
{
	const char *peers = httpd_query(r->http, "peers");
	bool want = !peers || (strcmp(peers, "false") != 0 && strcmp(peers, "0") != 0);
	api_json(r, 200, J_INDENT_TAB, backend_status(r->b, want));
}

void api_cert_domains(struct api_req *r)
{
	json_t *status = backend_status(r->b, false);
	json_t *domains = j_get(status, "CertDomains");
	api_json(r, 200, J_COMPACT, domains ? j_ref(domains) : NULL);
	j_free(status);
}

void api_derpmap(struct api_req *r)
{
	api_json(r, 200, J_INDENT_TAB, backend_derp_map(r->b));
}

void api_services(struct api_req *r)
{
	json_t *self = backend_self_node(r->b);
	if (self)
		api_json(r, 200, J_COMPACT, j_object());
	else
		api_text(r, 503, "no netmap");
	j_free(self);
}

void api_peer_by_id(struct api_req *r)
{
	int64_t id;
	if (!api_query_id(r, &id))
		return;
	json_t *node = backend_peer_by_id(r->b, id);
	if (node)
		api_json(r, 200, J_INDENT_TAB, node);
	else
		api_text(r, 404, "no peer with that NodeID");
}

void api_user_profile(struct api_req *r)
{
	int64_t id;
	if (!api_query_id(r, &id))
		return;
	json_t *profile = backend_user_profile(r->b, id);
	if (profile)
		api_json(r, 200, J_INDENT_TAB, profile);
	else
		api_text(r, 404, "no user profile with that UserID");
}
