/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-resolved over D-Bus, as the servers and domains of one link: the tunnel's
 * (shared/spec/dns.md 5.4). It forgets them with the interface. */
#include "base/log.h"
#include "dns/resolved_msg_io.h"
#include "dns/resolved_update_io.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Others may change what we set, and nobody tells us. */
#define CHECK_S 60
#define RETRY_S 5

struct resolved {
	struct dns_os os;
	const struct dns_os_env *env;
	char *address;
	struct dbus *bus;
	struct dbus_watch watch;
	bool owner_known; /* the first word about the owner is no change */
	bool stale;	  /* what it has may be gone: send again when it is there */
	struct dns_os_config want;
	int link; /* that has something of ours; 0 none */
	struct resolved_update update;
	int rc; /* of the last one */
	char text[DNS_OS_TEXT_MAX];
	/* the check under way */
	struct dbus_call look;
	struct loop_timer check;
	struct loop_defer tell;
};

static void on_updated(struct resolved_update *u, int rc, const char *why)
{
	struct resolved *m = u->arg;
	if (rc == 0 && dns_os_config_is_empty(&m->want))
		m->link = 0;
	if (m->rc != rc && m->env->loop)
		loop_defer_arm(&m->tell);
	m->rc = rc;
	m->stale = rc != 0;
	if (m->stale && m->env->loop)
		loop_timer_arm_ms(&m->check, RETRY_S * 1000);
	snprintf(m->text, sizeof(m->text), "%s", why);
}

static void send_again(struct resolved *m, const char *why)
{
	int link = (int)if_nametoindex(m->env->tun);
	if (resolved_update_active(&m->update) || link == 0)
		return;
	if (!dns_os_config_is_empty(&m->want))
		LOG(m->rc == 0 ? LOG_INFO : LOG_DEBUG, "dns: systemd-resolved is told again: %s",
		    why);
	m->link = link;
	resolved_update_start(&m->update, link, &m->want);
}

static int set(struct dns_os *os, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX])
{
	struct resolved *m = (struct resolved *)os;
	int link = (int)if_nametoindex(m->env->tun);
	text[0] = '\0';
	dns_os_config_copy(&m->want, c);
	if (dns_os_config_is_empty(c) && (m->link == 0 || link != m->link)) {
		m->link = m->rc = 0; /* nothing of ours, or gone with the interface */
		resolved_update_cancel(&m->update);
		return 0;
	}
	if (link == 0) {
		snprintf(text, DNS_OS_TEXT_MAX, "the interface %s is not there", m->env->tun);
		m->stale = true;
		return -ERR_IO;
	}
	dbus_call_cancel(&m->look);
	m->link = link;
	resolved_update_run(&m->update, link, &m->want);
	snprintf(text, DNS_OS_TEXT_MAX, "%s", m->text);
	m->text[0] = '\0'; /* the caller knows */
	if (m->env->loop)
		loop_defer_cancel(&m->tell);
	return m->rc;
}

/* ---- is it still there? ------------------------------------------------------------------ */

static void on_servers(void *arg, const struct dbus_reply *r)
{
	struct resolved *m = arg;
	if (r->rc == 0 && !resolved_servers_are(r->msg, &m->want))
		send_again(m, "somebody changed the servers of our interface");
}

static void on_link(void *arg, const struct dbus_reply *r)
{
	struct resolved *m = arg;
	const char *path;
	if (r->rc != 0 || !dbus_get(r->msg, 'o', &path))
		return;
	struct dbus_to link = { RESOLVED_NAME, path, "org.freedesktop.resolve1.Link" };
	if (dbus_ask_property(m->bus, &link, "DNS", &m->look, RESOLVED_UPDATE_MS, on_servers, m) !=
	    0)
		return;
}

static void recheck(struct dns_os *os)
{
	struct resolved *m = (struct resolved *)os;
	int link = (int)if_nametoindex(m->env->tun);
	bool empty = dns_os_config_is_empty(&m->want);
	if (resolved_update_active(&m->update) || dbus_call_pending(&m->look))
		return;
	if (m->stale || (!empty && link != m->link)) {
		send_again(m, m->stale ? "the last time failed" : "the interface is a new one");
		return;
	}
	if (empty)
		return;
	struct dbus_msg *msg = dbus_method(m->bus, &resolved_manager, "GetLink", DBUS_NO_START);
	if (msg)
		dbus_put(msg, "i", link);
	if (dbus_send(m->bus, msg, &m->look, RESOLVED_UPDATE_MS, on_link, m) != 0)
		m->stale = true;
}

static void on_check(struct loop_timer *t, mono_t now)
{
	loop_timer_arm(t, mono_add_s(now, CHECK_S));
	recheck(t->arg);
}

/* It keeps on disk what it had been told, also what has been taken back since. */
static void on_owner(struct dbus_watch *w, bool has_owner)
{
	struct resolved *m = w->arg;
	if (has_owner && (m->owner_known || m->stale))
		send_again(m, "it has started");
	m->owner_known = true;
}

static void on_bus(void *arg, bool up)
{
	struct resolved *m = arg;
	m->stale |= !up;
}

static void on_tell(struct loop_defer *d)
{
	struct resolved *m = d->arg;
	m->env->on_event(m->env->arg, m->rc == 0 ? DNS_OS_EV_MENDED : DNS_OS_EV_CHANGED);
}

/* ---- its life ------------------------------------------------------------------------------ */

static bool can_split(struct dns_os *os)
{
	(void)os;
	return true;
}

static void report(const struct dns_os *os, struct dns_os_report *out)
{
	const struct resolved *m = (const struct resolved *)os;
	snprintf(out->warning, sizeof(out->warning), "%s", m->text);
}

static void free_all(struct resolved *m)
{
	if (m->env->loop) {
		loop_timer_cancel(&m->check);
		loop_defer_cancel(&m->tell);
	}
	resolved_update_cancel(&m->update);
	dbus_call_cancel(&m->look);
	dbus_watch_stop(&m->watch);
	dbus_free(m->bus);
	dns_os_config_fini(&m->want);
	free(m->address);
	free(m);
}

static void close_it(struct dns_os *os)
{
	char text[DNS_OS_TEXT_MAX];
	if (set(os, &(struct dns_os_config){ 0 }, text) != 0)
		log_warn("dns: %s", text);
	free_all((struct resolved *)os);
}

static const struct dns_os_ops resolved_ops = {
	.mode = DNS_OS_RESOLVED,
	.set = set,
	.can_split = can_split,
	.recheck = recheck,
	.report = report,
	.close = close_it,
};

struct dns_os *dns_os_resolved_new(const struct dns_os_env *e)
{
	if (dbus_missing())
		return NULL;
	struct resolved *m = xcalloc(1, sizeof(*m));
	m->os.ops = &resolved_ops;
	m->env = e;
	m->link = (int)if_nametoindex(e->tun); /* of an earlier one of us */
	m->address =
	    e->bus ? xstrdup(e->bus) : xasprintf("unix:path=%s/dbus/system_bus_socket", e->run);
	m->bus = dbus_new(e->loop, m->address, on_bus, m);
	resolved_update_init(&m->update, m->bus, on_updated, m);
	dbus_watch_start(m->bus, &m->watch, RESOLVED_NAME, on_owner, m);
	if (e->loop) {
		loop_timer_init(e->loop, &m->check, on_check, m);
		loop_defer_init(e->loop, &m->tell, on_tell, m);
		loop_timer_arm_ms(&m->check, CHECK_S * 1000);
	}
	return &m->os;
}

/* Only an interface that outlived its daemon still has something of ours. */
int dns_os_resolved_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	struct dns_os_env alone = *e;
	int link = (int)if_nametoindex(e->tun);
	text[0] = '\0';
	alone.loop = NULL;
	struct resolved *m = link ? (struct resolved *)dns_os_resolved_new(&alone) : NULL;
	if (!m)
		return 0;
	int rc = set(&m->os, &(struct dns_os_config){ 0 }, text);
	free_all(m);
	return rc;
}
