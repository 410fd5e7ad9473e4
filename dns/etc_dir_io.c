/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/etc_dir_io.h"

#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LABEL "security.selinux"
#define LABEL_MAX 256
#define READ_MAX 4096

void etc_step(const struct etc_dir *d, const char *what)
{
	if (d->step)
		d->step(what);
}

static int close_failed(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* ---- looking ------------------------------------------------------------------------ */

static int read_up_to(int fd, size_t max, struct buf *out)
{
	while (out->len < max) {
		size_t want = max - out->len < READ_MAX ? max - out->len : READ_MAX;
		uint8_t *p = buf_reserve(out, want);
		ssize_t n = p ? read(fd, p, want) : -1;
		if (n < 0 && p && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -1 : 0;
		buf_commit(out, (size_t)n);
	}
	return 0;
}

static int read_file(const struct etc_dir *d, const char *name, struct etc_entry *out, size_t max)
{
	int fd = openat(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read_up_to(fd, max + 1, &out->text) != 0)
		return close_failed(fd);
	close(fd);
	if (out->text.len > max) {
		out->too_long = true;
		out->text.len = max;
	}
	return 0;
}

static int read_link(const struct etc_dir *d, const char *name, struct etc_entry *out)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(d->fd, name, target, sizeof(target));
	if (n < 0)
		return -1;
	if (n == sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	buf_add(&out->text, target, (size_t)n);
	return 0;
}

int etc_look(const struct etc_dir *d, const char *name, size_t max, struct etc_entry *out)
{
	struct stat st;
	*out = (struct etc_entry){ .kind = ETC_ABSENT };
	buf_init(&out->text, max + READ_MAX + PATH_MAX);
	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : -1;
	out->perm = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	if (S_ISLNK(st.st_mode)) {
		out->kind = ETC_LINK;
		return read_link(d, name, out);
	}
	out->kind = S_ISREG(st.st_mode) ? ETC_FILE : ETC_ODD;
	return out->kind == ETC_FILE ? read_file(d, name, out, max) : 0;
}

void etc_entry_fini(struct etc_entry *e)
{
	buf_fini(&e->text);
}

int etc_read(const struct etc_dir *d, const char *name, size_t max, struct buf *out)
{
	struct stat st;
	int fd = openat(d->fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || read_up_to(fd, max, out) != 0)
		return close_failed(fd);
	close(fd);
	return 0;
}

/* ---- writing ------------------------------------------------------------------------ */

static int write_all(int fd, struct span text)
{
	off_t at = 0;
	while (text.len) {
		ssize_t n = pwrite(fd, text.p, text.len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text = span_from(text, (size_t)n);
		at += n;
	}
	return 0;
}

/* As base/fs.h names them, which also clears them away. */
static void temp_name(const char *name, char out[static NAME_MAX])
{
	snprintf(out, NAME_MAX, "%s.%08x.tmp", name, rng_u32(rng_system()));
}

/* A host without SELinux has no labels, and one where it only warns loses nothing. */
static void copy_label(struct etc_dir *d, int to, const char *like)
{
	char label[LABEL_MAX];
	int from = openat(d->fd, like, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = from < 0 ? -1 : fgetxattr(from, LABEL, label, sizeof(label));
	if (from >= 0)
		close(from);
	if (n > 0 && fsetxattr(to, LABEL, label, (size_t)n, 0) != 0 && errno != ENOTSUP)
		d->label_failed = true;
}

struct new_file {
	struct span text;
	unsigned perm;
	const struct etc_entry *seen; /* NULL: whatever is there is replaced */
	bool own;
	unsigned uid, gid;
};

static int write_temp(struct etc_dir *d, const char *temp, const char *name,
		      const struct new_file *f)
{
	int fd = openat(d->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (f->seen)
		copy_label(d, fd, name);
	/* Without the right to give files away it stays ours, and is as readable as it was. */
	if (f->own && fchown(fd, f->uid, f->gid) != 0 && errno != EPERM)
		return close_failed(fd);
	if (write_all(fd, f->text) != 0 || fchmod(fd, f->perm) != 0 || fsync(fd) != 0)
		return close_failed(fd);
	return close(fd);
}

static int rename_synced(struct etc_dir *d, const char *from, const char *to)
{
	if (renameat(d->fd, from, d->fd, to) != 0)
		return -1;
	fsync(d->fd);
	return 0;
}

static bool is_as_seen(const struct etc_dir *d, const char *name, const struct etc_entry *seen)
{
	struct etc_entry now;
	bool same = etc_look(d, name, seen->text.len + 1, &now) == 0 && now.kind == seen->kind &&
		    (seen->too_long || span_eq(buf_span(&now.text), buf_span(&seen->text)));
	etc_entry_fini(&now);
	return same;
}

/* The two change places; if what came out is not what was seen, once more. */
static int exchange_if(struct etc_dir *d, const char *from, const char *to,
		       const struct etc_entry *seen)
{
	if (renameat2(d->fd, from, d->fd, to, RENAME_EXCHANGE) != 0)
		return -1;
	if (!is_as_seen(d, from, seen)) {
		renameat2(d->fd, from, d->fd, to, RENAME_EXCHANGE);
		errno = EAGAIN;
		return -1;
	}
	fsync(d->fd);
	etc_step(d, "exchanged");
	unlinkat(d->fd, from, 0);
	return 0;
}

static int rename_if(struct etc_dir *d, const char *from, const char *to,
		     const struct etc_entry *seen)
{
	int rc;
	if (seen->kind == ETC_ABSENT)
		rc = renameat2(d->fd, from, d->fd, to, RENAME_NOREPLACE);
	else
		rc = exchange_if(d, from, to, seen);
	if (rc != 0 && (errno == EEXIST || errno == ENOENT))
		errno = EAGAIN;
	if (rc != 0 && (errno == EINVAL || errno == ENOSYS)) /* not on this file system */
		return rename_synced(d, from, to);
	fsync(d->fd);
	return rc;
}

/* What is under a name of its own takes the name it is meant for. */
static int put_in_place(struct etc_dir *d, const char *temp, const char *name,
			const struct etc_entry *seen)
{
	etc_step(d, "temporary file");
	int rc = seen ? rename_if(d, temp, name, seen) : rename_synced(d, temp, name);
	int saved = errno;
	unlinkat(d->fd, temp, 0); /* two names of one file both stay in a rename */
	errno = saved;
	return rc;
}

static int replace(struct etc_dir *d, const char *name, const struct new_file *f)
{
	char temp[NAME_MAX];
	temp_name(name, temp);
	if (write_temp(d, temp, name, f) == 0)
		return put_in_place(d, temp, name, f->seen);
	int saved = errno;
	unlinkat(d->fd, temp, 0);
	errno = saved;
	return -1;
}

int etc_replace(struct etc_dir *d, const char *name, struct span text, unsigned perm)
{
	return replace(d, name, &(struct new_file){ .text = text, .perm = perm });
}

int etc_replace_if(struct etc_dir *d, const char *name, struct span text, unsigned perm,
		   const struct etc_entry *seen)
{
	return replace(d, name, &(struct new_file){ .text = text, .perm = perm, .seen = seen });
}

int etc_recreate(struct etc_dir *d, const char *name, struct span text, unsigned perm, unsigned uid,
		 unsigned gid)
{
	struct new_file f = { .text = text, .perm = perm, .own = true, .uid = uid, .gid = gid };
	return replace(d, name, &f);
}

int etc_recreate_link(struct etc_dir *d, const char *name, const char *target)
{
	char temp[NAME_MAX];
	temp_name(name, temp);
	if (symlinkat(target, d->fd, temp) != 0)
		return -1;
	return put_in_place(d, temp, name, NULL);
}

int etc_write_in_place(struct etc_dir *d, const char *name, struct span text, unsigned perm)
{
	struct stat st;
	int fd = openat(d->fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || write_all(fd, text) != 0)
		return close_failed(fd);
	etc_step(d, "written in place");
	if (ftruncate(fd, (off_t)text.len) != 0 || fsync(fd) != 0)
		return close_failed(fd);
	if ((st.st_mode & 07777) != perm && fchmod(fd, perm) != 0)
		return close_failed(fd);
	return close(fd);
}

/* ---- names -------------------------------------------------------------------------- */

int etc_link(struct etc_dir *d, const char *name, const char *new_name)
{
	char temp[NAME_MAX];
	temp_name(new_name, temp);
	if (linkat(d->fd, name, d->fd, temp, 0) == 0)
		return put_in_place(d, temp, new_name, NULL);
	/* Of another's file (protected_hardlinks), or on a file system without. */
	if (errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == EACCES)
		return rename_synced(d, name, new_name);
	return -1;
}

int etc_rename(struct etc_dir *d, const char *name, const char *new_name)
{
	return rename_synced(d, name, new_name);
}

int etc_rename_if(struct etc_dir *d, const char *name, const char *new_name,
		  const struct etc_entry *seen)
{
	return rename_if(d, name, new_name, seen);
}

int etc_remove(struct etc_dir *d, const char *name)
{
	if (unlinkat(d->fd, name, 0) != 0)
		return errno == ENOENT ? 0 : -1;
	fsync(d->fd);
	return 0;
}
