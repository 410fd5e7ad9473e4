/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What verbs begin with: their words, and what the daemon says. */
#include "cli/verbs.h"

#include "cli/localapi_client.h"

bool cli_parse(struct cli *c, struct flag_set *set, int *argc, char ***argv, int *code)
{
	enum flags_result r = flags_parse(set, argc, argv, c->err);
	*code = flags_exit(r);
	if (r != FLAGS_OK)
		return false;
	if (*argc <= set->words)
		return true;
	*code = set->too_many ? cli_fail(c, "%s", set->too_many)
			      : cli_fail(c, "too many non-flag arguments: %s", (*argv)[set->words]);
	return false;
}

json_t *cli_get(struct cli *c, const char *uri)
{
	char *why = NULL;
	json_t *v = lapi_get(c, uri, &why);
	if (!v)
		cli_fail_why(c, why);
	return v;
}

json_t *cli_status(struct cli *c, bool peers, bool diagnose)
{
	char *why = NULL;
	json_t *status = lapi_status(c, peers, diagnose, &why);
	if (!status)
		cli_fail_why(c, why);
	return status;
}
