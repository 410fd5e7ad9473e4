/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/sysctl_linux.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUMBER_TEXT_MAX 32

static int open_error(void)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return -ERR_NOENT;
	return errno == EACCES || errno == EPERM || errno == EROFS ? -ERR_PERM : -ERR_IO;
}

int sysctl_read(const char *path, int *value)
{
	struct buf b;
	char *end;
	buf_init(&b, NUMBER_TEXT_MAX);
	int rc = fs_read(path, &b);
	if (rc == 0) {
		const char *text = buf_cstr(&b);
		*value = (int)strtol(text, &end, 10);
		rc = end == text ? -ERR_SYNTAX : 0;
	}
	buf_fini(&b);
	return rc;
}

int sysctl_write(const char *path, int value)
{
	char text[NUMBER_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%d\n", value);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return open_error();
	ssize_t n = write(fd, text, (size_t)len);
	int rc = n == len ? 0 : open_error();
	close(fd);
	return rc;
}
