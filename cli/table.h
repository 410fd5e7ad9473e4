/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table.h: columns as Go's tabwriter makes them. A cell ends with a tab; a column is as wide as its
 * longest cell in the run of adjacent lines that have it, plus padding; what follows the last tab
 * of a line is not a cell. Widths count code points. Pure. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/bytes.h"

/* text: lines of cells; appended to out as aligned lines. min_width holds the padding as well. */
void table_format(struct span text, size_t min_width, size_t padding, struct buf *out);

#endif
