/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns status */
#include "base/alloc.h"
#include "cli/dns_probe_client.h"
#include "cli/dns_text.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include <stdlib.h>

#define PROBE_MS 1500
#define SERVICE_V4 "100.100.100.100"
#define SERVICE_V6 "fd7a:115c:a1e0::53"

struct dns {
	struct cli *c;
	json_t *status, *prefs, *config, *system;
	char *system_error;
	json_t *mode; /* NULL: another daemon, or we may not ask */
	enum dns_probe probe;
	const char *service;
};

static bool is_v6_text(const char *ip)
{
	return ip && strchr(ip, ':');
}

/* One question to the service address itself. */
static void try_service(struct dns *d)
{
	const json_t *self = j_get(d->status, "Self");
	const char *name = j_str(self, "DNSName");
	struct ip ip;
	d->service =
	    is_v6_text(j_text(j_at(j_get(self, "TailscaleIPs"), 0))) ? SERVICE_V6 : SERVICE_V4;
	if (name && *name && ip_decode(span_str(d->service), &ip) == 0)
		d->probe = dns_probe(ip, name, PROBE_MS) ? DNS_PROBE_ANSWERS : DNS_PROBE_SILENT;
}

static void load_mode(struct dns *d)
{
	char *why = NULL;
	if (lapi_send(d->c, "POST", LAPI "debug?action=dns", NULL, 200, &d->mode, &why))
		d->mode = NULL;
	free(why);
	const char *state = j_str(d->status, "BackendState");
	if (d->mode && state && strcmp(state, "Running") == 0)
		try_service(d);
}

/* All but the first two only once there is a network. */
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
	load_mode(d);
	return CLI_OK;
}

static void show(struct dns *d, bool all, bool json)
{
	const struct dns_view v = { .status = d->status,
				    .prefs = d->prefs,
				    .config = d->config,
				    .system = d->system,
				    .system_error = d->system_error,
				    .all = all,
				    .mode = { d->mode, d->probe, d->service, all } };
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
	j_free(d.mode);
	free(d.system_error);
	return rc;
}

int cmd_dns(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb subs[] = {
		{ "status", "Print the current DNS status and configuration", status },
		{ "query", "Perform a DNS query", cmd_dns_query },
	};
	return cli_run_group(c, "dns", "Diagnose the internal DNS forwarder", subs, ARRAY_LEN(subs),
			     argc, argv);
}
