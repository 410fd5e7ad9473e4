/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands_request.h: a request as a daemon sends it. Tests only. */
#ifndef TESTS_UNIT_DAEMON_HANDS_REQUEST_H
#define TESTS_UNIT_DAEMON_HANDS_REQUEST_H

#include "daemon/hands_wire.h"

/* End it with hands_request_fini. */
static inline struct hands_request usual_request(void)
{
	struct hands_request r = {
		.id = 7, .verb = HANDS_FW_APPLY, .tun = "mesh0", .params = ROUTER_PARAMS_DEFAULT
	};
	r.cfg = (struct fw_config){ .mode = RT_NETFILTER_ON,
				    .port4 = 41641,
				    .port6 = 41642,
				    .snat = true,
				    .stateful = true };
	prefix_list_add(&r.cfg.self, prefix_host(ip_v4(100, 64, 0, 1)));
	prefix_list_add(&r.cfg.guard, prefix_host(ip_v4(100, 64, 0, 1)));
	prefix_list_add(&r.cfg.guard,
			(struct prefix){ { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 });
	return r;
}

#endif
