/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/dbus_priv.h"

#include <stdio.h>
#include <string.h>

#define ASK_OWNER_MS 5000

static int on_owner_changed(sd_bus_message *m, void *arg, sd_bus_error *ret)
{
	struct dbus_watch *w = arg;
	struct dbus_msg msg = { .m = m };
	const char *name, *before, *after;
	(void)ret;
	if (!dbus_get(&msg, 's', &name) || !dbus_get(&msg, 's', &before) ||
	    !dbus_get(&msg, 's', &after) || strcmp(name, w->name) != 0)
		return 0;
	dbus_call_cancel(&w->ask);
	w->fn(w, *after != '\0');
	return 0;
}

static void on_has_owner(void *arg, const struct dbus_reply *r)
{
	struct dbus_watch *w = arg;
	int has;
	if (r->rc == 0 && dbus_get(r->msg, 'b', &has))
		w->fn(w, has);
}

void dbus_watch_install(struct dbus_watch *w)
{
	static const struct dbus_to driver = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
					       "org.freedesktop.DBus" };
	struct dbus *d = w->bus;
	char rule[512];
	sd_bus_slot *slot = NULL;
	snprintf(rule, sizeof(rule),
		 "type='signal',sender='%s',path='%s',interface='%s',member='NameOwnerChanged',"
		 "arg0='%s'",
		 driver.name, driver.path, driver.interface, w->name);
	if (sd.add_match_async(d->bus, &slot, rule, on_owner_changed, NULL, w) < 0)
		return;
	w->slot = slot;
	struct dbus_msg *m = dbus_method(d, &driver, "NameHasOwner", 0);
	if (m)
		dbus_put(m, "s", w->name);
	if (dbus_send(d, m, &w->ask, ASK_OWNER_MS, on_has_owner, w) != 0)
		w->slot = sd.slot_unref(w->slot);
}

void dbus_watch_remove(struct dbus_watch *w)
{
	dbus_call_cancel(&w->ask);
	w->slot = sd.slot_unref(w->slot);
}

void dbus_watch_start(struct dbus *d, struct dbus_watch *w, const char *name, dbus_watch_fn *fn,
		      void *arg)
{
	*w = (struct dbus_watch){ .bus = d, .name = name, .fn = fn, .arg = arg };
	list_push_back(&d->watches, &w->link);
	if (d->up)
		dbus_watch_install(w);
}

void dbus_watch_stop(struct dbus_watch *w)
{
	if (!w->bus)
		return;
	dbus_watch_remove(w);
	list_remove(&w->link);
	w->bus = NULL;
}
