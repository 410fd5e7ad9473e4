/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_text.h"

#include "base/utf8.h"

size_t json_nesting(struct span text)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{'))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!in_string && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return deepest;
}

/* The value of a \uXXXX escape at the start of s, or -1. */
static int32_t unicode_escape(struct span s)
{
	uint8_t b[2];
	if (s.len < 6 || s.p[0] != '\\' || s.p[1] != 'u' || hex_decode(span_of(s.p + 2, 4), b, 2))
		return -1;
	return b[0] << 8 | b[1];
}

static bool is_high(int32_t u)
{
	return u >= 0xd800 && u <= 0xdbff;
}

static bool is_low(int32_t u)
{
	return u >= 0xdc00 && u <= 0xdfff;
}

/* One escape at the start of s: how many bytes it takes, and whether it is half a pair. */
static size_t escape_len(struct span s, bool *lone)
{
	int32_t u = unicode_escape(s);
	*lone = false;
	if (u < 0)
		return s.len > 1 && s.p[1] < 0x80 ? 2 : 1;
	if (is_high(u) && is_low(unicode_escape(span_from(s, 6))))
		return 12;
	*lone = is_high(u) || is_low(u);
	return 6;
}

static size_t number_len(struct span s)
{
	size_t n = 0;
	while (n < s.len && s.p[n] && strchr("+-.0123456789Ee", s.p[n]))
		n++;
	return n;
}

/* -2^63 is taken for too big as well: as a real it is exact. */
static bool is_big_integer(struct span number)
{
	uint64_t v;
	if (number.len && number.p[0] == '-')
		number = span_from(number, 1);
	return u64_decode(number, INT64_MAX, &v) == -ERR_RANGE;
}

/* What stands at the start of s: how many bytes, and what is written in their place, if anything.
 */
struct piece {
	size_t len;
	const char *instead;
	const char *behind;
};

static struct piece piece_at(struct span s, bool in_string)
{
	struct piece p = { 0 };
	uint32_t cp;
	bool lone = false;
	if (in_string && s.p[0] == '\\')
		p.len = escape_len(s, &lone);
	else if (!in_string && number_len(s))
		p.len = number_len(s);
	else
		p.len = utf8_decode(s, &cp);
	if (lone || p.len == 0)
		p.instead = "\xef\xbf\xbd";
	else if (!in_string && is_big_integer(span_of(s.p, p.len)))
		p.behind = "e0";
	if (p.len == 0)
		p.len = 1;
	return p;
}

bool json_repair(struct span s, struct buf *out)
{
	bool changed = false, in_string = false;
	while (s.len && buf_ok(out)) {
		struct piece p = piece_at(s, in_string);
		if (s.p[0] == '"')
			in_string = !in_string;
		if (p.instead)
			buf_add_str(out, p.instead);
		else
			buf_add(out, s.p, p.len);
		if (p.behind)
			buf_add_str(out, p.behind);
		changed |= p.instead || p.behind;
		s = span_from(s, p.len);
	}
	return changed;
}
