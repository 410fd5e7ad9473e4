/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `meshctl debug routes`: what the system should have for us, against what it has. */
#include "daemon/engine/node_priv.h"

#include <stdio.h>

struct view {
	json_t *routes, *rules;
	size_t missing, extra;
};

static const char *state_text(enum router_item_state s)
{
	static const char *const text[] = { "ok", "missing", "extra" };
	return text[s];
}

static void add_rule(json_t *rules, const struct router_item *i)
{
	char mark[32] = "";
	json_t *o = j_object();
	if (i->mask)
		snprintf(mark, sizeof(mark), "%#x/%#x", i->mark, i->mask);
	j_set_int(o, "Priority", i->priority);
	j_set_str(o, "Family", i->fam == IP_V6 ? "IPv6" : "IPv4");
	j_set_str(o, "Mark", mark);
	j_set_int(o, "Table", i->table); /* 0: unreachable */
	j_set_str(o, "State", state_text(i->state));
	j_add(rules, o);
}

static void add_route(json_t *routes, const struct router_item *i)
{
	static const char *const kinds[] = {
		[RT_ITEM_GUARD] = "guard",     [RT_ITEM_THROW] = "throw",
		[RT_ITEM_ROUTE] = "route",     [RT_ITEM_ADDR] = "address",
		[RT_ITEM_FOREIGN] = "foreign",
	};
	char text[PREFIX_TEXT_MAX];
	json_t *o = j_object();
	j_set_str(o, "Kind", kinds[i->kind]);
	j_set_str(o, "Prefix", prefix_encode(i->prefix, text));
	if (i->table)
		j_set_int(o, "Table", i->table);
	j_set_str(o, "State", state_text(i->state));
	j_add(routes, o);
}

static void on_item(void *arg, const struct router_item *i)
{
	struct view *v = arg;
	v->missing += i->state == RT_MISSING;
	v->extra += i->state == RT_EXTRA;
	if (i->kind == RT_ITEM_RULE)
		add_rule(v->rules, i);
	else
		add_route(v->routes, i);
}

json_t *node_debug_routes(struct node *n)
{
	json_t *o = j_object();
	struct view v = { .routes = j_array(), .rules = j_array() };
	int rc = n->router ? router_compare(n->router, on_item, &v) : 0;
	if (rc)
		j_set_str(o, "Error", err_text(rc));
	j_set_str(o, "Interface", n->have_tun ? n->tun.name : "");
	j_set_bool(o, "Up", n->routed);
	j_set_int(o, "Missing", (int64_t)v.missing);
	j_set_int(o, "Extra", (int64_t)v.extra);
	j_set(o, "Routes", v.routes);
	j_set(o, "Rules", v.rules);
	if (n->firewall)
		j_set(o, "Firewall", node_firewall_debug(n->firewall));
	return o;
}
