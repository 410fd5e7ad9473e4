/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tun_offload_linux.h: what the TUN device leaves to us and takes from us in super-packets. Each
 * step may be missing in a kernel or switched off; the ones before it stay. Rules:
 * spec/datapath.md 6.1, the ladder at the end of 10. Thread: control. */
#ifndef NETSTACK_TUN_OFFLOAD_LINUX_H
#define NETSTACK_TUN_OFFLOAD_LINUX_H

#include "netstack/tun_linux.h"

/* Part of tun_open: take each step that is not in `off`. */
void tun_offload_start(struct tun *t, uint32_t off);
/* Each time after the link came up: does the kernel take super-packets? Takes TUN_TCP_GRO and
 * TUN_UDP_GRO out of t->offload if not. 0, also if there is nothing to ask; -ERR_CLOSED (deleted);
 * -ERR_STATE (the link is down, nothing is known). */
MUST_CHECK int tun_probe(struct tun *t);

/* How large the kernel may make a super-packet so that all datagrams made of it fit one UDP send.
 */
struct tun_gso_max {
	unsigned bytes; /* IFLA_GSO_MAX_SIZE */
	unsigned segs;	/* IFLA_GSO_MAX_SEGS */
};
struct tun_gso_max tun_gso_max(unsigned mtu);
/* Tell the kernel, after each change of the MTU. 0 or an error: super-packets are then sent in two
 * parts. */
MUST_CHECK int tun_set_gso_max(const struct tun *t, unsigned mtu);

#endif
