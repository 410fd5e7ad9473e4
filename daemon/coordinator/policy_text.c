/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/policy_text.h"

static unsigned line_at(struct span s, size_t off)
{
	unsigned line = 1;

	for (size_t i = 0; i < off && i < s.len; i++)
		line += s.p[i] == '\n';
	return line;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- cleaning ---- */

/* Past the string that begins at off; s.len + 1 if it does not end. */
static size_t string_end(struct span s, size_t off)
{
	for (size_t i = off + 1; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return s.len + 1;
}

/* Past the comment that begins at off; off if none does; s.len + 1 if it does not end. */
static size_t comment_end(struct span s, size_t off)
{
	size_t i = off + 2;

	if (off + 1 >= s.len || s.p[off] != '/' || (s.p[off + 1] != '/' && s.p[off + 1] != '*'))
		return off;
	if (s.p[off + 1] == '/') {
		while (i < s.len && s.p[i] != '\n')
			i++;
		return i;
	}
	for (; i + 1 < s.len; i++)
		if (s.p[i] == '*' && s.p[i + 1] == '/')
			return i + 2;
	return s.len + 1;
}

static void blank(struct buf *b, size_t from, size_t to)
{
	for (; from < to; from++)
		if (b->p[from] != '\n')
			b->p[from] = ' ';
}

static int blank_comments(struct buf *b, unsigned *line)
{
	struct span s = buf_span(b);

	for (size_t i = 0; i < s.len;) {
		size_t end = s.p[i] == '"' ? string_end(s, i) : comment_end(s, i);

		if (end > s.len) {
			*line = line_at(s, i);
			return -ERR_SYNTAX;
		}
		if (s.p[i] == '/')
			blank(b, i, end);
		i = end > i ? end : i + 1;
	}
	return 0;
}

static void blank_commas(struct buf *b)
{
	struct span s = buf_span(b);
	size_t comma = SIZE_MAX;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '"') {
			i = string_end(s, i) - 1;
			comma = SIZE_MAX;
		} else if (c == ',') {
			comma = i;
		} else if ((c == ']' || c == '}') && comma != SIZE_MAX) {
			blank(b, comma, comma + 1);
			comma = SIZE_MAX;
		} else if (!is_blank(c)) {
			comma = SIZE_MAX;
		}
	}
}

int policy_text_clean(struct span in, struct buf *out, unsigned *line)
{
	int rc;

	*line = 0;
	buf_reset(out);
	buf_add_span(out, in);
	if (!buf_ok(out))
		return -ERR_NOMEM;
	rc = blank_comments(out, line);
	if (rc == 0)
		blank_commas(out);
	return rc;
}

/* ---- finding lines: a walk over text that is known to be JSON ---- */

static size_t skip_blanks(struct span s, size_t i)
{
	while (i < s.len && is_blank(s.p[i]))
		i++;
	return i;
}

static size_t skip_value(struct span s, size_t i)
{
	size_t depth = 0;

	do {
		i = skip_blanks(s, i);
		if (i >= s.len)
			return s.len;
		if (s.p[i] == '"') {
			i = string_end(s, i);
			continue;
		}
		if (s.p[i] == '[' || s.p[i] == '{')
			depth++;
		else if ((s.p[i] == ']' || s.p[i] == '}') && depth)
			depth--;
		else if (!depth) /* a number or word */
			while (i + 1 < s.len && !is_blank(s.p[i + 1]) &&
			       !memchr(",]}", s.p[i + 1], 3))
				i++;
		i++;
	} while (depth);
	return i;
}

/* From '[' or '{' at i to the value the step names; SIZE_MAX if there is none. */
static size_t enter(struct span s, size_t i, const struct text_step *step)
{
	bool object = i < s.len && s.p[i] == '{';

	if (i >= s.len || (s.p[i] != '[' && !object) || object != (step->name != NULL))
		return SIZE_MAX;
	i = skip_blanks(s, i + 1);
	for (size_t n = 0; i < s.len && s.p[i] != ']' && s.p[i] != '}'; n++) {
		bool hit = !object && n == step->index;

		if (object) {
			size_t end = string_end(s, i);

			if (end > s.len)
				return SIZE_MAX;
			hit = span_eq_str(span_of(s.p + i + 1, end - i - 2), step->name);
			i = skip_blanks(s, skip_blanks(s, end) + 1);
		}
		if (hit)
			return i;
		i = skip_blanks(s, skip_value(s, i));
		if (i < s.len && s.p[i] == ',')
			i = skip_blanks(s, i + 1);
	}
	return SIZE_MAX;
}

unsigned policy_text_line(struct span json, const struct text_step *steps, size_t n)
{
	size_t at = skip_blanks(json, 0);

	for (size_t i = 0; i < n; i++) {
		size_t next = enter(json, at, &steps[i]);

		if (next == SIZE_MAX)
			break;
		at = next;
	}
	return line_at(json, at);
}
