/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/resolved_update_io.h"

#include "base/log.h"
#include "dns/resolved_msg_io.h"

#include <stdio.h>
#include <string.h>

/* The calls of an update, one after the other. */
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
	IDLE = STEPS,
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

const struct dbus_to resolved_manager = { RESOLVED_NAME, "/org/freedesktop/resolve1",
					  "org.freedesktop.resolve1.Manager" };

static struct dbus_msg *call_of_step(struct resolved_update *u)
{
	struct dbus_msg *msg =
	    dbus_method(u->bus, &resolved_manager, methods[u->step], DBUS_NO_START);
	if (!msg || u->step == FLUSH_CACHES)
		return msg;
	dbus_put(msg, "i", u->link);
	switch (u->step) {
	case SET_DNS:
		resolved_put_servers(msg, u->config);
		break;
	case SET_DOMAINS:
		resolved_put_domains(msg, u->config, u->without_arpa);
		break;
	case SET_DEFAULT_ROUTE:
		dbus_put(msg, "b", (int)(u->config->n_match == 0));
		break;
	case REVERT:
		break;
	default:
		dbus_put(msg, "s", "no");
		break;
	}
	return msg;
}

static void on_step(void *arg, const struct dbus_reply *r);

static int ms_left(const struct resolved_update *u)
{
	int64_t ns = mono_diff_ns(u->until, mono_now());
	return ns <= 0 ? 0 : (int)(ns / NS_PER_MS) + 1;
}

static void end(struct resolved_update *u, int rc, const char *why)
{
	u->step = IDLE;
	u->fn(u, rc, why);
}

static void give_up(struct resolved_update *u)
{
	end(u, -ERR_TIMEOUT,
	    "systemd-resolved does not answer; type: systemctl restart systemd-resolved");
}

static void do_step(struct resolved_update *u)
{
	int left = ms_left(u);
	int last = dns_os_config_is_empty(u->config) ? REVERT : FLUSH_CACHES;
	if (u->step > last || (left == 0 && u->step > SET_DEFAULT_ROUTE))
		end(u, 0, "");
	else if (left == 0 && dbus_is_up(u->bus))
		give_up(u);
	else if (dbus_send(u->bus, call_of_step(u), &u->call, left, on_step, u) != 0)
		end(u, -ERR_IO, "systemd-resolved: there is no connection to D-Bus");
}

static const char *reason(const struct dbus_reply *r, struct log_esc_buf *esc)
{
	return *r->text ? log_esc(span_str(r->text), esc) : err_text(r->rc);
}

static void fail(struct resolved_update *u, const struct dbus_reply *r)
{
	struct log_esc_buf esc;
	char why[DNS_OS_TEXT_MAX];
	if (r->rc == -ERR_TIMEOUT) {
		give_up(u);
		return;
	}
	snprintf(why, sizeof(why), "systemd-resolved: %s: %s", methods[u->step], reason(r, &esc));
	end(u, r->rc == -ERR_PERM ? r->rc : -ERR_IO, why);
}

static void on_step(void *arg, const struct dbus_reply *r)
{
	struct resolved_update *u = arg;
	struct log_esc_buf esc;
	bool old = u->step == SET_DEFAULT_ROUTE && r->rc == -ERR_UNSUPPORTED;
	bool gone = r->rc == -ERR_NOENT || strcmp(r->error, RESOLVED_NAME ".NoSuchLink") == 0;
	/* Before systemd 240, or with less room for domains. */
	bool too_long = u->step == SET_DOMAINS && strcmp(r->text, "Argument list too long") == 0;
	if (gone && dns_os_config_is_empty(u->config)) {
		end(u, 0, ""); /* and with it what there was to take back */
		return;
	}
	if (too_long && !u->without_arpa) {
		u->without_arpa = true;
	} else if (r->rc != 0 && u->step <= SET_DEFAULT_ROUTE && !old) {
		fail(u, r);
		return;
	} else {
		if (r->rc != 0)
			log_debug("dns: systemd-resolved: %s: %s", methods[u->step],
				  reason(r, &esc));
		u->step++;
	}
	do_step(u);
}

void resolved_update_init(struct resolved_update *u, struct dbus *bus, resolved_update_fn *fn,
			  void *arg)
{
	*u = (struct resolved_update){ .bus = bus, .fn = fn, .arg = arg, .step = IDLE };
}

static void prepare(struct resolved_update *u, int link, const struct dns_os_config *config)
{
	dbus_call_cancel(&u->call);
	u->step = SET_DNS;
	u->link = link;
	u->config = config;
	u->without_arpa = false;
	u->until = mono_add_ms(mono_now(), RESOLVED_UPDATE_MS);
}

void resolved_update_start(struct resolved_update *u, int link, const struct dns_os_config *config)
{
	prepare(u, link, config);
	do_step(u);
}

void resolved_update_run(struct resolved_update *u, int link, const struct dns_os_config *config)
{
	prepare(u, link, config);
	while (!dbus_is_up(u->bus) && ms_left(u) > 0)
		dbus_turn(u->bus, ms_left(u));
	do_step(u);
	while (u->step != IDLE) {
		int left = ms_left(u);
		if (left == 0) {
			dbus_call_cancel(&u->call);
			do_step(u);
		} else {
			dbus_turn(u->bus, left);
		}
	}
}

void resolved_update_cancel(struct resolved_update *u)
{
	dbus_call_cancel(&u->call);
	u->step = IDLE;
}

bool resolved_update_active(const struct resolved_update *u)
{
	return u->step != IDLE;
}
