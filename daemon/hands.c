/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side: one request under way, one that waits, and those whose end is still to be
 * told. */
#include "daemon/hands.h"

#include "base/list.h"
#include "daemon/hands_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct wish {
	struct list link; /* once it has ended */
	hands_done_fn *done;
	void *arg;
	struct hands_reply end; /* its id from the start */
	size_t len;
	uint8_t bytes[HANDS_REQUEST_MAX];
};

struct hands {
	int fd; /* -1: the helper is gone */
	struct loop_fd watch;
	struct loop_defer tell;
	struct wish *under_way, *waiting;
	struct list ended;
	uint32_t last_id;
};

/* ---- ends ---- */

static void end(struct hands *h, struct wish *w, int rc, const char *text)
{
	if (!w)
		return;
	w->end.rc = rc;
	snprintf(w->end.text, sizeof(w->end.text), "%s", text);
	list_push_back(&h->ended, &w->link);
	loop_defer_arm(&h->tell);
}

static void tell_ends(struct hands *h)
{
	while (!list_empty(&h->ended)) {
		struct wish *w = CONTAINER_OF(list_first(&h->ended), struct wish, link);
		list_remove(&w->link);
		w->done(w->arg, w->end.rc, w->end.text);
		free(w);
	}
}

static void on_tell(struct loop_defer *d)
{
	tell_ends(d->arg);
}

static void end_all(struct hands *h)
{
	static const char why[] = "the helper process that runs iptables has ended; "
				  "restart meshd to have it again";
	end(h, h->under_way, -ERR_CLOSED, why);
	end(h, h->waiting, -ERR_CLOSED, why);
	h->under_way = h->waiting = NULL;
}

static void gone(struct hands *h)
{
	loop_fd_stop(&h->watch);
	close(h->fd);
	h->fd = -1;
	end_all(h);
}

/* ---- requests ---- */

static void send_next(struct hands *h)
{
	struct wish *w = h->waiting;
	if (h->under_way || !w)
		return;
	h->waiting = NULL;
	h->under_way = w;
	/* There is room: the one before was answered. */
	if (send(h->fd, w->bytes, w->len, MSG_NOSIGNAL) != (ssize_t)w->len)
		gone(h);
}

static void enqueue(struct hands *h, struct wish *w)
{
	end(h, h->waiting, -ERR_STATE, "replaced by a newer request");
	h->waiting = w;
	if (h->fd < 0)
		end_all(h);
	else
		send_next(h);
}

/* r: its id is set here. */
static void ask(struct hands *h, struct hands_request *r, hands_done_fn *done, void *arg)
{
	struct wish *w = xcalloc(1, sizeof(*w));
	w->done = done;
	w->arg = arg;
	w->end.id = r->id = ++h->last_id;
	int n = hands_request_build(r, mspan_of(w->bytes, sizeof(w->bytes)));
	if (n < 0) {
		end(h, w, n, "iptables cannot be told such a rule: interface name, mark or prefix");
		return;
	}
	w->len = (size_t)n;
	enqueue(h, w);
}

/* No more of a family than the other side would list one by one. */
static void add_guard(const struct prefix_list *from, enum ip_family fam, struct prefix_list *to)
{
	size_t n = 0;
	for (size_t i = 0; i < from->n && n <= IPT_GUARD_MAX; i++) {
		if (from->v[i].ip.fam != fam)
			continue;
		prefix_list_add(to, from->v[i]);
		n++;
	}
}

void hands_firewall_apply(struct hands *h, const char *tun, const struct router_params *params,
			  const struct fw_config *cfg, hands_done_fn *done, void *arg)
{
	struct hands_request r = { .verb = HANDS_FW_APPLY, .params = *params, .cfg = *cfg };
	if (cfg->mode == RT_NETFILTER_OFF) {
		hands_firewall_down(h, done, arg);
		return;
	}
	r.cfg.self = r.cfg.guard = (struct prefix_list){ 0 };
	prefix_list_add_all(&r.cfg.self, &cfg->self);
	add_guard(&cfg->guard, IP_V4, &r.cfg.guard);
	add_guard(&cfg->guard, IP_V6, &r.cfg.guard);
	if (ipt_ifname_ok(tun)) /* an empty one is refused */
		memcpy(r.tun, tun, strlen(tun));
	ask(h, &r, done, arg);
	hands_request_fini(&r);
}

void hands_firewall_down(struct hands *h, hands_done_fn *done, void *arg)
{
	struct hands_request r = { .verb = HANDS_FW_DOWN };
	ask(h, &r, done, arg);
}

int hands_firewall_check(struct hands *h, hands_done_fn *done, void *arg)
{
	struct hands_request r = { .verb = HANDS_FW_CHECK };
	if (h->under_way || h->waiting)
		return -ERR_BUSY;
	ask(h, &r, done, arg);
	return 0;
}

/* ---- replies ---- */

static void on_reply(struct hands *h)
{
	uint8_t msg[HANDS_REPLY_MAX];
	struct hands_reply r;
	ssize_t n = recv(h->fd, msg, sizeof(msg), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	struct wish *w = h->under_way;
	if (n <= 0 || hands_reply_parse(span_of(msg, (size_t)n), &r) != 0 || !w ||
	    r.id != w->end.id) {
		gone(h);
		return;
	}
	h->under_way = NULL;
	end(h, w, r.rc, r.text);
	send_next(h);
}

static void on_readable(struct loop_fd *watch, int events)
{
	(void)events;
	on_reply(watch->arg);
}

/* ---- life ---- */

struct hands *hands_new(struct loop *l, int fd)
{
	struct hands *h = xcalloc(1, sizeof(*h));
	h->fd = fd;
	list_init(&h->ended);
	loop_defer_init(l, &h->tell, on_tell, h);
	if (loop_fd_start(l, &h->watch, fd, LOOP_READ, on_readable, h) != 0)
		gone(h);
	return h;
}

void hands_free(struct hands *h)
{
	if (!h)
		return;
	loop_fd_stop(&h->watch);
	loop_defer_cancel(&h->tell);
	while (!list_empty(&h->ended)) {
		struct wish *w = CONTAINER_OF(list_first(&h->ended), struct wish, link);
		list_remove(&w->link);
		free(w);
	}
	free(h->under_way);
	free(h->waiting);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

int hands_finish(struct hands *h, int timeout_ms)
{
	mono_t until = mono_add_ms(mono_now(), timeout_ms);
	while (h->under_way) {
		struct pollfd p = { .fd = h->fd, .events = POLLIN };
		int64_t left = mono_diff_ns(until, mono_now()) / NS_PER_MS;
		if (left <= 0)
			return -ERR_TIMEOUT;
		if (poll(&p, 1, (int)left) > 0)
			on_reply(h);
	}
	tell_ends(h);
	return h->fd < 0 ? -ERR_CLOSED : 0;
}
