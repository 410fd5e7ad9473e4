/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table and rules of the last run (--route-table, --rule-priority): what it left under other
 * numbers, a guard perhaps, nobody else would ever take away. */
#include "base/log.h"
#include "daemon/engine/backend_priv.h"
#include "daemon/state/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS_KEY "_meshd-routing" /* "TABLE RULES" */
#define NUMBERS_MAX 32

static bool parse(struct span text, struct router_params *out)
{
	const uint8_t *blank = text.len ? memchr(text.p, ' ', text.len) : NULL;
	uint64_t table, base;
	if (!blank)
		return false;
	size_t n = (size_t)(blank - text.p);
	if (u64_decode(span_of(text.p, n), UINT32_MAX, &table) < 0 ||
	    u64_decode(span_of(blank + 1, text.len - n - 1), UINT32_MAX, &base) < 0)
		return false;
	*out = ROUTER_PARAMS_DEFAULT;
	out->table = (uint32_t)table;
	out->rule_base = (uint32_t)base;
	return true;
}

/* Called when what this run wants first is in place: there is never neither guard. */
void backend_forget_numbers(struct backend *b, const struct router_params *now)
{
	struct state *s = state_file_health(b->file) ? NULL : state_file_store(b->file);
	struct router_params before;
	char text[NUMBERS_MAX];
	if (!s || b->no_tun)
		return;
	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32, now->table, now->rule_base);
	struct span have = state_get(s, NUMBERS_KEY);
	if (span_eq_str(have, text))
		return;
	if (parse(have, &before)) {
		log_info("router: taking back table %" PRIu32 " and the rules from %" PRIu32
			 " on, which the last run used",
			 before.table, before.rule_base);
		node_forget_numbers(b->node, &before);
	}
	state_put(s, NUMBERS_KEY, span_str(text));
	if (state_file_save_now(b->file) != 0)
		log_error("state: cannot write the routing numbers");
}
