/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proxy.h"
#include "base/ip.h"

#include <strings.h>

static bool is_loopback_host(const char *host)
{
	struct ip ip;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	return ip_decode(span_str(host), &ip) == 0 && ip_is_loopback(ip);
}

/* "example.com" and ".example.com" cover the name and everything below it. */
static bool domain_covers(struct span domain, struct span host)
{
	if (domain.len > 0 && domain.p[0] == '.')
		domain = span_from(domain, 1);
	if (domain.len == 0 || domain.len > host.len ||
	    strncasecmp((const char *)host.p + (host.len - domain.len), (const char *)domain.p,
			domain.len) != 0)
		return false;
	return domain.len == host.len || host.p[host.len - domain.len - 1] == '.';
}

static bool entry_covers(struct span entry, struct span host)
{
	struct prefix p;
	struct ip want, ip;

	if (span_eq_str(entry, "*"))
		return true;
	if (ip_decode(host, &ip) < 0)
		return domain_covers(entry, host);
	if (ip_decode(entry, &want) == 0)
		return ip_eq(want, ip);
	return prefix_decode(entry, &p) == 0 && prefix_contains(p, ip);
}

static bool is_excluded(const char *no, const char *host)
{
	static const char separators[] = ", \t";

	while (*no) {
		size_t n = strcspn(no, separators);

		if (n > 0 && entry_covers(span_of(no, n), span_str(host)))
			return true;
		no += n;
		no += strspn(no, separators);
	}
	return false;
}

const char *proxy_for(const struct proxy_env *env, bool tls, const char *host)
{
	const char *url = tls ? env->https : env->http;

	if (!url || !*url)
		url = env->all;
	if (!url || !*url || is_loopback_host(host))
		return NULL;
	if (env->no && is_excluded(env->no, host))
		return NULL;
	return url;
}
