/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netbatch_linux.h: changes to the kernel's routing tables, many in one send. The kernel takes them
 * in order, goes on after one that fails, and says which did; so a batch costs two system calls
 * whatever its size. Codes: 0, -ERR_EXIST, -ERR_NOENT, -ERR_PERM, -ERR_UNSUPPORTED, -ERR_NOMEM,
 * -ERR_RANGE, -ERR_BUSY, -ERR_STATE (interface down), -ERR_IO. */
#ifndef NETSTACK_NETBATCH_LINUX_H
#define NETSTACK_NETBATCH_LINUX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_sock;
struct nl_msg;

/* So many answers fit into a socket's buffer even if each is an error. */
#define NETBATCH_MAX 128

struct netbatch {
	struct nl_sock *s;
	unsigned n;
	int rc[NETBATCH_MAX]; /* after netbatch_send */
	uint8_t *data;
	size_t len;
};

/* s: borrowed */
void netbatch_init(struct netbatch *b, struct nl_sock *s);
void netbatch_fini(struct netbatch *b);
bool netbatch_full(const struct netbatch *b);
/* Put a request at the end; b must not be full. msg: taken; NULL stands for one that could not be
 * built, and fails with -ERR_NOMEM. */
void netbatch_add(struct netbatch *b, struct nl_msg *msg);
/* Send all, and set rc[0..n) in the order of the requests. Answers that the kernel had no room for
 * are -ERR_NOMEM: those requests may have been carried out. */
void netbatch_send(struct netbatch *b);
void netbatch_clear(struct netbatch *b);

/* A single request. msg: taken; NULL: -ERR_NOMEM */
MUST_CHECK int netbatch_one(struct nl_sock *s, struct nl_msg *msg);

#endif
