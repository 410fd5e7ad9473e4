/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ping: below the tunnel, to see which path answers. shared/spec/cli-localapi.md 10.5. */
#include "base/alloc.h"
#include "base/ip.h"
#include "cli/lookup.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/status_view.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAUSE_MS 1000
#define PING_USAGE "usage: " CLI_PROG " ping <hostname-or-IP>"

struct ping {
	struct cli *c;
	bool until_direct, verbose, tsmp, icmp, peerapi;
	int64_t count, timeout_ns, size;
	char ip[IP_TEXT_MAX];
	bool any_pong;
};

static const char *type_of(const struct ping *p)
{
	return p->tsmp ? "TSMP" : p->icmp ? "ICMP" : p->peerapi ? "peerapi" : "disco";
}

static void print_route(const struct ping *p, const json_t *r)
{
	FILE *out = p->c->out;
	const char *endpoint = j_str(r, "Endpoint"), *relay = j_str(r, "PeerRelay"),
		   *code = j_str(r, "DERPRegionCode");
	if (endpoint && *endpoint) {
		print_clean(out, endpoint);
	} else if (relay && *relay) {
		fputs("peer-relay(", out);
		print_clean(out, relay);
		fputs(")", out);
	} else if (j_int(r, "DERPRegionID", 0)) {
		fputs("DERP(", out);
		print_clean(out, code ? code : "");
		fputs(")", out);
	} else {
		fputs(type_of(p), out);
	}
}

static const char *latency(const json_t *r, char out[static DURATION_MAX])
{
	double ms = j_num(r, "LatencySeconds", 0) * 1000;
	return duration_encode((int64_t)(ms + 0.5) * NS_PER_MS, out);
}

static void print_pong(const struct ping *p, const json_t *r)
{
	FILE *out = p->c->out;
	char took[DURATION_MAX];
	int64_t port = j_int(r, "PeerAPIPort", 0);
	const char *name = j_str(r, "NodeName"), *ip = j_str(r, "NodeIP"),
		   *url = j_str(r, "PeerAPIURL");
	fputs(p->peerapi ? "hit peerapi of " : "pong from ", out);
	print_clean(out, p->peerapi ? ip : name ? name : "");
	fputs(" (", out);
	print_clean(out, p->peerapi ? name : ip ? ip : "");
	if (p->peerapi) {
		fputs(") at ", out);
		print_clean(out, url ? url : "");
	} else {
		if (port)
			fprintf(out, ", %" PRId64, port);
		fputs(") via ", out);
		print_route(p, r);
	}
	fprintf(out, " in %s\n", latency(r, took));
	fflush(out);
}

/* ---- one try --------------------------------------------------------------------------------- */

enum outcome { TIMED_OUT, PONG, PONG_DIRECT, STOP_OK, STOP_FAILED };

static enum outcome on_result(struct ping *p, const json_t *r)
{
	const char *err = j_str(r, "Err"), *endpoint = j_str(r, "Endpoint");
	if (err && *err && j_bool(r, "IsLocalIP", false)) {
		print_clean(p->c->out, err);
		fputc('\n', p->c->out);
		return STOP_OK;
	}
	if (err && *err) {
		print_clean(p->c->err, err);
		fputc('\n', p->c->err);
		return STOP_FAILED;
	}
	print_pong(p, r);
	p->any_pong = true;
	if (p->tsmp || p->icmp || p->peerapi)
		return STOP_OK;
	return endpoint && *endpoint ? PONG_DIRECT : PONG;
}

static enum outcome on_error(struct ping *p, struct lapi_error *e)
{
	if (e->fault == LAPI_TIMEOUT) {
		fprintf(p->c->out, "ping \"%s\" timed out\n", p->ip);
		fflush(p->c->out);
		free(e->text);
		return TIMED_OUT;
	}
	if (e->fault == LAPI_STATUS && e->status != 403)
		fprintf(p->c->err, "error %s: \n", e->text);
	else
		fprintf(p->c->err, "%s\n", e->text);
	free(e->text);
	return STOP_FAILED;
}

static enum outcome try_once(struct ping *p)
{
	struct lapi_error e;
	struct buf b;
	char *uri =
	    xasprintf(LAPI "ping?ip=%s&size=%" PRId64 "&type=%s", p->ip, p->size, type_of(p));
	const struct lapi_call call = { .method = "POST",
					.uri = uri,
					.timeout_ms = p->timeout_ns / NS_PER_MS };
	enum outcome o;
	buf_init(&b, 1u << 20);
	if (lapi_do(p->c, &call, &b, &e)) {
		o = on_error(p, &e);
	} else {
		json_t *r = j_parse(buf_span(&b), b.len, NULL);
		o = r ? on_result(p, r) : STOP_FAILED;
		if (!r)
			cli_fail(p->c, "invalid JSON from the daemon for ping");
		j_free(r);
	}
	buf_fini(&b);
	free(uri);
	return o;
}

static int end_of_count(const struct ping *p, enum outcome last)
{
	if (!p->any_pong)
		return cli_fail(p->c, "no reply");
	if (p->until_direct && last != TIMED_OUT)
		return cli_fail(p->c, "direct connection not established");
	return CLI_OK;
}

static int run(struct ping *p)
{
	for (int64_t n = 1;; n++) {
		enum outcome o = try_once(p);
		if (o == STOP_OK || (o == PONG_DIRECT && p->until_direct))
			return CLI_OK;
		if (o == STOP_FAILED)
			return CLI_FAIL;
		if (n == p->count)
			return end_of_count(p, o);
		if (o != TIMED_OUT)
			cli_sleep_ms(p->c, PAUSE_MS);
	}
}

/* ---- whom ---- */

static int find_target(struct ping *p, const char *target)
{
	struct lookup found;
	char *why = NULL;
	if (lookup_host(p->c, target, &found, &why))
		return cli_fail_why(p->c, why);
	ip_encode(found.ip, p->ip);
	if (p->verbose && strcmp(p->ip, target) != 0)
		fprintf(p->c->err, "lookup \"%s\" => \"%s\"\n", target, p->ip);
	if (!found.self)
		return run(p);
	fprintf(p->c->out, "%s is local Tailscale IP\n", p->ip);
	return CLI_OK;
}

static int go(struct ping *p, const char *target)
{
	char *why = NULL;
	json_t *status = lapi_status(p->c, true, true, &why);
	if (!status)
		return cli_fail_why(p->c, why);
	bool usable = status_usable(status, &why);
	j_free(status);
	if (usable)
		return find_target(p, target);
	fprintf(p->c->out, "%s\n", why);
	free(why);
	return CLI_FAIL;
}

int cmd_ping(struct cli *c, int argc, char **argv)
{
	struct ping p = { .c = c, .until_direct = true, .count = 10, .timeout_ns = 5 * NS_PER_S };
	struct flag flags[] = {
		FLAG_SHOWN(INT, "c", &p.count, "10",
			   "max number of pings to send. 0 for infinity."),
		FLAG(BOOL, "icmp", &p.icmp,
		     "do a ICMP-level ping (through WireGuard, but not the local host OS stack)"),
		FLAG(BOOL, "peerapi", &p.peerapi, "try hitting the peer's peerapi HTTP server"),
		FLAG_SHOWN(INT, "size", &p.size, "0",
			   "size of the ping message (disco pings only). 0 for minimum size."),
		FLAG_SHOWN(DURATION, "timeout", &p.timeout_ns, "5s",
			   "timeout before giving up on a ping"),
		FLAG(BOOL, "tsmp", &p.tsmp,
		     "do a TSMP-level ping (through WireGuard, but not either host OS stack)"),
		FLAG_SHOWN(BOOL, "until-direct", &p.until_direct, "true",
			   "stop once a direct path is established"),
		FLAG(BOOL, "verbose", &p.verbose, "verbose output"),
	};
	struct flag_set set = { .command = CLI_PROG " ping",
				.summary = "Ping a host at the Tailscale layer, see how it routed",
				.args = "<hostname-or-IP>",
				FLAGS(flags),
				.words = 1,
				.too_many = PING_USAGE };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (argc != 1 || !*argv[0])
		return cli_fail(c, PING_USAGE);
	return go(&p, argv[0]);
}
