/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/http1.h"

/* RFC 9110, 5.6.2 */
static bool is_tchar(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_tchar(s.p[i]))
			return false;
	return s.len > 0;
}

/* Visible, blank, tab or above ASCII: what a value or reason may hold (RFC 9110, 5.5) */
static bool is_text(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_visible(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return s.len > 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.len && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The part before the first c, which is skipped; everything if there is none. */
static struct span cut(struct span *s, char c, bool *found)
{
	const uint8_t *p = s->len ? memchr(s->p, c, s->len) : NULL;
	struct span part = p ? span_of(s->p, (size_t)(p - s->p)) : *s;
	*found = p != NULL;
	*s = span_from(*s, p ? part.len + 1 : part.len);
	return part;
}

/* "HTTP/1.x" */
static bool parse_version(struct span s, int *minor)
{
	if (s.len != 8 || memcmp(s.p, "HTTP/1.", 7) != 0 || s.p[7] < '0' || s.p[7] > '9')
		return false;
	*minor = s.p[7] - '0';
	return true;
}

static bool parse_request_line(struct span line, struct http1_head *h)
{
	bool one, two;
	h->method = cut(&line, ' ', &one);
	h->target = cut(&line, ' ', &two);
	return one && two && is_token(h->method) && is_visible(h->target) &&
	       parse_version(line, &h->minor);
}

static bool parse_status_line(struct span line, struct http1_head *h)
{
	bool found;
	uint64_t status;
	struct span version = cut(&line, ' ', &found);
	struct span code =
	    cut(&line, ' ', &found); /* some servers leave the reason out, blank and all */
	if (!parse_version(version, &h->minor) || code.len != 3 || u64_decode(code, 999, &status) ||
	    status < 100)
		return false;
	h->status = (int)status;
	return is_text(line);
}

static bool parse_header(struct span line, struct http1_header *out)
{
	bool found;
	out->name = cut(&line, ':', &found);
	out->value = trim(line);
	/* a blank before the name would be folding, one before the colon is forbidden (RFC 9112, 5)
	 */
	return found && is_token(out->name) && is_text(out->value);
}

/* One line without its CRLF: 0, -ERR_AGAIN, or -ERR_SYNTAX for a CR or LF elsewhere. */
static int take_line(struct span *in, struct span *line)
{
	bool whole;
	struct span rest = *in, s = cut(&rest, '\n', &whole);
	const uint8_t *cr = s.len ? memchr(s.p, '\r', s.len) : NULL;
	const uint8_t *last = s.len ? s.p + s.len - 1 : NULL;
	if (cr != last && (cr || whole))
		return -ERR_SYNTAX;
	if (!whole)
		return -ERR_AGAIN;
	if (!cr)
		return -ERR_SYNTAX;
	*line = span_of(s.p, s.len - 1);
	*in = rest;
	return 0;
}

static int add_header(struct http1_head *h, struct span line)
{
	struct http1_header hd;
	if (!parse_header(line, &hd))
		return -ERR_SYNTAX;
	if (h->n_headers == HTTP1_HEADERS_MAX)
		return -ERR_TOOBIG;
	h->headers[h->n_headers++] = hd;
	return 0;
}

static int parse_head(struct span in, struct http1_head *h)
{
	struct span all = in, line;
	int rc = take_line(&in, &line);
	if (rc)
		return rc;
	if (!(h->request ? parse_request_line(line, h) : parse_status_line(line, h)))
		return -ERR_SYNTAX;
	for (;;) {
		rc = take_line(&in, &line);
		if (rc == 0 && line.len == 0)
			break;
		if (rc == 0)
			rc = add_header(h, line);
		if (rc)
			return rc;
	}
	h->len = all.len - in.len;
	return 0;
}

int http1_parse(struct span in, bool request, struct http1_head *out)
{
	*out = (struct http1_head){ .request = request };
	if (in.len > HTTP1_HEAD_MAX)
		in.len = HTTP1_HEAD_MAX;
	int rc = parse_head(in, out);
	return rc == -ERR_AGAIN && in.len == HTTP1_HEAD_MAX ? -ERR_TOOBIG : rc;
}

struct span http1_find(const struct http1_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (span_eq_nocase(h->headers[i].name, name))
			return h->headers[i].value;
	return span_of(NULL, 0);
}

static bool list_has(struct span list, const char *token)
{
	bool more = true;
	while (more)
		if (span_eq_nocase(trim(cut(&list, ',', &more)), token))
			return true;
	return false;
}

bool http1_has_token(const struct http1_head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (span_eq_nocase(h->headers[i].name, name) &&
		    list_has(h->headers[i].value, token))
			return true;
	return false;
}
