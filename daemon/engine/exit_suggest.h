/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exit_suggest.h: the nearest of several exit nodes: by the latency to their relays, by distance
 * where they have none, by score where the server steers. Pure. shared/spec/routing.md 9.4. */
#ifndef DAEMON_ENGINE_EXIT_SUGGEST_H
#define DAEMON_ENGINE_EXIT_SUGGEST_H

#include "daemon/engine/exit_node.h"

/* The server lets this peer be chosen without being named. */
bool exit_may_suggest(const struct nm_node *n);
/* One of v, n > 0. prev: node id of the last one, taken among equals; else in->rng decides. */
const struct nm_node *exit_suggest_among(const struct exit_in *in, const struct nm_node *const *v,
					 size_t n, int64_t prev);

#endif
