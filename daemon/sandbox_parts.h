/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox_parts.h: the kernel mechanisms behind sandbox_enter. 0, or -1 with errno. */
#ifndef DAEMON_SANDBOX_PARTS_H
#define DAEMON_SANDBOX_PARTS_H

#include "daemon/sandbox.h"

#include <stddef.h>
#include <stdint.h>

/* Down to those of `keep` (bits, of the first 32) that we have; for_programs: programs that we run
 * have them as well, also if we are not root. */
int sandbox_capabilities(uint32_t keep, bool for_programs);
int sandbox_landlock(const struct sandbox_opts *o);
/* For a helper and the programs that it runs: everything can be read and run, and written in these
 * directories alone. no_new_privs must be set. */
int sandbox_landlock_writable(const char *const dirs[], size_t n);
int sandbox_seccomp(bool log_only);

#endif
