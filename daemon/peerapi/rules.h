/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules.h: which requests of a peer are taken, and what the others are told
 * (shared/spec/features.md 1, dns.md 7). Pure. */
#ifndef DAEMON_PEERAPI_RULES_H
#define DAEMON_PEERAPI_RULES_H

#include "base/ip.h"

#define PEERAPI_TRIES 5
#define PEERAPI_DOH_BODY_MAX (256u << 10)

/* The port a node tries first, second ... (attempt 0..4) on an address of its own. */
uint16_t peerapi_port_of(struct ip own, unsigned attempt);

/* The head of a request; strings are borrowed, NULL: no such header. */
struct peerapi_head {
	const char *method, *path;
	const char *host, *origin, *referer;
	const char *accept_encoding, *accept_language, *user_agent;
	const char *content_type;
};

/* Somebody who surfs, or a web page that tries: it gets headers that forbid to do anything with
 * the answer. */
bool peerapi_is_browser(const struct peerapi_head *h);

enum peerapi_path { PEERAPI_ROOT, PEERAPI_DNS, PEERAPI_OTHER };
enum peerapi_path peerapi_path_of(const char *path);

struct peerapi_refusal {
	int status; /* 0: taken */
	const char *text;
};
/* own: the addresses the peer may call us by. may_resolve: it may use /dns-query. */
struct peerapi_refusal peerapi_check(const struct peerapi_head *h, const struct ip *own,
				     size_t n_own, bool may_resolve);

/* ---- /dns-query --------------------------------------------------------------------------- */
struct peerapi_doh_in {
	const char *method, *content_type; /* content_type may be NULL */
	const char *dns;		   /* the parameter, decoded; NULL: none */
	struct span body;
};
/* The DNS message of a request: points into body, or into room. NULL, or why there is none: text
 * for a 400. */
const char *peerapi_doh_query(const struct peerapi_doh_in *in, struct mspan room, struct span *out);

/* The query of `?q=name&t=type` (a person with a browser). Bytes written to room, 0: not a name, or
 * not a type of the chapter. */
size_t peerapi_pretty_query(const char *name, const char *type, struct mspan room);
/* The answer to it, as JSON, a line end behind it: an array of addresses or texts, or
 * {"Error": why}. reply: hostile. */
void peerapi_pretty_reply(struct span reply, struct buf *out);

/* The page of "/"; owner and name are of strangers. */
void peerapi_greeting(const char *owner, struct ip from, const char *name, bool same_user,
		      struct buf *out);

#endif
