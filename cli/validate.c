/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/validate.h"

#include "base/alloc.h"
#include "base/via6.h"
#include "cli/text.h"

#include <stdlib.h>

#define ROUTES_MAX 1024
#define DEFAULT_V4 "0.0.0.0/0"
#define DEFAULT_V6 "::/0"
#define LABEL_MAX 63
#define NAME_MAX_BYTES 253

static char *quoted(const char *s)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	text_quote(&b, s);
	char *q = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return q;
}

/* "before" + s in quotes + "after", new */
static char *say(const char *before, const char *s, const char *after)
{
	char *q = quoted(s);
	char *text = xasprintf("%s%s%s", before, q, after);
	free(q);
	return text;
}

/* The next element of a comma list as a new string; NULL at the end. */
static char *next_element(const char **list)
{
	if (!*list)
		return NULL;
	const char *comma = strchr(*list, ',');
	char *s = comma ? xstrndup(*list, (size_t)(comma - *list)) : xstrdup(*list);
	*list = comma ? comma + 1 : NULL;
	return s;
}

/* ---- routes --------------------------------------------------------------------------------- */

struct routes {
	struct prefix p[ROUTES_MAX];
	size_t n;
};

static void add_route(struct routes *r, struct prefix p)
{
	for (size_t i = 0; i < r->n; i++)
		if (prefix_eq(r->p[i], p))
			return;
	r->p[r->n++] = p;
}

static int by_length(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	return x->bits != y->bits ? x->bits - y->bits : ip_cmp(x->ip, y->ip);
}

static char *parse_prefix(const char *text, struct routes *r)
{
	struct prefix p;
	char want[PREFIX_TEXT_MAX];
	if (prefix_decode(span_str(text), &p))
		return say("", text, " is not a valid IP address or CIDR prefix");
	if (!prefix_eq(p, prefix_masked(p)))
		return xasprintf("%s has non-address bits set; expected %s", text,
				 prefix_encode(prefix_masked(p), want));
	if (r->n + 2 >= ROUTES_MAX)
		return xasprintf("more than %d routes", ROUTES_MAX);
	add_route(r, p);
	return NULL;
}

/* Of the whole range, also of its part that belongs to others: nobody's own network is there. */
static bool in_tailnet(struct prefix p)
{
	static const uint8_t ula[6] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
	if (p.ip.fam == IP_V4)
		return p.bits >= 10 && p.ip.b[0] == 100 && (p.ip.b[1] & 0xc0) == 64;
	return p.bits >= 48 && memcmp(p.ip.b, ula, sizeof(ula)) == 0;
}

static char *check_via(const char *text, struct prefix p)
{
	if (p.bits < VIA6_BITS_MIN)
		return xasprintf("%s 4-in-6 prefix must be at least a /%d", text, VIA6_BITS_MIN);
	if (!via6_route_ok(p))
		return xasprintf("route %s contains invalid site ID %08x; must be 0xffff or less",
				 text, via6_site(p.ip));
	return NULL;
}

static char *parse_route(const char *text, struct routes *r)
{
	char *problem = parse_prefix(text, r);
	if (problem)
		return problem;
	struct prefix p;
	if (prefix_decode(span_str(text), &p) || !in_tailnet(p))
		return NULL;
	if (via6_is(p.ip) && p.bits >= VIA6_RANGE_BITS)
		return check_via(text, p);
	return xasprintf(
	    "%s is in the range of the tailnet itself and cannot be advertised; name a "
	    "network behind this machine",
	    text);
}

static bool has_default(const struct routes *r, uint8_t family)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->p[i].bits == 0 && r->p[i].ip.fam == family)
			return true;
	return false;
}

static char *check_defaults(const struct routes *r)
{
	bool v4 = has_default(r, IP_V4), v6 = has_default(r, IP_V6);
	if (v4 && !v6)
		return xstrdup(
		    DEFAULT_V4
		    " advertised without its IPv6 counterpart, please also advertise " DEFAULT_V6);
	if (v6 && !v4)
		return xstrdup(
		    DEFAULT_V6
		    " advertised without its IPv4 counterpart, please also advertise " DEFAULT_V4);
	return NULL;
}

char *validate_prefixes(const char *text, json_t **list)
{
	struct routes *r = xcalloc(1, sizeof(*r));
	char *problem = NULL, one[PREFIX_TEXT_MAX];
	for (char *s; !problem && (s = next_element(&text)); free(s))
		problem = parse_prefix(s, r);
	*list = problem ? NULL : j_array();
	for (size_t i = 0; !problem && i < r->n; i++)
		j_add_str(*list, prefix_encode(r->p[i], one));
	free(r);
	return problem;
}

void list_text(const json_t *array, struct buf *out)
{
	for (size_t i = 0; i < j_len(array); i++) {
		const char *s = j_text(j_at(array, i));
		buf_fmt(out, "%s%s", i ? "," : "", s ? s : "");
	}
}

static char *parse_routes(const char *list, struct routes *r)
{
	char *problem = NULL;
	if (!*list)
		return NULL;
	for (char *s; !problem && (s = next_element(&list)); free(s))
		problem = parse_route(s, r);
	return problem ? problem : check_defaults(r);
}

static void add_default_routes(struct routes *r)
{
	struct ip v6 = { .fam = IP_V6 };
	add_route(r, (struct prefix){ ip_v4(0, 0, 0, 0), 0 });
	add_route(r, (struct prefix){ v6, 0 });
}

char *validate_routes(const char *list, bool exit_node, json_t **routes)
{
	struct routes *r = xcalloc(1, sizeof(*r));
	char text[PREFIX_TEXT_MAX];
	*routes = NULL;
	char *problem = parse_routes(list, r);
	if (!problem && exit_node)
		add_default_routes(r);
	if (!problem && r->n) {
		qsort(r->p, r->n, sizeof(*r->p), by_length);
		*routes = j_array();
		for (size_t i = 0; i < r->n; i++)
			j_add_str(*routes, prefix_encode(r->p[i], text));
	}
	free(r);
	return problem;
}

static bool is_default_text(const char *s)
{
	return s && (strcmp(s, DEFAULT_V4) == 0 || strcmp(s, DEFAULT_V6) == 0);
}

bool routes_offer_exit(const json_t *routes)
{
	size_t n = 0;
	for (size_t i = 0; i < j_len(routes); i++)
		n += is_default_text(j_text(j_at(routes, i)));
	return n >= 2;
}

void routes_without_exit(const json_t *routes, struct buf *out)
{
	bool exit = routes_offer_exit(routes), first = true;
	for (size_t i = 0; i < j_len(routes); i++) {
		const char *s = j_text(j_at(routes, i));
		if (!s || (exit && is_default_text(s)))
			continue;
		buf_fmt(out, "%s%s", first ? "" : ",", s);
		first = false;
	}
}

/* ---- tags and names ------------------------------------------------------------------------ */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char *check_tag(const char *tag)
{
	if (strncmp(tag, "tag:", 4) != 0)
		return say("tag: ", tag, ": tags must start with 'tag:'");
	const char *name = tag + 4;
	if (!*name)
		return say("tag: ", tag, ": tag names must not be empty");
	if (!is_letter(*name))
		return say("tag: ", tag, ": tag names must start with a letter, after 'tag:'");
	for (const char *p = name; *p; p++)
		if (!is_letter(*p) && !is_digit(*p) && *p != '-')
			return say("tag: ", tag,
				   ": tag names can only contain numbers, letters, or dashes");
	return NULL;
}

static char *add_tag(const char *text, json_t *tags)
{
	char *tag = strchr(text, ':') ? xstrdup(text) : xasprintf("tag:%s", text);
	char *problem = check_tag(tag);
	if (!problem)
		j_add_str(tags, tag);
	free(tag);
	return problem;
}

char *validate_tags(const char *list, json_t **tags)
{
	char *problem = NULL;
	*tags = NULL;
	if (!*list)
		return NULL;
	json_t *all = j_array();
	for (char *s; !problem && (s = next_element(&list)); free(s))
		problem = add_tag(s, all);
	if (problem)
		j_free(all);
	else
		*tags = all;
	return problem;
}

static char *bad_label(const char *label, const char *what)
{
	char *after = xasprintf(" is not a valid DNS label: %s", what);
	char *text = say("", label, after);
	free(after);
	return text;
}

static char *check_label(const char *label)
{
	size_t n = strlen(label);
	char what[64];
	if (n == 0)
		return xstrdup("empty DNS label");
	if (n > LABEL_MAX)
		return say("", label, " is too long, max length is 63 bytes");
	if (!is_letter(label[0]) && !is_digit(label[0]))
		return bad_label(label, "must start with a letter or number");
	if (!is_letter(label[n - 1]) && !is_digit(label[n - 1]))
		return bad_label(label, "must end with a letter or number");
	for (const char *p = label; *p; p++) {
		if (is_letter(*p) || is_digit(*p) || *p == '-')
			continue;
		bool shown = *p >= ' ' && *p < 0x7f;
		struct wr w = wr_init(mspan_of(what, sizeof(what) - 1));
		wr_fmt(&w,
		       shown ? "contains invalid character '%c'" : "contains invalid byte 0x%02x",
		       (unsigned char)*p);
		what[wr_len(&w)] = '\0';
		return bad_label(label, what);
	}
	return NULL;
}

char *validate_hostname(const char *name)
{
	char *problem = NULL;
	if (!*name)
		return NULL;
	if (strlen(name) > NAME_MAX_BYTES)
		return say("", name, " is too long to be a DNS name");
	char *copy = xstrdup(name), *rest = copy;
	for (char *label; !problem && (label = strsep(&rest, "."));)
		problem = check_label(label);
	free(copy);
	return problem;
}

static const char *const modes[] = { "off", "nodivert", "on" };

char *validate_netfilter_mode(const char *text, int *mode)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcmp(modes[i], text) == 0) {
			*mode = (int)i;
			return NULL;
		}
	}
	return say("invalid value --netfilter-mode=", text, "");
}

const char *netfilter_mode_text(int64_t mode)
{
	return mode >= 0 && mode < (int64_t)ARRAY_LEN(modes) ? modes[mode] : "on";
}

const char *netfilter_mode_warning(int mode)
{
	static const char *const warnings[] = {
		"netfilter=off; configure iptables yourself.",
		"netfilter=nodivert; add iptables calls to ts-* chains manually.",
		"",
	};
	return warnings[mode];
}
