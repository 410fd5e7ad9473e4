/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/json_scan.h"

#include "base/json.h"

static int peek(const struct rd *r)
{
	return rd_left(r) ? *r->p : -1;
}

static void skip_space(struct rd *r)
{
	int c;
	while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		rd_skip(r, 1);
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool skip_digits(struct rd *r)
{
	if (!is_digit(peek(r)))
		return false;
	while (is_digit(peek(r)))
		rd_skip(r, 1);
	return true;
}

static bool skip_number(struct rd *r)
{
	if (peek(r) == '-')
		rd_skip(r, 1);
	if (peek(r) == '0')
		rd_skip(r, 1);
	else if (!skip_digits(r))
		return false;
	if (peek(r) == '.') {
		rd_skip(r, 1);
		if (!skip_digits(r))
			return false;
	}
	if (peek(r) != 'e' && peek(r) != 'E')
		return true;
	rd_skip(r, 1);
	if (peek(r) == '+' || peek(r) == '-')
		rd_skip(r, 1);
	return skip_digits(r);
}

static bool skip_escape(struct rd *r)
{
	uint8_t c = rd_u8(r);
	if (c == 'u') {
		bool ok = true;
		for (int i = 0; i < 4; i++)
			ok &= is_hex(rd_u8(r));
		return ok;
	}
	return c != 0 && strchr("\"\\/bfnrt", c) != NULL;
}

/* Bytes up to the first that ends or escapes the string, or has no place in one. */
static size_t plain_len(struct span s)
{
	size_t n = 0;
	while (n < s.len && s.p[n] >= 0x20 && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

/* After the opening quote, to behind the closing one. */
static bool skip_string(struct rd *r)
{
	while (rd_left(r)) {
		rd_skip(r, plain_len(span_of(r->p, rd_left(r))));
		uint8_t c = rd_u8(r);
		if (c == '"')
			return rd_ok(r);
		if (c < 0x20 || !skip_escape(r))
			return false;
	}
	return false;
}

static bool skip_word(struct rd *r, const char *word)
{
	return span_eq_str(rd_take(r, strlen(word)), word);
}

/* A value that holds no others. */
static bool skip_scalar(struct rd *r)
{
	switch (peek(r)) {
	case '"':
		rd_skip(r, 1);
		return skip_string(r);
	case 't':
		return skip_word(r, "true");
	case 'f':
		return skip_word(r, "false");
	case 'n':
		return skip_word(r, "null");
	default:
		return skip_number(r);
	}
}

/* "key" : */
static bool skip_key(struct rd *r)
{
	skip_space(r);
	if (rd_u8(r) != '"' || !skip_string(r))
		return false;
	skip_space(r);
	return rd_u8(r) == ':';
}

/* The open brackets around the reader's place; closers, innermost last. */
struct nest {
	char close[J_DEPTH_MAX];
	size_t n;
};

/* A bracket was opened: 1 if its first value follows, 0 if it closed at once. */
static int open_bracket(struct rd *r, struct nest *nest)
{
	uint8_t c = rd_u8(r);
	if (nest->n == J_DEPTH_MAX)
		return -ERR_TOOBIG;
	nest->close[nest->n++] = c == '{' ? '}' : ']';
	skip_space(r);
	if (peek(r) == nest->close[nest->n - 1]) {
		rd_skip(r, 1);
		nest->n--;
		return 0;
	}
	return c == '{' && !skip_key(r) ? -ERR_SYNTAX : 1;
}

/* Behind a value: 1 if another follows, 0 if everything is closed. */
static int after_value(struct rd *r, struct nest *nest)
{
	while (nest->n) {
		skip_space(r);
		char close = nest->close[nest->n - 1];
		uint8_t c = rd_u8(r);
		if (c == ',')
			return close == '}' && !skip_key(r) ? -ERR_SYNTAX : 1;
		if (c != (uint8_t)close)
			return -ERR_SYNTAX;
		nest->n--;
	}
	return 0;
}

/* One value of any kind; the reader ends behind it. */
static int skip_value(struct rd *r)
{
	struct nest nest = { .n = 0 };
	int more = 1;
	while (more == 1) {
		skip_space(r);
		int c = peek(r);
		if (c == '{' || c == '[') {
			more = open_bracket(r, &nest);
			if (more)
				continue;
		} else if (!skip_scalar(r)) {
			return -ERR_SYNTAX;
		}
		more = after_value(r, &nest);
	}
	if (more < 0)
		return more;
	return rd_ok(r) ? 0 : -ERR_SYNTAX;
}

int json_check(struct span text)
{
	struct rd r = rd_init(text);
	int err = skip_value(&r);
	if (err)
		return err;
	skip_space(&r);
	return rd_done(&r) ? 0 : -ERR_SYNTAX;
}

int json_scan_start(struct json_scan *s, struct span value, char open)
{
	s->r = rd_init(value);
	s->close = open == '{' ? '}' : ']';
	s->first = true;
	skip_space(&s->r);
	return peek(&s->r) == open ? (rd_skip(&s->r, 1), 0) : -ERR_TYPE;
}

bool json_scan_next(struct json_scan *s, struct span *key, struct span *value)
{
	*key = span_of(NULL, 0);
	skip_space(&s->r);
	if (!rd_left(&s->r) || peek(&s->r) == s->close)
		return false;
	if (!s->first) {
		rd_skip(&s->r, 1); /* the comma json_check has seen */
		skip_space(&s->r);
	}
	s->first = false;
	if (s->close == '}') {
		const uint8_t *start = s->r.p + 1;
		rd_skip(&s->r, 1);
		skip_string(&s->r);
		*key = span_of(start, (size_t)(s->r.p - start) - 1);
		skip_space(&s->r);
		rd_skip(&s->r, 1);
	}
	skip_space(&s->r);
	const uint8_t *from = s->r.p;
	if (skip_value(&s->r))
		return false;
	*value = span_of(from, (size_t)(s->r.p - from));
	return true;
}

bool json_scan_is_null(struct span value)
{
	return span_eq_str(value, "null");
}
