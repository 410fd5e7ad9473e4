/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/dbus_priv.h"

static void spoil(struct dbus_msg *m, int r)
{
	m->bad |= r < 0;
}

void dbus_put(struct dbus_msg *m, const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	spoil(m, sd.message_appendv(m->m, types, ap));
	va_end(ap);
}

void dbus_put_bytes(struct dbus_msg *m, struct span bytes)
{
	spoil(m, sd.message_append_array(m->m, 'y', bytes.p, bytes.len));
}

void dbus_open(struct dbus_msg *m, char type, const char *contents)
{
	spoil(m, sd.message_open_container(m->m, type, contents));
}

void dbus_close(struct dbus_msg *m)
{
	spoil(m, sd.message_close_container(m->m));
}

bool dbus_put_copy(struct dbus_msg *m, struct dbus_msg *from)
{
	int r = sd.message_copy(m->m, from->m, 0);
	spoil(m, r);
	return r > 0;
}

bool dbus_get(struct dbus_msg *m, char type, void *out)
{
	return sd.message_read_basic(m->m, type, out) > 0;
}

bool dbus_get_bytes(struct dbus_msg *m, struct span *out)
{
	const void *p;
	size_t len;
	if (sd.message_read_array(m->m, 'y', &p, &len) <= 0)
		return false;
	*out = span_of(p, len);
	return true;
}

bool dbus_enter(struct dbus_msg *m, char type, const char *contents)
{
	return sd.message_enter_container(m->m, type, contents) > 0;
}

bool dbus_leave(struct dbus_msg *m)
{
	return sd.message_exit_container(m->m) > 0;
}

bool dbus_skip(struct dbus_msg *m, const char *types)
{
	return sd.message_skip(m->m, types) > 0;
}
