/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate.h: values of preference flags checked before they reach the daemon. Each returns NULL or
 * the reference's text for what is wrong (new). Pure. */
#ifndef CLI_VALIDATE_H
#define CLI_VALIDATE_H

#include "base/json.h"

/* Comma list of prefixes, without doubles, shortest first; both default routes in front if
 * exit_node. *routes: new array, or NULL when there are none. */
char *validate_routes(const char *list, bool exit_node, json_t **routes);
/* Comma list; "x" becomes "tag:x". *tags: new array, or NULL when there are none. */
char *validate_tags(const char *list, json_t **tags);
/* "" is fine: the system's name. */
char *validate_hostname(const char *name);
/* on, nodivert, off -> 2, 1, 0 */
char *validate_netfilter_mode(const char *text, int *mode);
const char *netfilter_mode_text(int64_t mode);

/* Whether an array of prefix texts holds both default routes. */
bool routes_offer_exit(const json_t *routes);
/* The others, comma-separated; appended. */
void routes_without_exit(const json_t *routes, struct buf *out);

#endif
