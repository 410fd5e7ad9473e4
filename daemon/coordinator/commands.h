/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands.h: the verbs that ask a running server: how each is typed, what request it becomes, how
 * the answer is shown. */
#ifndef COORDINATOR_COMMANDS_H
#define COORDINATOR_COMMANDS_H

#include "base/json.h"
#include "daemon/coordinator/options.h"

struct command {
	const char *verb; /* one or two words, as in admin.h */
	const char *args; /* for the usage line; "" for none */
	const char *about;
	int min, max;	  /* arguments after the verb */
	unsigned options; /* besides OPT_STATE and OPT_JSON */
	/* Fill the request from arguments (argv, n) and options; false with *why for people. May be
	 * NULL. */
	bool (*fill)(json_t *request, const char *const *argv, int n, const struct options *o,
		     const char **why);
	/* NULL: "ok" is enough and nothing is printed */
	void (*show)(const json_t *result);
};

extern const struct command commands[]; /* ended by verb NULL */
/* The command that the words begin with; *used = how many words its verb has. NULL if none. */
const struct command *command_find(const struct options *o, size_t *used);

#endif
