/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/peerapi/rules.h"

#include "base/ip.h"

#include <stdio.h>
#include <strings.h>

#define DNS_PATH "/dns-query"
#define BROWSER_SPACES 3 /* in a User-Agent: programs of the tailnet have fewer */

/* ---- ports ---- */

/* CRC-32 (IEEE 802.3), bit by bit: three bytes, once an address. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

uint16_t peerapi_port_of(struct ip own, unsigned attempt)
{
	uint8_t all[16];
	ip_to_16(own, all);
	uint8_t tail[3] = { (uint8_t)(all[13] + attempt), all[14], all[15] };
	return (uint16_t)(crc32_of(tail, sizeof(tail)) | 0x8000);
}

/* ---- who asks ---- */

static bool has_token(const char *list, const char *token)
{
	size_t len = strlen(token);
	for (const char *p = list; *p; p += strcspn(p, ",")) {
		p += strspn(p, ", \t");
		if (strncasecmp(p, token, len) == 0 && strchr(",; \t", p[len]))
			return true;
	}
	return false;
}

static size_t spaces(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == ' ';
	return n;
}

bool peerapi_is_browser(const struct peerapi_head *h)
{
	if (h->accept_encoding && has_token(h->accept_encoding, "deflate"))
		return true;
	if (h->user_agent && (strncmp(h->user_agent, "Mozilla/", strlen("Mozilla/")) == 0 ||
			      spaces(h->user_agent) >= BROWSER_SPACES))
		return true;
	return h->accept_language != NULL;
}

/* A name that somebody made to lead here is no Host of ours: only what cannot be a name is
 * (TS-2022-005). */
static bool host_is_ours(const char *host, const struct ip *own, size_t n_own)
{
	struct ep at;
	if (!host)
		return false;
	if (strcmp(host, "peer") == 0)
		return true;
	/* An IPv4 address in brackets is one that the decoder un-mapped. */
	if (ep_decode(span_str(host), &at) != 0 || (host[0] == '[') != (at.ip.fam == IP_V6))
		return false;
	for (size_t i = 0; i < n_own; i++)
		if (ip_eq(own[i], at.ip))
			return true;
	return false;
}

/* ---- what is asked ---- */

enum peerapi_path peerapi_path_of(const char *path)
{
	if (strcmp(path, "/") == 0)
		return PEERAPI_ROOT;
	return strncmp(path, DNS_PATH, strlen(DNS_PATH)) == 0 ? PEERAPI_DNS : PEERAPI_OTHER;
}

/* What other agents have and this one does not: the texts are those of a node whose policy or
 * settings do not allow it. */
static struct peerapi_refusal refuse_other(const char *path)
{
	static const char *const debug[] = { "/v0/goroutines", "/v0/env",    "/v0/metrics",
					     "/v0/magicsock",  "/v0/dnsfwd", "/v0/interfaces",
					     "/v0/sockstats",  "/v0/doctor" };
	for (size_t i = 0; i < sizeof(debug) / sizeof(*debug); i++)
		if (strcmp(path, debug[i]) == 0)
			return (struct peerapi_refusal){ 403, "denied; no debug access\n" };
	if (strcmp(path, "/v0/ingress") == 0)
		return (struct peerapi_refusal){ 403, "denied; no ingress cap\n" };
	if (strncmp(path, "/v0/put/", strlen("/v0/put/")) == 0)
		return (struct peerapi_refusal){ 500, "failed to get taildrop manager\n" };
	return (struct peerapi_refusal){ 404, "unsupported peerapi path\n" };
}

struct peerapi_refusal peerapi_check(const struct peerapi_head *h, const struct ip *own,
				     size_t n_own, bool may_resolve)
{
	if ((h->referer && *h->referer) || h->origin || !host_is_ours(h->host, own, n_own))
		return (struct peerapi_refusal){ 403, "invalid peerapi request\n" };
	switch (peerapi_path_of(h->path)) {
	case PEERAPI_ROOT:
		break;
	case PEERAPI_DNS:
		if (!may_resolve)
			return (struct peerapi_refusal){ 403, "DNS access denied\n" };
		break;
	case PEERAPI_OTHER:
		return refuse_other(h->path);
	}
	return (struct peerapi_refusal){ 0, NULL };
}

/* ---- the page ---- */

static void add_escaped(struct buf *out, const char *text)
{
	static const struct {
		char c;
		const char *html;
	} table[] = { { '<', "&lt;" },
		      { '>', "&gt;" },
		      { '&', "&amp;" },
		      { '\'', "&#39;" },
		      { '"', "&#34;" } };
	for (; *text; text++) {
		const char *html = NULL;
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
			if (table[i].c == *text)
				html = table[i].html;
		if (html)
			buf_add_str(out, html);
		else
			buf_add(out, text, 1);
	}
}

void peerapi_greeting(const char *owner, struct ip from, const char *name, bool same_user,
		      struct buf *out)
{
	char ip[IP_TEXT_MAX];
	buf_add_str(out, "<html>\n<meta name=\"viewport\" content=\"width=device-width, "
			 "initial-scale=1\">\n<body>\n<h1>Hello, ");
	add_escaped(out, owner);
	buf_fmt(out, " (%s)</h1>\nThis is my Tailscale device. Your device is ",
		ip_encode(from, ip));
	add_escaped(out, name);
	buf_add_str(out, ".\n");
	if (same_user)
		buf_add_str(out, "<p>You are the owner of this node.\n");
}
