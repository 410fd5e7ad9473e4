/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/osdns_serve.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/osdns_wire.h"
#include "dns/detect_io.h"
#include "dns/etc_watch_io.h"
#include "dns/resolvconf.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	int fd;
	struct loop_fd watch;
	struct buf in, sent; /* sent: what the daemon knows */
	struct dns_os_env env;
	struct dns_detector *detector;
	bool detected;
	enum dns_os_mode found_mode, mode;
	struct dns_os *os;   /* NULL: nothing can be told, or nothing is known yet */
	struct dns_os *also; /* told the same, and may refuse */
	struct dns_os_config want;
	uint32_t last_id;
	struct osdns_said said;
	char fallback[DNS_OS_TEXT_MAX]; /* the way that was found does not work: what is done
					   instead */
	char found[DNS_OS_TEXT_MAX];
	struct loop_defer news;
	struct etc_watch resolv_conf;
};

/* ---- what the daemon is told ---------------------------------------------------------- */

static void read_base(struct server *s)
{
	struct osdns_said *said = &s->said;
	dns_os_config_fini(&said->base);
	said->has_base = s->os && s->os->ops->base;
	said->base_failed = said->has_base && s->os->ops->base(s->os, &said->base) != 0;
}

/* Texts one after another, what is empty left out. */
static void join(char out[static OSDNS_SAID_MAX], const char *const texts[], size_t n)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!*texts[i] || at + strlen(texts[i]) + 3 > OSDNS_SAID_MAX)
			continue;
		at += (size_t)snprintf(out + at, OSDNS_SAID_MAX - at, "%s%s", at ? "; " : "",
				       texts[i]);
	}
}

static void read_report(struct server *s)
{
	struct dns_os_report r = { 0 };
	if (s->os && s->os->ops->report)
		s->os->ops->report(s->os, &r);
	const char *const warnings[] = { s->found, s->fallback, r.warning };
	join(s->said.warning, warnings, ARRAY_LEN(warnings));
	snprintf(s->said.overwritten_by, sizeof(s->said.overwritten_by), "%s", r.overwritten_by);
}

static bool send_all(int fd, struct span b)
{
	while (b.len) {
		ssize_t n = send(fd, b.p, b.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		b = span_from(b, (size_t)n);
	}
	return true;
}

/* Only news are told; a request that has ended is some. */
static void tell(struct server *s)
{
	struct buf now;
	if (!s->detected)
		return;
	read_base(s);
	read_report(s);
	s->said.mode = s->mode;
	s->said.split = s->os && s->os->ops->can_split && s->os->ops->can_split(s->os);
	s->said.done = s->last_id;
	buf_init(&now, 2 * OSDNS_BODY_MAX);
	osdns_said_build(&s->said, &now);
	if (buf_ok(&now) && !span_eq(buf_span(&now), buf_span(&s->sent))) {
		buf_reset(&s->sent);
		buf_add_span(&s->sent, buf_span(&now));
		if (!send_all(s->fd, buf_span(&now)))
			loop_stop(s->env.loop);
	}
	buf_fini(&now);
}

static void on_news(struct loop_defer *d)
{
	tell(d->arg);
}

/* ---- the way -------------------------------------------------------------------------- */

static struct dns_os *make(const struct dns_os_env *e, enum dns_os_mode mode)
{
	switch (mode) {
	case DNS_OS_DIRECT:
		return dns_os_direct_new(e);
	case DNS_OS_RESOLVCONF:
		return dns_os_resolvconf_new(e);
	case DNS_OS_OPENRESOLV:
		return dns_os_openresolv_new(e);
	case DNS_OS_NM:
		return dns_os_nm_new(e);
	case DNS_OS_RESOLVED:
		return dns_os_resolved_new(e);
	case DNS_OS_NONE:
	case DNS_OS_MODES:
		break;
	}
	return NULL;
}

static void drop(struct dns_os **os)
{
	if (*os)
		(*os)->ops->close(*os);
	*os = NULL;
}

static void set(struct server *s)
{
	char text[DNS_OS_TEXT_MAX] = "", unheard[DNS_OS_TEXT_MAX];
	s->said.set_rc = s->os ? s->os->ops->set(s->os, &s->want, text) : 0;
	if (s->said.set_rc && strcmp(text, s->said.set_text) != 0)
		log_warn("dns: %s", text);
	snprintf(s->said.set_text, sizeof(s->said.set_text), "%s", text);
	if (s->also)
		(void)s->also->ops->set(s->also, &s->want, unheard);
}

static void take_way(struct server *s, enum dns_os_mode mode)
{
	if (s->detected)
		log_info("dns: the system's resolver is told by way of %s, no longer %s",
			 dns_os_mode_name(mode), dns_os_mode_name(s->mode));
	else
		log_info("dns: the system's resolver is told by way of %s", dns_os_mode_name(mode));
	drop(&s->os);
	s->mode = s->found_mode = mode;
	s->fallback[0] = '\0';
	s->os = make(&s->env, mode);
	if (s->os || mode == DNS_OS_NONE)
		return;
	s->os = make(&s->env, DNS_OS_DIRECT);
	s->mode = s->os ? DNS_OS_DIRECT : DNS_OS_NONE;
	snprintf(s->fallback, sizeof(s->fallback), "%s is in use here and cannot be told%s",
		 dns_os_mode_name(mode), s->os ? ": its file is written instead" : "");
}

static void on_found(void *arg, const struct dns_found *found)
{
	struct server *s = arg;
	bool also = found->mode == DNS_OS_DIRECT && found->also_resolved;
	bool other = !s->detected || found->mode != s->found_mode;
	bool others_too = also != (s->also != NULL);
	snprintf(s->said.trace, sizeof(s->said.trace), "%s", found->trace);
	snprintf(s->found, sizeof(s->found), "%s", found->warning);
	if (others_too)
		drop(&s->also);
	if (other)
		take_way(s, found->mode);
	if (others_too && also)
		s->also = dns_os_resolved_new(&s->env);
	s->detected = true;
	if (other || others_too)
		set(s);
	tell(s);
}

static void on_event(void *arg, enum dns_os_event e)
{
	struct server *s = arg;
	if (e == DNS_OS_EV_REDETECT)
		dns_detector_look(s->detector);
	if (e == DNS_OS_EV_MENDED && s->mode != DNS_OS_DIRECT) { /* that would be the other one */
		s->said.set_rc = 0;
		s->said.set_text[0] = '\0';
	}
	loop_defer_arm(&s->news);
}

/* It may be somebody else's now. Where it is ours, who looks after it tells. */
static void on_resolv_conf(void *arg)
{
	struct server *s = arg;
	if (s->mode != DNS_OS_DIRECT)
		on_event(s, DNS_OS_EV_REDETECT);
}

/* ---- requests ------------------------------------------------------------------------- */

static void act(struct server *s, const struct osdns_request *q)
{
	s->last_id = q->id;
	if (q->verb == OSDNS_SET) {
		dns_os_config_copy(&s->want, &q->config);
		if (s->detected)
			set(s);
	} else if (s->detector) {
		if (s->said.set_rc != 0)
			set(s); /* what was wrong may be right by now */
		else if (s->os)
			s->os->ops->recheck(s->os);
		if (s->also)
			s->also->ops->recheck(s->also);
		dns_detector_look(s->detector);
	}
	tell(s);
}

/* False: these are not requests. */
static bool take_requests(struct server *s)
{
	struct span body;
	int got;
	while ((got = osdns_frame(buf_span(&s->in), &body)) == 1) {
		struct osdns_request q = { 0 };
		int rc = osdns_request_parse(body, &q);
		if (rc == 0)
			act(s, &q);
		osdns_request_fini(&q);
		if (rc)
			return false;
		buf_drop(&s->in, OSDNS_FRAME_HEAD + body.len);
	}
	return got == 0;
}

static void on_readable(struct loop_fd *w, int events)
{
	struct server *s = w->arg;
	(void)events;
	uint8_t *p = buf_reserve(&s->in, 16384);
	ssize_t n = p ? recv(s->fd, p, 16384, MSG_DONTWAIT) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_commit(&s->in, (size_t)n);
	if (n <= 0 || !take_requests(s))
		loop_stop(s->env.loop);
}

/* ---- life ----------------------------------------------------------------------------- */

void osdns_env(const struct osdns_opts *o, struct dns_os_env *out)
{
	*out = (struct dns_os_env){
		.etc = o->etc ? o->etc : "/etc",
		.run = o->run ? o->run : "/run",
		.programs = o->programs ? o->programs : "/usr/sbin:/sbin:/usr/bin:/bin",
		.bus = o->bus,
		.tun = o->tun,
	};
}

/* Nothing is looked at. */
static void stay_out(struct server *s, const char *why)
{
	s->detected = true;
	snprintf(s->said.trace, sizeof(s->said.trace), "%s", why);
	snprintf(s->found, sizeof(s->found), "%s", why);
	tell(s);
}

static void look_after(struct server *s)
{
	s->detector = dns_detector_new(&s->env, on_found, s);
	if (!etc_watch_start(&s->resolv_conf, s->env.loop, s->env.etc, RESOLVCONF_NAME,
			     on_resolv_conf, s))
		log_warn("dns: %s cannot be watched: %s", s->env.etc, strerror(errno));
}

static void run(struct server *s, const char *not_ours)
{
	if (not_ours)
		stay_out(s, not_ours);
	else
		look_after(s);
	loop_run(s->env.loop);
	etc_watch_stop(&s->resolv_conf);
	dns_detector_free(s->detector);
	drop(&s->also);
	drop(&s->os);
}

void osdns_serve(int fd, const struct osdns_opts *o, const char *not_ours)
{
	struct server *s = xcalloc(1, sizeof(*s));
	s->fd = fd;
	osdns_env(o, &s->env);
	s->env.loop = loop_new();
	s->env.on_event = on_event;
	s->env.arg = s;
	buf_init(&s->in, OSDNS_BODY_MAX + 32768);
	buf_init(&s->sent, 2 * OSDNS_BODY_MAX);
	loop_defer_init(s->env.loop, &s->news, on_news, s);
	if (loop_fd_start(s->env.loop, &s->watch, fd, LOOP_READ, on_readable, s) == 0)
		run(s, not_ours);
	loop_defer_cancel(&s->news);
	loop_fd_stop(&s->watch);
	loop_free(s->env.loop);
	dns_os_config_fini(&s->want);
	osdns_said_fini(&s->said);
	buf_fini(&s->in);
	buf_fini(&s->sent);
	free(s);
}
