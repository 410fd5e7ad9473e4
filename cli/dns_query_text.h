/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_query_text.h: what `dns query` says. Pure. */
#ifndef CLI_DNS_QUERY_TEXT_H
#define CLI_DNS_QUERY_TEXT_H

#include "cli/dns_reply.h"

struct dns_query_view {
	const char *name, *type;
	const json_t *resolvers; /* whom the name goes to, also if nobody was asked */
	bool local;		 /* the daemon says that it answered itself */
	const struct dns_reply *reply;
};

void dns_query_text(const struct dns_query_view *v, struct buf *out);
json_t *dns_query_json(const struct dns_query_view *v); /* new */

#endif
