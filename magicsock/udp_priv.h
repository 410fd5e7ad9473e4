/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_priv.h: what the udp_*_linux.c files share. */
#ifndef MAGICSOCK_UDP_PRIV_H
#define MAGICSOCK_UDP_PRIV_H

#include "magicsock/udp_linux.h"

int udp_get_int(int fd, int level, int name); /* a socket option; -1 = not there */

/* Find out what an open socket can do and turn it on, less the steps of no_offload. */
void udp_offload_start(struct udp_sock *s, uint32_t no_offload);

#endif
