/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How this node finds the servers it needs itself. While its resolver is the system's, it asks
 * those the system had before (shared/spec/dns.md 6): a node that asked itself could never come
 * back. And addresses at which the servers proved who they are outlive a restart. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/good_addrs.h"
#include "dns/resolvconf_io.h"
#include "dns/upstream.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define GOOD_KEY "_meshd-last-addresses"
#define LOOK_MS 60000
/* As long as the system is not as it was before us, though it should be. */
#define KEPT_MS 5000
#define NONE_MS 10000 /* what could not be written may be writable */
#define KEEP_MS 5000  /* several come at once, when a connection is made */

/* ---- what the system would ask ---- */

void dns_boot_look(struct backend_dns *d)
{
	const struct osdns_status *s = osdns_status(d->os);
	const struct dns_server stub = { .ip = ip_v4(127, 0, 0, 53) };
	struct resolvconf file = { 0 };
	if (!s->known || (s->has_base && s->base_failed))
		return; /* what was known last stands */
	d->base_known = s->has_base;
	if (s->has_base)
		dns_os_config_copy(&file.config, &s->base);
	else if (s->mode == DNS_OS_NONE)
		(void)!resolvconf_read(RESOLV_CONF, &file);
	else if (s->mode == DNS_OS_RESOLVED) /* whose stub programs ask */
		dns_os_config_add_server(&file.config, &stub);
	d->behind_stub = resolvconf_without_us("/run", &file.config);
	dns_os_config_copy(&d->base, &file.config);
	resolvconf_fini(&file);
}

/* Nobody tells when systemd-resolved, or a file that is not ours, gets other servers; and what
 * could not be set may be possible now. */
static void arm_look(struct backend_dns *d)
{
	const struct osdns_status *s = osdns_status(d->os);
	bool kept = s->set_rc != 0 && dns_os_config_is_empty(&d->installed);
	bool wanted = kept || (d->active && (s->set_rc != 0 || d->behind_stub ||
					     s->mode == DNS_OS_RESOLVED || s->mode == DNS_OS_NONE));
	if (!wanted)
		loop_timer_cancel(&d->look);
	else if (!loop_timer_armed(&d->look))
		loop_timer_arm_ms(&d->look, kept		     ? KEPT_MS
					    : s->mode == DNS_OS_NONE ? NONE_MS
								     : LOOK_MS);
}

void dns_boot_on_look(struct loop_timer *t, mono_t now)
{
	struct backend_dns *d = t->arg;
	const struct osdns_status *s = osdns_status(d->os);
	(void)now;
	if (s->set_rc != 0)
		osdns_set(d->os, &d->installed);
	else if (s->mode == DNS_OS_NONE)
		osdns_recheck(d->os);
	dns_boot_look(d);
	dns_decide_soon(d);
}

/* ---- whom we ask ---- */

static void add_plain(const struct dns_upstreams *u, struct buf *out)
{
	for (size_t i = 0; i < u->n; i++) {
		struct dns_target t = { 0 };
		char text[EP_TEXT_MAX];
		dns_upstream_parse(u->v[i].addr, &t);
		if (t.kind == DNS_UP_PLAIN && !t.scope[0] && !ip_is_service(t.ep.ip) &&
		    !dns_ip_is_doh_only(t.ep.ip) && !ip_is_tailnet(t.ep.ip))
			buf_fmt(out, "%s%s", out->len ? "," : "", ep_encode(t.ep, text));
		dns_target_fini(&t);
	}
}

static bool asks_us(const struct dns_os_config *c)
{
	for (size_t i = 0; i < c->n_servers; i++)
		if (ip_is_service(c->servers[i].ip))
			return true;
	return false;
}

void dns_boot_apply(struct backend_dns *d)
{
	const struct osdns_status *s = osdns_status(d->os);
	struct buf list;
	arm_look(d);
	if (!asks_us(&d->installed) || s->mode == DNS_OS_NONE) {
		if (d->boot_set)
			net_set_dns_servers(d->b->net, NULL);
		d->boot_set = false;
		return;
	}
	buf_init(&list, 4096);
	for (size_t i = 0; i < d->base.n_servers; i++) {
		buf_fmt(&list, "%s", i ? "," : "");
		dns_server_text(&d->base.servers[i], &list);
	}
	/* A system that had no server at all: those of control, if they are on the internet. */
	if (list.len == 0)
		add_plain(&d->plan.resolvers, &list);
	if (list.len == 0)
		add_plain(&d->plan.fallback, &list);
	net_set_dns_servers(d->b->net, buf_cstr(&list));
	buf_fini(&list);
	d->boot_set = true;
}

/* ---- addresses that worked ---- */

static void keep(struct loop_timer *t, mono_t now)
{
	struct backend_dns *d = t->arg;
	struct buf text;
	(void)now;
	buf_init(&text, GOOD_TEXT_MAX);
	net_good_encode(d->b->net, &text);
	if (d->b->profiles && state_put(state_file_store(d->b->file), GOOD_KEY, buf_span(&text)))
		backend_save(d->b);
	buf_fini(&text);
}

static void on_good(void *arg)
{
	struct backend_dns *d = arg;
	loop_timer_arm_ms(&d->keep, KEEP_MS);
}

void dns_boot_init(struct backend_dns *d)
{
	loop_timer_init(d->b->loop, &d->keep, keep, d);
	net_good_decode(d->b->net, state_get(state_file_store(d->b->file), GOOD_KEY));
	net_on_good(d->b->net, on_good, d);
}

void dns_boot_free(struct backend_dns *d)
{
	net_on_good(d->b->net, NULL, NULL);
	if (loop_timer_armed(&d->keep))
		keep(&d->keep, loop_now(d->b->loop));
	loop_timer_cancel(&d->keep);
	loop_timer_cancel(&d->look);
	if (d->boot_set)
		net_set_dns_servers(d->b->net, NULL);
}
