/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_conn.c: who may connect, and how long a connection may take for its turn. */
#include "base/httpd_priv.h"
#include "base/sockaddr.h"

#include <stdlib.h>
#include <sys/socket.h>

struct httpd_conn {
	struct list link; /* in conns */
	/* In waiting, where turns are limited, but for while a request is with its handler. */
	struct list waiting;
	int fd;
	struct ip from; /* unset: not TCP */
	mono_t due;
};

int httpd_fd_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	return i ? i->connect_fd : -1;
}

static struct httpd_conn *conn_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

/* All turns are of one length, so the first in the list ends first. */
static void begin_turn(struct httpd *h, struct httpd_conn *c)
{
	if (!h->o.turn_ms)
		return;
	c->due = mono_add_ms(loop_now(h->loop), h->o.turn_ms);
	list_remove(&c->waiting);
	list_push_back(&h->waiting, &c->waiting);
	if (!loop_timer_armed(&h->turn))
		loop_timer_arm(&h->turn, c->due);
}

void httpd_conn_begin_turn(struct httpd *h, struct MHD_Connection *c)
{
	if (conn_of(c))
		begin_turn(h, conn_of(c));
}

void httpd_conn_end_turn(struct MHD_Connection *c)
{
	if (conn_of(c))
		list_remove(&conn_of(c)->waiting);
}

void httpd_on_turn(struct loop_timer *t, mono_t now)
{
	struct httpd *h = t->arg;

	LIST_EACH (it, &h->waiting) {
		struct httpd_conn *c = LIST_ENTRY(it, struct httpd_conn, waiting);

		if (!mono_due(c->due, now)) {
			loop_timer_arm(t, c->due);
			return;
		}
		list_remove(&c->waiting);
		shutdown(c->fd, SHUT_RDWR); /* upon which the library closes it */
	}
}

void httpd_on_connection(void *cls, struct MHD_Connection *mc, void **context,
			 enum MHD_ConnectionNotificationCode what)
{
	struct httpd *h = cls;
	struct httpd_conn *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = xcalloc(1, sizeof(*c));
		list_init(&c->link);
		list_init(&c->waiting);
		c->fd = httpd_fd_of(mc);
		c->from = sockaddr_of_fd(c->fd, true).ip;
		list_push_back(&h->conns, &c->link);
		h->n_conns++;
		*context = c;
		begin_turn(h, c);
	} else if (c) {
		list_remove(&c->link);
		list_remove(&c->waiting);
		h->n_conns--;
		free(c);
		*context = NULL;
	}
}

/* While there is room everybody may have his fill; the last quarter is for those who have little,
 * so that few together cannot take it all. */
bool httpd_has_room(struct httpd *h, struct ip from)
{
	unsigned n = 0;

	if (!h->o.max_connections_of_one || h->n_conns < h->o.max_connections / 4 * 3)
		return true;
	LIST_EACH (it, &h->conns)
		n += ip_eq(LIST_ENTRY(it, struct httpd_conn, link)->from, from);
	return n <= h->o.max_connections_of_one / 8;
}
