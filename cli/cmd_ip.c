/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip: addresses of this machine or of a peer. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/status_view.h"
#include "cli/verbs.h"

#include <stdlib.h>

struct ip_opts {
	bool one, v4, v6;
	const char *assert_ip;
};

static int check_assert(struct cli *c, const json_t *ips, const char *want)
{
	struct buf b;
	buf_init(&b, 65536);
	for (size_t i = 0; i < j_len(ips); i++) {
		const char *s = j_text(j_at(ips, i));
		if (str_cmp(s, want) == 0) {
			buf_fini(&b);
			return CLI_OK;
		}
		buf_fmt(&b, "%s%s", i ? " " : "", s ? s : "");
	}
	cli_fail(c, "assertion failed: IP \"%s\" not found among [%s]", want, buf_cstr(&b));
	buf_fini(&b);
	return CLI_FAIL;
}

static int print_ips(struct cli *c, const json_t *ips, const struct ip_opts *o)
{
	size_t printed = 0;
	for (size_t i = 0; i < j_len(ips); i++) {
		struct ip ip;
		const char *s = j_text(j_at(ips, i));
		if (!s || ip_decode(span_str(s), &ip))
			continue;
		if ((o->v4 && ip.fam != IP_V4) || (o->v6 && ip.fam != IP_V6) || (o->one && printed))
			continue;
		fprintf(c->out, "%s\n", s);
		printed++;
	}
	if (!printed && o->v4)
		return cli_fail(c, "no Tailscale IPv4 address");
	if (!printed && o->v6)
		return cli_fail(c, "no Tailscale IPv6 address");
	return CLI_OK;
}

/* Addresses of the machine that has this one. NULL if none has. */
static json_t *ips_of_owner(const json_t *status, struct ip ip)
{
	json_t *self = j_get(status, "Self"), *peers = j_get(status, "Peer");
	if (peer_has_ip(self, ip))
		return j_get(self, "TailscaleIPs");
	for (void *it = j_is_object(peers) ? j_iter(peers) : NULL; it; it = j_iter_next(peers, it))
		if (peer_has_ip(j_iter_value(it), ip))
			return j_get(j_iter_value(it), "TailscaleIPs");
	return NULL;
}

static int not_a_peer(struct cli *c, struct ip ip)
{
	char text[IP_TEXT_MAX];
	char *why = NULL;
	/* An address may be a service's; this version knows none, but the daemon decides. */
	json_t *services = lapi_get(c, LAPI "services", &why);
	j_free(services);
	free(why);
	return cli_fail(c, "no peer or service found with IP %s", ip_encode(ip, text));
}

static int show_peer(struct cli *c, const json_t *status, const char *host, const struct ip_opts *o)
{
	struct lookup found;
	char *why = NULL;
	if (lookup_host(c, host, &found, &why))
		return cli_fail_why(c, why);
	json_t *ips = ips_of_owner(status, found.ip);
	return ips ? print_ips(c, ips, o) : not_a_peer(c, found.ip);
}

static int show(struct cli *c, const char *host, const struct ip_opts *o)
{
	json_t *status = cli_status(c, true, false);
	if (!status)
		return CLI_FAIL;
	json_t *own = j_get(status, "TailscaleIPs");
	int rc;
	if (host)
		rc = show_peer(c, status, host, o);
	else if (!j_len(own))
		rc = cli_fail(c, "no current Tailscale IPs; state: %s",
			      j_str(status, "BackendState"));
	else if (*o->assert_ip)
		rc = check_assert(c, own, o->assert_ip);
	else
		rc = print_ips(c, own, o);
	j_free(status);
	return rc;
}

int cmd_ip(struct cli *c, int argc, char **argv)
{
	struct ip_opts o = { .assert_ip = "" };
	struct flag flags[] = {
		FLAG(BOOL, "1", &o.one, "only print one IP address"),
		FLAG(BOOL, "4", &o.v4, "only print IPv4 address"),
		FLAG(BOOL, "6", &o.v6, "only print IPv6 address"),
		FLAG(STRING, "assert", &o.assert_ip,
		     "assert that one of the node's IP(s) matches this IP address"),
	};
	struct flag_set set = { .command = CLI_PROG " ip",
				.summary = "Show Tailscale IP addresses",
				.args = "[-1] [-4] [-6] [peer hostname or ip address]",
				FLAGS(flags),
				.words = 1,
				.too_many = "too many arguments, expected at most one peer" };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (o.one + o.v4 + o.v6 > 1)
		return cli_fail(c, "tailscale ip -1, -4, and -6 are mutually exclusive");
	return show(c, argc ? argv[0] : NULL, &o);
}
