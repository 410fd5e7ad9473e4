/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/ip_forward.h"

#include "base/alloc.h"

#define WARNING_MAX 8192

static bool is_local(struct prefix p, const struct ip *local, size_t n)
{
	for (size_t i = 0; prefix_is_host(p) && i < n; i++)
		if (ip_eq(p.ip, local[i]))
			return true;
	return false;
}

struct ip_forward_need ip_forward_needed(const struct prefix *routes, size_t n,
					 const struct ip *local, size_t n_local)
{
	struct ip_forward_need need = { false, false };
	for (size_t i = 0; i < n; i++) {
		if (is_local(routes[i], local, n_local))
			continue;
		need.v4 |= routes[i].ip.fam == IP_V4;
		need.v6 |= routes[i].ip.fam == IP_V6;
	}
	return need;
}

static void add_what_to_type(struct ip_forward_need need, const struct ip_forward *f,
			     struct buf *out)
{
	buf_fmt(out, " Type: sysctl -w%s%s (and put the same into /etc/sysctl.d to keep it)",
		need.v4 && !f->v4 ? " net.ipv4.ip_forward=1" : "",
		need.v6 && !f->v6 ? " net.ipv6.conf.all.forwarding=1" : "");
}

/* Forwarding may be on for some interfaces only. */
static void add_v4(const struct ip_forward *f, struct buf *out)
{
	size_t on = 0;
	for (size_t i = 0; i < f->n_ifs; i++)
		on += f->ifs[i].v4;
	if (on == 0) {
		buf_add_str(out,
			    "IP forwarding is disabled, subnet routing/exit nodes will not work.");
		return;
	}
	if (on == f->n_ifs)
		return;
	for (size_t i = 0; i < f->n_ifs; i++)
		if (!f->ifs[i].v4)
			buf_fmt(out,
				"Traffic received on %s won't be forwarded "
				"(net.ipv4.conf.%s.forwarding disabled)\n",
				f->ifs[i].name, f->ifs[i].name);
	buf_add_str(out, "Subnet routes and exit nodes may not work correctly.");
}

char *ip_forward_warning(struct ip_forward_need need, const struct ip_forward *f)
{
	struct buf out;
	buf_init(&out, WARNING_MAX);
	if (need.v4 && !f->v4)
		add_v4(f, &out);
	if (need.v6 && !f->v6 && !out.len)
		buf_add_str(&out,
			    "IPv6 forwarding is disabled, subnet routing/exit nodes may not work.");
	if (out.len)
		add_what_to_type(need, f, &out);
	char *text = xstrdup(buf_cstr(&out));
	buf_fini(&out);
	return text;
}
