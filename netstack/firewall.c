/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/firewall.h"

void fw_config_fini(struct fw_config *c)
{
	prefix_list_fini(&c->self);
	prefix_list_fini(&c->guard);
	*c = (struct fw_config){ 0 };
}

bool fw_marks_connections(const struct fw_config *c)
{
	return c->mode == RT_NETFILTER_ON && !c->no_connmark;
}

bool fw_config_eq(const struct fw_config *a, const struct fw_config *b)
{
	return a->mode == b->mode && a->port4 == b->port4 && a->port6 == b->port6 &&
	       a->snat == b->snat && a->stateful == b->stateful && a->no_guard == b->no_guard &&
	       a->no_connmark == b->no_connmark && prefix_list_eq(&a->self, &b->self) &&
	       prefix_list_eq(&a->guard, &b->guard);
}

void fw_config_copy(struct fw_config *out, const struct fw_config *in)
{
	*out = *in;
	out->self = out->guard = (struct prefix_list){ 0 };
	prefix_list_add_all(&out->self, &in->self);
	prefix_list_add_all(&out->guard, &in->guard);
}
