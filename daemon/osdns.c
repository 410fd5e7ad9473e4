/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side: one configuration under way, and the newest one that waits for its end. */
#include "daemon/osdns.h"

#include "base/alloc.h"
#include "base/outq.h"
#include "daemon/osdns_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct osdns {
	struct loop *loop;
	int fd; /* -1: there is no helper, or it is gone */
	struct loop_fd watch;
	struct loop_defer news;
	struct buf in;
	struct outq out;
	uint32_t last_id;
	uint32_t under_way; /* id; 0: none */
	bool has_next, recheck;
	struct dns_os_config next;
	struct osdns_said said;
	struct osdns_status status;
	const struct osdns_ops *ops;
	void *arg;
};

const struct osdns_status *osdns_status(const struct osdns *o)
{
	return &o->status;
}

static void on_news(struct loop_defer *d)
{
	struct osdns *o = d->arg;
	o->ops->on_change(o->arg);
}

/* ---- what it says --------------------------------------------------------------------- */

static void show(struct osdns *o)
{
	const struct osdns_said *s = &o->said;
	o->status = (struct osdns_status){
		.known = true,
		.mode = s->mode,
		.split = s->split,
		.has_base = s->has_base,
		.base_failed = s->base_failed,
		.base = s->base,
		.trace = s->trace,
		.set_rc = s->set_rc,
		.set_text = s->set_text,
		.overwritten_by = s->overwritten_by,
		.warning = s->warning,
	};
	loop_defer_arm(&o->news);
}

static void show_none(struct osdns *o, const char *trace, const char *warning)
{
	osdns_said_fini(&o->said);
	o->said = (struct osdns_said){ 0 };
	memcpy(o->said.trace, trace, strlen(trace) + 1);
	memcpy(o->said.warning, warning, strlen(warning) + 1);
	show(o);
}

static void stop_talking(struct osdns *o)
{
	loop_fd_stop(&o->watch);
	close(o->fd);
	o->fd = -1;
	o->under_way = 0;
	o->has_next = o->recheck = false;
}

/* Whatever it had changed it has put back by then, or the next start will. */
static void gone(struct osdns *o)
{
	stop_talking(o);
	show_none(
	    o, "the helper process has ended",
	    "the helper process that tells the system's resolver has ended, and names of this "
	    "network do not resolve by themselves; restart meshd to have it again");
}

/* ---- requests ------------------------------------------------------------------------- */

static void on_ready(struct loop_fd *w, int events);

static void watch(struct osdns *o)
{
	int events = LOOP_READ | (outq_pending(&o->out).len ? LOOP_WRITE : 0);
	if (loop_fd_start(o->loop, &o->watch, o->fd, events, on_ready, o) != 0)
		gone(o);
}

static void flush(struct osdns *o)
{
	for (struct span b; (b = outq_pending(&o->out)).len;) {
		ssize_t n = send(o->fd, b.p, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			gone(o);
			return;
		}
		if (n < 0)
			break;
		outq_drop(&o->out, (size_t)n);
	}
	watch(o);
}

static void ask(struct osdns *o, struct osdns_request *q)
{
	struct buf msg;
	if (++o->last_id == 0)
		o->last_id = 1;
	q->id = o->under_way = o->last_id;
	buf_init(&msg, 2 * OSDNS_BODY_MAX);
	osdns_request_build(q, &msg);
	bool queued = buf_ok(&msg) && outq_add(&o->out, buf_span(&msg)) == 0;
	buf_fini(&msg);
	if (queued)
		flush(o);
	else
		gone(o);
}

static void send_next(struct osdns *o)
{
	if (o->fd < 0 || o->under_way)
		return;
	if (o->has_next) {
		struct osdns_request q = { .verb = OSDNS_SET, .config = o->next };
		o->has_next = false;
		ask(o, &q);
	} else if (o->recheck) {
		o->recheck = false;
		ask(o, &(struct osdns_request){ .verb = OSDNS_RECHECK });
	}
}

void osdns_set(struct osdns *o, const struct dns_os_config *c)
{
	dns_os_config_copy(&o->next, c);
	o->has_next = o->fd >= 0;
	if (o->fd < 0)
		loop_defer_arm(&o->news);
	else
		send_next(o);
}

void osdns_recheck(struct osdns *o)
{
	o->recheck = o->fd >= 0;
	send_next(o);
}

/* ---- replies -------------------------------------------------------------------------- */

static bool take_said(struct osdns *o, struct span body)
{
	struct osdns_said s = { 0 };
	if (osdns_said_parse(body, &s) != 0) {
		osdns_said_fini(&s);
		return false;
	}
	osdns_said_fini(&o->said);
	o->said = s;
	if (s.done == o->under_way)
		o->under_way = 0;
	show(o);
	return true;
}

static bool take_all(struct osdns *o)
{
	struct span body;
	int got;
	while ((got = osdns_frame(buf_span(&o->in), &body)) == 1) {
		if (!take_said(o, body))
			return false;
		buf_drop(&o->in, OSDNS_FRAME_HEAD + body.len);
	}
	return got == 0;
}

static void on_readable(struct osdns *o)
{
	uint8_t *p = buf_reserve(&o->in, 16384);
	ssize_t n = p ? recv(o->fd, p, 16384, MSG_DONTWAIT) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_commit(&o->in, (size_t)n);
	if (n <= 0 || !take_all(o))
		gone(o);
	else
		send_next(o);
}

static void on_ready(struct loop_fd *w, int events)
{
	struct osdns *o = w->arg;
	if (events & (LOOP_READ | LOOP_HUP))
		on_readable(o);
	if (o->fd >= 0 && events & LOOP_WRITE)
		flush(o);
}

/* ---- life ----------------------------------------------------------------------------- */

struct osdns *osdns_new(struct loop *l, int fd, const struct osdns_ops *ops, void *arg)
{
	struct osdns *o = xcalloc(1, sizeof(*o));
	o->loop = l;
	o->fd = fd;
	o->ops = ops;
	o->arg = arg;
	o->out.max = 2 * OSDNS_BODY_MAX;
	buf_init(&o->in, OSDNS_BODY_MAX + 32768);
	loop_defer_init(l, &o->news, on_news, o);
	o->status.trace = o->status.set_text = o->status.overwritten_by = o->status.warning = "";
	if (fd >= 0)
		watch(o);
	else
		show_none(
		    o, "there is no helper process: meshd was not started as root",
		    "meshd was not started as root and cannot tell the system's resolver: names "
		    "of this network do not resolve by themselves");
	return o;
}

/* It says nothing more that we want to hear; its end of the socket closes when it has ended. */
static void wait_for_its_end(int fd, int timeout_ms)
{
	uint8_t rest[4096];
	mono_t until = mono_add_ms(mono_now(), timeout_ms);
	if (shutdown(fd, SHUT_WR) != 0)
		return;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = mono_diff_ns(until, mono_now()) / NS_PER_MS;
		if (left <= 0)
			return;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		ssize_t n = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
	}
}

void osdns_free(struct osdns *o, int timeout_ms)
{
	if (!o)
		return;
	loop_defer_cancel(&o->news);
	if (o->fd >= 0) {
		loop_fd_stop(&o->watch);
		wait_for_its_end(o->fd, timeout_ms);
		close(o->fd);
	}
	outq_fini(&o->out);
	buf_fini(&o->in);
	dns_os_config_fini(&o->next);
	osdns_said_fini(&o->said);
	free(o);
}
