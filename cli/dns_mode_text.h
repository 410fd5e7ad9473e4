/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_mode_text.h: how this machine resolves names and why, out of the daemon's view "dns"
 * (members: daemon/engine/backend.h, backend_dns_debug). Pure. */
#ifndef CLI_DNS_MODE_TEXT_H
#define CLI_DNS_MODE_TEXT_H

#include "base/json.h"

/* What asking the service address itself gave. */
enum dns_probe { DNS_PROBE_NONE, DNS_PROBE_ANSWERS, DNS_PROBE_SILENT };

struct dns_mode_view {
	const json_t *dns;
	enum dns_probe probe; /* NONE: nobody tried */
	const char *service;  /* the address that was tried */
	bool all;	      /* with the trace */
};

void dns_mode_text(const struct dns_mode_view *v, struct buf *out);

#endif
