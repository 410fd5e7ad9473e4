/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_bus.h: a bus of our own, and a peer on it that writes down what it is called and answers as
 * told. Tests only. */
#ifndef TESTS_LIB_FAKE_BUS_H
#define TESTS_LIB_FAKE_BUS_H

#include <stdbool.h>
#include <stddef.h>

struct fake_bus {
	char dir[64];	   /* temporary: the socket at run/dbus/system_bus_socket, and the files below */
	char address[128]; /* of the bus */
	int daemon;	   /* process ids, 0: none */
	int peer;
};

/* False, with a line that says what is missing: there is no dbus-daemon or no libsystemd here. */
bool fake_bus_start(struct fake_bus *b);
void fake_bus_stop(struct fake_bus *b); /* with peer and folder */
/* The bus alone goes or comes back. */
void fake_bus_kill(struct fake_bus *b);
void fake_bus_again(struct fake_bus *b);

/* How often somebody made the bus start org.freedesktop.resolve1, which fails. */
int fake_bus_woken(const struct fake_bus *b);

/* A peer with these names ("a.b.c d.e.f"). */
void fake_peer_start(struct fake_bus *b, const char *names);
void fake_peer_stop(struct fake_bus *b); /* SIGKILL */
/* From now on; one line each, the first that fits counts:
 *   call MEMBER N NAME TEXT   the next N calls (-1: all) fail with that D-Bus error
 *   hang MEMBER               no answer
 *   get PROPERTY TEXT         a string; DNS: "empty" or what was set
 * Anything else is answered by an empty reply; GetLink, GetDeviceByIpIface and GetAppliedConnection by
 * something of the right kind. */
void fake_peer_script(struct fake_bus *b, const char *script);

/* Calls so far, one line each: MEMBER and its arguments. New. */
char *fake_calls(const struct fake_bus *b);
void fake_calls_forget(const struct fake_bus *b);

#endif
