/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pref_args.h: from the flags of `up` and `set` to preferences: whole ones, edits, and the check
 * that an `up` does not silently undo earlier choices. shared/spec/cli-localapi.md 10.3. Pure. */
#ifndef CLI_PREF_ARGS_H
#define CLI_PREF_ARGS_H

#include "cli/settings.h"

/* Errors are texts for the user (new); NULL is success. */

/* --exit-node given as name, address, "auto:any" or an ordered list, into prefs. */
char *exit_node_apply(const json_t *status, const char *value, json_t *prefs);
/* The fields that tell of it. */
void exit_node_fields(const char *value, struct prefs_mask *mask);

/* Whole preferences of an `up`. *prefs: new; warnings: lines to print, appended. */
char *up_prefs_build(const struct setting_values *v, const json_t *status, json_t **prefs,
		     struct buf *warnings);

/* Which fields an `up` among running nodes edits: those of the given flags, all with reset. */
void up_edit_mask(struct flag_set *set, const struct setting_values *v, bool reset,
		  struct prefs_mask *mask);

/* What is stored, what is asked for, and how. */
struct up_check {
	struct flag_set *set;
	const json_t *cur; /* GET prefs */
	const json_t *status;
	const char *user; /* $USER */
};
/* No flag at all, a stored login, no login needed: `up` only starts. */
bool up_is_simple(const struct up_check *u);
/* The refusal that lists what was not mentioned. May put the stored operator into
 * *prefs (replaced). */
char *up_revert_check(const struct up_check *u, json_t **prefs);
bool login_server_changed(const json_t *cur, const json_t *prefs);
bool tags_changed(const json_t *cur, const json_t *prefs);

/* Edits of a `set`: *prefs (new) holds the values, mask the fields. */
char *set_prefs_build(struct flag_set *set, const struct setting_values *v, const json_t *cur,
		      const json_t *status, json_t **prefs, struct prefs_mask *mask);

#endif
