/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/good_addrs.h"

#include <string.h>
#include <strings.h>

static size_t host_at(const struct good_addrs *g, const char *name)
{
	size_t i = 0;
	while (i < g->n && strcasecmp(g->v[i].name, name) != 0)
		i++;
	return i;
}

const struct good_host *good_addrs_find(const struct good_addrs *g, const char *name)
{
	size_t i = host_at(g, name);
	return i < g->n ? &g->v[i] : NULL;
}

/* To the front; the last one goes if there is no room. True: it was not there. */
static bool front_addr(struct good_host *h, struct ip ip)
{
	size_t i = 0;
	while (i < h->n && !ip_eq(h->addrs[i], ip))
		i++;
	bool is_new = i == h->n;
	if (is_new && h->n < GOOD_ADDRS_MAX)
		h->n++;
	else if (is_new)
		i--;
	memmove(h->addrs + 1, h->addrs, i * sizeof(*h->addrs));
	h->addrs[0] = ip;
	return is_new;
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);
	struct ip literal;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return n > 0 && n < GOOD_NAME_MAX && ip_decode(span_str(name), &literal) != 0;
}

bool good_addrs_note(struct good_addrs *g, const char *name, struct ip ip)
{
	size_t i = host_at(g, name);
	if (!ip_is_set(ip) || !name_ok(name))
		return false;
	struct good_host h = { .n = 0 };
	if (i < g->n) {
		h = g->v[i];
	} else {
		for (size_t k = 0; name[k]; k++)
			h.name[k] = (char)(name[k] >= 'A' && name[k] <= 'Z' ? name[k] - 'A' + 'a'
									       : name[k]);
		if (g->n < GOOD_HOSTS_MAX)
			g->n++;
		else
			i--;
	}
	bool changed = front_addr(&h, ip);
	memmove(g->v + 1, g->v, i * sizeof(*g->v));
	g->v[0] = h;
	return changed;
}

void good_addrs_encode(const struct good_addrs *g, struct buf *out)
{
	char ip[IP_TEXT_MAX];
	for (size_t i = 0; i < g->n; i++) {
		buf_fmt(out, "%s", g->v[i].name);
		for (size_t k = 0; k < g->v[i].n; k++)
			buf_fmt(out, " %s", ip_encode(g->v[i].addrs[k], ip));
		buf_fmt(out, "\n");
	}
}

/* The next word of the line; empty at its end. */
static struct span next_word(struct span *line)
{
	while (line->len && line->p[0] == ' ')
		*line = span_from(*line, 1);
	size_t n = 0;
	while (n < line->len && line->p[n] != ' ')
		n++;
	struct span word = span_of(line->p, n);
	*line = span_from(*line, n);
	return word;
}

static void decode_line(struct good_addrs *g, struct span line)
{
	char name[GOOD_NAME_MAX];
	struct span word = next_word(&line);
	struct ip addrs[GOOD_ADDRS_MAX];
	size_t n = 0;
	if (word.len == 0 || word.len >= sizeof(name) || memchr(word.p, '\0', word.len))
		return;
	memcpy(name, word.p, word.len);
	name[word.len] = '\0';
	while (n < GOOD_ADDRS_MAX && (word = next_word(&line)).len)
		if (ip_decode(word, &addrs[n]) == 0)
			n++;
	while (n)
		good_addrs_note(g, name, addrs[--n]);
}

void good_addrs_decode(struct good_addrs *g, struct span text)
{
	struct span lines[GOOD_HOSTS_MAX];
	size_t n = 0;
	*g = (struct good_addrs){ .n = 0 };
	while (text.len && n < GOOD_HOSTS_MAX) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		size_t len = end ? (size_t)(end - text.p) : text.len;
		lines[n++] = span_of(text.p, len);
		text = span_from(text, len + (end != NULL));
	}
	while (n) /* the latest comes last to stand first */
		decode_line(g, lines[--n]);
}
