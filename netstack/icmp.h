/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp.h: ICMP and ICMPv6 packets we send ourselves, whole with IP header and checksums. Pure.
 * Each builder returns the length written to out, 0 if it does not fit or the input is unfit. */
#ifndef NETSTACK_ICMP_H
#define NETSTACK_ICMP_H

#include "netstack/ip_wire.h"

#define ICMP_ECHO_LEN 8
/* The most icmp_unreachable_build writes. */
#define ICMP_ERROR_MAX 1280

/* token: identifier and sequence number. */
size_t icmp_echo_request_build(struct mspan out, struct ip src, struct ip dst,
			       const uint8_t token[static 4], struct span data);
/* The answer to the echo request `req` held in bytes: addresses swapped, IP identification
 * inverted, same data. out must not overlap bytes. */
size_t icmp_echo_reply_build(struct mspan out, const struct pkt *req, struct span bytes);
/* Host (IPv4) or address (IPv6) unreachable, from the destination of `inv` to its source, quoting
 * the IP header and 8 bytes (IPv4) or as much as fits 1280 bytes (IPv6). */
size_t icmp_unreachable_build(struct mspan out, const struct pkt *inv, struct span bytes);

#endif
