/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dns_text.h"

#include "base/alloc.h"
#include "cli/text.h"

#include <stdlib.h>

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

void dns_resolver_text(struct buf *out, const json_t *v)
{
	const json_t *bootstrap = j_get(v, "BootstrapResolution");
	text_clean(out, j_text(v) ? j_text(v) : text_of(v, "Addr"));
	if (!j_len(bootstrap))
		return;
	buf_add_str(out, " (bootstrap: [");
	for (size_t i = 0; i < j_len(bootstrap); i++) {
		const char *s = j_text(j_at(bootstrap, i));
		buf_add_str(out, i ? " " : "");
		text_clean(out, s ? s : "");
	}
	buf_add_str(out, "])");
}

/* Returns whether the list had any. */
static bool add_items(struct buf *out, const json_t *list, bool numbered)
{
	for (size_t i = 0; i < j_len(list); i++) {
		if (numbered)
			buf_fmt(out, "  %zu: ", i);
		else
			buf_add_str(out, "  - ");
		dns_resolver_text(out, j_at(list, i));
		buf_add_str(out, "\n");
	}
	return j_len(list) > 0;
}

/* title, items or the sentence for none, blank line */
static void add_section(struct buf *out, const char *title, const json_t *list, const char *none)
{
	buf_fmt(out, "%s\n", title);
	if (!add_items(out, list, false))
		buf_fmt(out, "  %s\n", none);
	buf_add_str(out, "\n");
}

/* ---- use of the resolver ---- */

static void add_use(const struct dns_view *v, struct buf *out)
{
	bool on = j_bool(v->prefs, "CorpDNS", false);
	buf_add_str(out, "\n=== 'Use Tailscale DNS' status ===\n\n");
	if (on)
		buf_add_str(
		    out,
		    "Tailscale DNS: enabled.\n\n"
		    "Tailscale is configured to handle DNS queries on this device.\n"
		    "Run 'meshctl set --accept-dns=false' to revert to your system default DNS "
		    "resolver.\n\n");
	else
		buf_add_str(
		    out, "Tailscale DNS: disabled.\n\n"
			 "(Run 'meshctl set --accept-dns=true' to start sending DNS queries to the "
			 "Tailscale DNS resolver)\n\n");
	buf_add_str(out, "=== MagicDNS configuration ===\n\n"
			 "This is the DNS configuration provided by the coordination server to "
			 "this device.\n\n");
}

static void add_magic(const struct dns_view *v, struct buf *out)
{
	const json_t *tailnet = j_get(v->status, "CurrentTailnet");
	const char *name = text_of(j_get(v->status, "Self"), "DNSName");
	if (!j_bool(tailnet, "MagicDNSEnabled", false)) {
		buf_add_str(out, "MagicDNS: disabled tailnet-wide.\n\n");
		return;
	}
	char *fqdn = xstrdup(name);
	size_t n = strlen(fqdn);
	if (n && fqdn[n - 1] == '.')
		fqdn[n - 1] = '\0';
	buf_add_str(out, "MagicDNS: enabled tailnet-wide (suffix = ");
	text_clean(out, text_of(tailnet, "MagicDNSSuffix"));
	buf_add_str(out, ")\n\nOther devices in your tailnet can reach this device at ");
	text_clean(out, fqdn);
	buf_add_str(out, ".\n\n");
	free(fqdn);
}

/* ---- what control sent ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* New. */
static json_t *sorted_texts(const json_t *list)
{
	size_t n = 0;
	const char **v = xcalloc(j_len(list) + 1, sizeof(*v));
	json_t *out = j_array();
	for (size_t i = 0; i < j_len(list); i++)
		if (j_text(j_at(list, i)))
			v[n++] = j_text(j_at(list, i));
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		j_add_str(out, v[i]);
	free(v);
	return out;
}

#define ROUTE_WIDTH 30
#define RECORD_WIDTH 50

static void add_route(struct buf *out, const char *suffix, const json_t *resolver)
{
	char *clean = text_clean_new(suffix);
	buf_fmt(out, "  - %-*s -> ", ROUTE_WIDTH, clean);
	dns_resolver_text(out, resolver);
	buf_add_str(out, "\n");
	free(clean);
}

static void add_routes(const json_t *config, struct buf *out)
{
	json_t *routes = j_get(config, "Routes");
	buf_add_str(out, "Split DNS Routes:\n");
	if (!j_len(routes))
		buf_add_str(out, "  (no routes configured: split DNS disabled)\n");
	for (void *it = j_is_object(routes) ? j_iter(routes) : NULL; it;
	     it = j_iter_next(routes, it)) {
		const json_t *resolvers = j_iter_value(it);
		for (size_t i = 0; i < j_len(resolvers); i++)
			add_route(out, j_iter_key(it), j_at(resolvers, i));
	}
	buf_add_str(out, "\n");
}

static void add_record(struct buf *out, const json_t *r)
{
	char *type = text_clean_new(text_of(r, "Type")), *name = text_clean_new(text_of(r, "Name"));
	buf_add_str(out, "  - ");
	if (*type)
		buf_fmt(out, "[%s] ", type);
	buf_fmt(out, "%-*s -> ", RECORD_WIDTH, name);
	text_clean(out, text_of(r, "Value"));
	buf_add_str(out, "\n");
	free(type);
	free(name);
}

static void add_records(const json_t *config, struct buf *out)
{
	const json_t *records = j_get(config, "ExtraRecords");
	buf_add_str(out, "Additional DNS Records:\n");
	if (!j_len(records))
		buf_add_str(out, "  (no extra records are configured)\n");
	for (size_t i = 0; i < j_len(records); i++)
		add_record(out, j_at(records, i));
	buf_add_str(out, "\n");
}

static void add_fallback(const json_t *config, struct buf *out)
{
	buf_add_str(out, "Fallback Resolvers:\n");
	if (!add_items(out, j_get(config, "FallbackResolvers"), true))
		buf_add_str(out, "  (no fallback resolvers configured)\n");
	buf_add_str(out, "\n");
}

static void add_config(const struct dns_view *v, struct buf *out)
{
	const json_t *c = v->config;
	add_section(out, "Resolvers (in preference order):", j_get(c, "Resolvers"),
		    "(no resolvers configured, system default will be used: see 'System DNS "
		    "configuration' below)");
	add_routes(c, out);
	if (v->all)
		add_fallback(c, out);
	json_t *search = sorted_texts(j_get(c, "Domains"));
	add_section(out, "Search Domains:", search, "(no search domains configured)");
	j_free(search);
	if (!v->all)
		return;
	add_section(out, "Nameservers IP Addresses:", j_get(c, "Nameservers"),
		    "(none were provided)");
	add_section(out, "Certificate Domains:", j_get(c, "CertDomains"),
		    "(no certificate domains are configured)");
	add_records(c, out);
	add_section(out, "Filtered suffixes when forwarding DNS queries as an exit node:",
		    j_get(c, "ExitNodeFilteredSet"), "(no suffixes are filtered)");
}

static void add_system(const struct dns_view *v, struct buf *out)
{
	const json_t *s = v->system;
	buf_add_str(
	    out,
	    "=== System DNS configuration ===\n\n"
	    "This is the DNS configuration that Tailscale believes your operating system is "
	    "using.\n"
	    "Tailscale may use this configuration if 'Override Local DNS' is disabled in the admin "
	    "console,\nor if no resolvers are provided by the coordination server.\n\n");
	if (!s) {
		buf_add_str(out, "(failed to get the system's configuration: ");
		text_clean(out, v->system_error ? v->system_error : "");
		buf_add_str(out, ")\n\n");
		return;
	}
	add_section(out, "Nameservers:", j_get(s, "Nameservers"),
		    "(no nameservers found, DNS queries might fail\nunless the coordination server "
		    "is providing "
		    "a nameserver)");
	add_section(out, "Search domains:", j_get(s, "SearchDomains"), "(no search domains found)");
	if (v->all)
		add_section(out, "Match domains:", j_get(s, "MatchDomains"),
			    "(no match domains found)");
}

static void add_mode(const struct dns_view *v, struct buf *out)
{
	if (!v->mode.dns)
		return;
	buf_add_str(out, "=== How this machine resolves names ===\n\n");
	dns_mode_text(&v->mode, out);
	buf_add_str(out, "\n");
}

void dns_status_text(const struct dns_view *v, struct buf *out)
{
	add_use(v, out);
	if (!j_get(v->status, "CurrentTailnet") || !v->config) {
		buf_add_str(
		    out,
		    "No tailnet information available; make sure you're logged in to a tailnet.\n");
		return;
	}
	add_magic(v, out);
	add_config(v, out);
	add_system(v, out);
	add_mode(v, out);
	buf_add_str(
	    out,
	    "[this is a preliminary version of this command; the output format may change in the "
	    "future]\n");
}

/* ---- JSON ---- */

static void copy_list(json_t *o, const char *to, const json_t *from, const char *name)
{
	json_t *v = j_get(from, name);
	if (j_len(v))
		j_set(o, to, j_copy(v));
}

static void set_if(json_t *o, const char *name, const char *value)
{
	if (*value)
		j_set_str(o, name, value);
}

static json_t *tailnet_json(const struct dns_view *v)
{
	const json_t *tailnet = j_get(v->status, "CurrentTailnet");
	json_t *o = j_object();
	j_set_bool(o, "MagicDNSEnabled", j_bool(tailnet, "MagicDNSEnabled", false));
	set_if(o, "MagicDNSSuffix", text_of(tailnet, "MagicDNSSuffix"));
	set_if(o, "SelfDNSName", text_of(j_get(v->status, "Self"), "DNSName"));
	return o;
}

/* Local zones, which have no servers, are left out. */
static json_t *routes_json(json_t *routes)
{
	json_t *o = j_object();
	for (void *it = j_iter(routes); it; it = j_iter_next(routes, it))
		if (j_len(j_iter_value(it)))
			j_set(o, j_iter_key(it), j_copy(j_iter_value(it)));
	return o;
}

static json_t *mode_json(const struct dns_mode_view *m)
{
	json_t *o = j_copy(m->dns);
	if (j_is_object(o) && m->probe != DNS_PROBE_NONE)
		j_set_bool(o, "ServiceAnswers", m->probe == DNS_PROBE_ANSWERS);
	return o;
}

json_t *dns_status_json(const struct dns_view *v)
{
	json_t *o = j_object();
	j_set_bool(o, "TailscaleDNS", j_bool(v->prefs, "CorpDNS", false));
	if (!j_get(v->status, "CurrentTailnet") || !v->config)
		return o;
	j_set(o, "CurrentTailnet", tailnet_json(v));
	copy_list(o, "Resolvers", v->config, "Resolvers");
	j_set(o, "SplitDNSRoutes", routes_json(j_get(v->config, "Routes")));
	copy_list(o, "FallbackResolvers", v->config, "FallbackResolvers");
	if (j_len(j_get(v->config, "Domains")))
		j_set(o, "SearchDomains", sorted_texts(j_get(v->config, "Domains")));
	copy_list(o, "Nameservers", v->config, "Nameservers");
	copy_list(o, "CertDomains", v->config, "CertDomains");
	copy_list(o, "ExtraRecords", v->config, "ExtraRecords");
	copy_list(o, "ExitNodeFilteredSet", v->config, "ExitNodeFilteredSet");
	if (v->system)
		j_set(o, "SystemDNS", j_copy(v->system));
	else
		j_set_str(o, "SystemDNSError", v->system_error ? v->system_error : "");
	if (v->mode.dns)
		j_set(o, "Meshd", mode_json(&v->mode));
	return o;
}
