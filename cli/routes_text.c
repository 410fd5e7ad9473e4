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

static void add_cell(struct buf *b, const json_t *row, const char *column)
{
	add_value(b, j_get(row, column));
	buf_add_str(b, "\t");
}

static void add_routes(struct buf *b, const json_t *routes)
{
	buf_add_str(b, "KIND\tPREFIX\tTABLE\tSTATE\n");
	for (size_t i = 0; i < j_len(routes); i++) {
		add_cell(b, j_at(routes, i), "Kind");
		add_cell(b, j_at(routes, i), "Prefix");
		add_cell(b, j_at(routes, i), "Table");
		add_value(b, j_get(j_at(routes, i), "State"));
		buf_add_str(b, "\n");
	}
}

static void add_rules(struct buf *b, const json_t *rules)
{
	buf_add_str(b, "PRIORITY\tFAMILY\tMARK\tTABLE\tSTATE\n");
	for (size_t i = 0; i < j_len(rules); i++) {
		const json_t *rule = j_at(rules, i);
		const char *mark = j_str(rule, "Mark");
		add_cell(b, rule, "Priority");
		add_cell(b, rule, "Family");
		text_clean(b, mark && *mark ? mark : "all");
		buf_add_str(b, "\t");
		if (j_int(rule, "Table", -1) == 0)
			buf_add_str(b, "unreachable");
		else
			add_value(b, j_get(rule, "Table"));
		buf_add_str(b, "\t");
		add_value(b, j_get(rule, "State"));
		buf_add_str(b, "\n");
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
	const char *error = j_str(answer, "Error");
	if (error) {
		buf_add_str(cells, "The system cannot be looked at: ");
		text_clean(cells, error);
		buf_add_str(cells, "\n\n");
	}
	add_routes(cells, j_get(answer, "Routes"));
	buf_add_str(cells, "\n");
	add_rules(cells, j_get(answer, "Rules"));
	buf_add_str(cells, "\nFIREWALL\n");
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
