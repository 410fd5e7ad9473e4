/* SPDX-License-Identifier: GPL-2.0-or-later */
/* offload.h: the steps by which the kernel takes or gives many packets at once, as one set that the
 * command line, the environment and the network map can switch off (shared/spec/datapath.md 7, 10).
 * Pure. */
#ifndef BASE_OFFLOAD_H
#define BASE_OFFLOAD_H

#include "base/bytes.h"

enum offload_step {
	OFFLOAD_VNET, /* TUN: virtio header, checksums left to us; without it none of TUN's */
	OFFLOAD_TSO,  /* TUN: TCP super-packets are read */
	OFFLOAD_USO,  /* TUN: UDP super-packets are read */
	OFFLOAD_TUN_GRO_TCP, /* TUN: TCP segments are joined before they are written */
	OFFLOAD_TUN_GRO_UDP, /* TUN: UDP datagrams are joined before they are written */
	OFFLOAD_UDP_GSO,     /* UDP sockets: runs of datagrams in one send */
	OFFLOAD_UDP_GRO,     /* UDP sockets: runs of datagrams in one receive */
	OFFLOAD_STEPS
};

/* A set of steps: bit OFFLOAD_BIT(step). */
#define OFFLOAD_BIT(step) (1u << (step))
#define OFFLOAD_ALL (OFFLOAD_BIT(OFFLOAD_STEPS) - 1)

const char *offload_name(enum offload_step step); /* as on the command line: "udp-gso" */
#define OFFLOAD_NAMES "vnet, tso, uso, tun-gro, tun-gro-tcp, tun-gro-udp, udp-gso, udp-gro, all"

/* "vnet,tun-gro": names of OFFLOAD_NAMES; their bits are added to *set. Returns 0, or -ERR_NOENT
 * with *bad the first unknown one (borrowed from text; *set is untouched). */
MUST_CHECK int offload_decode(struct span text, uint32_t *set, struct span *bad);

/* Why a step is not taken, as bits; 0 = it is. */
enum offload_off {
	OFFLOAD_OFF_SWITCH = 1,	 /* command line or environment */
	OFFLOAD_OFF_NETWORK = 2, /* the network map asks for it */
	OFFLOAD_OFF_KERNEL = 4,	 /* the kernel has not got it */
	OFFLOAD_OFF_DEVICE = 8,	 /* refused when it was used */
};
const char *offload_off_text(unsigned off); /* "on", or the first reason: "no kernel support" */

#endif
