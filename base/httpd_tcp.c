/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/httpd.h"
#include "base/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int error_of(int err)
{
	switch (err) {
	case EADDRINUSE:
		return -ERR_BUSY;
	case EADDRNOTAVAIL:
		return -ERR_NOENT;
	case EACCES:
	case EPERM:
		return -ERR_PERM;
	default:
		return -ERR_IO;
	}
}

static void set_options(int fd, struct ep at, const char *device)
{
	int on = 1;

	/* connections of before that are not quite gone do not hold the port */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at.ip.fam == IP_V6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (device && *device)
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device));
}

int httpd_listen_tcp(struct ep at, const char *device)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(at, &ss);
	int fd, err;

	if (!len)
		return -ERR_NOENT;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -ERR_IO;
	set_options(fd, at, device);
	if (bind(fd, (const struct sockaddr *)&ss, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = errno;
	close(fd);
	return error_of(err);
}
