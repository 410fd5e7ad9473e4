/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs.h: whole files, never half written. Blocking: call from start-up, tests, or loop_work. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/bytes.h"

#include <sys/types.h>

/* Whole file up to out->max; -ERR_NOENT, -ERR_TOOBIG, -ERR_PERM, -ERR_IO. */
MUST_CHECK int fs_read(const char *path, struct buf *out);
/* Write to a temporary file in the same directory, fsync, rename, fsync the directory. The old file
 * stays whole on any failure. */
MUST_CHECK int fs_write_atomic(const char *path, struct span data, mode_t mode);
/* Remove what an fs_write_atomic(path) left that was killed in the middle. Nobody else may be
 * writing there now. */
void fs_drop_temps(const char *path);
/* mkdir -p of the last two components at most; existing is fine. */
MUST_CHECK int fs_mkdir(const char *path, mode_t mode);

#endif
