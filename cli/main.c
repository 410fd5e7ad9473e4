/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meshctl: the environment of one run of the command line. */
#include "cli/cli.h"
#include "cli/ssh_session.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void on_interrupt(int sig)
{
	(void)sig;
	_exit(CLI_FAIL);
}

static const char *env_or(const char *name, const char *otherwise)
{
	const char *v = getenv(name);
	return v && *v ? v : otherwise;
}

int main(int argc, char **argv)
{
	struct cli c = {
		.in = stdin,
		.out = stdout,
		.err = stderr,
		.socket = env_or("MESHD_SOCKET", CLI_SOCKET_DEFAULT),
		.user = env_or("USER", ""),
		.uid = geteuid(),
		.kubernetes = *env_or("KUBERNETES_SERVICE_HOST", "") != '\0',
		.err_is_tty = isatty(STDERR_FILENO),
		.hurry = 1,
		.now = wall_now,
	};
	struct sigaction sa = { .sa_handler = on_interrupt };
	sigaction(SIGINT, &sa, NULL);
	char *ssh = ssh_session_client();
	c.ssh_client = ssh ? ssh : "";
	int rc = argc > 0 ? cli_run(&c, argc, argv) : CLI_USAGE;
	free(ssh);
	if (fflush(stdout) != 0 && rc == CLI_OK)
		rc = CLI_FAIL;
	return rc;
}
