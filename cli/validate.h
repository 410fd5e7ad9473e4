/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate.h: values of preference flags checked before they reach the daemon. Each returns NULL or
 * the reference's text for what is wrong (new). Pure. */
#ifndef CLI_VALIDATE_H
#define CLI_VALIDATE_H

#include "base/json.h"

/* Comma list of prefixes, without doubles, shortest first; both default routes in front if
 * exit_node. Refused: host bits, one default route alone, the tailnet's own ranges but for 4via6.
 * *routes: new array, or NULL when there are none. */
char *validate_routes(const char *list, bool exit_node, json_t **routes);
/* Comma list of prefixes in the order given, without doubles. *list: new array. */
char *validate_prefixes(const char *text, json_t **list);
/* Elements of an array of texts, comma-separated; appended. */
void list_text(const json_t *array, struct buf *out);
/* Comma list; "x" becomes "tag:x". *tags: new array, or NULL when there are none. */
char *validate_tags(const char *list, json_t **tags);
/* "" is fine: the system's name. */
char *validate_hostname(const char *name);
/* on, nodivert, off -> 2, 1, 0 */
char *validate_netfilter_mode(const char *text, int *mode);
const char *netfilter_mode_text(int64_t mode);
/* What a person must know who chose it; "" for on. */
const char *netfilter_mode_warning(int mode);
#define SNAT_WARNING                                                                               \
	"--snat-subnet-routes=false is set with --advertise-exit-node; internet "                  \
	"traffic through this exit node may not work as expected"

/* Whether an array of prefix texts holds both default routes. */
bool routes_offer_exit(const json_t *routes);
/* The others, comma-separated; appended. */
void routes_without_exit(const json_t *routes, struct buf *out);

#endif
