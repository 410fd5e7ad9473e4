/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_frame.h: one message of a map stream: little-endian length, then a zstd frame or JSON. Pure.
 */
#ifndef COORDINATOR_MAP_FRAME_H
#define COORDINATOR_MAP_FRAME_H

#include "base/bytes.h"

#define MAP_FRAME_MAX (64u << 20)

/* Append the framed text. -ERR_NOMEM, -ERR_TOOBIG. */
MUST_CHECK int map_frame_build(struct span json, bool zstd, struct buf *out);

#endif
