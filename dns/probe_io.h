/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe_io.h: one question to one server by UDP, as an ordinary program of this machine would ask
 * it: to find out whether names resolve here. Thread: the loop's. */
#ifndef DNS_PROBE_IO_H
#define DNS_PROBE_IO_H

#include "base/ip.h"
#include "base/loop.h"

#define DNS_PROBE_MS 2000
#define DNS_PROBE_ADDRS_MAX 4

struct dns_probe;
/* err 0: the server answered with code rcode and n addresses of the family (borrowed); else
 * -ERR_TIMEOUT or -ERR_IO. */
typedef void dns_probe_fn(void *arg, int err, unsigned rcode, const struct ip *addrs, size_t n);

/* name: lower case, no final dot. fam: whose addresses are asked for. fn is called once, never from
 * inside this call, unless cancelled. Returns new. */
struct dns_probe *dns_probe_start(struct loop *l, struct ep server, const char *name,
				  enum ip_family fam, dns_probe_fn *fn, void *arg);
void dns_probe_cancel(struct dns_probe *p); /* NULL is fine; not from inside fn */

#endif
