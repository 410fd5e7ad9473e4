/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/bus.h"
#include "daemon/localapi/handlers.h"

void api_watch_ipn_bus(struct api_req *r)
{
	const char *text = httpd_query(r->http, "mask");
	uint64_t mask = 0;
	if (text && *text && u64_decode(span_str(text), UINT64_MAX, &mask)) {
		api_text(r, 400, "bad mask");
		return;
	}
	const char *problem = bus_mask_problem(mask);
	if (problem)
		api_text(r, 400, problem);
	else if (bus_watch(r->bus, r->http, mask))
		api_text(r, 503, "too many IPN bus watchers");
}
