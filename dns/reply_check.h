/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply_check.h: is this the answer to what we asked (shared/spec/dns.md 4.3)? That it came from the
 * server's address and port is the connected socket's care. Answer records are not looked at. Pure. */
#ifndef DNS_REPLY_CHECK_H
#define DNS_REPLY_CHECK_H

#include "dns/msg.h"

enum dns_reply_verdict {
	DNS_REPLY_ACCEPT,
	DNS_REPLY_SERVFAIL, /* it is, and others shall be heard first */
	DNS_REPLY_REFUSED,  /* likewise */
	DNS_REPLY_ERROR,    /* likewise: only a header, with FORMERR or NOTIMP */
	DNS_REPLY_IGNORE,   /* not an answer to this: wait on; over TCP and HTTP the attempt failed */
};

/* id: what the question was sent with. */
enum dns_reply_verdict dns_reply_check(const struct dns_query *q, uint16_t id, struct span reply);

/* Make what an upstream says fit for one client: its id, and the question as it spelled it. reply
 * passed dns_reply_check for the same question. */
void dns_reply_restore(const struct dns_query *q, struct mspan reply);

/* What is sent upstream: msg with an OPT at its very end clamped to DNS_UDP_MAX; of several
 * questions, or a compressed one, the first alone and plain. out: at least msg.len bytes. Returns the
 * length; 0: no room, or msg is too short. */
size_t dns_request_build(const struct dns_query *q, uint16_t id, struct span msg,
			 struct mspan out);

#endif
