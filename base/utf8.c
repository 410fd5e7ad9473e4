/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/utf8.h"

/* Length and payload bits of a lead byte; 0 for a continuation or impossible one. */
static size_t lead(uint8_t b, uint32_t *bits)
{
	if (b < 0x80) {
		*bits = b;
		return 1;
	}
	if (b >= 0xc2 && b <= 0xdf) {
		*bits = b & 0x1f;
		return 2;
	}
	if (b >= 0xe0 && b <= 0xef) {
		*bits = b & 0x0f;
		return 3;
	}
	if (b >= 0xf0 && b <= 0xf4) {
		*bits = b & 0x07;
		return 4;
	}
	return 0;
}

size_t utf8_decode(struct span s, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t v = 0;
	size_t n = s.len ? lead(s.p[0], &v) : 0;
	if (n == 0 || n > s.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return n;
}

bool utf8_valid(struct span s)
{
	uint32_t cp;
	size_t n;
	for (; s.len; s = span_from(s, n)) {
		n = utf8_decode(s, &cp);
		if (n == 0)
			return false;
	}
	return true;
}

void utf8_repair(struct span s, struct buf *out)
{
	uint32_t cp;
	while (s.len && buf_ok(out)) {
		size_t n = utf8_decode(s, &cp);
		if (n)
			buf_add(out, s.p, n);
		else
			buf_add_str(out, "\xef\xbf\xbd");
		s = span_from(s, n ? n : 1);
	}
}
