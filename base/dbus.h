/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dbus.h: the one door to D-Bus. libsystemd.so.0 is loaded when the first connection is made: it is
 * needed neither to build nor to run, and never gets into a process that does not speak D-Bus. Only
 * the helper process of daemon/osdns.h does.
 *
 * A connection makes itself again after it is lost (250 ms, doubled to 30 s). What comes back is
 * parsed by sd-bus; each dbus_get checks the type. Thread: the loop's. */
#ifndef BASE_DBUS_H
#define BASE_DBUS_H

#include "base/bytes.h"
#include "base/loop.h"

#define DBUS_NAME_MAX 256 /* of an error, with NUL */
#define DBUS_TEXT_MAX 256

struct dbus;
struct dbus_msg; /* sd_bus_message */

/* Why there is no D-Bus on this host; NULL if the library is here. */
const char *dbus_missing(void);

/* up: true each time a connection is made, false when one that was up is lost. May free d. */
typedef void dbus_state_fn(void *arg, bool up);
/* address: as in DBUS_SYSTEM_BUS_ADDRESS; NULL: unix:path=/run/dbus/system_bus_socket. loop NULL:
 * it moves only in dbus_turn. fn may be NULL. New; NULL if the library is missing. */
struct dbus *dbus_new(struct loop *l, const char *address, dbus_state_fn *fn, void *arg);
/* Calls under way end without a call of their fn. NULL is fine. */
void dbus_free(struct dbus *d);
bool dbus_is_up(const struct dbus *d);
/* Instead of the loop, for a caller that has to wait: whatever can be done within max_ms, back
 * after the first thing that was. */
void dbus_turn(struct dbus *d, int max_ms);

/* ---- calls ---- */
struct dbus_to {
	const char *name, *path, *interface;
};

/* rc      0; -ERR_TIMEOUT, -ERR_CLOSED (connection lost), -ERR_NOENT (nobody has that name),
 *         -ERR_UNSUPPORTED (no such method, property or object), -ERR_PERM, -ERR_IO
 * error   name of the D-Bus error, text what it says; "" with rc 0; as the peer sent them
 * msg     with rc 0: the reply, read by dbus_get; borrowed for the call of fn */
struct dbus_reply {
	int rc;
	char error[DBUS_NAME_MAX];
	char text[DBUS_TEXT_MAX];
	struct dbus_msg *msg;
};
typedef void dbus_reply_fn(void *arg, const struct dbus_reply *r);

/* One call under way, embedded in its owner. A zeroed struct is idle. */
struct dbus_call {
	struct list link;
	struct dbus *bus;
	void *slot;
	dbus_reply_fn *fn;
	void *arg;
};

enum { DBUS_NO_START = 1 }; /* do not start the service for this call */
/* A message to be filled by dbus_put and given to dbus_send. New; NULL when not connected. */
struct dbus_msg *dbus_method(struct dbus *d, const struct dbus_to *to, const char *member,
			     int flags);
/* msg: taken, NULL or spoilt by a failed dbus_put is -ERR_CLOSED. 0: fn is called once, never from
 * within; it may use c for the next call. c must be idle. */
MUST_CHECK int dbus_send(struct dbus *d, struct dbus_msg *msg, struct dbus_call *c, int timeout_ms,
			 dbus_reply_fn *fn, void *arg);
/* Without arguments, and org.freedesktop.DBus.Properties.Get; the same otherwise. */
MUST_CHECK int dbus_ask(struct dbus *d, const struct dbus_to *to, const char *member, int flags,
			struct dbus_call *c, int timeout_ms, dbus_reply_fn *fn, void *arg);
MUST_CHECK int dbus_ask_property(struct dbus *d, const struct dbus_to *to, const char *property,
				 struct dbus_call *c, int timeout_ms, dbus_reply_fn *fn, void *arg);
void dbus_msg_free(struct dbus_msg *msg); /* one that is not sent after all; NULL is fine */
void dbus_call_cancel(struct dbus_call *c);
bool dbus_call_pending(const struct dbus_call *c);

/* ---- who has a name ---- */
struct dbus_watch;
typedef void dbus_watch_fn(struct dbus_watch *w, bool has_owner);
struct dbus_watch {
	struct list link;
	struct dbus *bus;
	struct dbus_call ask;
	void *slot;
	const char *name; /* borrowed */
	dbus_watch_fn *fn;
	void *arg;
};
/* fn: once a connection, with how it is then, and at each change of owner, also from one to the
 * next. */
void dbus_watch_start(struct dbus *d, struct dbus_watch *w, const char *name, dbus_watch_fn *fn,
		      void *arg);
void dbus_watch_stop(struct dbus_watch *w); /* harmless if not started */

/* ---- values. All take the letters of the D-Bus type system ---- */
/* Append, as sd_bus_message_append(3); one that fails spoils the message. */
void dbus_put(struct dbus_msg *m, const char *types, ...);
void dbus_put_bytes(struct dbus_msg *m, struct span bytes); /* ay */
void dbus_open(struct dbus_msg *m, char type, const char *contents);
void dbus_close(struct dbus_msg *m);
/* The next whole value of `from`, as it is; false: nothing was read. */
bool dbus_put_copy(struct dbus_msg *m, struct dbus_msg *from);

/* Read: false if the next value is none of that type, or there is none. */
bool dbus_get(struct dbus_msg *m, char type, void *out);   /* b into int, s into const char * */
bool dbus_get_bytes(struct dbus_msg *m, struct span *out); /* ay; borrowed of m */
bool dbus_enter(struct dbus_msg *m, char type, const char *contents); /* also false: array ended */
bool dbus_leave(struct dbus_msg *m);
bool dbus_skip(struct dbus_msg *m, const char *types);

#endif
