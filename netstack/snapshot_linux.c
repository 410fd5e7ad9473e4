/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/snapshot_linux.h"

#include "base/alloc.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROUTE_LINES_MAX 1000 /* a table this long is a router's, whose default is not in it */

static struct link_if *by_index(struct link_snapshot *s, unsigned index)
{
	for (size_t i = 0; i < s->n_ifs; i++)
		if (s->ifs[i].index == index)
			return &s->ifs[i];
	return NULL;
}

static void on_link(void *arg, struct nlmsghdr *h)
{
	struct link_snapshot *s = arg;
	struct link_if l = { 0 };
	if (netmsg_link(h, &l) && !by_index(s, l.index))
		*link_snapshot_add(s) = l;
}

static bool has_addr(const struct link_if *i, struct prefix p)
{
	for (size_t k = 0; k < i->n_addrs; k++)
		if (prefix_eq(i->addrs[k], p))
			return true;
	return false;
}

static void on_addr(void *arg, struct nlmsghdr *h)
{
	struct netmsg_addr a;
	struct link_if *i = netmsg_addr(h, &a) ? by_index(arg, a.ifindex) : NULL;
	if (i && !has_addr(i, a.prefix))
		link_if_add_addr(i, a.prefix);
}

static bool default_from_proc(const char *tun, char out[static LINK_NAME_MAX])
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/net/route", "re");
	for (int i = 0; f && !found && i < ROUTE_LINES_MAX && fgets(line, sizeof(line), f); i++)
		found = link_default_line(span_str(line), tun, out);
	if (f)
		fclose(f);
	return found;
}

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct netmsg_route r;
	unsigned *oif = arg;
	if (*oif == 0 && netmsg_route(h, &r) && !ip_is_set(r.dst.ip) && r.has_gateway)
		*oif = r.oif;
}

/* Where the main table has no IPv4 default: IPv6 only, or a default in another table. */
static int default_from_netlink(struct nl_sock *s, struct link_snapshot *out)
{
	unsigned oif = 0;
	int rc = netmsg_dump(s, RTM_GETROUTE, AF_UNSPEC, 0, on_route, &oif);
	const struct link_if *i = oif ? by_index(out, oif) : NULL;
	if (i)
		memcpy(out->default_if, i->name, sizeof(out->default_if));
	return rc;
}

static const char *proxy_setting(void)
{
	static const char *const names[] = { "HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
					     "http_proxy" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = secure_getenv(names[i]);
		if (v && *v)
			return v;
	}
	return NULL;
}

int link_snapshot_take(struct nl_sock *s, const char *tun, struct link_snapshot *out)
{
	int rc = netmsg_dump(s, RTM_GETLINK, AF_UNSPEC, 0, on_link, out);
	if (rc == 0)
		rc = netmsg_dump(s, RTM_GETADDR, AF_UNSPEC, 0, on_addr, out);
	if (rc == 0 && !default_from_proc(tun, out->default_if))
		rc = default_from_netlink(s, out);
	if (rc) {
		link_snapshot_fini(out);
		return rc;
	}
	str_set(&out->proxy, proxy_setting());
	link_snapshot_finish(out, tun);
	return 0;
}
