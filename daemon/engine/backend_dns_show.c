/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people see of names: the base configuration, the state of things, and what is wrong. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/alloc.h"
#include "base/log.h"
#include "dns/fqdn.h"
#include "dns/upstream.h"

#include <stdio.h>
#include <string.h>

/* ---- as JSON ---- */

static json_t *servers_json(const struct dns_os_config *c)
{
	json_t *a = j_array();
	for (size_t i = 0; i < c->n_servers; i++) {
		char text[DNS_SERVER_TEXT_MAX];
		j_add_str(a, dns_server_encode(&c->servers[i], text));
	}
	return a;
}

static json_t *names_json(char *const *v, size_t n)
{
	json_t *a = j_array();
	for (size_t i = 0; i < n; i++)
		j_add_str(a, v[i]);
	return a;
}

static json_t *config_json(const struct dns_os_config *c)
{
	json_t *o = j_object();
	j_set(o, "Nameservers", servers_json(c));
	j_set(o, "SearchDomains", names_json(c->search, c->n_search));
	j_set(o, "MatchDomains", names_json(c->match, c->n_match));
	return o;
}

json_t *backend_dns_osconfig(struct backend *b, char **why)
{
	const struct osdns_status *s = osdns_status(b->dns->os);
	if (!s->known)
		*why = xstrdup("the system's DNS configuration is not known yet");
	else if (!s->has_base)
		*why = xstrdup("getting OS base config is not supported");
	else if (s->base_failed)
		*why = xasprintf("the system's DNS configuration cannot be read%s%s",
				 *s->warning ? ": " : "", s->warning);
	else
		return config_json(&s->base);
	return NULL;
}

json_t *dns_upstreams_json(const struct dns_upstreams *u)
{
	json_t *a = j_array();
	for (size_t i = 0; i < u->n; i++) {
		json_t *o = j_object();
		j_set_str(o, "Addr", u->v[i].addr);
		j_add(a, o);
	}
	return a;
}

static json_t *routes_json(const struct dns_result *r)
{
	json_t *a = j_array();
	for (size_t i = 0; i < r->n_routes; i++) {
		const struct dns_suffix_route *from = &r->routes[i];
		json_t *o = j_object();
		j_set_str(o, "Suffix", *from->suffix ? from->suffix : ".");
		j_set(o, "Resolvers", dns_upstreams_json(&from->to));
		j_add(a, o);
	}
	return a;
}

static json_t *verify_json(const struct dns_verify *v)
{
	static const char *const states[] = { "off", "waiting", "good", "bad" };
	char server[EP_TEXT_MAX];
	json_t *o = j_object();
	j_set_str(o, "State", states[v->state]);
	j_set_str(o, "Server", ep_is_set(v->server) ? ep_encode(v->server, server) : "");
	j_set_str(o, "Text", v->text);
	return o;
}

/* The order of its lines is that of the search. */
static json_t *trace_json(const char *trace)
{
	json_t *a = j_array();
	while (trace && *trace) {
		size_t n = strcspn(trace, "\n");
		j_add(a, j_string_span(span_of(trace, n)));
		trace += n + (trace[n] == '\n');
	}
	return a;
}

static const char *set_error(const struct osdns_status *s)
{
	if (s->set_rc == 0)
		return "";
	return *s->set_text ? s->set_text : err_text(s->set_rc);
}

static json_t *listeners_json(const struct backend_dns *d)
{
	json_t *a = j_array();
	for (size_t i = 0; i < 2; i++) {
		char text[EP_TEXT_MAX];
		uint16_t port = i ? d->b->ports.dns6 : d->b->ports.dns4;
		if (port)
			j_add_str(a, ep_encode((struct ep){ d->listen[i], port }, text));
	}
	return a;
}

json_t *backend_dns_debug(struct backend *b)
{
	const struct backend_dns *d = b->dns;
	const struct osdns_status *s = osdns_status(d->os);
	json_t *o = j_object();
	j_set_str(o, "Mode", s->known ? dns_os_mode_name(s->mode) : "");
	j_set_bool(o, "Split", s->split);
	j_set(o, "Trace", trace_json(s->trace));
	j_set_bool(o, "Active", d->active);
	j_set(o, "Installed", config_json(&d->installed));
	j_set(o, "Base", s->has_base ? config_json(&s->base) : NULL);
	j_set_str(o, "Error", set_error(s));
	j_set_str(o, "OverwrittenBy", s->overwritten_by);
	j_set_str(o, "Warning", s->warning);
	j_set(o, "Verify", verify_json(&d->verify));
	j_set(o, "Routes", routes_json(&d->result));
	j_set(o, "LocalZones", names_json(d->result.zones, d->result.n_zones));
	j_set_int(o, "Nodes", (int64_t)d->n_marks);
	j_set_int(o, "Records", (int64_t)d->plan.n_hosts);
	j_set_int(o, "TableBytes", d->table ? (int64_t)dns_local_bytes(d->table) : 0);
	j_set(o, "AskedOutside", names_json(d->outside, d->n_outside));
	/* Whom we ask ourselves for control and relays while the system asks us. */
	j_set(o, "Bootstrap", servers_json(&d->base));
	j_set(o, "TCPListeners", listeners_json(d));
	j_set_int(o, "ForwardedUDP", (int64_t)d->n_udp);
	j_set_int(o, "TCPQueries", (int64_t)d->n_tcp);
	j_set_int(o, "RefusedForRoom", (int64_t)d->n_refused);
	j_set_int(o, "InFlight", dns_forward_in_flight(d->forward));
	j_set_int(o, "InFlightMax", dns_forward_in_flight_max(d->forward));
	j_set_str(o, "Trouble", dns_forward_trouble(d->forward));
	return o;
}

/* ---- what is wrong ---- */

static void item(backend_item_fn *fn, void *arg, const char *code, const char *severity,
		 const char *title, bool impacts, const char *text)
{
	fn(arg, &(struct backend_item){ code, severity, title, text, impacts });
}

static void system_items(const struct backend_dns *d, backend_item_fn *fn, void *arg)
{
	const struct osdns_status *s = osdns_status(d->os);
	struct log_esc_buf esc;
	char text[DNS_TEXT_MAX];
	if (d->rc != 0) {
		snprintf(text, sizeof(text),
			 "The system's DNS configuration cannot be read, so it is left as it is; "
			 "names of this network may not resolve.%s%s",
			 *s->warning ? " " : "", log_esc(span_str(s->warning), &esc));
		item(fn, arg, "dns-read-os-config-failed", "low",
		     "Unable to read system DNS configuration", false, text);
	}
	if (s->set_rc != 0 && !dns_os_config_is_empty(&d->installed)) {
		snprintf(text, sizeof(text),
			 "The system's DNS configuration could not be set (%s): %s. See: meshctl "
			 "dns status",
			 dns_os_mode_name(s->mode),
			 log_esc(span_str(set_error(s)), &esc));
		item(fn, arg, "dns-set-os-config-failed", "medium",
		     "Unable to set system DNS configuration", true, text);
	}
	if (*s->overwritten_by)
		item(fn, arg, "resolv-conf-overwritten", "medium", "DNS configuration overwritten",
		     true, log_esc(span_str(s->overwritten_by), &esc));
	if (*s->warning && d->rc == 0)
		item(fn, arg, "dns-manager", "medium", "DNS manager is wired wrongly", false,
		     log_esc(span_str(s->warning), &esc));
	if (d->verify.state == VERIFY_BAD)
		item(fn, arg, "dns-not-in-effect", "medium", "Names do not resolve", true,
		     log_esc(span_str(d->verify.text), &esc));
}

/* In one line why names cannot work here; nothing if they are not meant to. */
static void helper_item(const struct backend_dns *d, backend_item_fn *fn, void *arg)
{
	const struct osdns_status *s = osdns_status(d->os);
	if (d->b->no_tun || !s->known || s->mode != DNS_OS_NONE || *s->warning ||
	    dns_os_config_is_empty(&d->result.os))
		return;
	item(fn, arg, "dns-manager", "low", "MagicDNS is not set up", false,
	     "MagicDNS does not work on this machine: its DNS configuration is left alone, as "
	     "meshd has no right or no way to change it; ask 100.100.100.100 directly, or run "
	     "meshd as root.");
}

static void local_item(const struct backend *b, backend_item_fn *fn, void *arg)
{
	char suffix[DNS_FQDN_MAX + 3], text[DNS_TEXT_MAX];
	struct log_esc_buf esc;
	netmap_dns_suffix(b->nm, suffix, sizeof(suffix));
	size_t n = strlen(suffix);
	bool local = strcasecmp(suffix, "local") == 0 ||
		     (n > 6 && strcasecmp(suffix + n - 6, ".local") == 0);
	if (!local || !b->nm->dns.proxied)
		return;
	snprintf(text, sizeof(text),
		 "This network's domain %s ends in .local, which belongs to multicast DNS: many "
		 "systems will not ask for its names. Ask who runs the coordination server for "
		 "another domain.",
		 log_esc(span_str(suffix), &esc));
	item(fn, arg, "dns-local-domain", "low", "Domain belongs to multicast DNS", false, text);
}

static void left_out_item(const struct backend *b, backend_item_fn *fn, void *arg)
{
	char text[DNS_TEXT_MAX];
	if (!b->nm->dns.left_out)
		return;
	snprintf(text, sizeof(text),
		 "The coordination server sends more DNS settings than this version keeps: %zu "
		 "records, routes or domains are left out and do not resolve.",
		 b->nm->dns.left_out);
	item(fn, arg, "dns-left-out", "medium", "Too many DNS settings", false, text);
}

/* A system that was to be as before and is not resolves nothing once we are down. */
void backend_dns_kept_item(struct backend *b, backend_item_fn *fn, void *arg)
{
	const struct backend_dns *d = b->dns;
	const struct osdns_status *s = d ? osdns_status(d->os) : NULL;
	struct log_esc_buf esc;
	char text[DNS_TEXT_MAX];
	if (!s || s->set_rc == 0 || !dns_os_config_is_empty(&d->installed))
		return;
	snprintf(text, sizeof(text),
		 "Names of this machine may still be asked of meshd, because its own DNS "
		 "configuration could not be put back (%s): %s",
		 dns_os_mode_name(s->mode), log_esc(span_str(set_error(s)), &esc));
	item(fn, arg, "dns-set-os-config-failed", "high",
	     "Unable to put back the system DNS configuration", true, text);
}

void backend_dns_items(struct backend *b, backend_item_fn *fn, void *arg)
{
	struct backend_dns *d = b->dns;
	struct log_esc_buf esc;
	if (!d || !d->active || !b->prefs.corp_dns)
		return;
	system_items(d, fn, arg);
	helper_item(d, fn, arg);
	if (b->nm) {
		local_item(b, fn, arg);
		left_out_item(b, fn, arg);
	}
	const char *trouble = dns_forward_trouble(d->forward);
	if (*trouble)
		item(fn, arg, "dns-forward-failing", "medium", "DNS unavailable", true,
		     log_esc(span_str(trouble), &esc));
}
