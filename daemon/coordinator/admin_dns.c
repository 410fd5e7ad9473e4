/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin_dns.c: dns set|get, and what tests need to tell nodes about names: debug dns|caps. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/coordinator/admin.h"

static void dns_set(struct admin_call *call)
{
	struct coord *c = call->coord;
	struct j_error err = { "" };
	json_t *dns = dns_conf_parse(j_span(call->args, "text"), c->conf->base_domain, &err);

	if (!dns) {
		admin_fail(call, "%s; nothing was changed", err.text);
		return;
	}
	coord_set_dns(c, dns, admin_str(call, "text"));
	log_info("dns: settings replaced");
	admin_ok_stored(call, NULL);
}

static void dns_get(struct admin_call *call)
{
	json_t *o = j_object();

	j_set_str(o, "text", call->coord->st.dns);
	admin_ok(call, o);
}

/* A DNSConfig as it is, however odd, instead of the settings; "" gives these back. */
static void dbg_dns(struct admin_call *call)
{
	struct coord *c = call->coord;
	struct span text = j_span(call->args, "text");
	struct j_error err = { "" };
	json_t *dns = text.len ? j_parse(text, ADMIN_LINE_MAX, &err) : NULL;

	if (text.len && !dns) {
		admin_fail(call, "not JSON: %s", err.text);
		return;
	}
	coord_override_dns(c, dns);
	admin_ok(call, NULL);
}

/* Capabilities in the node's CapMap, for itself and its peers. */
static void dbg_caps(struct admin_call *call)
{
	struct node *n = admin_node(call);

	if (!n)
		return;
	strv_fini(&n->caps);
	strv_split(&n->caps, admin_str(call, "caps"));
	coord_note_caps(call->coord, n);
	admin_ok(call, NULL);
}

const struct admin_verb admin_dns_verbs[] = {
	{ "dns set", dns_set },
	{ "dns get", dns_get },
	{ "debug dns", dbg_dns },
	{ "debug caps", dbg_caps },
	{ NULL, NULL },
};
