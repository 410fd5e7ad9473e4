/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set: change single preferences. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/health_lines.h"
#include "cli/pref_args.h"
#include "cli/validate.h"
#include "cli/verbs.h"

#include <stdlib.h>

#define FLAGS_MAX 40

struct set {
	struct cli *c;
	struct setting_values v;
	struct flag flags[FLAGS_MAX];
	struct flag_set set;
	const char *accept_risk;
	json_t *status, *cur, *prefs;
	struct prefs_mask mask;
};

static void init(struct set *s, struct cli *c)
{
	s->c = c;
	s->accept_risk = "";
	setting_defaults(&s->v);
	size_t n = setting_flags(SETTING_SET, &s->v, s->flags);
	s->flags[n++] = (struct flag)FLAG(STRING, "accept-risk", &s->accept_risk,
					  "accept risk and skip confirmation for risk types: "
					  "lose-ssh,mac-app-connector,all");
	s->flags[n++] = (struct flag){ .name = "posture-checking", .same_as = "report-posture" };
	s->set = (struct flag_set){
		.command = CLI_PROG " set",
		.summary = "Change specified preferences",
		.args = "[flags]",
		.text = "\"" CLI_PROG
			" set\" allows changing specific preferences.\n\nUnlike \"" CLI_PROG
			" up\", this command does not require the complete set of desired "
			"settings.\n\nOnly "
			"settings explicitly mentioned will be set. There are no default values.",
		.flags = s->flags,
		.n = n,
	};
}

static int send_edit(struct set *s)
{
	char *why = NULL;
	json_t *all = prefs_apply(s->cur, s->prefs, &s->mask);
	int rc = lapi_send(s->c, "POST", LAPI "check-prefs", all, 200, NULL, &why);
	j_free(all);
	if (rc)
		return cli_fail_why(s->c, why);
	json_t *body = prefs_masked(s->prefs, &s->mask);
	rc = lapi_send(s->c, "PATCH", LAPI "prefs", body, 200, NULL, &why);
	j_free(body);
	return rc ? cli_fail_why(s->c, why) : CLI_OK;
}

static void warn(struct set *s, const char *text)
{
	if (*text)
		fprintf(s->c->out, "Warning: %s\n", text);
}

/* What works as typed, and perhaps not as meant. */
static void print_warnings(struct set *s)
{
	json_t *after = prefs_apply(s->cur, s->prefs, &s->mask);
	bool routes = flags_given(&s->set, "snat-subnet-routes") ||
		      flags_given(&s->set, "advertise-exit-node");
	if (flags_given(&s->set, "netfilter-mode"))
		warn(s, netfilter_mode_warning((int)j_int(s->prefs, "NetfilterMode", 2)));
	if (routes && prefs_bool(after, PF_NO_SNAT) &&
	    routes_offer_exit(prefs_get(after, PF_ADVERTISE_ROUTES)))
		warn(s, SNAT_WARNING);
	j_free(after);
}

static bool advertises(struct set *s)
{
	return prefs_mask_has(&s->mask, PF_ADVERTISE_ROUTES) &&
	       j_len(prefs_get(s->prefs, PF_ADVERTISE_ROUTES));
}

static int send_and_look(struct set *s)
{
	print_warnings(s);
	int rc = send_edit(s);
	if (rc == CLI_OK && advertises(s))
		health_print(s->c, HEALTH_OF_ROUTES);
	return rc;
}

static int edit(struct set *s)
{
	if (!(s->status = cli_status(s->c, true, false)))
		return CLI_FAIL;
	if (!flags_any_given(&s->set)) {
		flags_usage(&s->set, s->c->err);
		return CLI_OK;
	}
	if (!(s->cur = cli_get(s->c, LAPI "prefs")))
		return CLI_FAIL;
	char *why = set_prefs_build(&s->set, &s->v, s->cur, s->status, &s->prefs, &s->mask);
	return why ? cli_fail_why(s->c, why) : send_and_look(s);
}

static int run(struct set *s)
{
	const char *refused = setting_refused(&s->set, &s->v);
	return refused ? cli_fail(s->c, "--%s is not supported by this version", refused) : edit(s);
}

int cmd_set(struct cli *c, int argc, char **argv)
{
	struct set *s = xcalloc(1, sizeof(*s));
	init(s, c);
	int code;
	if (cli_parse(c, &s->set, &argc, &argv, &code))
		code = run(s);
	j_free(s->status);
	j_free(s->cur);
	j_free(s->prefs);
	free(s);
	return code;
}
