/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io_test.h: what the tests of the I/O doors share: a loop, a net, a directory for certificates,
 * and servers made of base/conn that live in the test process. Include after cmocka.h. */
#ifndef TESTS_UNIT_BASE_IO_TEST_H
#define TESTS_UNIT_BASE_IO_TEST_H

#include "base/conn.h"
#include "base/fs.h"
#include "base/net.h"
#include "tests/lib/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static struct net *net;
static char dir[] = "/tmp/mesh-io-XXXXXX";

/* Path in the test's directory; valid until the fourth call from now. */
static inline const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static inline void append_file(const char *to, const char *from)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	(void)!fs_read(to, &b); /* absent at first */
	assert_int_equal(fs_read(from, &b), 0);
	assert_int_equal(fs_write_atomic(to, buf_span(&b), 0600), 0);
	buf_fini(&b);
}

static inline void io_start(const char *ca_file)
{
	loop = loop_new();
	assert_non_null(loop);
	net = net_new(loop, &(struct net_opts){ .fwmark = 0x80000, .ca_file = ca_file });
	assert_non_null(net);
}

static inline void io_stop(void)
{
	net_free(net);
	loop_free(loop);
}

static inline int io_make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static inline int io_remove_dir(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* ---- a server ------------------------------------------------------------------------------ */

struct served {
	struct conn *c;
	struct buf in;
	int data_calls;
	bool echo;
	bool closed;
	int err;
	int drained;
};

struct server {
	struct listener *l;
	struct conn_tls *tls;
	struct served got[8];
	size_t n;
	bool echo;
	uint16_t port;
};

static inline void served_on_data(void *arg, struct span data)
{
	struct served *s = arg;

	s->data_calls++;
	buf_add_span(&s->in, data);
	if (s->echo)
		assert_int_equal(conn_send(s->c, data), 0);
}

static inline void served_on_close(void *arg, int err)
{
	struct served *s = arg;

	s->closed = true;
	s->err = err;
	conn_free(s->c);
	s->c = NULL;
}

static inline void served_on_drain(void *arg)
{
	struct served *s = arg;

	s->drained++;
}

static const struct conn_ops served_ops = { served_on_data, served_on_close, served_on_drain };

static inline void server_on_conn(void *arg, struct conn *c)
{
	struct server *srv = arg;
	struct served *s = &srv->got[srv->n++];

	assert_true(srv->n <= sizeof(srv->got) / sizeof(srv->got[0]));
	s->c = c;
	s->echo = srv->echo;
	buf_init(&s->in, 64u << 20);
	conn_set_ops(c, &served_ops, s);
}

/* cert: the name under which server_cert made files, or NULL for a plain server */
static inline void server_start(struct server *srv, const char *cert)
{
	struct ep at = { .ip = ip_v4(127, 0, 0, 1) };
	char file[64], key[64];
	const char *why = NULL;

	*srv = (struct server){ .echo = true };
	if (cert) {
		snprintf(file, sizeof(file), "%s.crt", cert);
		snprintf(key, sizeof(key), "%s.key", cert);
		srv->tls = conn_tls_load(in_dir(file), in_dir(key), &why);
		if (!srv->tls)
			fail_msg("%s", why);
	}
	srv->l = listener_new(loop, at, srv->tls, server_on_conn, srv);
	assert_non_null(srv->l);
	srv->port = listener_addr(srv->l).port;
}

static inline void server_stop(struct server *srv)
{
	for (size_t i = 0; i < srv->n; i++) {
		conn_free(srv->got[i].c);
		buf_fini(&srv->got[i].in);
	}
	listener_free(srv->l);
	conn_tls_free(srv->tls);
}

/* Files <as>.crt and <as>.key for the name. */
static inline void server_cert(const char *name, const char *as)
{
	char file[64], key[64];

	snprintf(file, sizeof(file), "%s.crt", as);
	snprintf(key, sizeof(key), "%s.key", as);
	assert_int_equal(conn_tls_make(name, in_dir(file), in_dir(key)), 0);
}

#endif
