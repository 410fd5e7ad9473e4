/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/via_name.h"

#include "base/via6.h"

static bool ends_below(struct span name, const char *suffix)
{
	size_t n = strlen(suffix);
	return name.len > n && memcmp(name.p + name.len - n, suffix, n) == 0;
}

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* 2, 8, 10 or 16; the prefix is cut off but for a 0 that is a digit itself. */
static int base_of(struct span *text)
{
	if (text->len < 2 || text->p[0] != '0')
		return 10;
	int base = text->p[1] == 'x' ? 16 : text->p[1] == 'o' ? 8 : text->p[1] == 'b' ? 2 : 0;
	*text = span_from(*text, base ? 2 : 1);
	return base ? base : 8;
}

/* As Go's strconv.ParseUint(text, 0, 32) has it: "_" stands between digits, or behind the prefix.
 */
static bool site_decode(struct span text, uint32_t *out)
{
	uint64_t v = 0;
	bool after_digit = text.len > 1 && text.p[0] == '0';
	int base = base_of(&text);
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '_') {
			if (!after_digit || i + 1 == text.len)
				return false;
			after_digit = false;
			continue;
		}
		int d = digit(text.p[i]);
		if (d >= base)
			return false;
		v = v * (unsigned)base + (unsigned)d;
		if (v > UINT32_MAX)
			return false;
		after_digit = true;
	}
	*out = (uint32_t)v;
	return true;
}

static bool address_decode(struct span text, struct ip *out)
{
	char dotted[16];
	if (text.len >= sizeof(dotted))
		return false;
	for (size_t i = 0; i < text.len; i++)
		dotted[i] = (char)(text.p[i] == '-' ? '.' : text.p[i]);
	return ip_decode(span_of(dotted, text.len), out) == 0 && out->fam == IP_V4;
}

bool dns_via_decode(struct span name, struct ip *out)
{
	static const char sep[] = "-via-";
	struct ip v4;
	uint32_t site;
	const uint8_t *dot = memchr(name.p, '.', name.len);
	struct span label = dot ? span_of(name.p, (size_t)(dot - name.p)) : name;
	const uint8_t *at = memmem(label.p, label.len, sep, sizeof(sep) - 1);
	if (!at)
		return false;
	struct span rest =
	    span_from(name, label.len + 1); /* at least one label before the suffix */
	if (dot && !ends_below(rest, ".ts.net") && !ends_below(rest, ".tailscale.net"))
		return false;
	if (!address_decode(span_of(label.p, (size_t)(at - label.p)), &v4) ||
	    !site_decode(span_from(label, (size_t)(at - label.p) + sizeof(sep) - 1), &site))
		return false;
	*out = via6_map(site, (struct prefix){ v4, 32 }).ip;
	return true;
}
