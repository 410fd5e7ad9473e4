/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/upstream.h"

#include "base/alloc.h"
#include "dns/msg.h"

#include <stdlib.h>

enum {
	KNOWN_DELAY_MS = 500, /* plain DNS, where HTTPS has been asked first */
	NEXT_DELAY_MS = 200,  /* further addresses of the same provider and family */
	PROFILE_MAX = 12,     /* bytes of a NextDNS profile */
};

static const struct doh_provider {
	const char *url;
	const char *ips[DNS_DOH_ADDRS_MAX];
} providers[] = {
	{ "https://adblock.dns.mullvad.net/dns-query", { "194.242.2.3", "2a07:e340::3" } },
	{ "https://all.dns.mullvad.net/dns-query", { "194.242.2.9", "2a07:e340::9" } },
	{ "https://base.dns.mullvad.net/dns-query", { "194.242.2.4", "2a07:e340::4" } },
	{ "https://cloudflare-dns.com/dns-query",
	  { "1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001" } },
	{ "https://dns.google/dns-query",
	  { "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844" } },
	{ "https://dns.mullvad.net/dns-query", { "194.242.2.2", "2a07:e340::2" } },
	{ "https://dns.quad9.net/dns-query",
	  { "9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9" } },
	{ "https://dns10.quad9.net/dns-query",
	  { "9.9.9.10", "149.112.112.10", "2620:fe::10", "2620:fe::fe:10" } },
	{ "https://dns11.quad9.net/dns-query",
	  { "9.9.9.11", "149.112.112.11", "2620:fe::11", "2620:fe::fe:11" } },
	{ "https://extended.dns.mullvad.net/dns-query", { "194.242.2.5", "2a07:e340::5" } },
	{ "https://family.canadianshield.cira.ca/dns-query",
	  { "149.112.121.30", "149.112.122.30", "2620:10a:80bb::30", "2620:10a:80bc::30" } },
	{ "https://family.cloudflare-dns.com/dns-query",
	  { "1.1.1.3", "1.0.0.3", "2606:4700:4700::1113", "2606:4700:4700::1003" } },
	{ "https://family.dns.mullvad.net/dns-query", { "194.242.2.6", "2a07:e340::6" } },
	{ "https://freedns.controld.com/family",
	  { "76.76.2.4", "76.76.10.4", "2606:1a40::4", "2606:1a40:1::4" } },
	{ "https://freedns.controld.com/p0",
	  { "76.76.2.0", "76.76.10.0", "2606:1a40::", "2606:1a40:1::" } },
	{ "https://freedns.controld.com/p1",
	  { "76.76.2.1", "76.76.10.1", "2606:1a40::1", "2606:1a40:1::1" } },
	{ "https://freedns.controld.com/p2",
	  { "76.76.2.2", "76.76.10.2", "2606:1a40::2", "2606:1a40:1::2" } },
	{ "https://freedns.controld.com/p3",
	  { "76.76.2.3", "76.76.10.3", "2606:1a40::3", "2606:1a40:1::3" } },
	{ "https://private.canadianshield.cira.ca/dns-query",
	  { "149.112.121.10", "149.112.122.10", "2620:10a:80bb::10", "2620:10a:80bc::10" } },
	{ "https://protected.canadianshield.cira.ca/dns-query",
	  { "149.112.121.20", "149.112.122.20", "2620:10a:80bb::20", "2620:10a:80bc::20" } },
	{ "https://security.cloudflare-dns.com/dns-query",
	  { "1.1.1.2", "1.0.0.2", "2606:4700:4700::1112", "2606:4700:4700::1002" } },
	{ "https://wikimedia-dns.org/dns-query", { "185.71.138.138", "2001:67c:930::1" } },
};

static const char nextdns[] = "https://dns.nextdns.io/";
static const char controld[] = "https://dns.controld.com/";

static struct ip ip_text(const char *text)
{
	struct ip ip = { 0 };

	return ip_decode(span_str(text), &ip) == 0 ? ip : (struct ip){ 0 };
}

static bool in_prefix(struct ip ip, const char *text)
{
	struct prefix p;

	return prefix_decode(span_str(text), &p) == 0 && prefix_contains(p, ip);
}

static bool is_nextdns6(struct ip ip)
{
	return in_prefix(ip, "2a07:a8c0::/33") || in_prefix(ip, "2a07:a8c1::/33");
}

bool dns_ip_is_doh_only(struct ip ip)
{
	static const char *const nets[] = { "45.90.28.0/24",	  "45.90.30.0/24",
					    "2606:1a40::/48",	  "2606:1a40:1::/48",
					    "76.76.2.22/32",	  "76.76.10.22/32",
					    "185.71.138.138/32", "2001:67c:930::1/128" };

	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		if (in_prefix(ip, nets[i]))
			return true;
	return is_nextdns6(ip);
}

/* ---- URL to addresses -------------------------------------------------------------------- */

static size_t ips_of(const char *const *texts, struct ip out[static DNS_DOH_ADDRS_MAX])
{
	size_t n = 0;

	while (n < DNS_DOH_ADDRS_MAX && texts[n]) {
		out[n] = ip_text(texts[n]);
		n++;
	}
	return n;
}

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* The profile is part of the IPv6 addresses. */
static size_t nextdns_addrs(const char *profile, struct ip out[static DNS_DOH_ADDRS_MAX])
{
	static const char *const fixed[DNS_DOH_ADDRS_MAX] = { "45.90.28.0", "45.90.30.0",
							      "2a07:a8c0::", "2a07:a8c1::" };
	size_t digits = strcspn(profile, "/?");
	uint8_t id[PROFILE_MAX];
	size_t len = digits / 2;

	if (digits == 0 || digits % 2 || len > sizeof(id) ||
	    hex_decode(span_of(profile, digits), id, len) < 0)
		return 0;
	(void)ips_of(fixed, out);
	for (size_t i = 2; i < DNS_DOH_ADDRS_MAX; i++)
		memcpy(out[i].b + 16 - len, id, len);
	return DNS_DOH_ADDRS_MAX;
}

size_t dns_doh_addrs(const char *url, struct ip out[static DNS_DOH_ADDRS_MAX])
{
	static const char *const control[DNS_DOH_ADDRS_MAX] = { "76.76.2.22", "76.76.10.22",
								"2606:1a40::22",
								"2606:1a40:1::22" };

	for (size_t i = 0; i < ARRAY_LEN(providers); i++)
		if (strcmp(providers[i].url, url) == 0)
			return ips_of(providers[i].ips, out);
	if (starts(url, nextdns))
		return nextdns_addrs(url + strlen(nextdns), out);
	if (starts(url, controld))
		return ips_of(control, out);
	return 0;
}

/* ---- address to URL ---------------------------------------------------------------------- */

static void nextdns_url(struct ip ip, char url[static DNS_DOH_URL_MAX])
{
	struct wr w = wr_init(mspan_of(url, DNS_DOH_URL_MAX));
	size_t i = 16 - PROFILE_MAX;
	char digits[2 * PROFILE_MAX + 1];

	while (i < 16 && ip.b[i] == 0)
		i++;
	hex_encode(span_of(ip.b + i, 16 - i), digits);
	wr_str(&w, nextdns);
	wr_str(&w, digits);
	wr_u8(&w, '\0');
}

bool dns_doh_from_ip(struct ip ip, char url[static DNS_DOH_URL_MAX], bool *only)
{
	*only = is_nextdns6(ip);
	if (*only) {
		nextdns_url(ip, url);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
		for (size_t k = 0; k < DNS_DOH_ADDRS_MAX && providers[i].ips[k]; k++) {
			struct wr w = wr_init(mspan_of(url, DNS_DOH_URL_MAX));

			if (!ip_eq(ip, ip_text(providers[i].ips[k])))
				continue;
			wr_str(&w, providers[i].url);
			wr_u8(&w, '\0');
			return wr_ok(&w);
		}
	}
	return false;
}

/* ---- what an address of the configuration means ------------------------------------------- */

/* "fe80::1%eth0"; the zone of any other address means nothing. */
static bool parse_scoped(const char *addr, struct dns_target *t)
{
	const char *zone = strchr(addr, '%');
	size_t len;

	if (!zone || ip_decode(span_of(addr, (size_t)(zone - addr)), &t->ep.ip) < 0)
		return false;
	len = strlen(++zone);
	if (t->ep.ip.fam != IP_V6 || len == 0 || len >= DNS_SCOPE_MAX || strpbrk(zone, "%/: "))
		return false;
	if (ip_is_link_local(t->ep.ip))
		memcpy(t->scope, zone, len + 1);
	return true;
}

static bool parse_plain(const char *addr, struct dns_target *t)
{
	t->ep.port = DNS_PORT;
	return ip_decode(span_str(addr), &t->ep.ip) == 0 || parse_scoped(addr, t) ||
	       (ep_decode(span_str(addr), &t->ep) == 0 && t->ep.port != 0);
}

/* The host must be an address: looking a name up would lead back to us. */
static bool parse_http(const char *addr, struct dns_target *t)
{
	const char *host = addr + strlen("http://");
	struct span s = span_of(host, strcspn(host, "/?#"));

	t->ep.port = 80;
	if (ep_decode(s, &t->ep) == 0)
		return t->ep.port != 0;
	if (s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		s = span_of(s.p + 1, s.len - 2);
	return ip_decode(s, &t->ep.ip) == 0;
}

static enum dns_upstream_kind kind_of(const char *addr, struct dns_target *t)
{
	if (starts(addr, "http://"))
		return parse_http(addr, t) ? DNS_UP_HTTP : DNS_UP_BAD;
	if (starts(addr, "https://")) {
		t->n_addrs = dns_doh_addrs(addr, t->addrs);
		return t->n_addrs ? DNS_UP_HTTPS : DNS_UP_BAD;
	}
	if (addr[0] == '\0' || addr[0] == 'h' || addr[0] == 't')
		return DNS_UP_BAD;
	return parse_plain(addr, t) ? DNS_UP_PLAIN : DNS_UP_BAD;
}

void dns_upstream_parse(const char *addr, struct dns_target *t)
{
	t->kind = kind_of(addr, t);
	if (t->kind == DNS_UP_BAD)
		return;
	if (t->kind != DNS_UP_HTTPS && ip_is_service(t->ep.ip))
		t->kind = DNS_UP_BAD; /* that would be asking ourselves */
	else if (t->kind != DNS_UP_PLAIN)
		t->url = xstrdup(addr);
}

void dns_target_fini(struct dns_target *t)
{
	free(t->url);
	*t = (struct dns_target){ 0 };
}

/* ---- schedule ----------------------------------------------------------------------------- */

struct schedule {
	struct dns_target *v;
	size_t n;
};

static bool has_url(const struct schedule *s, const char *url)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].url && strcmp(s->v[i].url, url) == 0)
			return true;
	return false;
}

/* t is taken. */
static void add(struct schedule *s, struct dns_target *t)
{
	if (s->n < DNS_GROUP_MAX && !(t->url && has_url(s, t->url)))
		s->v[s->n++] = *t;
	else
		dns_target_fini(t);
}

/* A well-known resolver, at the port where it is one. */
static bool well_known(const struct dns_target *t, char url[static DNS_DOH_URL_MAX], bool *only)
{
	return t->kind == DNS_UP_PLAIN && t->ep.port == DNS_PORT &&
	       dns_doh_from_ip(t->ep.ip, url, only);
}

static void add_provider(struct schedule *s, const struct dns_target *plain)
{
	char url[DNS_DOH_URL_MAX];
	struct dns_target t = { 0 };
	bool only;

	if (!well_known(plain, url, &only) || has_url(s, url))
		return;
	dns_upstream_parse(url, &t);
	if (t.kind == DNS_UP_HTTPS)
		add(s, &t);
}

/* Another address of its provider and family stands before it. */
static bool follows_sibling(const struct schedule *s, const struct dns_target *t, const char *url)
{
	char other[DNS_DOH_URL_MAX];
	bool only;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].ep.ip.fam == t->ep.ip.fam && well_known(&s->v[i], other, &only) &&
		    strcmp(url, other) == 0)
			return true;
	return false;
}

/* t is taken. */
static void add_listed(struct schedule *s, struct dns_target *t)
{
	char url[DNS_DOH_URL_MAX];
	bool only = false;

	if (!well_known(t, url, &only)) {
		add(s, t);
		return;
	}
	if (only) {
		dns_target_fini(t);
		return;
	}
	t->delay_ms = KNOWN_DELAY_MS + (follows_sibling(s, t, url) ? NEXT_DELAY_MS : 0);
	add(s, t);
}

size_t dns_schedule(const struct dns_upstreams *ups, struct dns_target out[static DNS_GROUP_MAX],
		    size_t *bad)
{
	struct schedule s = { out, 0 };

	*bad = 0;
	for (size_t i = 0; i < ups->n; i++) {
		struct dns_target t = { 0 };

		dns_upstream_parse(ups->v[i].addr, &t);
		add_provider(&s, &t);
		*bad += t.kind == DNS_UP_BAD;
		dns_target_fini(&t);
	}
	for (size_t i = 0; i < ups->n; i++) {
		struct dns_target t = { 0 };

		dns_upstream_parse(ups->v[i].addr, &t);
		if (t.kind != DNS_UP_BAD)
			add_listed(&s, &t);
	}
	return s.n;
}
