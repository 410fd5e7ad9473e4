/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whois: which node and user is behind an address. */
#include "daemon/localapi/handlers.h"

#include "base/keys.h"

static bool addr_ok(const char *addr)
{
	struct ip ip;
	struct ep ep;
	struct node_key key;
	struct span s = span_str(addr);
	return ip_decode(s, &ip) == 0 || ep_decode(s, &ep) == 0 || node_key_decode(s, &key) == 0;
}

void api_whois(struct api_req *r)
{
	const char *addr = httpd_query(r->http, "addr");
	const char *proto = httpd_query(r->http, "proto");
	if (!addr || !*addr) {
		api_text(r, 400, "missing 'addr' parameter");
		return;
	}
	if (!addr_ok(addr)) {
		api_text(r, 400, "invalid 'addr' parameter");
		return;
	}
	json_t *who = backend_whois(r->b, addr, proto ? proto : "");
	if (who)
		api_json_bare(r, who);
	else
		api_text(r, 404, "no match for IP:port");
}
