/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/text.h"

#include "base/alloc.h"

#include <stdlib.h>

#define TEXT_MAX (16u << 20)

/* Code point at s; *len bytes of it, or 1 with *cp = 0 when the bytes are not UTF-8. */
static bool next_code_point(const uint8_t *s, uint32_t *cp, size_t *len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
	*len = 1;
	*cp = s[0];
	if (n == 1)
		return true;
	if (n == 4 && (s[0] & 0xf8) != 0xf0)
		return false;
	uint32_t v = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return false;
	*cp = v;
	*len = n;
	return true;
}

/* What could move the cursor, hide text or turn its direction. */
static bool printable(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
		return false;
	if (cp >= 0x200b && cp <= 0x200f)
		return false;
	if (cp >= 0x2028 && cp <= 0x202e)
		return false;
	return !(cp >= 0x2060 && cp <= 0x206f) && cp != 0xfeff;
}

void text_clean(struct buf *out, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	while (*p) {
		uint32_t cp;
		size_t len;
		bool ok = next_code_point(p, &cp, &len) && printable(cp);
		if (ok)
			buf_add(out, p, len);
		for (size_t i = 0; !ok && i < len; i++)
			buf_fmt(out, "\\x%02x", p[i]);
		p += len;
	}
}

char *text_clean_new(const char *s)
{
	struct buf b;
	buf_init(&b, TEXT_MAX);
	text_clean(&b, s);
	char *copy = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return copy;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void text_host_label(struct buf *out, const char *s)
{
	size_t n = 0;
	bool gap = false;
	for (; *s && n < 63; s++) {
		if (*s == '\'')
			continue;
		if (!is_alnum(*s)) {
			gap = n > 0;
			continue;
		}
		if (gap && n < 62) {
			buf_add_str(out, "-");
			n++;
		}
		gap = false;
		char c = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;
		buf_add(out, &c, 1);
		n++;
	}
}

/* ---- punycode, RFC 3492 ------------------------------------------------------------------- */

enum { PUNY_BASE = 36, PUNY_TMIN = 1, PUNY_TMAX = 26, PUNY_SKEW = 38, PUNY_DAMP = 700 };
#define LABEL_MAX 63

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;
	delta = first ? delta / PUNY_DAMP : delta / 2;
	delta += delta / points;
	for (; delta > ((PUNY_BASE - PUNY_TMIN) * PUNY_TMAX) / 2; k += PUNY_BASE)
		delta /= PUNY_BASE - PUNY_TMIN;
	return k + (PUNY_BASE - PUNY_TMIN + 1) * delta / (delta + PUNY_SKEW);
}

static int puny_digit(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* One variable-length integer off *s, added to *i. */
static bool puny_delta(const char **s, const char *end, uint32_t bias, uint32_t *i)
{
	uint32_t weight = 1;
	for (uint32_t k = PUNY_BASE;; k += PUNY_BASE) {
		int d = *s < end ? puny_digit(*(*s)++) : -1;
		uint32_t add;
		if (d < 0 || __builtin_mul_overflow((uint32_t)d, weight, &add) ||
		    __builtin_add_overflow(*i, add, i))
			return false;
		uint32_t t = k <= bias ? PUNY_TMIN : k >= bias + PUNY_TMAX ? PUNY_TMAX : k - bias;
		if ((uint32_t)d < t)
			return true;
		if (__builtin_mul_overflow(weight, PUNY_BASE - t, &weight))
			return false;
	}
}

static void add_utf8(struct buf *out, uint32_t cp)
{
	uint8_t b[4];
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n; i-- > 1; cp >>= 6)
		b[i] = (uint8_t)(0x80 | (cp & 0x3f));
	b[0] = (uint8_t)(lead[n] | cp);
	buf_add(out, b, n);
}

static bool label_from_punycode(struct buf *out, const char *s, const char *end)
{
	uint32_t points[LABEL_MAX];
	uint32_t n = 0, cp = 128, bias = 72, i = 0;
	const char *dash = end;
	while (dash > s && dash[-1] != '-')
		dash--;
	if (end - s > LABEL_MAX)
		return false;
	for (const char *p = s; p + 1 < dash; p++)
		points[n++] = (uint8_t)*p;
	for (const char *p = dash; p < end; i++) {
		uint32_t before = i;
		if (n == LABEL_MAX || !puny_delta(&p, end, bias, &i))
			return false;
		bias = adapt(i - before, n + 1, before == 0);
		cp += i / (n + 1);
		i %= n + 1;
		if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
			return false;
		memmove(points + i + 1, points + i, (n - i) * sizeof(*points));
		points[i] = cp;
		n++;
	}
	for (uint32_t k = 0; k < n; k++)
		add_utf8(out, points[k]);
	return true;
}

bool text_from_punycode(struct buf *out, const char *name)
{
	while (*name) {
		const char *dot = strchr(name, '.');
		const char *end = dot ? dot : name + strlen(name);
		if (strncmp(name, "xn--", 4) == 0) {
			if (!label_from_punycode(out, name + 4, end))
				return false;
		} else {
			buf_add(out, name, (size_t)(end - name));
		}
		if (!dot)
			break;
		buf_add_str(out, ".");
		name = dot + 1;
	}
	return true;
}

/* ---- quoting -------------------------------------------------------------------------------- */

void text_shell_quote(struct buf *out, const char *s)
{
	const char *plain =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./";
	if (*s && s[strspn(s, plain)] == '\0') {
		buf_add_str(out, s);
		return;
	}
	buf_add_str(out, "'");
	for (; *s; s++) {
		if (*s == '\'')
			buf_add_str(out, "'\"'\"'");
		else
			buf_add(out, s, 1);
	}
	buf_add_str(out, "'");
}

void text_quote(struct buf *out, const char *s)
{
	char *clean = text_clean_new(s);
	buf_add_str(out, "\"");
	for (const char *p = clean; *p; p++) {
		if (*p == '"')
			buf_add_str(out, "\\");
		buf_add(out, p, 1);
	}
	buf_add_str(out, "\"");
	free(clean);
}
