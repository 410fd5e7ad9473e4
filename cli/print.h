/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.h: output to the terminal: JSON, tables, text of others. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "base/json.h"
#include "cli/cli.h"

#define PRINT_MAX (256u << 20)

void print_buf(FILE *f, const struct buf *b);
/* As Go encodes it; a newline behind it if `newline`. */
void print_json(FILE *f, const json_t *v, enum j_style style, bool newline);
/* Cleaned of what could harm a terminal. */
void print_clean(FILE *f, const char *s);
/* Lines of cells (base/bytes.h buf), aligned; see table.h. */
void print_table(FILE *f, const struct buf *cells, size_t min_width, size_t padding);

#endif
