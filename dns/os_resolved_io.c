/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-resolved over D-Bus, as the servers and domains of one link: the tunnel's
 * (shared/spec/dns.md 5.4). It forgets them with the interface. */
#include "dns/resolved_msg_io.h"

#include "base/log.h"
#include "dns/os.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_MS 1000
/* Others may change what we set, and nobody tells us. */
#define CHECK_S 60

#define RESOLVED_NAME "org.freedesktop.resolve1"

/* One update: calls in this order, one after the other. */
enum step {
	SET_DNS,
	SET_DOMAINS,
	SET_DEFAULT_ROUTE,
	SET_LLMNR, /* from here on nothing is lost by a failure */
	SET_MDNS,
	SET_DNSSEC,
	SET_DOT,
	FLUSH_CACHES,
	REVERT, /* of the empty configuration only */
	STEPS,
	IDLE,
};
static const char *const methods[STEPS] = {
	[SET_DNS] = "SetLinkDNS",
	[SET_DOMAINS] = "SetLinkDomains",
	[SET_DEFAULT_ROUTE] = "SetLinkDefaultRoute",
	[SET_LLMNR] = "SetLinkLLMNR",
	[SET_MDNS] = "SetLinkMulticastDNS",
	[SET_DNSSEC] = "SetLinkDNSSEC",
	[SET_DOT] = "SetLinkDNSOverTLS",
	[FLUSH_CACHES] = "FlushCaches",
	[REVERT] = "RevertLink",
};

static const struct dbus_to manager = { RESOLVED_NAME, "/org/freedesktop/resolve1",
					"org.freedesktop.resolve1.Manager" };

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
	/* the update under way, or how the last one ended */
	enum step step;
	bool without_arpa;
	mono_t until;
	struct dbus_call call;
	int rc;
	char text[DNS_OS_TEXT_MAX];
	/* the check under way */
	struct dbus_call look;
	struct loop_timer check;
	struct loop_defer tell;
};

/* ---- what is sent ---------------------------------------------------------------------- */

static struct dbus_msg *call_of_step(struct resolved *m)
{
	struct dbus_msg *msg = dbus_method(m->bus, &manager, methods[m->step], DBUS_NO_START);
	if (!msg || m->step == FLUSH_CACHES)
		return msg;
	dbus_put(msg, "i", m->link);
	switch (m->step) {
	case SET_DNS:
		resolved_put_servers(msg, &m->want);
		break;
	case SET_DOMAINS:
		resolved_put_domains(msg, &m->want, m->without_arpa);
		break;
	case SET_DEFAULT_ROUTE:
		dbus_put(msg, "b", (int)(m->want.n_match == 0));
		break;
	case REVERT:
		break;
	default:
		dbus_put(msg, "s", "no");
		break;
	}
	return msg;
}

/* ---- one update -------------------------------------------------------------------------- */

static void on_step(void *arg, const struct dbus_reply *r);

static int ms_left(const struct resolved *m)
{
	int64_t ns = mono_diff_ns(m->until, mono_now());
	return ns <= 0 ? 0 : (int)(ns / NS_PER_MS) + 1;
}

static void end_update(struct resolved *m, int rc, const char *why)
{
	bool news = m->rc != rc;
	m->step = IDLE;
	m->rc = rc;
	m->stale = rc != 0;
	m->text[0] = '\0';
	if (rc == 0 && dns_os_config_is_empty(&m->want))
		m->link = 0;
	if (rc != 0)
		snprintf(m->text, sizeof(m->text), "systemd-resolved: %s", why);
	if (news && m->env->loop)
		loop_defer_arm(&m->tell);
}

static const char *reason(const struct dbus_reply *r, struct log_esc_buf *esc)
{
	return *r->text ? log_esc(span_str(r->text), esc) : err_text(r->rc);
}

static void give_up(struct resolved *m)
{
	end_update(m, -ERR_TIMEOUT, "it does not answer; type: systemctl restart systemd-resolved");
}

static void do_step(struct resolved *m)
{
	int left = ms_left(m);
	int last = dns_os_config_is_empty(&m->want) ? REVERT : FLUSH_CACHES;
	if ((int)m->step > last || (left == 0 && m->step > SET_DEFAULT_ROUTE))
		end_update(m, 0, "");
	else if (left == 0 && dbus_is_up(m->bus))
		give_up(m);
	else if (dbus_send(m->bus, call_of_step(m), &m->call, left, on_step, m) != 0)
		end_update(m, -ERR_IO, "there is no connection to D-Bus");
}

static void fail_step(struct resolved *m, const struct dbus_reply *r)
{
	struct log_esc_buf esc;
	char why[DNS_OS_TEXT_MAX / 2];
	if (r->rc == -ERR_TIMEOUT) {
		give_up(m);
		return;
	}
	snprintf(why, sizeof(why), "%s: %s", methods[m->step], reason(r, &esc));
	end_update(m, r->rc == -ERR_PERM ? r->rc : -ERR_IO, why);
}

static void on_step(void *arg, const struct dbus_reply *r)
{
	struct resolved *m = arg;
	struct log_esc_buf esc;
	bool old = m->step == SET_DEFAULT_ROUTE && r->rc == -ERR_UNSUPPORTED;
	bool gone = r->rc == -ERR_NOENT || strcmp(r->error, RESOLVED_NAME ".NoSuchLink") == 0;
	/* Before systemd 240, or with less room for domains. */
	bool too_long = m->step == SET_DOMAINS && strcmp(r->text, "Argument list too long") == 0;
	if (gone && dns_os_config_is_empty(&m->want)) {
		end_update(m, 0, ""); /* and with it what we had set */
		return;
	}
	if (too_long && !m->without_arpa) {
		m->without_arpa = true;
	} else if (r->rc != 0 && m->step <= SET_DEFAULT_ROUTE && !old) {
		fail_step(m, r);
		return;
	} else {
		if (r->rc != 0)
			log_debug("dns: systemd-resolved: %s: %s", methods[m->step],
				  reason(r, &esc));
		m->step++;
	}
	do_step(m);
}

/* Starts over if one is under way. */
static void start_update(struct resolved *m, int link)
{
	dbus_call_cancel(&m->call);
	dbus_call_cancel(&m->look);
	m->step = SET_DNS;
	m->link = link;
	m->without_arpa = false;
	m->until = mono_add_ms(mono_now(), UPDATE_MS);
}

static void send_again(struct resolved *m, const char *why)
{
	int link = (int)if_nametoindex(m->env->tun);
	if (m->step != IDLE || link == 0)
		return;
	if (!dns_os_config_is_empty(&m->want))
		log_info("dns: systemd-resolved is told again: %s", why);
	start_update(m, link);
	do_step(m);
}

/* Until the update has ended or its time is up, which is as good as no answer. */
static void finish_update(struct resolved *m)
{
	while (!dbus_is_up(m->bus) && ms_left(m) > 0)
		dbus_turn(m->bus, ms_left(m));
	do_step(m);
	while (m->step != IDLE) {
		int left = ms_left(m);
		if (left == 0) {
			dbus_call_cancel(&m->call);
			do_step(m);
		} else {
			dbus_turn(m->bus, left);
		}
	}
}

static int set(struct dns_os *os, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX])
{
	struct resolved *m = (struct resolved *)os;
	int link = (int)if_nametoindex(m->env->tun);
	text[0] = '\0';
	dns_os_config_copy(&m->want, c);
	if (dns_os_config_is_empty(c) && (m->link == 0 || link != m->link)) {
		m->link = m->rc = 0; /* nothing of ours, or gone with the interface */
		dbus_call_cancel(&m->call);
		m->step = IDLE;
		return 0;
	}
	if (link == 0) {
		snprintf(text, DNS_OS_TEXT_MAX, "the interface %s is not there", m->env->tun);
		m->stale = true;
		return -ERR_IO;
	}
	start_update(m, link);
	finish_update(m);
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
	if (dbus_ask_property(m->bus, &link, "DNS", &m->look, UPDATE_MS, on_servers, m) != 0)
		return;
}

static void recheck(struct dns_os *os)
{
	struct resolved *m = (struct resolved *)os;
	int link = (int)if_nametoindex(m->env->tun);
	if (dns_os_config_is_empty(&m->want) || m->step != IDLE || dbus_call_pending(&m->look))
		return;
	if (m->stale || link != m->link) {
		send_again(m, m->stale ? "the last time failed" : "the interface is a new one");
		return;
	}
	struct dbus_msg *msg = dbus_method(m->bus, &manager, "GetLink", DBUS_NO_START);
	if (msg)
		dbus_put(msg, "i", link);
	if (dbus_send(m->bus, msg, &m->look, UPDATE_MS, on_link, m) != 0)
		m->stale = true;
}

static void on_check(struct loop_timer *t, mono_t now)
{
	recheck(t->arg);
	loop_timer_arm(t, mono_add_s(now, CHECK_S));
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
	dbus_call_cancel(&m->call);
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
	m->step = IDLE;
	m->link = (int)if_nametoindex(e->tun); /* of an earlier one of us */
	m->address =
	    e->bus ? xstrdup(e->bus) : xasprintf("unix:path=%s/dbus/system_bus_socket", e->run);
	m->bus = dbus_new(e->loop, m->address, on_bus, m);
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
	int rc;
	text[0] = '\0';
	alone.loop = NULL;
	struct resolved *m = link ? (struct resolved *)dns_os_resolved_new(&alone) : NULL;
	if (!m)
		return 0;
	start_update(m, link);
	m->step = REVERT;
	finish_update(m);
	rc = m->rc;
	free_all(m);
	return rc;
}
