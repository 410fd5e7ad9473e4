/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/path.h"

static bool same_way(const struct path_quality *a, const struct path_quality *b)
{
	return ep_eq(a->ep, b->ep) && a->vni == b->vni;
}

/* Near addresses are worth some latency; so is IPv6, which has no NAT to lose state. */
static int address_points(struct ip ip)
{
	int points = ip.fam == IP_V6 ? 10 : 0;
	if (ip_is_loopback(ip))
		return points + 50;
	if (ip_is_link_local(ip))
		return points + 30;
	if (ip_is_private(ip))
		return points + 20;
	return points;
}

/* Percent that `fast` is faster than `slow`; 0 unless it is. */
static int latency_points(int64_t fast, int64_t slow)
{
	return fast < slow ? (int)(100 - fast * 100 / slow) : 0;
}

bool path_better(const struct path_quality *a, const struct path_quality *b)
{
	if (same_way(a, b))
		return a->wire_mtu > b->wire_mtu;
	if (!ep_is_set(b->ep))
		return true;
	if (!ep_is_set(a->ep))
		return false;
	if ((a->vni == 0) != (b->vni == 0))
		return a->vni == 0;
	int pa = address_points(a->ep.ip) + latency_points(a->latency_ns, b->latency_ns);
	int pb = address_points(b->ep.ip) + latency_points(b->latency_ns, a->latency_ns);
	/* one percent is noise: no flapping between equals */
	if (pa <= 1 && pb == 0)
		return false;
	return pa > pb;
}

bool path_addr_allowed(struct ep e)
{
	if (!ep_is_set(e) || e.port == 0)
		return false;
	if (ip_is_unspecified(e.ip) || ip_is_multicast(e.ip) || ip_is_broadcast(e.ip))
		return false;
	if (e.ip.fam == IP_V6 && ip_is_link_local(e.ip))
		return false;
	return !ip_is_tailnet(e.ip);
}
