/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.h: run one of a few known programs to its end, without a shell, with an environment of our
 * own and within a time limit. For helper processes, and for main before the sandbox. Blocks. */
#ifndef BASE_RUN_H
#define BASE_RUN_H

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
	char *const *env;  /* NULL: an empty one */
	const char *dir;   /* it starts there; NULL: where we are */
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
/* The same, but 0 also when it ended with another status: *status, -1 after an error. */
int run_program_status(const struct run *r, int *status, char said[static RUN_SAID_MAX]);

#endif
