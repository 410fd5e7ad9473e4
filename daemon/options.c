/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "daemon/options_routing.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STATE "/var/lib/meshd/meshd.state"
#define DEFAULT_SOCKET "/run/meshd/meshd.sock"
#define DEFAULT_TUN "mesh0"
#define STATE_NAME "meshd.state"
#define WORKERS_MAX 2
#define DNS_IN_FLIGHT_DEFAULT 1000
#define DNS_IN_FLIGHT_MAX 10000

static const char usage[] =
    "usage: meshd [flags]\n"
    "  --state FILE     state file, or mem: for none (default " DEFAULT_STATE ")\n"
    "  --statedir DIR   folder of the state (default: the state file's)\n"
    "  --socket PATH    socket that meshctl talks to (default " DEFAULT_SOCKET ")\n"
    "  --tun NAME       interface (default " DEFAULT_TUN ")\n"
    "  --port N         UDP port, 0 for any (default: $PORT or 41641)\n"
    "  --verbose N      0, 1 or 2\n"
    "  --user NAME      go on as this user; needs root to start\n"
    "  --cleanup        remove what a killed run left, then exit\n"
    "  --cleanup-dns    the same, but of the system's resolver alone\n"
    "  --sandbox=false  keep capabilities, system calls and files open\n"
    "  --aead NAME      force an implementation of the packet cipher\n"
    "  --workers N      threads for packets: 1, or 2 (default where there is a CPU for each)\n"
    "  --dns-in-flight N  questions to other name servers at once (default 1000, at most 10000)\n"
    "  --no-offload STEP[,STEP...]  do without: " OFFLOAD_NAMES "\n"
    "  --fwmark VALUE/MASK    mark of our own sockets (default 0x80000/0xff0000)\n"
    "  --route-table N        routing table for the tunnel (default 52)\n"
    "  --rule-priority N      where our policy rules begin (default 5200)\n"
    "  --no-logs-no-support   accepted; meshd never uploads logs\n"
    "  --version\n";

struct flag {
	const char *name;
	enum { FLAG_TEXT, FLAG_BOOL, FLAG_FALSE_ONLY } kind;
	void *to; /* const char ** or bool *; NULL: accepted without effect */
};

struct raw {
	const char *state, *statedir, *socket, *tun, *port, *verbose, *aead, *workers, *no_offload,
	    *user, *dns_in_flight;
	struct routing_words routing;
	bool cleanup, cleanup_dns, version, help, sandbox, sandbox_log, no_logs;
};

__attribute__((format(printf, 1, 2))) static int complain(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(usage, stderr);
	return 2;
}

static const struct flag *find(const struct flag *table, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* One flag; *i moves past a value in the next word. -1: fine, else the exit code. */
static int take(const struct flag *f, const char *value, int argc, char **argv, int *i)
{
	bool b = true;
	if (f->kind == FLAG_TEXT) {
		if (!value && *i + 1 >= argc)
			return complain("flag needs an argument: -%s\n", f->name);
		*(const char **)f->to = value ? value : argv[++*i];
		return -1;
	}
	if (value && bool_decode(span_str(value), &b))
		return complain("invalid boolean value \"%s\" for -%s: parse error\n", value,
				f->name);
	if (f->kind == FLAG_FALSE_ONLY && b)
		return complain("meshd: -%s is not part of this version\n", f->name);
	if (f->to)
		*(bool *)f->to = b;
	return -1;
}

static int parse_words(struct raw *r, int argc, char **argv)
{
	const struct flag table[] = {
		{ "state", FLAG_TEXT, &r->state },
		{ "statedir", FLAG_TEXT, &r->statedir },
		{ "socket", FLAG_TEXT, &r->socket },
		{ "tun", FLAG_TEXT, &r->tun },
		{ "port", FLAG_TEXT, &r->port },
		{ "verbose", FLAG_TEXT, &r->verbose },
		{ "aead", FLAG_TEXT, &r->aead },
		{ "workers", FLAG_TEXT, &r->workers },
		{ "no-offload", FLAG_TEXT, &r->no_offload },
		{ "dns-in-flight", FLAG_TEXT, &r->dns_in_flight },
		{ "fwmark", FLAG_TEXT, &r->routing.fwmark },
		{ "route-table", FLAG_TEXT, &r->routing.route_table },
		{ "rule-priority", FLAG_TEXT, &r->routing.rule_priority },
		{ "user", FLAG_TEXT, &r->user },
		{ "cleanup", FLAG_BOOL, &r->cleanup },
		{ "cleanup-dns", FLAG_BOOL, &r->cleanup_dns },
		{ "version", FLAG_BOOL, &r->version },
		{ "help", FLAG_BOOL, &r->help },
		{ "h", FLAG_BOOL, &r->help },
		{ "sandbox", FLAG_BOOL, &r->sandbox },
		{ "sandbox-log", FLAG_BOOL, &r->sandbox_log },
		{ "no-logs-no-support", FLAG_BOOL, &r->no_logs },
		{ "encrypt-state", FLAG_FALSE_ONLY, NULL },
		{ "hardware-attestation", FLAG_FALSE_ONLY, NULL },
	};
	for (int i = 1; i < argc; i++) {
		const char *w = argv[i];
		if (w[0] != '-' || !w[1]) {
			fprintf(stderr, "meshd does not take non-flag arguments: [%s]\n", w);
			return 1;
		}
		w += w[1] == '-' ? 2 : 1;
		const char *eq = strchr(w, '=');
		size_t len = eq ? (size_t)(eq - w) : strlen(w);
		const struct flag *f = find(table, ARRAY_LEN(table), w, len);
		if (!f)
			return complain("flag provided but not defined: -%.*s\n", (int)len, w);
		int rc = take(f, eq ? eq + 1 : NULL, argc, argv, &i);
		if (rc >= 0)
			return rc;
	}
	return -1;
}

static int number(const char *text, uint64_t max, const char *flag, uint64_t *out)
{
	if (u64_decode(span_str(text), max, out) == 0)
		return -1;
	return complain("invalid value \"%s\" for flag -%s: parse error\n", text, flag);
}

/* One thread a direction where each can have its own CPU. */
static uint64_t default_workers(void)
{
	cpu_set_t usable;
	bool many = sched_getaffinity(0, sizeof(usable), &usable) == 0 && CPU_COUNT(&usable) > 1;
	return many ? WORKERS_MAX : 1;
}

static int set_workers(struct options *o, const struct raw *r)
{
	uint64_t n = default_workers();
	int rc = r->workers ? number(r->workers, WORKERS_MAX, "workers", &n) : -1;
	if (rc < 0 && n == 0)
		rc = complain("meshd: -workers must be 1 or %d\n", WORKERS_MAX);
	o->workers = (unsigned)n;
	return rc;
}

static int set_dns(struct options *o, const struct raw *r)
{
	uint64_t n = DNS_IN_FLIGHT_DEFAULT;
	int rc = r->dns_in_flight
		     ? number(r->dns_in_flight, DNS_IN_FLIGHT_MAX, "dns-in-flight", &n)
		     : -1;
	if (rc < 0 && n == 0)
		rc = complain("meshd: -dns-in-flight must be 1 to %d\n", DNS_IN_FLIGHT_MAX);
	o->dns_in_flight = (unsigned)n;
	return rc;
}

/* The environment variables that administrators know from elsewhere. */
static void offload_of_environment(uint32_t *set)
{
	static const struct {
		const char *name;
		enum offload_step step;
	} vars[] = {
		{ "TS_DEBUG_DISABLE_UDP_GSO", OFFLOAD_UDP_GSO },
		{ "TS_DEBUG_DISABLE_UDP_GRO", OFFLOAD_UDP_GRO },
		{ "TS_TUN_DISABLE_TCP_GRO", OFFLOAD_TUN_GRO_TCP },
		{ "TS_TUN_DISABLE_UDP_GRO", OFFLOAD_TUN_GRO_UDP },
	};
	for (size_t i = 0; i < ARRAY_LEN(vars); i++) {
		const char *v = secure_getenv(vars[i].name);
		bool on;
		if (v && bool_decode(span_str(v), &on) == 0 && on)
			*set |= OFFLOAD_BIT(vars[i].step);
	}
}

static int set_offload(struct options *o, const struct raw *r)
{
	struct span bad;
	offload_of_environment(&o->no_offload);
	if (!r->no_offload || !offload_decode(span_str(r->no_offload), &o->no_offload, &bad))
		return -1;
	return complain("meshd: -no-offload does not know \"%.*s\"; it knows: %s\n", (int)bad.len,
			(const char *)bad.p, OFFLOAD_NAMES);
}

static int set_routing(struct options *o, const struct raw *r)
{
	const char *why;
	return options_routing(&r->routing, &o->routing, &why) ? complain("meshd: %s\n", why) : -1;
}

/* Named as administrators know it from elsewhere. */
static int set_firewall(struct options *o)
{
	static const char *const kinds[] = { "auto", "nftables", "iptables" };
	const char *v = secure_getenv("TS_DEBUG_FIREWALL_MODE");
	if (!v || !*v)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(v, kinds[i]) == 0) {
			o->firewall = (enum firewall_kind)i;
			return -1;
		}
	}
	return complain("meshd: TS_DEBUG_FIREWALL_MODE is \"%s\"; it may be auto, nftables or "
			"iptables\n",
			v);
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static const char *either(const char *a, const char *b)
{
	return a && *a ? a : b;
}

static void set_state(struct options *o, const struct raw *r)
{
	const char *state = either(r->state, secure_getenv("MESHD_STATE"));
	if (!state && r->statedir)
		o->state = xasprintf("%s/%s", r->statedir, STATE_NAME);
	else
		o->state = xstrdup(either(state, DEFAULT_STATE));
	if (r->statedir)
		o->state_dir = xstrdup(r->statedir);
	else if (strncmp(o->state, "mem:", 4) != 0)
		o->state_dir = dir_of(o->state);
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct raw r = { .sandbox = true };
	uint64_t port = 0, verbose = 0;
	int rc = parse_words(&r, argc, argv);
	if (rc >= 0)
		return rc;
	if (r.help) {
		fputs(usage, stderr);
		return 0;
	}
	if (r.version) {
		puts(MESH_VERSION);
		return 0;
	}
	rc = number(either(r.port, either(secure_getenv("PORT"), "41641")), 65535, "port", &port);
	if (rc >= 0)
		return rc;
	rc = number(either(r.verbose, either(secure_getenv("TS_LOG_VERBOSITY"), "0")), 2, "verbose",
		    &verbose);
	if (rc >= 0)
		return rc;
	memset(o, 0, sizeof(*o));
	rc = set_workers(o, &r);
	if (rc < 0)
		rc = set_offload(o, &r);
	if (rc < 0)
		rc = set_dns(o, &r);
	if (rc < 0)
		rc = set_routing(o, &r);
	if (rc < 0)
		rc = set_firewall(o);
	if (rc >= 0)
		return rc;
	set_state(o, &r);
	o->socket =
	    xstrdup(either(r.socket, either(secure_getenv("MESHD_SOCKET"), DEFAULT_SOCKET)));
	o->socket_dir = dir_of(o->socket);
	o->tun = xstrdup(either(r.tun, either(secure_getenv("MESHD_TUN"), DEFAULT_TUN)));
	str_set(&o->aead, r.aead);
	str_set(&o->ca_file, either(secure_getenv("SSL_CERT_FILE"), NULL));
	o->port = (uint16_t)port;
	o->verbose = (int)verbose;
	str_set(&o->user, either(r.user, NULL));
	o->cleanup = r.cleanup;
	o->cleanup_dns = r.cleanup_dns;
	o->sandbox = r.sandbox;
	o->sandbox_log = r.sandbox_log;
	return -1;
}

void options_fini(struct options *o)
{
	free(o->state);
	free(o->state_dir);
	free(o->socket);
	free(o->socket_dir);
	free(o->tun);
	free(o->aead);
	free(o->ca_file);
	free(o->user);
}
