/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netmap_cache.h: the last good network map of each profile on disk (0600), so that a start while
 * the server is down has its address at once, and the start marker that stops a cached map from
 * crashing the daemon over and over (shared/spec/security.md, commit 1e4934659). The content is the
 * text of one MapResponse (netmap_to_json); this file only keeps bytes. Blocking calls: start-up,
 * or loop_work through netmap_cache_store. Thread: control. */
#ifndef DAEMON_STATE_NETMAP_CACHE_H
#define DAEMON_STATE_NETMAP_CACHE_H

#include "base/loop.h"
#include "base/mono.h"

#define NETMAP_CACHE_MAX (48u << 20)
#define CRASH_LOOP_S 60

struct netmap_cache;

/* dir NULL: nothing is cached (memory-only state). Writes the start marker. Returns new. */
struct netmap_cache *netmap_cache_open(struct loop *l, const char *dir, wall_t now);
/* Orderly end: removes the marker. */
void netmap_cache_free(struct netmap_cache *c);
/* The marker of an earlier start that did not end in order was younger than CRASH_LOOP_S at its own
 * start as well: caches are ignored in this run. */
bool netmap_cache_distrusted(const struct netmap_cache *c);
/* Read the profile's map into out; -ERR_NOENT if there is none or it is distrusted. */
MUST_CHECK int netmap_cache_load(struct netmap_cache *c, const char *profile, struct buf *out);
/* Replace it, off the loop; only the newest of several waits. text is copied. */
void netmap_cache_store(struct netmap_cache *c, const char *profile, struct span text);
void netmap_cache_drop(struct netmap_cache *c, const char *profile);

#endif
