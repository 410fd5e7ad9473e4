/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox_parts.h: the two kernel mechanisms behind sandbox_enter. 0, or -1 with errno. */
#ifndef DAEMON_SANDBOX_PARTS_H
#define DAEMON_SANDBOX_PARTS_H

#include "daemon/sandbox.h"

int sandbox_landlock(const struct sandbox_opts *o);
int sandbox_seccomp(bool log_only);

#endif
