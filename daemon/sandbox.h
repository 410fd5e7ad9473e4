/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.h: give up what the running daemon does not need. Called once by main, before any thread.
 * Sources: shared/spec/security.md 3.3. Each step is best effort: on a kernel without it the daemon
 * runs on and sandbox_missing() names what is not in force. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>

/* At the very start: no core dumps, no ptrace by others of the same user, files private. */
void sandbox_early(void);

struct sandbox_opts {
	const char *state_dir;	 /* may be written; NULL: none */
	const char *runtime_dir; /* holds the socket; may be written */
	const char *ca_file;     /* may be read; NULL: none of the user's own */
	bool log_only; /* tests: a refused system call is logged by the kernel and allowed */
};

/* no_new_privs, capabilities down to CAP_NET_ADMIN, Landlock, seccomp. */
void sandbox_enter(const struct sandbox_opts *o);

/* "" when all parts are in force, else a list such as "Landlock, seccomp" (static). */
const char *sandbox_missing(void);

#endif
