/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl_linux.h: single numbers of /proc/sys. Thread: any. */
#ifndef NETSTACK_SYSCTL_LINUX_H
#define NETSTACK_SYSCTL_LINUX_H

#include "base/err.h"

/* path: of the file. 0 or a code of fs_read; -ERR_SYNTAX if it holds no number. */
MUST_CHECK int sysctl_read(const char *path, int *value);
/* 0, -ERR_NOENT, -ERR_PERM, -ERR_IO. */
MUST_CHECK int sysctl_write(const char *path, int value);

#endif
