/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw_client.h: a connection of a test to a server in the same process; what comes back is
 * collected as text. The test opens the socket. Tests only; include behind cmocka.h. */
#ifndef TESTS_LIB_RAW_CLIENT_H
#define TESTS_LIB_RAW_CLIENT_H

#include "base/bytes.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	int fd;
	struct buf in;
	bool closed;
};

/* fd: taken. */
static inline void client_init(struct client *c, int fd)
{
	buf_init(&c->in, 8 << 20);
	c->closed = false;
	c->fd = fd;
}

static inline void client_send(struct client *c, const char *text)
{
	assert_int_equal(send(c->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static inline void client_read(struct client *c)
{
	char room[4096];
	ssize_t n;

	while ((n = recv(c->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		buf_add(&c->in, room, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		c->closed = true;
}

static inline bool client_has(struct client *c, const char *text)
{
	client_read(c);
	return strstr(buf_cstr(&c->in), text) != NULL;
}

static inline bool client_closed(struct client *c)
{
	client_read(c);
	return c->closed;
}

static inline void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_fini(&c->in);
}

#endif
