/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolved_update_io.h: tell systemd-resolved one configuration: some calls in order, one second in
 * all (shared/spec/dns.md 5.4). Thread: the helper's loop. */
#ifndef DNS_RESOLVED_UPDATE_IO_H
#define DNS_RESOLVED_UPDATE_IO_H

#include "base/dbus.h"
#include "dns/os.h"

#define RESOLVED_NAME "org.freedesktop.resolve1"
#define RESOLVED_UPDATE_MS 1000
extern const struct dbus_to resolved_manager;

struct resolved_update;
/* rc: 0, -ERR_TIMEOUT, -ERR_PERM, -ERR_IO; why: for a person, "" with 0. May start the next. */
typedef void resolved_update_fn(struct resolved_update *u, int rc, const char *why);

/* Embedded in its owner. */
struct resolved_update {
	struct dbus *bus;
	resolved_update_fn *fn;
	void *arg;
	const struct dns_os_config *config;
	int link;
	int step;
	bool without_arpa;
	mono_t until;
	struct dbus_call call;
};

void resolved_update_init(struct resolved_update *u, struct dbus *bus, resolved_update_fn *fn,
			  void *arg);
/* config: borrowed until the end; empty: what link has is taken back. One under way is forgotten.
 * fn may be called at once. */
void resolved_update_start(struct resolved_update *u, int link, const struct dns_os_config *config);
/* The same, and to its end, also where the connection is not up yet. */
void resolved_update_run(struct resolved_update *u, int link, const struct dns_os_config *config);
void resolved_update_cancel(struct resolved_update *u);
bool resolved_update_active(const struct resolved_update *u);

#endif
