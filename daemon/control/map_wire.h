/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_wire.h: the map stream's framing (shared/spec/control.md 9.1): little-endian length, then one
 * zstd frame or plain JSON; reader with caps, and writer. Pure. */
#ifndef DAEMON_CONTROL_MAP_WIRE_H
#define DAEMON_CONTROL_MAP_WIRE_H

#include "base/bytes.h"

#define MAP_FRAME_MAX (16u << 20) /* bytes of one message on the wire */
#define MAP_TEXT_MAX (48u << 20)  /* decompressed */
#define MAP_WINDOW_LOG_MAX 27

struct map_reader;

/* Returns new; NULL when memory is out. */
struct map_reader *map_reader_new(bool zstd);
void map_reader_free(struct map_reader *m);
/* Take the next message out of *in (advanced). 1: *text is its JSON, valid until the next call, and
 * *same says that its bytes equal those of the last keep-alive (text is then that one's);
 * 0: more needed; negative and final: -ERR_TOOBIG, -ERR_PROTO (empty, bad or several frames),
 * -ERR_NOMEM. */
MUST_CHECK int map_reader_next(struct map_reader *m, struct span *in, struct span *text,
			       bool *same);
/* The message just returned was a bare keep-alive: remember its bytes. */
void map_reader_mark_keepalive(struct map_reader *m);
/* Give large buffers back after a big message. */
void map_reader_shrink(struct map_reader *m);

/* Server: append one framed message. -ERR_NOMEM, -ERR_TOOBIG (out's ceiling). */
MUST_CHECK int map_frame_build(struct span json, bool zstd, struct buf *out);

#endif
