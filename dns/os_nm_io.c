/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NetworkManager 1.26.0 to 1.26.5, which undoes what others tell systemd-resolved about an
 * interface: it is told itself, as settings of its own of the tunnel's interface
 * (shared/spec/dns.md 5.5). They go with the interface. */
#include "dns/os.h"

#include "base/log.h"
#include "dns/nm_msg_io.h"

#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one set, base or can_split. */
#define LIMIT_MS 1000
#define RETRY_MS 10
#define PATH_MAX_LEN 256

#define NM_NAME "org.freedesktop.NetworkManager"
#define NM_PATH "/org/freedesktop/NetworkManager"

static const struct dbus_to nm = { NM_NAME, NM_PATH, NM_NAME };
static const struct dbus_to dns_manager = { NM_NAME, NM_PATH "/DnsManager", NM_NAME ".DnsManager" };

struct nm {
	struct dns_os os;
	const struct dns_os_env *env;
	char *address;
	struct dbus *bus;
	struct dbus_watch watch;
	bool owner_known;
	bool ours;   /* it has settings of ours */
	bool failed; /* to be told again */
	struct dns_os_config want;
	struct loop_defer again, tell;
	/* the call under way */
	struct dbus_call call;
	mono_t until;
	int rc;
	char text[DNS_OS_TEXT_MAX];
	/* what it got */
	char device[PATH_MAX_LEN];
	struct dbus_msg *reapply;
	struct dns_os_config *base;
	bool splits;
};

/* ---- one call, waited for ------------------------------------------------------------------ */

static int ms_left(const struct nm *m)
{
	int64_t ns = mono_diff_ns(m->until, mono_now());
	return ns <= 0 ? 0 : (int)(ns / NS_PER_MS) + 1;
}

static void take_reply(struct nm *m, const struct dbus_reply *r)
{
	struct log_esc_buf esc;
	m->rc = r->rc;
	snprintf(m->text, sizeof(m->text), "NetworkManager: %s",
		 *r->text ? log_esc(span_str(r->text), &esc) : err_text(r->rc));
}

/* An answer of another kind than the one there is. */
static void take_nonsense(struct nm *m)
{
	m->rc = -ERR_PROTO;
	snprintf(m->text, sizeof(m->text), "%s", "NetworkManager answers in a way we do not know");
}

static void start(struct nm *m)
{
	m->until = mono_add_ms(mono_now(), LIMIT_MS);
	while (!dbus_is_up(m->bus) && ms_left(m) > 0)
		dbus_turn(m->bus, ms_left(m));
}

static int wait_for(struct nm *m, struct dbus_msg *msg, dbus_reply_fn *fn)
{
	struct dbus_reply none = { .rc = -ERR_TIMEOUT };
	if (dbus_send(m->bus, msg, &m->call, LIMIT_MS, fn, m) != 0) {
		none.rc = -ERR_CLOSED;
		take_reply(m, &none);
		return m->rc;
	}
	while (dbus_call_pending(&m->call) && ms_left(m) > 0)
		dbus_turn(m->bus, ms_left(m));
	if (dbus_call_pending(&m->call)) {
		dbus_call_cancel(&m->call);
		take_reply(m, &none);
	}
	return m->rc;
}

static struct dbus_msg *get_property(struct nm *m, const char *name)
{
	static const struct dbus_to properties = { NM_NAME, NM_PATH "/DnsManager",
						   "org.freedesktop.DBus.Properties" };
	struct dbus_msg *msg = dbus_method(m->bus, &properties, "Get", DBUS_NO_START);
	if (msg)
		dbus_put(msg, "ss", dns_manager.interface, name);
	return msg;
}

static void on_connection(void *arg, const struct dbus_reply *r)
{
	struct nm *m = arg;
	struct dbus_to device = { NM_NAME, m->device, NM_NAME ".Device" };
	uint64_t version;
	take_reply(m, r);
	if (m->rc != 0 || !(m->reapply = dbus_method(m->bus, &device, "Reapply", DBUS_NO_START)))
		return;
	if (nm_put_settings(&m->want, m->env->tun, r->msg, m->reapply) &&
	    dbus_get(r->msg, 't', &version))
		dbus_put(m->reapply, "tu", version, 0u);
	else
		take_nonsense(m);
}

static void on_device(void *arg, const struct dbus_reply *r)
{
	struct nm *m = arg;
	const char *path;
	take_reply(m, r);
	if (m->rc == 0 && (!dbus_get(r->msg, 'o', &path) || strlen(path) >= sizeof(m->device)))
		take_nonsense(m);
	if (m->rc == 0)
		snprintf(m->device, sizeof(m->device), "%s", path);
}

static void on_done(void *arg, const struct dbus_reply *r)
{
	take_reply(arg, r);
}

static int apply_once(struct nm *m)
{
	struct dbus_msg *msg = dbus_method(m->bus, &nm, "GetDeviceByIpIface", DBUS_NO_START);
	if (msg)
		dbus_put(msg, "s", m->env->tun);
	if (wait_for(m, msg, on_device) != 0)
		return m->rc;
	struct dbus_to device = { NM_NAME, m->device, NM_NAME ".Device" };
	m->reapply = NULL;
	msg = dbus_method(m->bus, &device, "GetAppliedConnection", DBUS_NO_START);
	if (msg)
		dbus_put(msg, "u", 0u);
	int rc = wait_for(m, msg, on_connection);
	msg = m->reapply;
	m->reapply = NULL;
	if (rc == 0)
		return wait_for(m, msg, on_done);
	dbus_msg_free(msg);
	return rc;
}

/* It refuses while it is busy with the interface. */
static int apply(struct nm *m)
{
	int rc;
	start(m);
	while ((rc = apply_once(m)) != 0 && ms_left(m) > RETRY_MS)
		poll(NULL, 0, RETRY_MS);
	return rc;
}

static int set(struct dns_os *os, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX])
{
	struct nm *m = (struct nm *)os;
	bool empty = dns_os_config_is_empty(c);
	text[0] = '\0';
	dns_os_config_copy(&m->want, c);
	if (empty && (!m->ours || if_nametoindex(m->env->tun) == 0)) {
		m->ours = false;
		return 0;
	}
	m->ours = true;
	int rc = apply(m);
	m->failed = rc != 0;
	if (rc == 0) {
		m->ours = !empty;
		return 0;
	}
	snprintf(text, DNS_OS_TEXT_MAX, "%s", m->text);
	m->text[0] = '\0'; /* the caller knows */
	return rc == -ERR_TIMEOUT || rc == -ERR_PERM ? rc : -ERR_IO;
}

/* ---- what it would do without us --------------------------------------------------------- */

static void on_configuration(void *arg, const struct dbus_reply *r)
{
	struct nm *m = arg;
	take_reply(m, r);
	if (m->rc == 0 && !nm_get_configuration(r->msg, m->env->tun, m->base))
		take_nonsense(m);
}

static int base(struct dns_os *os, struct dns_os_config *out)
{
	struct nm *m = (struct nm *)os;
	start(m);
	m->base = out;
	return wait_for(m, get_property(m, "Configuration"), on_configuration);
}

static void on_mode(void *arg, const struct dbus_reply *r)
{
	struct nm *m = arg;
	const char *s;
	m->splits = r->rc == 0 && dbus_enter(r->msg, 'v', "s") && dbus_get(r->msg, 's', &s) &&
		    (strcmp(s, "dnsmasq") == 0 || strcmp(s, "systemd-resolved") == 0);
}

static bool can_split(struct dns_os *os)
{
	struct nm *m = (struct nm *)os;
	start(m);
	m->splits = false;
	wait_for(m, get_property(m, "Mode"), on_mode);
	return m->splits;
}

/* ---- its life ------------------------------------------------------------------------------ */

static void recheck(struct dns_os *os)
{
	struct nm *m = (struct nm *)os;
	if (!m->ours || dns_os_config_is_empty(&m->want))
		return;
	int before = m->failed;
	m->failed = apply(m) != 0;
	if (m->failed != before && m->env->loop)
		loop_defer_arm(&m->tell);
}

static void on_again(struct loop_defer *d)
{
	recheck(d->arg);
}

static void on_tell(struct loop_defer *d)
{
	struct nm *m = d->arg;
	m->env->on_event(m->env->arg, m->failed ? DNS_OS_EV_CHANGED : DNS_OS_EV_MENDED);
}

static void on_owner(struct dbus_watch *w, bool has_owner)
{
	struct nm *m = w->arg;
	if (has_owner && m->owner_known && m->env->loop)
		loop_defer_arm(&m->again);
	m->owner_known = true;
}

static void report(const struct dns_os *os, struct dns_os_report *out)
{
	const struct nm *m = (const struct nm *)os;
	snprintf(out->warning, sizeof(out->warning), "%s", m->failed ? m->text : "");
}

static void close_it(struct dns_os *os)
{
	struct nm *m = (struct nm *)os;
	char text[DNS_OS_TEXT_MAX];
	if (set(os, &(struct dns_os_config){ 0 }, text) != 0)
		log_warn("dns: %s", text);
	if (m->env->loop) {
		loop_defer_cancel(&m->again);
		loop_defer_cancel(&m->tell);
	}
	dbus_watch_stop(&m->watch);
	dbus_free(m->bus);
	dns_os_config_fini(&m->want);
	free(m->address);
	free(m);
}

static const struct dns_os_ops nm_ops = {
	.mode = DNS_OS_NM,
	.set = set,
	.base = base,
	.can_split = can_split,
	.recheck = recheck,
	.report = report,
	.close = close_it,
};

struct dns_os *dns_os_nm_new(const struct dns_os_env *e)
{
	if (dbus_missing())
		return NULL;
	struct nm *m = xcalloc(1, sizeof(*m));
	m->os.ops = &nm_ops;
	m->env = e;
	m->address =
	    e->bus ? xstrdup(e->bus) : xasprintf("unix:path=%s/dbus/system_bus_socket", e->run);
	m->bus = dbus_new(e->loop, m->address, NULL, NULL);
	dbus_watch_start(m->bus, &m->watch, NM_NAME, on_owner, m);
	if (e->loop) {
		loop_defer_init(e->loop, &m->again, on_again, m);
		loop_defer_init(e->loop, &m->tell, on_tell, m);
	}
	return &m->os;
}

/* It forgets the settings with the interface, which does not outlive its daemon. */
int dns_os_nm_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	(void)e;
	text[0] = '\0';
	return 0;
}
