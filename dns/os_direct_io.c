/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plain file: taken and given back by direct_file_io.h; here it is watched. Whoever writes it
 * while it is ours is let have his way for a while that doubles each time, and for good in the end:
 * his file resolves, and what he wrote is what we fall back on. */
#include "base/alloc.h"
#include "base/log.h"
#include "dns/detect_io.h"
#include "dns/direct_file_io.h"
#include "dns/etc_watch_io.h"
#include "dns/os.h"
#include "dns/resolvconf_io.h"
#include "dns/systemd_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_FIRST_MS 5000
#define AGAIN_MAX_MS 300000
#define ROUNDS_MAX 8
/* As long without another writer: it was no fight. */
#define QUIET_MS 60000

struct direct {
	struct dns_os os;
	const struct dns_os_env *env;
	struct direct_file file;
	struct dns_os_config want;
	bool active;	 /* the file is to be ours */
	struct buf text; /* what is to be in it */
	struct etc_watch watch;
	struct loop_timer again, quiet;
	unsigned rounds;
	bool given_up;
	bool failed; /* it could not be written: who changes it may have mended that */
	char overwritten_by[DNS_OS_TEXT_MAX];
};

static struct direct *direct_of(struct dns_os *m)
{
	return CONTAINER_OF(m, struct direct, os);
}

/* ---- base ---------------------------------------------------------------------------- */

static int read_base(struct direct *d, struct resolvconf *out)
{
	struct buf text;
	buf_init(&text, RESOLVCONF_MAX + 1);
	int rc = direct_file_base(&d->file, &text);
	/* A line that nobody understands is no reason to do without the others. */
	if (rc == 0)
		(void)!resolvconf_parse(buf_span(&text), out);
	buf_fini(&text);
	return rc;
}

static int base(struct dns_os *m, struct dns_os_config *out)
{
	struct direct *d = direct_of(m);
	struct resolvconf r = { 0 };
	int rc = read_base(d, &r);
	if (rc == 0) {
		resolvconf_without_us(d->env->run, &r.config);
		*out = r.config;
		r.config = (struct dns_os_config){ 0 };
	}
	resolvconf_fini(&r);
	return rc;
}

/* ---- another agent of our kind ---------------------------------------------------------- */

/* Two agents that live cannot both have the file. */
static bool other_agent_lives(struct direct *d, char said[static DNS_OS_TEXT_MAX])
{
	struct buf now;
	buf_init(&now, RESOLVCONF_MAX);
	direct_file_now(&d->file, &now);
	const char *agent = resolvconf_agent(buf_span(&now));
	buf_fini(&now);
	if (!agent || !dns_other_agent_lives(d->env->run))
		return false;
	snprintf(said, DNS_OS_TEXT_MAX,
		 "%s/" RESOLVCONF_NAME " belongs to %s, which is running, and is left to it; to "
		 "give it to meshd, type: %s set --accept-dns=false",
		 d->env->etc, agent, agent);
	return true;
}

/* ---- set ------------------------------------------------------------------------------ */

static void build_text(struct direct *d)
{
	struct resolvconf was = { 0 };
	(void)!read_base(d, &was);
	buf_reset(&d->text);
	resolvconf_build(&d->want, was.options, &d->text);
	resolvconf_fini(&was);
}

static void watch_file(struct direct *d)
{
	if (!d->file.in_place)
		return;
	char *path = xasprintf("%s/" RESOLVCONF_NAME, d->env->etc);
	etc_watch_file(&d->watch, path);
	free(path);
}

static int apply(struct direct *d, char said[static DNS_OS_TEXT_MAX])
{
	build_text(d);
	if (direct_file_is(&d->file, buf_span(&d->text)))
		return 0;
	int rc = direct_file_put(&d->file, buf_span(&d->text), said);
	watch_file(d);
	if (rc == 0)
		log_info("dns: %s/" RESOLVCONF_NAME " is written", d->env->etc);
	return rc;
}

static void forget_fight(struct direct *d)
{
	loop_timer_cancel(&d->again);
	loop_timer_cancel(&d->quiet);
	d->rounds = 0;
	d->given_up = d->failed = false;
	d->overwritten_by[0] = '\0';
}

static int clear(struct direct *d, char said[static DNS_OS_TEXT_MAX])
{
	enum direct_end end;
	forget_fight(d);
	d->active = false;
	int rc = direct_file_restore(&d->file, &end, said);
	if (rc == 0 && end == DIRECT_RESTORED) {
		log_info("dns: %s/" RESOLVCONF_NAME " is as it was before", d->env->etc);
		systemd_resolved_restart(d->env);
	} else if (end == DIRECT_LEFT) {
		log_info("dns: %s/" RESOLVCONF_NAME " is not ours any more and stays as it is",
			 d->env->etc);
	}
	return rc;
}

/* False: it is the one that we have already. */
static bool want(struct direct *d, const struct dns_os_config *c)
{
	struct dns_os_config was = { 0 }, now = { 0 };
	if (c->n_servers == 0)
		(void)!base(&d->os, &was);
	resolvconf_complete(&now, c, &was);
	dns_os_config_fini(&was);
	bool other = !dns_os_config_eq(&now, &d->want);
	dns_os_config_fini(&d->want);
	d->want = now;
	return other;
}

static int set(struct dns_os *m, const struct dns_os_config *c, char said[static DNS_OS_TEXT_MAX])
{
	struct direct *d = direct_of(m);
	bool first = !d->active, empty = dns_os_config_is_empty(c);
	bool other = empty || want(d, c);
	said[0] = '\0';
	if (empty || d->want.n_servers == 0)
		return clear(d, said);
	if (!first && !other && (d->given_up || loop_timer_armed(&d->again)))
		return 0; /* being told the same again settles no fight */
	if (other_agent_lives(d, said))
		return -ERR_STATE;
	forget_fight(d);
	int rc = apply(d, said);
	d->active = d->active || rc == 0;
	if (rc == 0 && first)
		systemd_resolved_restart(d->env);
	return rc;
}

/* ---- others who write it ---------------------------------------------------------------- */

static int64_t again_ms(const struct direct *d)
{
	int64_t ms = d->env->fight_ms ? d->env->fight_ms : AGAIN_FIRST_MS;
	for (unsigned i = 1; i < d->rounds && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	return d->rounds == 0 ? ETC_WATCH_SETTLE_MS : ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

static void tell(struct direct *d, enum dns_os_event e)
{
	if (d->env->on_event)
		d->env->on_event(d->env->arg, e);
}

/* One line: who, as far as he says. */
static void name_writer(struct direct *d)
{
	char who[RESOLVCONF_WRITER_MAX] = "";
	struct buf now;
	buf_init(&now, RESOLVCONF_MAX);
	direct_file_now(&d->file, &now);
	const char *agent = resolvconf_agent(buf_span(&now));
	bool edited = resolvconf_is_ours(buf_span(&now));
	if (!edited)
		resolvconf_writer(buf_span(&now), who);
	int n = snprintf(d->overwritten_by, sizeof(d->overwritten_by),
			 "%s/" RESOLVCONF_NAME " was ", d->env->etc);
	char *to = d->overwritten_by + n;
	size_t room = sizeof(d->overwritten_by) - (size_t)n;
	if (agent)
		snprintf(to, room, "overwritten by %s", agent);
	else if (edited)
		snprintf(to, room, "edited while it was ours");
	else if (now.len == 0)
		snprintf(to, room, "removed or emptied");
	else if (*who)
		snprintf(to, room, "overwritten by another program; its first line is \"%s\"", who);
	else
		snprintf(to, room, "overwritten by a program that does not name itself");
	buf_fini(&now);
}

static void say_given_up(struct direct *d)
{
	size_t n = strlen(d->overwritten_by);
	snprintf(d->overwritten_by + n, sizeof(d->overwritten_by) - n,
		 ", again and again: it is left so, and MagicDNS names do not resolve; tell that "
		 "program to leave the file alone, or type: meshctl set --accept-dns=false");
}

static void on_trampled(struct direct *d)
{
	bool first = d->overwritten_by[0] == '\0';
	loop_timer_cancel(&d->quiet);
	d->failed = false;
	name_writer(d);
	d->given_up = d->rounds >= ROUNDS_MAX;
	if (d->given_up)
		say_given_up(d);
	else
		loop_timer_arm_ms(&d->again, again_ms(d));
	if (first || d->given_up)
		log_warn("dns: %s", d->overwritten_by);
	tell(d, DNS_OS_EV_CHANGED);
	tell(d, DNS_OS_EV_REDETECT);
}

static void on_file(void *arg)
{
	struct direct *d = arg;
	if (!d->active)
		tell(d, DNS_OS_EV_CHANGED); /* the base may be another */
	else if ((!d->given_up || d->failed) && !loop_timer_armed(&d->again) &&
		 !direct_file_is(&d->file, buf_span(&d->text)))
		on_trampled(d);
}

static void on_again(struct loop_timer *t, mono_t now)
{
	struct direct *d = t->arg;
	char said[DNS_OS_TEXT_MAX] = "";
	(void)now;
	d->rounds++;
	int64_t quiet = 2 * again_ms(d);
	int rc = other_agent_lives(d, d->overwritten_by) ? -ERR_STATE : apply(d, said);
	if (rc == -ERR_AGAIN) { /* he was faster again */
		on_trampled(d);
	} else if (rc != 0) {
		if (said[0])
			snprintf(d->overwritten_by, sizeof(d->overwritten_by), "%s", said);
		d->given_up = d->failed = true;
		log_warn("dns: %s", d->overwritten_by);
	} else {
		loop_timer_arm_ms(&d->quiet, quiet < QUIET_MS ? QUIET_MS : quiet);
	}
	tell(d, DNS_OS_EV_CHANGED);
}

static void on_quiet(struct loop_timer *t, mono_t now)
{
	struct direct *d = t->arg;
	(void)now;
	forget_fight(d);
	tell(d, DNS_OS_EV_CHANGED);
}

/* ---- the rest ------------------------------------------------------------------------- */

static void recheck(struct dns_os *m)
{
	struct direct *d = direct_of(m);
	char said[DNS_OS_TEXT_MAX] = "";
	if (!d->active || direct_file_is(&d->file, buf_span(&d->text)))
		return;
	if (!d->given_up && loop_timer_armed(&d->again))
		return;
	forget_fight(d);
	if (other_agent_lives(d, said) || apply(d, said) != 0) {
		snprintf(d->overwritten_by, sizeof(d->overwritten_by), "%s", said);
		d->given_up = d->failed = true;
	}
}

static void report(const struct dns_os *m, struct dns_os_report *out)
{
	const struct direct *d = CONTAINER_OF(m, struct direct, os);
	memcpy(out->overwritten_by, d->overwritten_by, sizeof(out->overwritten_by));
	if (d->file.dir.label_failed && selinux_enforcing())
		snprintf(out->warning, sizeof(out->warning),
			 "%s/" RESOLVCONF_NAME " could not get its SELinux label, and programs may "
			 "not be able to read it; type: restorecon %s/" RESOLVCONF_NAME,
			 d->env->etc, d->env->etc);
}

static void close_direct(struct dns_os *m)
{
	struct direct *d = direct_of(m);
	char said[DNS_OS_TEXT_MAX];
	if (clear(d, said) != 0 || said[0])
		log_warn("dns: %s", said);
	etc_watch_stop(&d->watch);
	direct_file_close(&d->file);
	dns_os_config_fini(&d->want);
	buf_fini(&d->text);
	free(d);
}

struct dns_os *dns_os_direct_new(const struct dns_os_env *e)
{
	static const struct dns_os_ops ops = {
		.mode = DNS_OS_DIRECT,
		.set = set,
		.base = base,
		.recheck = recheck,
		.report = report,
		.close = close_direct,
	};
	struct direct *d = xcalloc(1, sizeof(*d));
	d->os.ops = &ops;
	d->env = e;
	if (direct_file_open(&d->file, e->etc) != 0) {
		free(d);
		return NULL;
	}
	d->file.dir.step = e->step;
	buf_init(&d->text, 1 << 20);
	loop_timer_init(e->loop, &d->again, on_again, d);
	loop_timer_init(e->loop, &d->quiet, on_quiet, d);
	if (!etc_watch_start(&d->watch, e->loop, e->etc, RESOLVCONF_NAME, on_file, d))
		log_warn("dns: %s cannot be watched: %s", e->etc, strerror(errno));
	return &d->os;
}

int dns_os_direct_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	struct direct_file f;
	enum direct_end end = DIRECT_NOTHING;
	text[0] = '\0';
	int rc = direct_file_open(&f, e->etc);
	if (rc)
		return rc == -ERR_NOENT ? 0 : rc;
	f.dir.step = e->step;
	rc = direct_file_restore(&f, &end, text);
	direct_file_close(&f);
	if (rc || end == DIRECT_NOTHING)
		return rc;
	size_t n = strlen(text);
	snprintf(text + n, DNS_OS_TEXT_MAX - n, "%s%s/" RESOLVCONF_NAME " %s", n ? "; " : "",
		 e->etc,
		 end == DIRECT_RESTORED
		     ? "is as it was before the last run"
		     : "was written by somebody else after the last run and stays as it is");
	if (end == DIRECT_RESTORED)
		systemd_resolved_restart(e);
	return 0;
}
