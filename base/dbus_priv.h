/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dbus_priv.h: shared by base/dbus*.c. What they use of libsystemd is declared here, it is a stable
 * interface: its headers are not needed. */
#ifndef BASE_DBUS_PRIV_H
#define BASE_DBUS_PRIV_H

#include "base/dbus.h"

#include <stdarg.h>

typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;
typedef struct sd_bus_slot sd_bus_slot;
typedef struct {
	const char *name, *message;
	int need_free;
} sd_bus_error;
typedef int sd_bus_fn(sd_bus_message *m, void *arg, sd_bus_error *e);

#define DBUS_LIB_FUNCTIONS(F)                                                                      \
	F(int, new, (sd_bus **))                                                                   \
	F(int, set_address, (sd_bus *, const char *))                                              \
	F(int, set_bus_client, (sd_bus *, int))                                                    \
	F(int, start, (sd_bus *))                                                                  \
	F(void, close, (sd_bus *))                                                                 \
	F(sd_bus *, unref, (sd_bus *))                                                             \
	F(int, is_open, (sd_bus *))                                                                \
	F(int, is_ready, (sd_bus *))                                                               \
	F(int, get_fd, (sd_bus *))                                                                 \
	F(int, get_events, (sd_bus *))                                                             \
	F(int, get_timeout, (sd_bus *, uint64_t *))                                                \
	F(int, process, (sd_bus *, sd_bus_message **))                                             \
	F(int, call_async,                                                                         \
	  (sd_bus *, sd_bus_slot **, sd_bus_message *, sd_bus_fn *, void *, uint64_t))             \
	F(int, add_match_async,                                                                    \
	  (sd_bus *, sd_bus_slot **, const char *, sd_bus_fn *, sd_bus_fn *, void *))              \
	F(sd_bus_slot *, slot_unref, (sd_bus_slot *))                                              \
	F(int, message_new_method_call,                                                            \
	  (sd_bus *, sd_bus_message **, const char *, const char *, const char *, const char *))   \
	F(sd_bus_message *, message_unref, (sd_bus_message *))                                     \
	F(int, message_set_auto_start, (sd_bus_message *, int))                                    \
	F(const sd_bus_error *, message_get_error, (sd_bus_message *))                             \
	F(int, message_appendv, (sd_bus_message *, const char *, va_list))                         \
	F(int, message_append_array, (sd_bus_message *, char, const void *, size_t))               \
	F(int, message_open_container, (sd_bus_message *, char, const char *))                     \
	F(int, message_close_container, (sd_bus_message *))                                        \
	F(int, message_copy, (sd_bus_message *, sd_bus_message *, int))                            \
	F(int, message_read_basic, (sd_bus_message *, char, void *))                               \
	F(int, message_read_array, (sd_bus_message *, char, const void **, size_t *))              \
	F(int, message_enter_container, (sd_bus_message *, char, const char *))                    \
	F(int, message_exit_container, (sd_bus_message *))                                         \
	F(int, message_skip, (sd_bus_message *, const char *))

#define DBUS_LIB_MEMBER(ret, name, args) ret(*name) args;
struct dbus_lib {
	DBUS_LIB_FUNCTIONS(DBUS_LIB_MEMBER)
};
#undef DBUS_LIB_MEMBER
/* Filled once dbus_missing() has returned NULL. */
extern struct dbus_lib sd;

struct dbus {
	struct loop *loop;
	char *address;
	dbus_state_fn *fn;
	void *arg;
	sd_bus *bus; /* NULL: between two attempts */
	bool up;
	struct loop_fd fd;
	struct loop_timer due;	 /* what the library waits for */
	struct loop_timer retry; /* the next attempt, or the end of this one */
	int retry_ms;
	struct list calls, watches;
	bool busy; /* in a callback: the memory stays until it returns */
	bool freed;
};

/* On a connection that has come up. */
void dbus_watch_install(struct dbus_watch *w);
/* Before it goes. */
void dbus_watch_remove(struct dbus_watch *w);

struct dbus_msg {
	sd_bus_message *m;
	bool bad; /* something could not be appended */
};

#endif
