/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands_run.h: run one of a few known programs to its end, without a shell, with an empty
 * environment and within a time limit. For the helper process, and for main before the sandbox.
 * Blocks. */
#ifndef DAEMON_HANDS_RUN_H
#define DAEMON_HANDS_RUN_H

#include "base/bytes.h"
#include "base/mono.h"

#include <limits.h>

/* What a program said is worth no more of a status line. */
#define RUN_SAID_MAX 256

/* Absolute path of a program in one of the directories of `dirs` ("/usr/sbin:/sbin"; relative ones
 * are passed over) that may be executed; false if there is none. */
bool run_find(const char *dirs, const char *name, char out[static PATH_MAX]);

struct run {
	char *const *argv; /* argv[0] is the absolute path */
	struct span input; /* its standard input */
	mono_t until;	   /* killed then, with what it started */
	/* Lines of its standard output, without newline; one of 4 KiB or more is left out. NULL:
	 * not wanted. */
	void (*line)(void *arg, struct span line);
	void *arg;
};

/* 0: it ended with status 0. -ERR_TIMEOUT; -ERR_PERM: it was not permitted what it needs; -ERR_IO:
 * it could not be started, or ended otherwise. said: the first of what it wrote to standard error,
 * as one line of printable ASCII; "" if nothing. */
int run_program(const struct run *r, char said[static RUN_SAID_MAX]);

#endif
