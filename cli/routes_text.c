/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/routes_text.h"

#include "base/alloc.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* One cell, without its tab. */
static void add_value(struct buf *b, const json_t *v)
{
	if (j_is_string(v) && *j_text(v))
		text_clean(b, j_text(v));
	else if (j_is_int(v))
		buf_fmt(b, "%" PRId64, j_integer(v));
	else if (j_is_bool(v))
		buf_add_str(b, j_truth(v) ? "yes" : "no");
	else if (j_is_array(v) || j_is_object(v))
		j_write(v, J_COMPACT, false, b);
	else
		buf_add_str(b, "-");
}

static void add_table(struct buf *b, const json_t *rows, const char *const *columns, size_t n)
{
	for (size_t i = 0; i < j_len(rows); i++) {
		for (size_t c = 0; c < n; c++) {
			add_value(b, j_get(j_at(rows, i), columns[c]));
			buf_add_str(b, c + 1 < n ? "\t" : "\n");
		}
	}
}

static void add_firewall(struct buf *b, json_t *firewall)
{
	for (void *it = j_is_object(firewall) ? j_iter(firewall) : NULL; it;
	     it = j_iter_next(firewall, it)) {
		buf_add_str(b, "  ");
		text_clean(b, j_iter_key(it));
		buf_add_str(b, "\t");
		add_value(b, j_iter_value(it));
		buf_add_str(b, "\n");
	}
}

void routes_text(const json_t *answer, struct buf *cells)
{
	static const char *const route[] = { "Kind", "Prefix", "Table", "State" };
	static const char *const rule[] = { "Priority", "Family", "Selector", "Action", "State" };
	buf_add_str(cells, "KIND\tPREFIX\tTABLE\tSTATE\n");
	add_table(cells, j_get(answer, "Routes"), route, ARRAY_LEN(route));
	buf_add_str(cells, "\nPRIORITY\tFAMILY\tSELECTOR\tACTION\tSTATE\n");
	add_table(cells, j_get(answer, "Rules"), rule, ARRAY_LEN(rule));
	buf_add_str(cells, "\nFIREWALL\t");
	add_value(cells, j_get(answer, "Backend"));
	buf_add_str(cells, "\n");
	add_firewall(cells, j_get(answer, "Firewall"));
}

static size_t wrong_in(const json_t *rows)
{
	size_t n = 0;
	for (size_t i = 0; i < j_len(rows); i++)
		n += str_cmp(j_str(j_at(rows, i), "State"), "ok") != 0;
	return n;
}

size_t routes_wrong(const json_t *answer)
{
	return wrong_in(j_get(answer, "Routes")) + wrong_in(j_get(answer, "Rules"));
}
