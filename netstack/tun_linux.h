/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tun_linux.h: the TUN device. Batches in both directions; a batch of packets that arrives at once
 * costs one system call each until offload is there. */
#ifndef NETSTACK_TUN_LINUX_H
#define NETSTACK_TUN_LINUX_H

#include "base/bytes.h"

#define TUN_NAME_MAX 16 /* with NUL */
#define TUN_MTU 1280

struct tun {
	int fd; /* non-blocking, close-on-exec */
	char name[TUN_NAME_MAX];
};

struct tun_error {
	char text[240]; /* what failed and what the user can do, one sentence each */
};

/* 1-15 of [A-Za-z0-9_.-], not "." or "..": names end up in /proc paths. */
bool tun_name_ok(const char *name);
/* If the device node is missing, run modprobe once and wait for it; whether that helped shows in
 * tun_open. Before a sandbox that forbids other programs. */
void tun_load_module(void);
/* Create or attach to the device. The link stays down. 0; -ERR_NOENT (no /dev/net/tun), -ERR_PERM, -ERR_BUSY (another process has it),
 * -ERR_EXIST (no TUN device), -ERR_RANGE (name), -ERR_IO; t untouched on error. */
MUST_CHECK int tun_open(const char *name, struct tun *t, struct tun_error *err);
void tun_close(struct tun *t);
/* Remove a device that persists without a process. 0 also if one has it: then it is not ours to
 * remove; -ERR_PERM, -ERR_IO. */
MUST_CHECK int tun_remove_orphan(const char *name);

/* Read up to n packets. bufs: where; each is shortened to the packet it got. Returns how many, 0 if
 * none is waiting, -ERR_CLOSED if the device was deleted, -ERR_IO. */
MUST_CHECK int tun_read_batch(struct tun *t, struct mspan *bufs, size_t n);
/* Write n packets, empty ones are skipped. Returns how many were taken before the queue was full;
 * a packet the kernel refuses counts as taken and adds to *dropped. -ERR_CLOSED if deleted. */
MUST_CHECK int tun_write_batch(struct tun *t, const struct span *pkts, size_t n, size_t *dropped);

#endif
