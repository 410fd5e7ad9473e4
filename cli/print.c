/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/print.h"

#include "cli/table.h"
#include "cli/text.h"

void print_buf(FILE *f, const struct buf *b)
{
	if (b->len)
		fwrite(b->p, 1, b->len, f);
}

void print_json(FILE *f, const json_t *v, enum j_style style, bool newline)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	j_write(v, style, true, &b);
	if (newline)
		buf_add_str(&b, "\n");
	print_buf(f, &b);
	buf_fini(&b);
}

void print_clean(FILE *f, const char *s)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	text_clean(&b, s);
	print_buf(f, &b);
	buf_fini(&b);
}

void print_table(FILE *f, const struct buf *cells, size_t min_width, size_t padding)
{
	struct buf b;
	buf_init(&b, PRINT_MAX);
	table_format(buf_span(cells), min_width, padding, &b);
	print_buf(f, &b);
	buf_fini(&b);
}
