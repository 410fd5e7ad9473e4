/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_priv.h: what listener.c, conn.c and conn_tls.c share; OpenSSL stays in the
 * last one. */
#ifndef BASE_CONN_PRIV_H
#define BASE_CONN_PRIV_H

#include "base/conn.h"

/* Results of the calls below besides a positive number of bytes. */
enum { TLS_WANT_READ = -1, TLS_WANT_WRITE = -2, TLS_END = 0, TLS_BROKEN = -3 };

/* fd is taken, also on failure. NULL if it cannot be watched. Returns new. */
struct conn *conn_new(struct loop *l, int fd, struct ep peer, struct conn_tls *tls);

struct conn_tls *conn_tls_ref(struct conn_tls *t);

struct tls_session;
/* The session uses fd and t's certificate. NULL when memory is out. Returns new. */
struct tls_session *tls_session_new(struct conn_tls *t, int fd);
void tls_session_free(struct tls_session *s);
/* 1 when done, TLS_WANT_*, TLS_BROKEN. */
int tls_session_accept(struct tls_session *s);
int tls_session_read(struct tls_session *s, struct mspan room);
/* A short count is normal; the repeated write may come from other memory. */
int tls_session_write(struct tls_session *s, struct span data);
void tls_session_shutdown(struct tls_session *s);

#endif
