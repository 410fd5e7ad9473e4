/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/dns_facts.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "daemon/control/dns_json.h"
#include "daemon/control/expiry.h"
#include "dns/fqdn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_SUBDOMAINS "dns-subdomain-resolve"
#define CAP_AAAA "magicdns-aaaa"
#define CAP_IPV4_ONLY "force-register-magicdns-ipv4-only"
#define EXIT_CAP_MIN 26 /* capability version from which on a peer resolves for others */

/* ---- the exit node ---------------------------------------------------------------------------- */

static bool resolves(const struct nm_node *n)
{
	return n->cap >= EXIT_CAP_MIN || nm_node_service_port(n, NM_SERVICE_PEERAPI_DNS) != 0;
}

/* A peer that tells no port cannot be asked, whatever its version (spec 2.7). */
const char *dns_facts_exit_doh(const struct nm_node *exit, bool have4, char out[static 96])
{
	char text[IP_TEXT_MAX];
	uint16_t port4 = nm_node_service_port(exit, NM_SERVICE_PEERAPI4);
	uint16_t port6 = nm_node_service_port(exit, NM_SERVICE_PEERAPI6);
	struct ip ip4 = nm_node_address(exit, IP_V4), ip6 = nm_node_address(exit, IP_V6);
	out[0] = '\0';
	if (!resolves(exit))
		return out;
	if (have4 && port4 && ip_is_set(ip4))
		snprintf(out, 96, "http://%s:%u/dns-query", ip_encode(ip4, text), port4);
	else if (port6 && ip_is_set(ip6))
		snprintf(out, 96, "http://[%s]:%u/dns-query", ip_encode(ip6, text), port6);
	return out;
}

static void take_exit(struct dns_facts *f, const struct nm_node *exit)
{
	const char *why;
	if (!(exit->flags & NM_WIREGUARD_ONLY)) {
		if (*dns_facts_exit_doh(exit, f->in.self4, f->exit_doh))
			f->in.exit_doh = f->exit_doh;
		return;
	}
	json_t *list = *exit->exit_dns ? j_parse(span_str(exit->exit_dns), 1u << 20, NULL) : NULL;
	if (list && dns_upstreams_from_json(list, &f->exit_resolvers, &why) == 0)
		f->in.exit_resolvers = &f->exit_resolvers;
	j_free(list);
}

/* ---- the plan's input ------------------------------------------------------------------------- */

void dns_facts_take(struct dns_facts *f, const struct netmap *nm, const struct prefs *p,
		    const struct exit_choice *exit, wall_t now)
{
	*f = (struct dns_facts){ 0 };
	f->in = (struct dns_plan_in){
		.config = &nm->dns,
		.self_name = nm->self->name,
		.self4 = ip_is_set(nm_node_address(nm->self, IP_V4)),
		.self6 = ip_is_set(nm_node_address(nm->self, IP_V6)),
		.key_expired = expiry_self(nm->self, now),
		.accept = p->corp_dns,
		.force_ipv4 = nm_node_cap(nm->self, CAP_IPV4_ONLY) != NULL,
		.exit_node = exit->wanted,
	};
	if (exit->wanted && exit->node)
		take_exit(f, exit->node);
}

void dns_facts_fini(struct dns_facts *f)
{
	dns_upstreams_fini(&f->exit_resolvers);
	*f = (struct dns_facts){ 0 };
}

/* ---- the table -------------------------------------------------------------------------------- */

struct table_in {
	struct dns_local_node *nodes;
	size_t n_nodes;
	struct ip *addrs;
	size_t n_addrs;
};

static void add_node(struct table_in *t, const struct nm_node *n)
{
	struct dns_local_node *to = &t->nodes[t->n_nodes++];
	*to = (struct dns_local_node){
		.name = n->name,
		.addrs = t->addrs + t->n_addrs,
		.n_addrs = n->n_addresses,
		.subdomains = nm_node_cap(n, CAP_SUBDOMAINS) != NULL,
	};
	for (uint32_t i = 0; i < n->n_addresses; i++)
		t->addrs[t->n_addrs++] = n->addresses[i].ip;
}

static void take_nodes(struct table_in *t, const struct netmap *nm)
{
	size_t n_addrs = nm->self->n_addresses;
	for (size_t i = 0; i < nm->n_peers; i++)
		n_addrs += nm->peers[i]->n_addresses;
	t->nodes = xcalloc(nm->n_peers + 1, sizeof(*t->nodes));
	t->addrs = xcalloc(n_addrs + 1, sizeof(*t->addrs));
	add_node(t, nm->self);
	for (size_t i = 0; i < nm->n_peers; i++)
		add_node(t, nm->peers[i]);
}

static const char *own_suffix(const struct netmap *nm, char out[static DNS_FQDN_MAX + 1])
{
	char self[DNS_FQDN_MAX + 1];
	const char *dot = NULL;
	if (dns_fqdn_clean(nm->self->name, self) == 0)
		dot = strchr(self, '.');
	snprintf(out, DNS_FQDN_MAX + 1, "%s", dot ? dot + 1 : "");
	return out;
}

struct dns_local *dns_facts_local(const struct netmap *nm, const struct dns_plan *p,
				  const struct dns_result *r, const char *const *outside,
				  size_t n_outside)
{
	struct table_in t = { 0 };
	char suffix[DNS_FQDN_MAX + 1];
	struct dns_local_record *records = xcalloc(p->n_hosts + 1, sizeof(*records));
	for (size_t i = 0; i < p->n_hosts; i++)
		records[i] = (struct dns_local_record){ p->hosts[i].name, p->hosts[i].addr };
	take_nodes(&t, nm);
	struct dns_local_in in = {
		.nodes = t.nodes,
		.n_nodes = t.n_nodes,
		.records = records,
		.n_records = p->n_hosts,
		.zones = (const char *const *)r->zones,
		.n_zones = r->n_zones,
		.suffix = own_suffix(nm, suffix),
		.short_names = nm->dns.proxied,
		.only_v6 = !ip_is_set(nm_node_address(nm->self, IP_V4)) &&
			   ip_is_set(nm_node_address(nm->self, IP_V6)),
		.aaaa = nm_node_cap(nm->self, CAP_AAAA) != NULL,
		.outside = outside,
		.n_outside = n_outside,
	};
	struct dns_local *l = dns_local_new(&in);
	free(t.nodes);
	free(t.addrs);
	free(records);
	return l;
}

uint64_t dns_facts_mark(const struct nm_node *n)
{
	if (!n)
		return 0;
	uint64_t h = fnv1a(FNV1A_START, span_str(n->name));
	h = fnv1a_u8(h, nm_node_cap(n, CAP_SUBDOMAINS) != NULL);
	h = fnv1a_u8(h, nm_node_cap(n, CAP_AAAA) != NULL);
	for (uint32_t i = 0; i < n->n_addresses; i++)
		h = fnv1a(h, span_of(&n->addresses[i].ip, sizeof(struct ip)));
	return h ? h : 1;
}
