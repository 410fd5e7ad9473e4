/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/netmap_cache.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MARKER "started"
#define MARKER_MAX 64
#define CRASHES_TO_DISTRUST 2 /* runs in a row that died young */
#define PROFILE_MAX 64

/* A write on the worker thread. */
struct job {
	struct netmap_cache *c;
	char *path;
	struct buf text;
	bool drop; /* forgotten while it was being written */
};

struct netmap_cache {
	struct loop *loop;
	char *dir;
	bool distrusted;
	struct job *running;
	struct job *next; /* only the newest waits */
};

/* ---- start marker
 * ---------------------------------------------------------------------------------
 * "<start in Unix seconds> <young deaths before it>", removed by an orderly end. */

static char *path_of(const struct netmap_cache *c, const char *name)
{
	return xasprintf("%s/%s", c->dir, name);
}

static bool read_marker(const char *path, uint64_t *start, uint64_t *deaths)
{
	struct buf text;
	buf_init(&text, MARKER_MAX);
	bool ok = fs_read(path, &text) == 0;
	struct span s = buf_span(&text);
	const uint8_t *blank = ok && s.len ? memchr(s.p, ' ', s.len) : NULL;
	size_t n = blank ? (size_t)(blank - s.p) : 0;
	ok = blank && u64_decode(span_of(s.p, n), INT64_MAX, start) == 0 &&
	     u64_decode(span_from(s, n + 1), UINT16_MAX, deaths) == 0;
	buf_fini(&text);
	return ok;
}

/* Count this start in. Without a marker that can be written nothing is trusted less or more. */
static void mark_start(struct netmap_cache *c, wall_t now)
{
	char text[MARKER_MAX];
	char *path = path_of(c, MARKER);
	uint64_t start, deaths = 0;
	if (read_marker(path, &start, &deaths)) {
		bool young = now.s >= (int64_t)start && now.s - (int64_t)start < CRASH_LOOP_S;
		deaths = young ? deaths + 1 : 0;
	}
	c->distrusted = deaths >= CRASHES_TO_DISTRUST;
	int n = snprintf(text, sizeof(text), "%" PRId64 " %" PRIu64, now.s, deaths);
	if (fs_write_atomic(path, span_of(text, (size_t)n), 0600))
		c->distrusted = false;
	free(path);
}

/* ---- life ---- */

struct netmap_cache *netmap_cache_open(struct loop *l, const char *dir, wall_t now)
{
	struct netmap_cache *c = xcalloc(1, sizeof(*c));
	c->loop = l;
	if (!dir || fs_mkdir(dir, 0700))
		return c;
	c->dir = xstrdup(dir);
	mark_start(c, now);
	return c;
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	free(j->path);
	buf_fini(&j->text);
	free(j);
}

void netmap_cache_free(struct netmap_cache *c)
{
	if (!c)
		return;
	while (c->running)
		loop_turn(c->loop, 100);
	if (c->dir) {
		char *path = path_of(c, MARKER);
		unlink(path);
		free(path);
	}
	free(c->dir);
	free(c);
}

bool netmap_cache_distrusted(const struct netmap_cache *c)
{
	return c->distrusted;
}

/* ---- maps ---- */

/* NULL if nothing is cached for such a name. Profile ids are our own, yet they came through a file.
 */
static char *map_path(const struct netmap_cache *c, const char *profile)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz-";
	size_t n = strlen(profile);
	if (!c->dir || n == 0 || n > PROFILE_MAX || strspn(profile, allowed) != n)
		return NULL;
	return xasprintf("%s/netmap-%s.json", c->dir, profile);
}

int netmap_cache_load(struct netmap_cache *c, const char *profile, struct buf *out)
{
	char *path = c->distrusted ? NULL : map_path(c, profile);
	int err = path ? fs_read(path, out) : -ERR_NOENT;
	free(path);
	return err;
}

static void start(struct netmap_cache *c, struct job *j);

static void job_work(void *arg)
{
	struct job *j = arg;
	fs_drop_temps(j->path); /* left by a run that was killed; one write at a time is ours */
	/* A cache that cannot be written is not an error: the next start waits for the server. */
	if (fs_write_atomic(j->path, buf_span(&j->text), 0600))
		unlink(j->path);
}

static void job_done(void *arg)
{
	struct job *j = arg;
	struct netmap_cache *c = j->c;
	struct job *next = c->next;
	if (j->drop)
		unlink(j->path);
	job_free(j);
	c->running = NULL;
	c->next = NULL;
	if (next)
		start(c, next);
}

static void start(struct netmap_cache *c, struct job *j)
{
	c->running = j;
	loop_work_queue(c->loop, job_work, job_done, j);
}

void netmap_cache_store(struct netmap_cache *c, const char *profile, struct span text)
{
	char *path = map_path(c, profile);
	if (!path)
		return;
	struct job *j = xcalloc(1, sizeof(*j));
	j->c = c;
	j->path = path;
	buf_init(&j->text, NETMAP_CACHE_MAX);
	buf_add_span(&j->text, text);
	if (!buf_ok(&j->text)) {
		job_free(j);
		return;
	}
	if (!c->running) {
		start(c, j);
		return;
	}
	job_free(c->next);
	c->next = j;
}

void netmap_cache_drop(struct netmap_cache *c, const char *profile)
{
	char *path = map_path(c, profile);
	/* writes under way would bring it back */
	if (path && c->next && strcmp(c->next->path, path) == 0) {
		job_free(c->next);
		c->next = NULL;
	}
	if (path && c->running && strcmp(c->running->path, path) == 0)
		c->running->drop = true;
	if (path)
		unlink(path);
	free(path);
}
