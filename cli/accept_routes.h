/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accept_routes.h: --accept-routes: which subnet routes of peers are used.
 *
 *   on, off (or a bool)   all, none: what the flag means elsewhere
 *   auto                  all, but none that would take a network this machine is directly on
 *   CIDR,...              only those inside one of these, and as auto
 *
 * Pure. */
#ifndef CLI_ACCEPT_ROUTES_H
#define CLI_ACCEPT_ROUTES_H

#include "cli/prefs_fields.h"

/* NULL, or what is wrong (new). */
char *accept_routes_check(const char *text);
/* Put a value that passed the check into prefs. */
void accept_routes_apply(const char *text, json_t *prefs);
/* The fields that tell of it. */
void accept_routes_fields(const char *text, struct prefs_mask *mask);
/* What the flag would have to say for these preferences; appended. */
void accept_routes_text(const json_t *prefs, struct buf *out);

#endif
