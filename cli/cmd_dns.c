/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns status */
#include "base/alloc.h"
#include "cli/dns_text.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include <stdlib.h>

struct dns {
	struct cli *c;
	json_t *status, *prefs, *config, *system;
	char *system_error;
};

/* The last two only once there is a network. */
static int load(struct dns *d)
{
	char *why = NULL;
	if (!(d->status = lapi_status(d->c, true, false, &why)) ||
	    !(d->prefs = lapi_get(d->c, LAPI "prefs", &why)))
		return cli_fail_why(d->c, why);
	if (!j_get(d->status, "CurrentTailnet"))
		return CLI_OK;
	if (!(d->config = lapi_get(d->c, LAPI "dns-config", &why)))
		return cli_fail_why(d->c, why);
	d->system = lapi_get(d->c, LAPI "dns-osconfig", &d->system_error);
	return CLI_OK;
}

static void show(struct dns *d, bool all, bool json)
{
	const struct dns_view v = {
		d->status, d->prefs, d->config, d->system, d->system_error, all
	};
	if (json) {
		json_t *o = dns_status_json(&v);
		print_json(d->c->out, o, J_INDENT_2, true);
		j_free(o);
		return;
	}
	struct buf b;
	buf_init(&b, PRINT_MAX);
	dns_status_text(&v, &b);
	print_buf(d->c->out, &b);
	buf_fini(&b);
}

static int status(struct cli *c, int argc, char **argv)
{
	bool all = false, json = false;
	struct flag flags[] = {
		FLAG(BOOL, "all", &all, "outputs advanced debugging information"),
		FLAG(BOOL, "json", &json, "output in JSON format"),
	};
	struct flag_set set = { .command = CLI_PROG " dns status",
				.summary = "Print the current DNS status and configuration",
				.args = "[--all] [--json]",
				FLAGS(flags) };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	struct dns d = { .c = c };
	int rc = load(&d);
	if (rc == CLI_OK)
		show(&d, all, json);
	j_free(d.status);
	j_free(d.prefs);
	j_free(d.config);
	j_free(d.system);
	free(d.system_error);
	return rc;
}

int cmd_dns(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb subs[] = {
		{ "status", "Print the current DNS status and configuration", status },
	};
	return cli_run_group(c, "dns", "Diagnose the internal DNS forwarder", subs, ARRAY_LEN(subs),
			     argc, argv);
}
