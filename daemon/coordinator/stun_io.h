/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stun_io.h: STUN answers on one UDP socket. An answer is never larger than 1.1 times its request
 * and goes out from the address that was asked. Thread: the loop's. */
#ifndef COORDINATOR_STUN_IO_H
#define COORDINATOR_STUN_IO_H

#include "base/ip.h"
#include "base/loop.h"

struct stun_server;

/* NULL with errno. off (borrowed) is looked at for each request: true = silence. Returns new. */
struct stun_server *stun_server_new(struct loop *l, struct ep at, const bool *off);
void stun_server_free(struct stun_server *s);

#endif
