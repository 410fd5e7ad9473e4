/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/dbus_priv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"
#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 30000
/* A bus that accepts and does not let us in. */
#define CONNECT_MS 5000
/* Then the rest of the loop has its turn. */
#define MESSAGES_A_TURN 64

/* ---- the connection ---- */

static void pump(struct dbus *d);

static void on_fd(struct loop_fd *w, int events)
{
	(void)events;
	pump(w->arg);
}

static void on_due(struct loop_timer *t, mono_t now)
{
	(void)now;
	pump(t->arg);
}

/* The library's time-outs are absolute, of CLOCK_MONOTONIC. -1: none. */
static int64_t ms_until_due(const struct dbus *d)
{
	struct timespec now;
	uint64_t at;
	if (sd.get_timeout(d->bus, &at) < 0 || at == UINT64_MAX)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	return at <= us ? 0 : (int64_t)((at - us + 999) / 1000);
}

static void rearm(struct dbus *d)
{
	if (!d->bus || !d->loop)
		return;
	int fd = sd.get_fd(d->bus), events = sd.get_events(d->bus);
	int64_t ms = ms_until_due(d);
	if (fd < 0 || events < 0)
		events = 0, ms = 0; /* closed: the next pump finds out */
	if (d->fd.impl && d->fd.fd != fd)
		loop_fd_stop(&d->fd);
	int want = (events & POLLIN ? LOOP_READ : 0) | (events & POLLOUT ? LOOP_WRITE : 0);
	if (!want)
		loop_fd_stop(&d->fd);
	else if (loop_fd_start(d->loop, &d->fd, fd, want, on_fd, d) != 0)
		ms = RETRY_MIN_MS; /* at least look now and then */
	if (ms < 0)
		loop_timer_cancel(&d->due);
	else
		loop_timer_arm_ms(&d->due, ms);
}

static void drop_bus(struct dbus *d)
{
	if (!d->bus)
		return;
	if (d->loop) {
		loop_fd_stop(&d->fd);
		loop_timer_cancel(&d->due);
	}
	LIST_EACH(it, &d->watches)
		dbus_watch_remove(LIST_ENTRY(it, struct dbus_watch, link));
	sd.close(d->bus);
	d->bus = sd.unref(d->bus);
}

static void end_call(struct dbus_call *c, const struct dbus_reply *r)
{
	dbus_call_cancel(c);
	c->fn(c->arg, r);
}

static void lost(struct dbus *d)
{
	bool was_up = d->up;
	d->up = false;
	drop_bus(d);
	while (!d->freed && !list_empty(&d->calls)) {
		struct dbus_reply r = { .rc = -ERR_CLOSED };
		end_call(LIST_ENTRY(list_first(&d->calls), struct dbus_call, link), &r);
	}
	if (d->loop && !d->freed)
		loop_timer_arm_ms(&d->retry, d->retry_ms);
	d->retry_ms = d->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : d->retry_ms * 2;
	if (was_up && d->fn && !d->freed)
		d->fn(d->arg, false);
}

static void came_up(struct dbus *d)
{
	d->up = true;
	d->retry_ms = RETRY_MIN_MS;
	if (d->loop)
		loop_timer_cancel(&d->retry);
	LIST_EACH(it, &d->watches)
		dbus_watch_install(LIST_ENTRY(it, struct dbus_watch, link));
	if (d->fn)
		d->fn(d->arg, true);
}

/* Who calls others in between may find the connection freed. */
static void leave(struct dbus *d)
{
	d->busy = false;
	if (d->freed)
		dbus_free(d);
	else
		rearm(d);
}

/* Everything the library can do now. */
static void pump(struct dbus *d)
{
	int r = 1;
	if (d->busy || !d->bus)
		return;
	d->busy = true;
	for (int i = 0; i < MESSAGES_A_TURN && r > 0 && !d->freed; i++)
		r = sd.process(d->bus, NULL);
	if (!d->freed && r < 0)
		lost(d);
	else if (!d->freed && !d->up && sd.is_ready(d->bus) > 0)
		came_up(d);
	leave(d);
}

static void connect_now(struct dbus *d)
{
	if (sd.new(&d->bus) < 0) {
		d->bus = NULL;
		return;
	}
	if (sd.set_address(d->bus, d->address) < 0 || sd.set_bus_client(d->bus, 1) < 0 ||
	    sd.start(d->bus) < 0)
		drop_bus(d);
}

/* Time for the next attempt, or the one under way took too long. */
static void on_retry(struct loop_timer *t, mono_t now)
{
	struct dbus *d = t->arg;
	(void)now;
	d->busy = true;
	if (d->bus)
		lost(d);
	else if (connect_now(d), d->bus)
		loop_timer_arm_ms(&d->retry, CONNECT_MS);
	else
		lost(d);
	leave(d);
}

struct dbus *dbus_new(struct loop *l, const char *address, dbus_state_fn *fn, void *arg)
{
	if (dbus_missing())
		return NULL;
	struct dbus *d = xcalloc(1, sizeof(*d));
	d->loop = l;
	d->address = xstrdup(address ? address : SYSTEM_BUS);
	d->fn = fn;
	d->arg = arg;
	d->retry_ms = RETRY_MIN_MS;
	list_init(&d->calls);
	list_init(&d->watches);
	if (l) {
		loop_timer_init(l, &d->due, on_due, d);
		loop_timer_init(l, &d->retry, on_retry, d);
		loop_timer_arm_ms(&d->retry, 0);
	}
	return d;
}

void dbus_free(struct dbus *d)
{
	if (!d)
		return;
	if (d->loop)
		loop_timer_cancel(&d->retry);
	while (!list_empty(&d->watches))
		dbus_watch_stop(LIST_ENTRY(list_first(&d->watches), struct dbus_watch, link));
	while (!list_empty(&d->calls))
		dbus_call_cancel(LIST_ENTRY(list_first(&d->calls), struct dbus_call, link));
	drop_bus(d);
	d->freed = true;
	if (d->busy)
		return;
	free(d->address);
	free(d);
}

bool dbus_is_up(const struct dbus *d)
{
	return d->up;
}

void dbus_turn(struct dbus *d, int max_ms)
{
	if (!d->bus)
		connect_now(d);
	if (!d->bus) {
		poll(NULL, 0, max_ms < RETRY_MIN_MS ? max_ms : RETRY_MIN_MS);
		return;
	}
	int64_t due = ms_until_due(d);
	struct pollfd p = { .fd = sd.get_fd(d->bus), .events = (short)sd.get_events(d->bus) };
	poll(&p, 1, due >= 0 && due < max_ms ? (int)due : max_ms);
	pump(d);
}

/* ---- calls ---- */

static int code_of(const char *error)
{
	static const struct {
		const char *name;
		int rc;
	} known[] = {
		{ "ServiceUnknown", -ERR_NOENT },
		{ "NameHasNoOwner", -ERR_NOENT },
		{ "NoReply", -ERR_TIMEOUT },
		{ "Timeout", -ERR_TIMEOUT },
		{ "TimedOut", -ERR_TIMEOUT },
		{ "Disconnected", -ERR_CLOSED },
		{ "AccessDenied", -ERR_PERM },
		{ "InteractiveAuthorizationRequired", -ERR_PERM },
		{ "UnknownMethod", -ERR_UNSUPPORTED },
		{ "UnknownObject", -ERR_UNSUPPORTED },
		{ "UnknownInterface", -ERR_UNSUPPORTED },
		{ "UnknownProperty", -ERR_UNSUPPORTED },
	};
	static const char prefix[] = "org.freedesktop.DBus.Error.";
	if (!error || strncmp(error, prefix, sizeof(prefix) - 1) != 0)
		return -ERR_IO;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(error + sizeof(prefix) - 1, known[i].name) == 0)
			return known[i].rc;
	return -ERR_IO;
}

static int on_reply(sd_bus_message *m, void *arg, sd_bus_error *ret)
{
	struct dbus_call *c = arg;
	struct dbus_msg msg = { .m = m };
	struct dbus_reply r = { .msg = &msg };
	const sd_bus_error *e = sd.message_get_error(m);
	(void)ret;
	if (e) {
		r.rc = sd.is_open(c->bus->bus) > 0 ? code_of(e->name) : -ERR_CLOSED;
		r.msg = NULL;
		snprintf(r.error, sizeof(r.error), "%s", e->name ? e->name : "");
		snprintf(r.text, sizeof(r.text), "%s", e->message ? e->message : "");
	}
	end_call(c, &r);
	return 0;
}

struct dbus_msg *dbus_method(struct dbus *d, const struct dbus_to *to, const char *member,
			     int flags)
{
	sd_bus_message *m;
	if (!d->up ||
	    sd.message_new_method_call(d->bus, &m, to->name, to->path, to->interface, member) < 0)
		return NULL;
	if (flags & DBUS_NO_START)
		sd.message_set_auto_start(m, 0);
	struct dbus_msg *msg = xcalloc(1, sizeof(*msg));
	msg->m = m;
	return msg;
}

void dbus_msg_free(struct dbus_msg *msg)
{
	if (msg)
		sd.message_unref(msg->m);
	free(msg);
}

int dbus_send(struct dbus *d, struct dbus_msg *msg, struct dbus_call *c, int timeout_ms,
	      dbus_reply_fn *fn, void *arg)
{
	sd_bus_slot *slot = NULL;
	int r = -1;
	if (msg && d->up && !msg->bad)
		r = sd.call_async(d->bus, &slot, msg->m, on_reply, c,
				  (uint64_t)(timeout_ms > 0 ? timeout_ms : 1) * 1000);
	dbus_msg_free(msg);
	if (r < 0)
		return -ERR_CLOSED;
	*c = (struct dbus_call){ .bus = d, .slot = slot, .fn = fn, .arg = arg };
	list_push_back(&d->calls, &c->link);
	rearm(d);
	return 0;
}

int dbus_ask(struct dbus *d, const struct dbus_to *to, const char *member, int flags,
	     struct dbus_call *c, int timeout_ms, dbus_reply_fn *fn, void *arg)
{
	return dbus_send(d, dbus_method(d, to, member, flags), c, timeout_ms, fn, arg);
}

int dbus_ask_property(struct dbus *d, const struct dbus_to *to, const char *property,
		      struct dbus_call *c, int timeout_ms, dbus_reply_fn *fn, void *arg)
{
	struct dbus_to properties = { to->name, to->path, "org.freedesktop.DBus.Properties" };
	struct dbus_msg *m = dbus_method(d, &properties, "Get", DBUS_NO_START);
	if (m)
		dbus_put(m, "ss", to->interface, property);
	return dbus_send(d, m, c, timeout_ms, fn, arg);
}

void dbus_call_cancel(struct dbus_call *c)
{
	if (!c->slot)
		return;
	c->slot = sd.slot_unref(c->slot);
	list_remove(&c->link);
}

bool dbus_call_pending(const struct dbus_call *c)
{
	return c->slot != NULL;
}
