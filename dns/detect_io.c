/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/detect_io.h"

#include "base/dbus.h"
#include "base/fs.h"
#include "base/run.h"
#include "dns/resolvconf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUESTION_MS 1000
#define RESOLVCONF_MS 2000
/* Who comes writes his file a little later; who goes is often on his way back, and so is a bus with
 * all that was on it. Until then nothing is decided. */
#define CAME_MS 300
#define WENT_MS 3000
#define BUS_WENT_MS 10000
#define OTHER_FILE_MAX 65536
#define VERSION_MAX 32

#define NM_NAME "org.freedesktop.NetworkManager"
#define RESOLVED_NAME "org.freedesktop.resolve1"

struct name_watch {
	struct dbus_watch watch;
	enum dns_fact owned;
};

struct dns_detector {
	const struct dns_os_env *env;
	dns_detector_fn *fn;
	void *arg;
	char *address;
	struct dbus *bus;
	struct name_watch resolved, nm;
	struct dbus_call call;
	enum dns_probe asked;
	bool woken; /* systemd-resolved had its chance to start; whoever stops it later means it */
	struct loop_timer again;    /* the next look */
	struct loop_timer patience; /* with a bus that is not up yet */
	struct loop_defer next;
	struct dns_facts facts;
	struct buf text, nsswitch;
	char version[VERSION_MAX];
};

/* ---- files --------------------------------------------------------------------------- */

static char *in_folder(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static int read_file(const char *dir, const char *name, struct buf *out)
{
	char *path = in_folder(dir, name);
	buf_fini(out);
	buf_init(out, OTHER_FILE_MAX);
	int rc = fs_read(path, out);
	free(path);
	return rc;
}

static struct span text_of(const struct buf *b)
{
	return span_of(b->p, b->len);
}

bool dns_other_agent_lives(const char *run)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/tailscale/tailscaled.sock", run);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool lives = n > 0 && (size_t)n < sizeof(sa.sun_path) && fd >= 0 &&
		     (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return lives;
}

static bool is_nixos(const char *etc)
{
	struct buf b = { 0 };
	bool yes = read_file(etc, "os-release", &b) == 0 &&
		   (memmem(b.p, b.len, "\nID=nixos\n", 10) ||
		    (b.len >= 9 && memcmp(b.p, "ID=nixos\n", 9) == 0));
	buf_fini(&b);
	return yes;
}

static bool may_write(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool is_mount(const char *path, const char *dir)
{
	struct statx file, folder;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &file) != 0 ||
	    statx(AT_FDCWD, dir, 0, STATX_TYPE, &folder) != 0)
		return false;
	return (file.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	       (S_ISREG(file.stx_mode) && (file.stx_dev_major != folder.stx_dev_major ||
					   file.stx_dev_minor != folder.stx_dev_minor));
}

static void take_text(struct dns_detector *d, const char *name)
{
	struct dns_file_facts *f = &d->facts.file;
	int rc = read_file(d->env->etc, name, &d->text);
	f->state = rc == 0 ? DNS_FILE_READ : rc == -ERR_NOENT ? DNS_FILE_ABSENT : DNS_FILE_FAILED;
	f->error = rc == 0 ? NULL : err_text(rc);
	f->text = rc == 0 ? text_of(&d->text) : (struct span){ 0 };
}

static void look_at_files(struct dns_detector *d)
{
	const char *etc = d->env->etc;
	struct dns_file_facts *f = &d->facts.file;
	char *path = in_folder(etc, RESOLVCONF_NAME);
	take_text(d, RESOLVCONF_NAME);
	f->dir_writable = may_write(etc);
	f->writable = f->state == DNS_FILE_ABSENT ? f->dir_writable : may_write(path);
	f->mounted = is_mount(path, etc);
	f->nixos = is_nixos(etc);
	f->ours = resolvconf_is_ours(f->text);
	f->foreign = resolvconf_agent(f->text);
	f->foreign_alive = f->foreign && dns_other_agent_lives(d->env->run);
	free(path);
	if (f->ours)
		take_text(d, RESOLVCONF_BACKUP);
	else if (f->foreign && !f->foreign_alive)
		take_text(d, RESOLVCONF_TAILSCALE_BACKUP);
	if (read_file(etc, "nsswitch.conf", &d->nsswitch) == 0)
		d->facts.nsswitch = text_of(&d->nsswitch);
}

/* ---- resolvconf ------------------------------------------------------------------------ */

static const char debians[] = "Debian resolvconf";

static void take_line(void *arg, struct span line)
{
	bool *debian = arg;
	*debian |=
	    line.len >= sizeof(debians) - 1 && memcmp(line.p, debians, sizeof(debians) - 1) == 0;
}

static bool is_resolvectl(const char *path)
{
	char *real = realpath(path, NULL);
	bool yes = real && strcmp(basename(real), "resolvectl") == 0;
	free(real);
	return yes;
}

static enum dns_resolvconf which_resolvconf(const char *dirs)
{
	char path[PATH_MAX], said[RUN_SAID_MAX];
	int status;
	bool debian = false;
	if (!run_find(dirs, "resolvconf", path))
		return DNS_RC_NONE;
	if (is_resolvectl(path))
		return DNS_RC_RESOLVECTL;
	char *const argv[] = { path, (char *)(uintptr_t) "--version", NULL };
	struct run r = { .argv = argv,
			 .until = mono_add_ms(mono_now(), RESOLVCONF_MS),
			 .line = take_line,
			 .arg = &debian };
	if (run_program_status(&r, &status, said) != 0)
		return DNS_RC_OTHER;
	if (debian || status == 99 || strncmp(said, debians, sizeof(debians) - 1) == 0)
		return DNS_RC_DEBIAN;
	return DNS_RC_OPENRESOLV;
}

/* ---- D-Bus ----------------------------------------------------------------------------- */

static const struct dbus_to resolved_peer = { RESOLVED_NAME, "/org/freedesktop/resolve1",
					      "org.freedesktop.DBus.Peer" };
static const struct dbus_to nm_peer = { NM_NAME, "/org/freedesktop/NetworkManager/DnsManager",
					"org.freedesktop.DBus.Peer" };
static const struct dbus_to nm_dns = { NM_NAME, "/org/freedesktop/NetworkManager/DnsManager",
				       "org.freedesktop.NetworkManager.DnsManager" };
static const struct dbus_to nm_self = { NM_NAME, "/org/freedesktop/NetworkManager",
					"org.freedesktop.NetworkManager" };
static const struct dbus_to driver = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
				       "org.freedesktop.DBus" };

static enum dns_fact fact(bool b)
{
	return b ? DNS_YES : DNS_NO;
}

/* Of a property; NULL if it is none. */
static const char *string_in(const struct dbus_reply *r)
{
	const char *s;
	return r->rc == 0 && dbus_enter(r->msg, 'v', "s") && dbus_get(r->msg, 's', &s) ? s : NULL;
}

/* It goes into what people read. */
static bool version_ok(const char *s)
{
	static const char letters[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+~-";
	size_t n = strlen(s);
	return n && n < VERSION_MAX && strspn(s, letters) == n;
}

static void take_version(struct dns_detector *d, const char *s)
{
	bool ok = s && version_ok(s);
	d->facts.nm_version_known = fact(ok);
	snprintf(d->version, sizeof(d->version), "%s", ok ? s : "");
	d->facts.nm_version = d->version;
}

static void take_answer(struct dns_detector *d, const struct dbus_reply *r)
{
	struct dns_facts *f = &d->facts;
	const char *s;
	int owned;
	switch (d->asked) {
	case DNS_PROBE_RESOLVED_PING:
		f->resolved_ping = fact(r->rc == 0);
		break;
	case DNS_PROBE_RESOLVED_OWNED:
		f->resolved_owned = fact(r->rc == 0 && dbus_get(r->msg, 'b', &owned) && owned);
		break;
	case DNS_PROBE_NM_PING:
		f->nm_ping = fact(r->rc == 0);
		break;
	case DNS_PROBE_NM_MODE:
		s = string_in(r);
		f->nm_mode_resolved = fact(s && strcmp(s, "systemd-resolved") == 0);
		break;
	case DNS_PROBE_NM_VERSION:
		take_version(d, string_in(r));
		break;
	default:
		break;
	}
	loop_defer_arm(&d->next);
}

static void on_answer(void *arg, const struct dbus_reply *r)
{
	take_answer(arg, r);
}

static int ask_owner(struct dns_detector *d)
{
	struct dbus_msg *m = dbus_method(d->bus, &driver, "NameHasOwner", 0);
	if (m)
		dbus_put(m, "s", RESOLVED_NAME);
	return dbus_send(d->bus, m, &d->call, QUESTION_MS, on_answer, d);
}

static int ask_bus(struct dns_detector *d, enum dns_probe p)
{
	int flags = d->woken ? DBUS_NO_START : 0;
	switch (p) {
	case DNS_PROBE_RESOLVED_PING:
		d->woken |= dbus_is_up(d->bus);
		return dbus_ask(d->bus, &resolved_peer, "Ping", flags, &d->call, QUESTION_MS,
				on_answer, d);
	case DNS_PROBE_RESOLVED_OWNED:
		return ask_owner(d);
	case DNS_PROBE_NM_PING:
		return dbus_ask(d->bus, &nm_peer, "Ping", DBUS_NO_START, &d->call, QUESTION_MS,
				on_answer, d);
	case DNS_PROBE_NM_MODE:
		return dbus_ask_property(d->bus, &nm_dns, "Mode", &d->call, QUESTION_MS, on_answer,
					 d);
	default:
		return dbus_ask_property(d->bus, &nm_self, "Version", &d->call, QUESTION_MS,
					 on_answer, d);
	}
}

/* ---- one look -------------------------------------------------------------------------- */

static void look_up(struct dns_detector *d, enum dns_probe p)
{
	struct dbus_reply none = { .rc = -ERR_CLOSED };
	d->asked = p;
	switch (p) {
	case DNS_PROBE_FILES:
		look_at_files(d);
		break;
	case DNS_PROBE_RESOLVCONF:
		d->facts.resolvconf = which_resolvconf(d->env->programs);
		break;
	default:
		if (ask_bus(d, p) != 0)
			take_answer(d, &none);
		return;
	}
	loop_defer_arm(&d->next);
}

static void on_next(struct loop_defer *defer)
{
	struct dns_detector *d = defer->arg;
	struct dns_found found;
	enum dns_probe p = dns_detect(&d->facts, &found);
	if (p == DNS_PROBE_NONE)
		d->fn(d->arg, &found); /* may free d */
	else
		look_up(d, p);
}

static void forget(struct dns_detector *d)
{
	dbus_call_cancel(&d->call);
	loop_defer_cancel(&d->next);
	loop_timer_cancel(&d->patience);
	d->facts = (struct dns_facts){ 0 };
}

static void on_patience(struct loop_timer *t, mono_t now)
{
	struct dns_detector *d = t->arg;
	(void)now;
	d->facts.no_bus = "no connection to the system's bus";
	loop_defer_arm(&d->next);
}

static void look_now(struct dns_detector *d)
{
	forget(d);
	d->facts.no_bus = dbus_missing();
	if (!d->facts.no_bus && !dbus_is_up(d->bus))
		loop_timer_arm_ms(&d->patience, QUESTION_MS);
	else
		loop_defer_arm(&d->next);
}

void dns_detector_look(struct dns_detector *d)
{
	if (!loop_timer_armed(&d->again))
		look_now(d);
}

static void on_again(struct loop_timer *t, mono_t now)
{
	(void)now;
	look_now(t->arg);
}

static void look_in(struct dns_detector *d, int64_t ms)
{
	forget(d);
	loop_timer_arm_ms(&d->again, ms);
}

/* ---- when to look again ------------------------------------------------------------------ */

static void on_owner(struct dbus_watch *w, bool has_owner)
{
	struct dns_detector *d = w->arg;
	struct name_watch *n = CONTAINER_OF(w, struct name_watch, watch);
	bool known = n->owned != DNS_UNASKED, was = n->owned == DNS_YES;
	n->owned = fact(has_owner);
	if (known && was != has_owner)
		look_in(d, has_owner ? CAME_MS : WENT_MS);
}

static void on_bus(void *arg, bool up)
{
	struct dns_detector *d = arg;
	if (!up)
		look_in(d, BUS_WENT_MS);
	else if (loop_timer_armed(&d->again)) /* again */
		look_in(d, WENT_MS);
	else
		look_now(d);
}

struct dns_detector *dns_detector_new(const struct dns_os_env *e, dns_detector_fn *fn, void *arg)
{
	struct dns_detector *d = xcalloc(1, sizeof(*d));
	d->env = e;
	d->fn = fn;
	d->arg = arg;
	loop_timer_init(e->loop, &d->again, on_again, d);
	loop_timer_init(e->loop, &d->patience, on_patience, d);
	loop_defer_init(e->loop, &d->next, on_next, d);
	d->address =
	    e->bus ? xstrdup(e->bus) : xasprintf("unix:path=%s/dbus/system_bus_socket", e->run);
	d->bus = dbus_new(e->loop, d->address, on_bus, d);
	if (d->bus) {
		dbus_watch_start(d->bus, &d->resolved.watch, RESOLVED_NAME, on_owner, d);
		dbus_watch_start(d->bus, &d->nm.watch, NM_NAME, on_owner, d);
	}
	look_now(d);
	return d;
}

void dns_detector_free(struct dns_detector *d)
{
	if (!d)
		return;
	forget(d);
	loop_timer_cancel(&d->again);
	dbus_watch_stop(&d->resolved.watch);
	dbus_watch_stop(&d->nm.watch);
	dbus_free(d->bus);
	buf_fini(&d->text);
	buf_fini(&d->nsswitch);
	free(d->address);
	free(d);
}
