/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fs.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 16384

static int from_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return -ERR_NOENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return -ERR_PERM;
	case EEXIST:
		return -ERR_EXIST;
	default:
		return -ERR_IO;
	}
}

/* close keeps errno, so that it still tells why the step before failed */
static void close_quietly(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Next bytes into out: how many, 0 at the end, or a code. One byte beyond the ceiling is asked for,
 * because a file of exactly that size is still good. */
static ssize_t read_some(int fd, struct buf *out)
{
	uint8_t extra;
	size_t room = out->max - out->len;
	size_t want = room < READ_CHUNK ? room : READ_CHUNK;
	uint8_t *p = want ? buf_reserve(out, want) : &extra;
	if (!p)
		return -ERR_NOMEM;
	ssize_t n;
	do {
		n = read(fd, p, want ? want : 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return from_errno();
	if (n > 0 && !want)
		return -ERR_TOOBIG;
	buf_commit(out, (size_t)n);
	return n;
}

/* Opening a pipe that nobody writes to would wait for ever; reading it is the end at once. */
static int open_at_once(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && fcntl(fd, F_SETFL, 0) != 0) {
		close_quietly(fd);
		return -1;
	}
	return fd;
}

int fs_read(const char *path, struct buf *out)
{
	int fd = open_at_once(path);
	if (fd < 0)
		return from_errno();
	ssize_t n;
	do {
		n = read_some(fd, out);
	} while (n > 0);
	close_quietly(fd);
	return (int)n;
}

/* ---- writing ------------------------------------------------------------------------ */

static int write_all(int fd, struct span data)
{
	while (data.len) {
		ssize_t n = write(fd, data.p, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return from_errno();
		data = span_from(data, (size_t)n);
	}
	return 0;
}

/* Must not lose the errno of what failed. */
static void unlink_quietly(const char *path)
{
	int saved = errno;
	unlink(path);
	errno = saved;
}

/* The whole content on the disk under a name of its own, or nothing. */
static int write_temp(const char *temp, struct span data, mode_t mode)
{
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return from_errno();
	int rc = write_all(fd, data);
	if (rc == 0 && (fchmod(fd, mode) || fsync(fd)))
		rc = from_errno();
	close_quietly(fd);
	if (rc)
		unlink_quietly(temp);
	return rc;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A rename is on the disk only once its directory is. */
static int sync_parent(const char *path)
{
	char *dir = parent_of(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? from_errno() : 0;
	if (fd >= 0)
		close_quietly(fd);
	free(dir);
	return rc;
}

#define TEMP_DIGITS 8
#define TEMP_TAIL ".tmp"

/* "NAME.xxxxxxxx.tmp" */
static bool is_temp_of(const char *entry, const char *name)
{
	size_t n = strlen(name);
	if (strncmp(entry, name, n) != 0 || entry[n] != '.')
		return false;
	entry += n + 1;
	return strspn(entry, "0123456789abcdef") == TEMP_DIGITS &&
	       strcmp(entry + TEMP_DIGITS, TEMP_TAIL) == 0;
}

void fs_drop_temps(const char *path)
{
	char *dir = parent_of(path);
	const char *slash = strrchr(path, '/');
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		if (is_temp_of(e->d_name, slash ? slash + 1 : path))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	free(dir);
}

int fs_write_atomic(const char *path, struct span data, mode_t mode)
{
	char *temp = xasprintf("%s.%0*x" TEMP_TAIL, path, TEMP_DIGITS, rng_u32(rng_system()));
	int rc = write_temp(temp, data, mode);
	if (rc == 0 && rename(temp, path)) {
		rc = from_errno();
		unlink_quietly(temp);
	}
	free(temp);
	return rc ? rc : sync_parent(path);
}

/* ---- directories -------------------------------------------------------------------- */

static int mkdir_one(const char *path, mode_t mode)
{
	struct stat st;
	if (mkdir(path, mode) == 0) /* the umask may have narrowed it */
		return chmod(path, mode) ? from_errno() : 0;
	if (errno != EEXIST)
		return from_errno();
	if (stat(path, &st))
		return from_errno();
	return S_ISDIR(st.st_mode) ? 0 : -ERR_EXIST;
}

int fs_mkdir(const char *path, mode_t mode)
{
	int rc = mkdir_one(path, mode);
	if (rc != -ERR_NOENT)
		return rc;
	char *dir = parent_of(path);
	rc = mkdir_one(dir, mode);
	free(dir);
	return rc ? rc : mkdir_one(path, mode);
}
