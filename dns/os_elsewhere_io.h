/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os_elsewhere_io.h: whose resolver is it? */
#ifndef DNS_OS_ELSEWHERE_IO_H
#define DNS_OS_ELSEWHERE_IO_H

#include <stdbool.h>

/* We are in a network namespace of our own and yet see the machine's own resolv.conf, so that it
 * speaks of another network, for programs that do not have ours: it is not to be touched. etc:
 * "/etc". Needs the rights of root; where it cannot be known it is false. Thread: any. */
bool dns_os_is_elsewhere(const char *etc);

#endif
