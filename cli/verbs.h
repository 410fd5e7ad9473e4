/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verbs.h: the commands. Each takes the words behind its name and returns the exit code. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "base/json.h"
#include "cli/cli.h"
#include "cli/flags.h"

struct cli_verb {
	const char *name;
	const char *summary;
	int (*run)(struct cli *c, int argc, char **argv);
};

/* One of subs by argv[0]; what the reference says when there is none or it is unknown. */
int cli_run_group(struct cli *c, const char *group, const char *summary,
		  const struct cli_verb *subs, size_t n, int argc, char **argv);

/* What a verb starts with: flags off the front of its words, then not too many words.
 * false: the user has been told (usage, or what is wrong), *code is the exit code. */
bool cli_parse(struct cli *c, struct flag_set *set, int *argc, char ***argv, int *code);
/* GET, new; NULL: the user has been told why. */
json_t *cli_get(struct cli *c, const char *uri);
/* The same for status; arguments of lapi_status. */
json_t *cli_status(struct cli *c, bool peers, bool diagnose);

int cmd_up(struct cli *c, int argc, char **argv);
int cmd_down(struct cli *c, int argc, char **argv);
int cmd_login(struct cli *c, int argc, char **argv);
int cmd_logout(struct cli *c, int argc, char **argv);
int cmd_set(struct cli *c, int argc, char **argv);
int cmd_get(struct cli *c, int argc, char **argv);
int cmd_status(struct cli *c, int argc, char **argv);
int cmd_ping(struct cli *c, int argc, char **argv);
int cmd_netcheck(struct cli *c, int argc, char **argv);
int cmd_ip(struct cli *c, int argc, char **argv);
int cmd_whois(struct cli *c, int argc, char **argv);
int cmd_whoami(struct cli *c, int argc, char **argv);
int cmd_version(struct cli *c, int argc, char **argv);
int cmd_wait(struct cli *c, int argc, char **argv);
int cmd_metrics(struct cli *c, int argc, char **argv);
int cmd_debug(struct cli *c, int argc, char **argv);
int cmd_debug_via(struct cli *c, int argc, char **argv);
int cmd_bugreport(struct cli *c, int argc, char **argv);
int cmd_switch(struct cli *c, int argc, char **argv);
int cmd_dns(struct cli *c, int argc, char **argv);
int cmd_dns_query(struct cli *c, int argc, char **argv);
int cmd_exit_node(struct cli *c, int argc, char **argv);

#endif
