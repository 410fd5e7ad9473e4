/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text codecs of bytes.h. They carry private keys, so the digits pass without a branch or an index
 * on their value; only whether the text is valid is not secret. */
#include "base/bytes.h"

#include <sodium.h>

void hex_encode(struct span in, char *out)
{
	sodium_bin2hex(out, in.len * 2 + 1, in.p, in.len);
}

/* All ones if x < n, without a branch. */
static unsigned mask_below(unsigned x, unsigned n)
{
	return 0u - (unsigned)(((uint64_t)x - n) >> 63);
}

/* 0..15, or a value with bit 8 set for anything that is no hex digit */
static unsigned hex_digit(uint8_t c)
{
	unsigned num = c - (unsigned)'0', alpha = (c | 0x20u) - (unsigned)'a';
	unsigned is_num = mask_below(num, 10), is_alpha = mask_below(alpha, 6);
	return (is_num & num) | (is_alpha & (alpha + 10)) | (~(is_num | is_alpha) & 0x100);
}

int hex_decode(struct span text, uint8_t *out, size_t n)
{
	if (text.len % 2 || text.len / 2 != n)
		return -ERR_SYNTAX;
	unsigned bad = 0;
	for (size_t i = 0; i < text.len; i++)
		bad |= hex_digit(text.p[i]);
	if (bad & 0x100)
		return -ERR_SYNTAX;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_digit(text.p[2 * i]) << 4 | hex_digit(text.p[2 * i + 1]));
	return 0;
}

size_t base64_encoded_len(size_t n)
{
	return (n + 2) / 3 * 4;
}

void base64_encode(struct span in, char *out)
{
	sodium_bin2base64(out, base64_encoded_len(in.len) + 1, in.p, in.len,
			  sodium_base64_VARIANT_ORIGINAL);
}

static bool is_ascii(struct span s)
{
	uint8_t all = 0;
	for (size_t i = 0; i < s.len; i++)
		all |= s.p[i];
	return all < 0x80;
}

/* libsodium 1.0.18 takes bytes above ASCII for '+' */
static int from_base64(struct span text, size_t need, int variant, uint8_t *out, size_t *len)
{
	size_t got;
	if (!is_ascii(text))
		return -ERR_SYNTAX;
	if (need > *len)
		return -ERR_TOOBIG;
	if (sodium_base642bin(out, need, (const char *)text.p, text.len, NULL, &got, NULL, variant))
		return -ERR_SYNTAX;
	*len = got;
	return 0;
}

int base64_decode(struct span text, uint8_t *out, size_t *len)
{
	if (text.len % 4)
		return -ERR_SYNTAX;
	if (text.len == 0) {
		*len = 0;
		return 0;
	}
	size_t pad = (text.p[text.len - 1] == '=') + (text.p[text.len - 2] == '=');
	return from_base64(text, text.len / 4 * 3 - pad, sodium_base64_VARIANT_ORIGINAL, out, len);
}

int base64url_decode(struct span text, uint8_t *out, size_t *len)
{
	if (text.len % 4 == 1)
		return -ERR_SYNTAX;
	return from_base64(text, text.len / 4 * 3 + text.len % 4 * 3 / 4,
			   sodium_base64_VARIANT_URLSAFE_NO_PADDING, out, len);
}

int u64_decode(struct span text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;
	if (text.len == 0)
		return -ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		unsigned d = text.p[i] - (unsigned)'0';
		if (d > 9)
			return -ERR_SYNTAX;
		over |= __builtin_mul_overflow(v, 10, &v);
		over |= __builtin_add_overflow(v, d, &v);
	}
	if (over || v > max)
		return -ERR_RANGE;
	*out = v;
	return 0;
}

int bool_decode(struct span text, bool *out)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (span_eq_str(text, yes[i]) || span_eq_str(text, no[i])) {
			*out = span_eq_str(text, yes[i]);
			return 0;
		}
	}
	return -ERR_SYNTAX;
}
