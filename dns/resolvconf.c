/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/resolvconf.h"

#include "dns/fqdn.h"

#include <string.h>

/* Words by which others find the owner of the file (detect.h) must not be in it. */
#define MARKER "meshd-dns-7c1e4d93"
static const char header[] =
    "# Written by meshd: " MARKER "\n"
    "# Changes made here are lost. The file from before is " RESOLVCONF_BACKUP "; it comes\n"
    "# back with \"meshctl set --accept-dns=false\", \"meshctl down\" and when meshd stops.\n"
    "\n";

/* ---- lines and words ---------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span trim(struct span s)
{
	while (s.len && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The next line, without its newline; false at the end. */
static bool next_line(struct span *text, struct span *line)
{
	if (text->len == 0)
		return false;
	const uint8_t *nl = memchr(text->p, '\n', text->len);
	size_t n = nl ? (size_t)(nl - text->p) : text->len;
	*line = span_of(text->p, n);
	*text = span_from(*text, n + (nl != NULL));
	return true;
}

/* The next word; empty at the end. */
static struct span next_word(struct span *line)
{
	*line = trim(*line);
	size_t n = 0;
	while (n < line->len && !is_blank(line->p[n]))
		n++;
	struct span word = span_of(line->p, n);
	*line = span_from(*line, n);
	return word;
}

static struct span without_comment(struct span line)
{
	const uint8_t *hash = line.len ? memchr(line.p, '#', line.len) : NULL;
	if (hash)
		line.len = (size_t)(hash - line.p);
	return trim(line);
}

static bool starts_with(struct span s, const char *word)
{
	size_t n = strlen(word);
	return s.len >= n && memcmp(s.p, word, n) == 0;
}

/* ---- reading ------------------------------------------------------------------------ */

static int take_server(struct span rest, struct resolvconf *out)
{
	struct dns_server s = { 0 };
	struct span word = next_word(&rest);
	const uint8_t *percent = word.len ? memchr(word.p, '%', word.len) : NULL;
	struct span ip = word;
	if (percent) {
		struct span zone = span_from(word, (size_t)(percent - word.p) + 1);
		ip.len = (size_t)(percent - word.p);
		if (zone.len == 0 || zone.len >= sizeof(s.zone))
			return -ERR_SYNTAX;
		memcpy(s.zone, zone.p, zone.len);
	}
	if (ip_decode(ip, &s.ip) != 0)
		return -ERR_SYNTAX;
	/* Beyond the limit nobody asks them. */
	if (out->config.n_servers < DNS_SERVERS_MAX && !dns_os_config_add_server(&out->config, &s))
		return -ERR_SYNTAX;
	return trim(rest).len ? -ERR_SYNTAX : 0;
}

static int take_search(struct span rest, struct resolvconf *out)
{
	int rc = 0;
	for (struct span w; (w = next_word(&rest)).len;) {
		char raw[DNS_FQDN_MAX + 2], name[DNS_FQDN_MAX + 1];
		if (w.len >= sizeof(raw) || memchr(w.p, 0, w.len)) {
			rc = -ERR_SYNTAX;
			continue;
		}
		memcpy(raw, w.p, w.len);
		raw[w.len] = '\0';
		if (dns_fqdn_clean(raw, name) != 0)
			rc = -ERR_SYNTAX;
		else
			dns_os_config_add_search(&out->config, name);
	}
	return rc;
}

static bool option_ok(struct span w)
{
	for (size_t i = 0; i < w.len; i++)
		if (w.p[i] <= ' ' || w.p[i] >= 0x7f || w.p[i] == ';')
			return false;
	return true;
}

static void take_options(struct span rest, struct resolvconf *out)
{
	for (struct span w; (w = next_word(&rest)).len;) {
		size_t n = strlen(out->options);
		if (!option_ok(w) || n + w.len + 2 > sizeof(out->options))
			continue;
		if (n)
			out->options[n++] = ' ';
		memcpy(out->options + n, w.p, w.len);
		out->options[n + w.len] = '\0';
	}
}

/* A line of this keyword? Then rest is what follows; *rc: nothing does, or no blank between. */
static bool is_line(struct span line, const char *keyword, struct span *rest, int *rc)
{
	if (!starts_with(line, keyword))
		return false;
	*rest = span_from(line, strlen(keyword));
	*rc = rest->len == 0 || !is_blank(rest->p[0]) ? -ERR_SYNTAX : 0;
	return true;
}

static int take_line(struct span line, struct resolvconf *out)
{
	struct span rest;
	int rc;
	line = without_comment(line);
	if (is_line(line, "nameserver", &rest, &rc))
		return rc ? rc : take_server(rest, out);
	if (is_line(line, "search", &rest, &rc))
		return rc ? rc : take_search(rest, out);
	if (is_line(line, "options", &rest, &rc) && rc == 0)
		take_options(rest, out);
	return 0;
}

int resolvconf_parse(struct span text, struct resolvconf *out)
{
	int rc = 0;
	for (struct span line; next_line(&text, &line);)
		if (take_line(line, out) != 0)
			rc = -ERR_SYNTAX;
	return rc;
}

void resolvconf_fini(struct resolvconf *r)
{
	dns_os_config_fini(&r->config);
	*r = (struct resolvconf){ 0 };
}

void resolvconf_strip_ours(struct dns_os_config *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->n_servers; i++)
		if (!ip_is_service(c->servers[i].ip))
			c->servers[kept++] = c->servers[i];
	c->n_servers = kept;
}

void resolvconf_complete(struct dns_os_config *out, const struct dns_os_config *c,
			 const struct dns_os_config *base)
{
	dns_os_config_copy(out, c);
	for (size_t i = 0; c->n_servers == 0 && i < base->n_servers; i++)
		dns_os_config_add_server(out, &base->servers[i]);
}

/* ---- writing ------------------------------------------------------------------------ */

static void put_server(struct buf *out, const struct dns_server *s)
{
	char text[DNS_SERVER_TEXT_MAX];
	buf_fmt(out, "nameserver %s\n", dns_server_encode(s, text));
}

static bool name_ok(const char *name)
{
	for (const char *p = name; *p; p++)
		if ((uint8_t)*p <= ' ' || *p == 0x7f || *p == '#' || *p == ';')
			return false;
	return *name != '\0';
}

static void put_search(struct buf *out, const struct dns_os_config *c)
{
	bool any = false;
	for (size_t i = 0; i < c->n_search; i++) {
		if (!name_ok(c->search[i]))
			continue;
		buf_fmt(out, "%s %s", any ? "" : "search", c->search[i]);
		any = true;
	}
	if (any)
		buf_add_str(out, "\n");
}

void resolvconf_build_record(const struct dns_os_config *c, const char *options, struct buf *out)
{
	for (size_t i = 0; i < c->n_servers; i++)
		put_server(out, &c->servers[i]);
	put_search(out, c);
	if (*options)
		buf_fmt(out, "options %s\n", options);
}

void resolvconf_build(const struct dns_os_config *c, const char *options, struct buf *out)
{
	buf_add_str(out, header);
	resolvconf_build_record(c, options, out);
}

/* ---- whose it is -------------------------------------------------------------------- */

/* The next line of the comments that a file begins with. */
static bool next_comment(struct span *text, struct span *line)
{
	while (next_line(text, line)) {
		*line = trim(*line);
		if (line->len)
			return line->p[0] == '#';
	}
	return false;
}

static bool top_comment_has(struct span text, const char *words)
{
	for (struct span line; next_comment(&text, &line);)
		if (memmem(line.p, line.len, words, strlen(words)))
			return true;
	return false;
}

bool resolvconf_is_ours(struct span text)
{
	return top_comment_has(text, MARKER);
}

const char *resolvconf_agent(struct span text)
{
	return top_comment_has(text, "file generated by tailscale") ? "tailscale" : NULL;
}

void resolvconf_writer(struct span text, char out[static RESOLVCONF_WRITER_MAX])
{
	struct span line;
	size_t n = 0;
	bool found = false;
	while (!found && next_comment(&text, &line)) {
		while (line.len && (line.p[0] == '#' || is_blank(line.p[0])))
			line = span_from(line, 1);
		found = line.len != 0;
	}
	for (size_t i = 0; found && i < line.len && n + 1 < RESOLVCONF_WRITER_MAX; i++)
		out[n++] = line.p[i] >= ' ' && line.p[i] < 0x7f && line.p[i] != '"'
			       ? (char)line.p[i]
			       : '?';
	out[n] = '\0';
}
