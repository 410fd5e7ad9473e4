/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_io.h: the state store's file: loaded at start, written whole and atomically (mode 0600) off
 * the loop. A file that could not be read or parsed is never overwritten. Thread: control. */
#ifndef DAEMON_STATE_STATE_IO_H
#define DAEMON_STATE_STATE_IO_H

#include "base/loop.h"
#include "daemon/state/state.h"

struct state_file;

/* path "mem:" keeps everything in memory. An unusable file (unreadable, corrupt, sealed) gives an
 * object that works in memory, reports it by state_file_health and never writes. Makes the
 * directory (0700) and the file ("{}") when missing. Logs nothing. Returns new. */
struct state_file *state_file_open(struct loop *l, const char *path);
/* Waits for a write in progress; writes what is not on disk yet. */
void state_file_free(struct state_file *f);
struct state *state_file_store(struct state_file *f);
/* NULL if fine, else text for the user (what is wrong and what to do); borrowed. */
const char *state_file_health(const struct state_file *f);
/* NULL while writes succeed, else text for the user; borrowed until the next write ends. A write
 * that failed is tried again every few seconds. */
const char *state_file_trouble(const struct state_file *f);
bool state_file_is_mem(const struct state_file *f);

/* Make the present content durable, then call done (may be NULL) once, never from inside this call:
 * err 0 or -ERR_*. Writes coalesce. */
void state_file_save(struct state_file *f, void (*done)(void *arg, int err), void *arg);
/* The same, blocking; for start-up and shutdown. */
MUST_CHECK int state_file_save_now(struct state_file *f);

#endif
