/* SPDX-License-Identifier: GPL-2.0-or-later */
/* down and logout: going away, with an optional reason for the log. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/prefs_fields.h"
#include "cli/ssh_session.h"
#include "cli/status_view.h"
#include "cli/verbs.h"

#include <stdlib.h>

/* "X-Tailscale-Reason: <base64>", new; NULL without a reason. */
static char *reason_header(const char *reason)
{
	size_t n = strlen(reason);
	if (!n)
		return NULL;
	char *text = xcalloc(base64_encoded_len(n) + 1, 1);
	base64_encode(span_str(reason), text);
	char *header = xasprintf("X-Tailscale-Reason: %s", text);
	free(text);
	return header;
}

static int want_running_false(struct cli *c, const char *reason)
{
	struct prefs_mask mask = { 0 };
	json_t *zero = prefs_zero();
	prefs_mask_add(&mask, PF_WANT_RUNNING);
	json_t *body = prefs_masked(zero, &mask);
	char *header = reason_header(reason), *why = NULL;
	const struct lapi_call call = {
		.method = "PATCH", .uri = LAPI "prefs", .body = body, .header = header
	};
	int rc = lapi_call_json(c, &call, NULL, &why);
	free(header);
	j_free(body);
	j_free(zero);
	return rc ? cli_fail_why(c, why) : CLI_OK;
}

int cmd_down(struct cli *c, int argc, char **argv)
{
	const char *reason = "", *accept_risk = "";
	struct flag flags[] = {
		FLAG(STRING, "accept-risk", &accept_risk,
		     "accept risk and skip confirmation for risk types: lose-ssh,all"),
		FLAG(STRING, "reason", &reason, "reason for the disconnect, for the daemon's log"),
	};
	struct flag_set set = { .command = CLI_PROG " down",
				.summary = "Disconnect from Tailscale",
				.args = "[flags]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (!ssh_risk_accepted(c, accept_risk, "\"" CLI_PROG " down\""))
		return CLI_FAIL;
	json_t *status = cli_status(c, true, false);
	if (!status)
		return CLI_FAIL;
	bool stopped = status_is(status, "Stopped");
	j_free(status);
	if (!stopped)
		return want_running_false(c, reason);
	fprintf(c->err, "Tailscale was already stopped.\n");
	return CLI_OK;
}

int cmd_logout(struct cli *c, int argc, char **argv)
{
	const char *reason = "";
	struct flag flags[] = {
		FLAG(STRING, "reason", &reason, "reason for the logout, for the daemon's log"),
	};
	struct flag_set set = { .command = CLI_PROG " logout",
				.summary = "Disconnect from Tailscale and expire current node key",
				.args = "[flags]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	char *header = reason_header(reason), *why = NULL;
	const struct lapi_call call = {
		.method = "POST", .uri = LAPI "logout", .header = header, .ok = 204
	};
	int rc = lapi_call_json(c, &call, NULL, &why);
	free(header);
	return rc ? cli_fail_why(c, why) : CLI_OK;
}
