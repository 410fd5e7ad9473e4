/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tun_linux.h: the TUN device: open, read, write. Which offloads it has: tun_offload_linux.h; what
 * an offloaded read or write means: vnet.h, gso.h, gro.h. Rules: spec/datapath.md 6.1. */
#ifndef NETSTACK_TUN_LINUX_H
#define NETSTACK_TUN_LINUX_H

#include "base/bytes.h"
#include "base/offload.h"
#include "netstack/vnet.h"

#define TUN_NAME_MAX 16 /* with NUL */
#define TUN_MTU 1280

/* The steps of base/offload.h that are the TUN's. All need TUN_VNET. */
enum tun_step {
	TUN_VNET = OFFLOAD_BIT(OFFLOAD_VNET), /* reads and writes carry a vnet header */
	TUN_TSO = OFFLOAD_BIT(OFFLOAD_TSO),
	TUN_USO = OFFLOAD_BIT(OFFLOAD_USO),
	TUN_TCP_GRO = OFFLOAD_BIT(OFFLOAD_TUN_GRO_TCP),
	TUN_UDP_GRO = OFFLOAD_BIT(OFFLOAD_TUN_GRO_UDP), /* needs TUN_USO as well */
	TUN_STEPS = TUN_VNET | TUN_TSO | TUN_USO | TUN_TCP_GRO | TUN_UDP_GRO
};

struct tun {
	int fd; /* non-blocking, close-on-exec */
	char name[TUN_NAME_MAX];
	bool vnet;	  /* TUN_VNET is active */
	uint32_t offload; /* enum tun_step: what is active */
	uint32_t refused; /* what the kernel has not got, without those that were switched off */
};

struct tun_error {
	char text[240]; /* what failed and what the user can do, one sentence each */
};

/* 1-15 of [A-Za-z0-9_.-], not "." or "..": names end up in /proc paths. */
bool tun_name_ok(const char *name);
/* If the device node is missing, run modprobe once and wait for it; whether that helped shows in
 * tun_open. Before a sandbox that forbids other programs. */
void tun_load_module(void);
/* Create or attach to the device; the link stays down.
 *   off  enum tun_step that are not to be taken; other bits are ignored
 * 0; -ERR_NOENT (no /dev/net/tun), -ERR_PERM, -ERR_BUSY (another process has it), -ERR_EXIST (no
 * TUN device), -ERR_RANGE (name), -ERR_IO; t untouched on error. */
MUST_CHECK int tun_open(const char *name, uint32_t off, struct tun *t, struct tun_error *err);
void tun_close(struct tun *t);
/* Remove a device that persists without a process. 0 also if one has it: then it is not ours to
 * remove; -ERR_PERM, -ERR_IO. */
MUST_CHECK int tun_remove_orphan(const char *name);

/* One read: the vnet header, if t->vnet, and a packet. room: where, GSO_READ_MAX bytes with
 * t->vnet; shortened to what came. 1; 0 if none is waiting; -ERR_CLOSED if the device was deleted;
 * -ERR_IO. */
MUST_CHECK int tun_read(struct tun *t, struct mspan *room);
/* Write one packet from n pieces (<= 1023, not all empty). h: NULL means a header of zeros; left
 * out if t has none, and then h must not ask for anything. 1; 0 if the queue is full: the packet
 * was not taken; -ERR_RANGE: the kernel refused this packet (not IP, link down), drop it;
 * -ERR_CLOSED. */
MUST_CHECK int tun_write(struct tun *t, const struct vnet *h, const struct span *pieces, size_t n);

#endif
