/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show.h: answers of the server as text for people. Everything that nodes chose themselves (names)
 * is escaped before it reaches the terminal. */
#ifndef COORDINATOR_SHOW_H
#define COORDINATOR_SHOW_H

#include "base/json.h"

void show_key(const json_t *result); /* the key alone on the last line */
void show_keys(const json_t *result);
void show_nodes(const json_t *result);
void show_node(const json_t *result);
void show_routes(const json_t *result);
void show_route(const json_t *result);
void show_policy(const json_t *result);
void show_dns(const json_t *result);
void show_ping(const json_t *result);
void show_json(const json_t *result);

#endif
