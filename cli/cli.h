/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli.h: one run of the program: where it prints, whom it talks to, and the table of verbs.
 * Nothing here is global, so that tests run many of them in one process.
 * Behaviour: shared/spec/cli-localapi.md 10. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/bytes.h"
#include "base/mono.h"

#include <stdio.h>

#define CLI_PROG "meshctl"
#define CLI_VERSION MESH_VERSION
#define CLI_SOCKET_DEFAULT "/run/meshd/meshd.sock"

enum { CLI_OK = 0, CLI_FAIL = 1, CLI_USAGE = 2 };

struct cli {
	FILE *in, *out, *err;
	const char *socket;	/* path of the LocalAPI */
	const char *user;	/* $USER or "" */
	const char *ssh_client; /* $SSH_CLIENT of the session, or "" */
	unsigned uid;
	bool kubernetes; /* in a pod, whose resolv.conf is the cluster's */
	bool err_is_tty;
	bool warned_version;
	unsigned hurry;	     /* divides every wait; 1 except in tests */
	wall_t (*now)(void); /* wall clock for "last seen" */
	int argc;	     /* as typed, behind the program's name; for messages */
	char **argv;
};

/* Runs the command line (argv[0] is the program's name). Returns the exit code. */
int cli_run(struct cli *c, int argc, char **argv);

/* Print to c->err with a newline; returns CLI_FAIL. */
int cli_fail(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Print why (taken; NULL: "out of memory") to c->err; returns CLI_FAIL. */
int cli_fail_why(struct cli *c, char *why);
/* Wait, divided by c->hurry. */
void cli_sleep_ms(const struct cli *c, int64_t ms);

#endif
