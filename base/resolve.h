/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.h: asynchronous name look-up through c-ares with the bypass mark, so that it does not
 * depend on a resolver we may have changed. Literals and localhost are answered without a query;
 * /etc/hosts counts; a changed resolv.conf is noticed. What net_note_good knows is the answer where
 * nobody answers, or not soon, and otherwise comes last. At most 64 look-ups in flight. Thread: the
 * loop's. */
#ifndef BASE_RESOLVE_H
#define BASE_RESOLVE_H

#include "base/ip.h"
#include "base/net.h"

#define RESOLVE_MAX 16
struct resolve_req;
/* err 0: n >= 1 addresses (borrowed), IPv6 and IPv4 mixed, best first; else -ERR_NOENT (also for
 * what is no host name), -ERR_TIMEOUT, -ERR_BUSY, -ERR_IO */
typedef void resolve_fn(void *arg, int err, const struct ip *addrs, size_t n);
/* fn is called once, never from inside this call. Returns new; it frees itself after fn. */
struct resolve_req *resolve_start(struct net *n, const char *name, resolve_fn *fn, void *arg);
void resolve_cancel(struct resolve_req *r); /* fn is not called; not from inside fn; NULL is fine */

#endif
