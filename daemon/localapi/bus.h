/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h: watch-ipn-bus: turns what the backend tells into one stream of Notify lines per watcher.
 * Masks, order and limits: shared/spec/cli-localapi.md 4.6. A watcher that does not read is cut
 * off; nothing here ever blocks. Thread: control. */
#ifndef DAEMON_LOCALAPI_BUS_H
#define DAEMON_LOCALAPI_BUS_H

#include "base/httpd.h"
#include "daemon/engine/backend.h"

struct api_bus;

#define BUS_QUEUE_MESSAGES 128
#define BUS_WATCHERS_MAX 64

enum {
	BUS_ENGINE = 1,
	BUS_INITIAL_STATE = 2,
	BUS_INITIAL_PREFS = 4,
	BUS_INITIAL_NETMAP = 8,
	BUS_INITIAL_DRIVE = 32,
	BUS_INITIAL_OUTGOING = 64,
	BUS_INITIAL_HEALTH = 128,
	BUS_RATE_LIMIT = 256,
	BUS_HEALTH_ACTIONS = 512,
	BUS_INITIAL_SUGGESTED = 1024,
	BUS_INITIAL_CLIENT_VERSION = 2048,
	BUS_PEER_CHANGES = 4096,
	BUS_INITIAL_STATUS = 16384,
	BUS_PEER_PATCHES = 32768,
	BUS_IN_PROCESS = 65536,
};

/* Takes the backend's notify callback. */
struct api_bus *bus_new(struct loop *l, struct backend *b);
/* Ends every stream. NULL is fine. */
void bus_free(struct api_bus *bus);

/* NULL, or why a watcher must not ask for this mask (static text). */
const char *bus_mask_problem(uint64_t mask);
/* Answer the request with the stream: the head at once, then the initial message if any.
 * -ERR_FULL: too many watchers, not answered. */
MUST_CHECK int bus_watch(struct api_bus *bus, struct httpd_req *r, uint64_t mask);

#endif
