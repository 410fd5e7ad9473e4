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

bool json_repair(struct span s, struct buf *out)
{
	bool replaced = false;
	while (s.len && buf_ok(out)) {
		uint32_t cp;
		bool bad = false;
		size_t n = s.p[0] == '\\' ? escape_len(s, &bad) : utf8_decode(s, &cp);
		if (n == 0) {
			bad = true;
			n = 1;
		}
		if (bad)
			buf_add_str(out, "\xef\xbf\xbd");
		else
			buf_add(out, s.p, n);
		replaced |= bad;
		s = span_from(s, n);
	}
	return replaced;
}
