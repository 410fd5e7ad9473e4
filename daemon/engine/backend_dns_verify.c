/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does the system find our own name, the way its programs would ask (shared/spec/dns.md 9)? What
 * was set may have no effect: the file is another's, a stub is dead, a cache is stale. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/log.h"
#include "dns/fqdn.h"
#include "dns/resolvconf_io.h"
#include "dns/upstream.h"

#include <stdio.h>

#define FIRST_MS 1000
#define AGAIN_MS 10000 /* while it is wrong; each time twice as long, up to */
#define AGAIN_MAX_MS 300000
#define FAILURES_MAX 2
#define RESOLV_CONF "/etc/resolv.conf"

/* ---- is there anything to find? ---- */

/* The system asks us for this name, and we know it. */
static bool expected(const struct backend_dns *d, char name[static DNS_FQDN_MAX + 1])
{
	const struct netmap *nm = d->b->nm;
	const struct dns_os_config *os = &d->installed;
	bool ours = false, match = os->n_match == 0;
	if (!d->active || !nm || !d->table || d->b->no_tun ||
	    dns_fqdn_clean(nm->self->name, name) != 0 || !*name || !nm->self->n_addresses)
		return false;
	for (size_t i = 0; i < os->n_servers; i++)
		ours |= ip_is_service(os->servers[i].ip);
	for (size_t i = 0; i < os->n_match && !match; i++)
		match = dns_fqdn_below(name, os->match[i]);
	return ours && match && osdns_status(d->os)->mode != DNS_OS_NONE;
}

/* 0; -ERR_NOENT: there is none; -ERR_IO: we may not look. */
static int first_server(struct ep *out)
{
	struct resolvconf rc = { 0 };
	int err = resolvconf_read(RESOLV_CONF, &rc);
	bool found = rc.config.n_servers > 0;
	if (found)
		*out = (struct ep){ rc.config.servers[0].ip, DNS_PORT };
	resolvconf_fini(&rc);
	return found ? 0 : err && err != -ERR_NOENT ? -ERR_IO : -ERR_NOENT;
}

/* ---- asking ---- */

static void arm(struct backend_dns *d, int64_t ms)
{
	loop_timer_arm_ms(&d->verify.timer, ms);
}

static void set_state(struct backend_dns *d, enum dns_verify_state s, const char *text)
{
	struct dns_verify *v = &d->verify;
	bool same = v->state == s && strcmp(v->text, text) == 0;
	v->state = s;
	snprintf(v->text, sizeof(v->text), "%s", text);
	if (same || s == VERIFY_WAITING)
		return;
	if (s == VERIFY_BAD)
		log_warn("dns: %s", text);
	backend_notify(d->b, NOTIFY_HEALTH, NULL);
}

static void failed(struct backend_dns *d, const char *what)
{
	struct dns_verify *v = &d->verify;
	const struct osdns_status *s = osdns_status(d->os);
	char text[DNS_TEXT_MAX], server[EP_TEXT_MAX] = "";
	if (++v->failures < FAILURES_MAX) {
		arm(d, FIRST_MS);
		return;
	}
	v->failures = 0;
	if (!v->applied_again) {
		v->applied_again = true;
		log_info("dns: the system does not find our own name (%s); telling it again", what);
		osdns_set(d->os, &d->installed);
		osdns_recheck(d->os);
		arm(d, FIRST_MS);
		return;
	}
	if (ep_is_set(v->server))
		ep_encode(v->server, server);
	snprintf(text, sizeof(text),
		 "Names of this network do not resolve on this machine, though %s was told: its "
		 "name server %s%s%s%s%s.",
		 dns_os_mode_name(s->mode), server, *server ? " " : "", what,
		 *s->overwritten_by ? "; " : "", s->overwritten_by);
	set_state(d, VERIFY_BAD, text);
	arm(d, v->again_ms);
	v->again_ms = v->again_ms * 2 < AGAIN_MAX_MS ? v->again_ms * 2 : AGAIN_MAX_MS;
}

static bool is_own(const struct netmap *nm, const struct ip *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (nm_node_has_address(nm->self, addrs[i]))
			return true;
	return false;
}

static void on_answer(void *arg, int err, unsigned rcode, const struct ip *addrs, size_t n)
{
	struct backend_dns *d = arg;
	char what[64] = "does not answer";
	d->verify.probe = NULL;
	if (err == 0 && d->b->nm && is_own(d->b->nm, addrs, n)) {
		d->verify.failures = 0;
		d->verify.applied_again = false;
		set_state(d, VERIFY_GOOD, "");
		return;
	}
	if (err == 0 && rcode)
		snprintf(what, sizeof(what), "says error %u", rcode);
	else if (err == 0)
		snprintf(what, sizeof(what), "does not know our own name");
	failed(d, what);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct backend_dns *d = t->arg;
	struct dns_verify *v = &d->verify;
	const struct osdns_status *s = osdns_status(d->os);
	char name[DNS_FQDN_MAX + 1];
	(void)now;
	v->server = (struct ep){ .port = 0 };
	if (!expected(d, name)) {
		set_state(d, VERIFY_OFF, "");
		return;
	}
	if (s->set_rc != 0) /* that is said already */
		return;
	int err = first_server(&v->server);
	if (err) {
		if (err == -ERR_NOENT)
			failed(d, "is not in " RESOLV_CONF);
		return;
	}
	enum ip_family fam = ip_is_set(nm_node_address(d->b->nm->self, IP_V4)) ? IP_V4 : IP_V6;
	v->probe = dns_probe_start(d->b->loop, v->server, name, fam, on_answer, d);
}

/* ---- life ---- */

void dns_verify_init(struct backend_dns *d)
{
	loop_timer_init(d->b->loop, &d->verify.timer, on_timer, d);
}

void dns_verify_stop(struct backend_dns *d)
{
	loop_timer_cancel(&d->verify.timer);
	dns_probe_cancel(d->verify.probe);
	d->verify.probe = NULL;
	d->verify.state = VERIFY_OFF;
	d->verify.text[0] = '\0';
}

void dns_verify_start(struct backend_dns *d)
{
	dns_probe_cancel(d->verify.probe);
	d->verify.probe = NULL;
	d->verify.failures = 0;
	d->verify.applied_again = false;
	d->verify.again_ms = AGAIN_MS;
	if (d->verify.state != VERIFY_BAD) /* that stays said until it is good */
		d->verify.state = VERIFY_WAITING;
	arm(d, FIRST_MS);
}
