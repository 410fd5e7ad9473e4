/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include "base/alloc.h"

#include <stdlib.h>

#define CELLS_MAX 16

struct line {
	struct span cell[CELLS_MAX];
	size_t width[CELLS_MAX]; /* of the column here, filled in by measure */
	size_t n;		 /* cells that a tab ends; cell[n] is the rest of the line */
};

static size_t code_points(struct span s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static size_t find(struct span s, uint8_t c)
{
	const uint8_t *p = s.len ? memchr(s.p, c, s.len) : NULL;
	return p ? (size_t)(p - s.p) : s.len;
}

static void split_line(struct span s, struct line *l)
{
	*l = (struct line){ .n = 0 };
	for (;;) {
		size_t tab = find(s, '\t');
		bool last = tab == s.len || l->n == CELLS_MAX - 1;
		l->cell[l->n] = span_of(s.p, last ? s.len : tab);
		if (last)
			return;
		l->n++;
		s = span_from(s, tab + 1);
	}
}

static size_t split_lines(struct span text, struct line **lines)
{
	size_t n = 0, room = 0;
	*lines = NULL;
	while (text.len) {
		size_t end = find(text, '\n');
		if (n == room) {
			room = room ? 2 * room : 64;
			*lines = xrealloc(*lines, room, sizeof(**lines));
		}
		split_line(span_of(text.p, end), &(*lines)[n++]);
		text = span_from(text, end + 1);
	}
	return n;
}

/* Width of column c over the run of lines that starts at `from`; returns where the run ends. */
static size_t measure(struct line *lines, size_t n, size_t from, size_t c, size_t min_width,
		      size_t padding)
{
	size_t end = from, width = min_width;
	for (; end < n && lines[end].n > c; end++) {
		size_t w = code_points(lines[end].cell[c]) + padding;
		if (w > width)
			width = w;
	}
	for (size_t i = from; i < end; i++)
		lines[i].width[c] = width;
	return end;
}

static void print_line(const struct line *l, struct buf *out)
{
	for (size_t c = 0; c < l->n; c++) {
		buf_add_span(out, l->cell[c]);
		for (size_t w = code_points(l->cell[c]); w < l->width[c]; w++)
			buf_add_str(out, " ");
	}
	buf_add_span(out, l->cell[l->n]);
	buf_add_str(out, "\n");
}

void table_format(struct span text, size_t min_width, size_t padding, struct buf *out)
{
	struct line *lines;
	size_t n = split_lines(text, &lines);
	for (size_t c = 0; c < CELLS_MAX; c++)
		for (size_t i = 0; i < n;)
			i = lines[i].n > c ? measure(lines, n, i, c, min_width, padding) : i + 1;
	for (size_t i = 0; i < n; i++)
		print_line(&lines[i], out);
	free(lines);
}
