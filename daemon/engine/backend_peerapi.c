/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the peer API may tell whom, and names resolved for peers that use us as exit node. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/engine/backend_priv.h"
#include "daemon/engine/exit_dns.h"
#include "daemon/peerapi/peerapi.h"
#include "dns/forward.h"
#include "dns/resolvconf_io.h"
#include "dns/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ETC_RESOLV_CONF "/etc/resolv.conf"
#define ANSWER_MS 5000
#define ERROR_MAX (DNS_HEADER_LEN + DNS_WIRE_NAME_MAX + 4)

/* A question of a peer. */
struct peerapi_ask {
	struct dns_ask *ask;	   /* NULL: the answer is in error, or there is none */
	struct loop_timer give_up; /* or, with an answer that is known at once, give it */
	int err;
	uint8_t error[ERROR_MAX];
	size_t error_len;
	peerapi_dns_fn *fn;
	void *arg;
};

struct backend_peerapi {
	struct peerapi *server;
	char name[NM_STRING_MAX]; /* of whois' last answer */
	/* the first server of resolv.conf as last read */
	struct stat seen;
	bool have_server;
	struct dns_server server0;
};

/* ---- who asks ---------------------------------------------------------------------------------
 */

/* As we see it: without the suffix that both have. */
static const char *name_of(struct backend *b, const struct nm_node *n)
{
	char suffix[256];
	char *out = b->peerapi->name;
	size_t len = strlen(n->name), tail;
	if (len && n->name[len - 1] == '.')
		len--;
	snprintf(out, sizeof(b->peerapi->name), "%.*s", (int)len, n->name);
	netmap_dns_suffix(b->nm, suffix, sizeof(suffix));
	tail = strlen(suffix);
	if (tail && len > tail + 1 && out[len - tail - 1] == '.' &&
	    strcmp(out + len - tail, suffix) == 0)
		out[len - tail - 1] = '\0';
	return out;
}

static bool offers_resolving(const struct prefs *p)
{
	return prefs_advertises_exit_node(p) || p->app_connector;
}

static bool may_resolve(struct backend *b, const struct nm_node *peer, struct ip from)
{
	if (exit_dns_same_user(b->nm->self, peer))
		return true;
	return offers_resolving(&b->prefs) && !(peer->flags & NM_JAILED) &&
	       node_allows_tcp(b->node, from, exit_dns_probe(from));
}

static bool whois(void *arg, struct ip from, struct peerapi_peer *out)
{
	struct backend *b = arg;
	const struct nm_node *n = b->nm ? netmap_peer_by_address(b->nm, from) : NULL;
	if (!n)
		return false;
	const struct nm_user *u = netmap_user(b->nm, n->user);
	*out = (struct peerapi_peer){
		.id = n->id,
		.name = name_of(b, n),
		.owner = u ? u->display : "",
		.same_user = exit_dns_same_user(b->nm->self, n),
		.may_resolve = may_resolve(b, n, from),
		.knows4 = n->masq_v4,
		.knows6 = n->masq_v6,
	};
	return true;
}

/* ---- whom we ask for them ----------------------------------------------------------------------
 */

/* The file is looked at with each question, and read when it is another. */
static void look_at_resolv_conf(struct backend_peerapi *p)
{
	struct stat st;
	if (stat(ETC_RESOLV_CONF, &st) != 0 || !S_ISREG(st.st_mode)) {
		p->have_server = false;
		memset(&p->seen, 0, sizeof(p->seen));
		return;
	}
	if (st.st_ino == p->seen.st_ino && st.st_size == p->seen.st_size &&
	    memcmp(&st.st_mtim, &p->seen.st_mtim, sizeof(st.st_mtim)) == 0)
		return;
	struct resolvconf rc = { 0 };
	bool ok = resolvconf_read(ETC_RESOLV_CONF, &rc) == 0;
	p->have_server = ok && rc.config.n_servers;
	if (p->have_server)
		p->server0 = rc.config.servers[0];
	if (ok)
		p->seen = st;
	resolvconf_fini(&rc);
}

/* What a program on this host would ask first. Where the file cannot be read, what the helper says
 * that it would ask without us. */
static const struct dns_server *first_server(struct backend *b)
{
	struct backend_peerapi *p = b->peerapi;
	look_at_resolv_conf(p);
	if (p->have_server)
		return &p->server0;
	const struct dns_os_config *base = backend_dns_base(b);
	return base && base->n_servers ? &base->servers[0] : NULL;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void end_ask(struct peerapi_ask *a)
{
	loop_timer_cancel(&a->give_up);
	free(a);
}

static void finish(struct peerapi_ask *a, int err, struct span reply)
{
	peerapi_dns_fn *fn = a->fn;
	void *arg = a->arg;
	a->ask = NULL;
	loop_timer_cancel(&a->give_up);
	fn(arg, err, reply);
	end_ask(a);
}

static void on_reply(void *arg, struct span reply)
{
	finish(arg, reply.len ? 0 : -ERR_TIMEOUT, reply);
}

static void on_time(struct loop_timer *t, mono_t now)
{
	struct peerapi_ask *a = t->arg;
	(void)now;
	dns_ask_cancel(a->ask);
	if (a->error_len)
		finish(a, 0, span_of(a->error, a->error_len));
	else
		finish(a, a->err, span_of(NULL, 0));
}

/* Known at once, but never given from inside a call. */
static void answer_error(struct peerapi_ask *a, const struct dns_query *q, enum dns_rcode code)
{
	a->error_len = dns_error_build(q, 0, code, mspan_of(a->error, sizeof(a->error)));
	loop_timer_arm_ms(&a->give_up, 0);
}

static void fail(struct peerapi_ask *a, int err)
{
	a->err = err;
	loop_timer_arm_ms(&a->give_up, 0);
}

static struct dns_ask *ask_server(struct dns_forward *f, const struct dns_server *s,
				  const struct dns_query *q, struct span msg,
				  const struct dns_client *who, struct peerapi_ask *a)
{
	char addr[DNS_SERVER_TEXT_MAX];
	dns_server_encode(s, addr);
	struct dns_upstream one = { .addr = addr };
	struct dns_upstreams via = { &one, 1 };
	return dns_forward_ask_via(f, &via, q, msg, who, on_reply, a);
}

/* Never the names that we answer ourselves: what is asked is what a program on this host would
 * learn from others. */
static void resolve(struct backend *b, struct peerapi_ask *a, const struct dns_query *q,
		    struct span msg, struct ip from)
{
	char suffix[256] = "";
	struct dns_forward *f = backend_dns_forward(b);
	const struct dns_client who = { .from = from };
	const struct dns_server *s = first_server(b);
	if (!s) {
		LOG_LIMITED(60, LOG_WARN,
			    "peerapi: no name server in " ETC_RESOLV_CONF
			    ": peers that use this exit node get no names");
		fail(a, -ERR_NOENT);
		return;
	}
	loop_timer_arm_ms(&a->give_up, ANSWER_MS);
	a->err = -ERR_TIMEOUT;
	if (!ip_is_service(s->ip)) {
		a->ask = ask_server(f, s, q, msg, &who, a);
	} else {
		if (b->nm->dns.proxied)
			netmap_dns_suffix(b->nm, suffix, sizeof(suffix));
		if (exit_dns_is_local(&b->nm->dns, suffix, q->name)) {
			answer_error(a, q, DNS_SERVFAIL);
			return;
		}
		a->ask = dns_forward_ask(f, q, msg, &who, on_reply, a);
	}
	if (!a->ask)
		fail(a, -ERR_FULL);
}

static struct peerapi_ask *dns(void *arg, struct ip from, struct span msg, peerapi_dns_fn *fn,
			       void *fn_arg)
{
	struct backend *b = arg;
	if (!b->nm || !backend_dns_forward(b))
		return NULL;
	struct peerapi_ask *a = xcalloc(1, sizeof(*a));
	struct dns_query q;
	a->fn = fn;
	a->arg = fn_arg;
	loop_timer_init(b->loop, &a->give_up, on_time, a);
	int rc = dns_query_parse(msg, &q);
	if (rc == -ERR_SYNTAX)
		answer_error(a, &q, DNS_FORMERR);
	else if (rc == -ERR_UNSUPPORTED)
		answer_error(a, &q, DNS_NOTIMP);
	else if (rc)
		fail(a, -ERR_SYNTAX);
	else if (exit_dns_is_filtered(&b->nm->dns, q.name))
		answer_error(a, &q, DNS_REFUSED);
	else
		resolve(b, a, &q, msg, from);
	return a;
}

static void dns_cancel(struct peerapi_ask *a)
{
	dns_ask_cancel(a->ask);
	end_ask(a);
}

/* ---- life ---- */

static void on_ports(void *arg)
{
	struct backend *b = arg;
	b->ports.peerapi4 = peerapi_port(b->peerapi->server, IP_V4);
	b->ports.peerapi6 = peerapi_port(b->peerapi->server, IP_V6);
	node_set_ports(b->node, &b->ports);
	backend_tell_hostinfo(b);
}

void backend_peerapi_init(struct backend *b)
{
	static const struct peerapi_ops ops = { whois, dns, dns_cancel, on_ports };
	b->peerapi = xcalloc(1, sizeof(*b->peerapi));
	b->peerapi->server = peerapi_new(b->loop, b->tun_name, &ops, b);
}

void backend_peerapi_free(struct backend *b)
{
	if (!b->peerapi)
		return;
	peerapi_free(b->peerapi->server); /* cancels what is asked */
	free(b->peerapi);
	b->peerapi = NULL;
}

void backend_peerapi_apply(struct backend *b)
{
	struct ip own[PEERAPI_ADDRESSES_MAX];
	size_t n = 0;
	bool open = b->nm && !b->no_tun && node_is_up(b->node);
	const struct nm_node *self = open ? b->nm->self : NULL;
	for (size_t i = 0; self && i < self->n_addresses && n < ARRAY_LEN(own); i++)
		if (prefix_is_host(self->addresses[i]))
			own[n++] = self->addresses[i].ip;
	peerapi_set_addresses(b->peerapi->server, own, n);
}

size_t backend_peerapi_services(const struct backend *b, struct nm_service out[static 3])
{
	size_t n = 0;
	if (b->ports.peerapi4)
		out[n++] = (struct nm_service){ NM_SERVICE_PEERAPI4, b->ports.peerapi4 };
	if (b->ports.peerapi6)
		out[n++] = (struct nm_service){ NM_SERVICE_PEERAPI6, b->ports.peerapi6 };
	if (n)
		out[n++] = (struct nm_service){ NM_SERVICE_PEERAPI_DNS, 1 };
	return n;
}
