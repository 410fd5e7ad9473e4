/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/dial.h"

#include <stdio.h>
#include <string.h>

/* Past "scheme://"; -ERR_SYNTAX. */
static int take_scheme(struct span *url, bool *https)
{
	static const char tls[] = "https://", plain[] = "http://";
	*https = url->len >= strlen(tls) && memcmp(url->p, tls, strlen(tls)) == 0;
	const char *scheme = *https ? tls : plain;
	if (url->len < strlen(scheme) || memcmp(url->p, scheme, strlen(scheme)) != 0)
		return -ERR_SYNTAX;
	*url = span_from(*url, strlen(scheme));
	return 0;
}

/* host[:port] in front of a path, query or the end */
static struct span take_authority(struct span url)
{
	size_t n = 0;
	while (n < url.len && !strchr("/?#", url.p[n]))
		n++;
	return span_of(url.p, n);
}

static bool host_ok(struct span h)
{
	if (h.len == 0)
		return false;
	for (size_t i = 0; i < h.len; i++)
		if (h.p[i] <= ' ' || h.p[i] >= 0x7f || strchr("@\\\"'<>%[]{}|^`", h.p[i]))
			return false;
	return true;
}

/* host and the text after its colon, if there is one */
static int split_host(struct span a, struct span *host, struct span *port)
{
	const uint8_t *end;
	*port = span_of(NULL, 0);
	if (a.len && a.p[0] == '[') {
		end = memchr(a.p, ']', a.len);
		if (!end)
			return -ERR_SYNTAX;
		*host = span_of(a.p + 1, (size_t)(end - a.p) - 1);
		end++;
	} else {
		end = memchr(a.p, ':', a.len);
		if (!end)
			end = a.p + a.len;
		*host = span_of(a.p, (size_t)(end - a.p));
	}
	size_t left = (size_t)(a.p + a.len - end);
	if (left == 0)
		return 0;
	if (*end != ':')
		return -ERR_SYNTAX;
	*port = span_of(end + 1, left - 1);
	return 0;
}

/* A literal private or loopback address, or localhost: no TLS attempt is made there. */
static bool is_private_host(const char *host)
{
	struct ip ip;
	if (strcmp(host, "localhost") == 0)
		return true;
	return ip_decode(span_str(host), &ip) == 0 && (ip_is_private(ip) || ip_is_loopback(ip));
}

static void choose_ports(struct dial_target *t)
{
	if (t->https) {
		/* The reference knocks at port 80 too; TLS alone carries the same protocol, and a
		 * plain attempt only tells a network in between what is spoken here. */
		t->tls_port = t->port;
		return;
	}
	t->plain_port = t->port;
	t->tls_port = is_private_host(t->host) ? 0 : 443;
}

int dial_target_parse(const char *url, struct dial_target *out)
{
	struct span rest = span_str(url), host, port;
	struct dial_target t = { 0 };
	uint64_t number;
	if (take_scheme(&rest, &t.https))
		return -ERR_SYNTAX;
	struct span authority = take_authority(rest);
	if (authority.len >= sizeof(t.authority))
		return -ERR_TOOBIG;
	if (authority.len == 0 || split_host(authority, &host, &port) || !host_ok(host))
		return -ERR_SYNTAX;
	if (host.len >= sizeof(t.host))
		return -ERR_TOOBIG;
	t.has_port = port.p != NULL;
	t.port = t.https ? 443 : 80;
	if (t.has_port) {
		if (u64_decode(port, UINT16_MAX, &number) || number == 0)
			return -ERR_SYNTAX;
		t.port = (uint16_t)number;
	}
	memcpy(t.host, host.p, host.len);
	memcpy(t.authority, authority.p, authority.len);
	choose_ports(&t);
	*out = t;
	return 0;
}

struct dial_plan dial_plan_make(const struct dial_target *t, mono_t now, mono_t previous)
{
	struct dial_plan p = { MONO_NEVER, MONO_NEVER, mono_add_ms(now, DIAL_TIMEOUT_MS) };
	bool recent =
	    !mono_is_zero(previous) && mono_before(now, mono_add_s(previous, DIAL_TLS_ONLY_S));
	/* A network that breaks port 80 after the upgrade would do so again: TLS goes first then.
	 * Plain follows all the same, as a server may well have nothing behind port 443. */
	bool tls_first = t->tls_port && (recent || !t->plain_port);
	mono_t later = mono_add_ms(now, DIAL_STAGGER_MS);
	if (t->plain_port)
		p.plain_at = tls_first ? later : now;
	if (t->tls_port)
		p.tls_at = tls_first ? now : later;
	return p;
}
