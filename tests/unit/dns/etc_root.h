/* SPDX-License-Identifier: GPL-2.0-or-later */
/* etc_root.h: a root of our own with etc and run in it, and what is in etc as one text. Tests only.
 */
#ifndef TESTS_UNIT_DNS_ETC_ROOT_H
#define TESTS_UNIT_DNS_ETC_ROOT_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct etc_root {
	char dir[64], etc[80], run[80];
};

static inline void etc_root_make(struct etc_root *r)
{
	strcpy(r->dir, "/tmp/mesh-etc.XXXXXX");
	if (!mkdtemp(r->dir))
		abort();
	snprintf(r->etc, sizeof(r->etc), "%s/etc", r->dir);
	snprintf(r->run, sizeof(r->run), "%s/run", r->dir);
	if (mkdir(r->etc, 0755) || mkdir(r->run, 0755))
		abort();
}

static inline char *etc_path(const struct etc_root *r, const char *name)
{
	return xasprintf("%s/%s", r->dir, name);
}

/* name: "etc/resolv.conf" */
static inline void etc_put(const struct etc_root *r, const char *name, const char *text,
			   mode_t mode)
{
	char *path = etc_path(r, name);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode))
		abort();
	close(fd);
	free(path);
}

static inline void etc_put_link(const struct etc_root *r, const char *name, const char *target)
{
	char *path = etc_path(r, name);
	unlink(path);
	if (symlink(target, path))
		abort();
	free(path);
}

static inline void etc_drop(const struct etc_root *r, const char *name)
{
	char *path = etc_path(r, name);
	unlink(path);
	rmdir(path);
	free(path);
}

/* What a file holds, also while others take its place. New; NULL: there is none. */
static inline char *etc_text(const struct etc_root *r, const char *name)
{
	char *path = etc_path(r, name), *text = NULL;
	struct buf b;
	buf_init(&b, 1 << 21);
	if (fs_read(path, &b) == 0)
		text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	free(path);
	return text;
}

static inline void etc_dump_one(int dir, const char *name, struct buf *out)
{
	static char text[1 << 21];
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		abort();
	buf_fmt(out, "%s ", name);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dir, name, text, sizeof(text));
		buf_fmt(out, "-> %.*s\n", (int)n, text);
		return;
	}
	buf_fmt(out, "%o\n", st.st_mode);
	int fd = S_ISREG(st.st_mode) ? openat(dir, name, O_RDONLY) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	buf_add(out, text, (size_t)n);
	buf_add_str(out, "\n--\n");
	if (fd >= 0)
		close(fd);
}

/* Everything in etc, by name, while nobody changes it. New. */
static inline char *etc_dump(const struct etc_root *r)
{
	struct dirent **names;
	struct buf out;
	buf_init(&out, 1 << 24);
	int n = scandir(r->etc, &names, NULL, alphasort);
	int dir = open(r->etc, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			etc_dump_one(dir, names[i]->d_name, &out);
		free(names[i]);
	}
	free(names);
	close(dir);
	char *text = xstrdup(buf_cstr(&out));
	buf_fini(&out);
	return text;
}

static inline void etc_empty(const char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), e->d_name, 0) != 0)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

static inline void etc_root_drop(const struct etc_root *r)
{
	etc_empty(r->etc);
	etc_empty(r->run);
	rmdir(r->etc);
	rmdir(r->run);
	rmdir(r->dir);
}

#endif
