/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os_elsewhere_io.h: whose resolver is it? */
#ifndef DNS_OS_ELSEWHERE_IO_H
#define DNS_OS_ELSEWHERE_IO_H

#include <stdbool.h>

/* We are in a network namespace of our own (ip-netns(8), or another than the first process's, where
 * that may be seen) and yet nothing is mounted on etc or its resolv.conf: the file speaks of another
 * network, for programs that do not have ours, and is not to be touched. etc: "/etc". Thread: any. */
bool dns_os_is_elsewhere(const char *etc);

#endif
