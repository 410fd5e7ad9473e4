/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_text.h: JSON as people write it: comments and trailing commas blanked out with every line
 * kept in place, and the line on which a value stands. Pure. */
#ifndef COORDINATOR_POLICY_TEXT_H
#define COORDINATOR_POLICY_TEXT_H

#include "base/bytes.h"

/* Same length as in, comments and commas before a closing bracket made blanks. 0, or -ERR_SYNTAX
 * with *line of a comment or string that does not end, or -ERR_NOMEM. */
MUST_CHECK int policy_text_clean(struct span in, struct buf *out, unsigned *line);

/* A step into a value: a member by name, or an element by index (name NULL). */
struct text_step {
	const char *name;
	size_t index;
};
/* 1-based line of the value that the steps lead to in valid JSON; of the last one found if a step
 * leads nowhere. */
unsigned policy_text_line(struct span json, const struct text_step *steps, size_t n);

#endif
