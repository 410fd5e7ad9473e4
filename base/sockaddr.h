/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockaddr.h: struct ep to and from the kernel's form; for socket files only. Pure. */
#ifndef BASE_SOCKADDR_H
#define BASE_SOCKADDR_H

#include "base/ip.h"

#include <sys/socket.h>

/* Returns the length; 0 if e has no address. */
socklen_t sockaddr_from_ep(struct ep e, struct sockaddr_storage *out);
/* An endpoint without address for any family but the two. A v4-mapped address is un-mapped. */
struct ep sockaddr_to_ep(const struct sockaddr *sa);
/* The local (or remote) end of a socket; without address on failure. */
struct ep sockaddr_of_fd(int fd, bool remote);

#endif
