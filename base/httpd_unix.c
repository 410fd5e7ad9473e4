/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_unix.c: the listening socket of the LocalAPI. */
#include "base/fs.h"
#include "base/httpd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Whether somebody accepts there; a full backlog means yes. */
static bool is_answered(const struct sockaddr_un *sa)
{
	int fd = unix_socket();
	bool yes;

	if (fd < 0)
		return false;
	yes = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN;
	close(fd);
	return yes;
}

/* Only a socket is removed: the path comes from a flag and may be mistyped. */
static int remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -ERR_IO;
	if (!S_ISSOCK(st.st_mode))
		return -ERR_EXIST;
	return unlink(path) == 0 ? 0 : -ERR_PERM;
}

static int make_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int rc = 0;

	if (!slash || slash == path)
		return 0;
	dir = xstrndup(path, (size_t)(slash - path));
	if (access(dir, F_OK) < 0) {
		rc = fs_mkdir(dir, 0755);
		if (rc == 0 && chmod(dir, 0755) < 0) /* the umask may have narrowed it */
			rc = -ERR_PERM;
	}
	free(dir);
	return rc;
}

static int bind_and_listen(const struct sockaddr_un *sa)
{
	int fd = unix_socket();
	int err;

	if (fd < 0)
		return -ERR_IO;
	/* 0666: who may do what is decided by peer credentials */
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 &&
	    chmod(sa->sun_path, 0666) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = errno;
	close(fd);
	return err == EADDRINUSE ? -ERR_BUSY : err == EACCES ? -ERR_PERM : -ERR_IO;
}

int httpd_listen_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int rc;

	if (len == 0 || len >= sizeof(sa.sun_path))
		return -ERR_RANGE;
	memcpy(sa.sun_path, path, len);
	if (is_answered(&sa))
		return -ERR_BUSY;
	rc = remove_stale(path);
	if (rc == 0)
		rc = make_directory(path);
	return rc < 0 ? rc : bind_and_listen(&sa);
}
