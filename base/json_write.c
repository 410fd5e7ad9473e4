/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text as Go's encoding/json prints it; jansson's own output differs in escapes, numbers and
 * the spelling of what is empty. */
#include "base/json.h"

#include "base/utf8.h"

#include <jansson.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Ours and deeper than anything parsed; only stops a tree that contains itself. */
#define WRITE_DEPTH_MAX (J_DEPTH_MAX * 4)

struct writer {
	struct buf *out;
	enum j_style style;
	bool go_escape;
	unsigned depth;
};

static void write_value(struct writer *w, const json_t *v);

static void new_line(struct writer *w)
{
	if (w->style == J_COMPACT)
		return;
	buf_add_str(w->out, "\n");
	for (unsigned i = 0; i < w->depth; i++)
		buf_add_str(w->out, w->style == J_INDENT_TAB ? "\t" : "  ");
}

static const char *short_escape(uint32_t cp)
{
	switch (cp) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	}
	return NULL;
}

static bool needs_hex(const struct writer *w, uint32_t cp)
{
	if (cp < 0x20 || cp == 0x2028 || cp == 0x2029)
		return true;
	return w->go_escape && (cp == '<' || cp == '>' || cp == '&');
}

static void write_string(struct writer *w, struct span s)
{
	buf_add_str(w->out, "\"");
	while (s.len) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s, &cp);
		const char *esc = short_escape(cp);
		if (n == 0) {
			n = 1;
			buf_add_str(w->out, "\\ufffd");
		} else if (esc) {
			buf_add_str(w->out, esc);
		} else if (needs_hex(w, cp)) {
			buf_fmt(w->out, "\\u%04" PRIx32, cp);
		} else {
			buf_add(w->out, s.p, n);
		}
		s = span_from(s, n);
	}
	buf_add_str(w->out, "\"");
}

/* "e-07" is "e-7" in Go */
static void drop_exponent_zero(char *s)
{
	char *e = strchr(s, 'e');
	if (e && e[2] == '0' && e[3])
		memmove(e + 2, e + 3, strlen(e + 3) + 1);
}

/* digits * 10^(exponent + 1 - n), written without exponent */
static void write_plain(struct writer *w, const char *digits, int n, int exponent)
{
	if (exponent < 0)
		buf_add_str(w->out, "0.");
	for (int i = exponent + 1; i < 0; i++)
		buf_add_str(w->out, "0");
	for (int i = 0; i < n || i <= exponent; i++) {
		if (i && i == exponent + 1)
			buf_add_str(w->out, ".");
		buf_add(w->out, i < n ? &digits[i] : "0", 1);
	}
}

/* The fewest digits that read back as the same number; no exponent inside 1e-6 .. 1e21. */
static void write_real(struct writer *w, double v)
{
	char s[40];
	int n = 1;
	if (signbit(v))
		buf_add_str(w->out, "-");
	v = fabs(v);
	do {
		snprintf(s, sizeof(s), "%.*e", n - 1, v);
	} while (strtod(s, NULL) != v && ++n <= 17);
	if (v != 0 && (v < 1e-6 || v >= 1e21)) {
		drop_exponent_zero(s);
		buf_add_str(w->out, s);
		return;
	}
	int exponent = (int)strtol(strchr(s, 'e') + 1, NULL, 10);
	memmove(s + 1, s + 2, strlen(s) - 1); /* the point */
	write_plain(w, s, n, exponent);
}

static void write_array(struct writer *w, const json_t *v)
{
	size_t n = json_array_size(v);
	buf_add_str(w->out, "[");
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_str(w->out, ",");
		new_line(w);
		write_value(w, json_array_get(v, i));
	}
	w->depth--;
	if (n)
		new_line(w);
	buf_add_str(w->out, "]");
}

static void write_object(struct writer *w, const json_t *v)
{
	json_t *obj = (json_t *)(uintptr_t)v;
	void *first = json_object_iter(obj);
	buf_add_str(w->out, "{");
	w->depth++;
	for (void *it = first; it; it = json_object_iter_next(obj, it)) {
		if (it != first)
			buf_add_str(w->out, ",");
		new_line(w);
		write_string(w, span_of(json_object_iter_key(it), json_object_iter_key_len(it)));
		buf_add_str(w->out, w->style == J_COMPACT ? ":" : ": ");
		write_value(w, json_object_iter_value(it));
	}
	w->depth--;
	if (first)
		new_line(w);
	buf_add_str(w->out, "}");
}

static void write_value(struct writer *w, const json_t *v)
{
	if (w->depth > WRITE_DEPTH_MAX) {
		w->out->bad = true;
		return;
	}
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		write_object(w, v);
		break;
	case JSON_ARRAY:
		write_array(w, v);
		break;
	case JSON_STRING:
		write_string(w, j_text_span(v));
		break;
	case JSON_INTEGER:
		buf_fmt(w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		write_real(w, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_str(w->out, json_is_true(v) ? "true" : "false");
		break;
	case JSON_NULL:
		buf_add_str(w->out, "null");
		break;
	}
}

void j_write(const json_t *v, enum j_style style, bool go_escape, struct buf *out)
{
	struct writer w = { out, style, go_escape, 0 };
	write_value(&w, v);
}

char *j_dump(const json_t *v)
{
	struct buf b;
	buf_init(&b, SIZE_MAX);
	j_write(v, J_COMPACT, false, &b);
	if (!buf_ok(&b))
		abort();
	buf_cstr(&b);
	return (char *)b.p;
}
