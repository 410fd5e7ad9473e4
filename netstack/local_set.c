/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/local_set.h"

/* Never served to those who use us as exit node: they are somebody else's inside. */
static const struct prefix not_internet[] = {
	{ { IP_V4, { 10 } }, 8 },
	{ { IP_V4, { 172, 16 } }, 12 },
	{ { IP_V4, { 192, 168 } }, 16 },
	{ { IP_V4, { 169, 254 } }, 16 },
	{ { IP_V4, { 224 } }, 4 },
	{ { IP_V4, { 100, 64 } }, 10 },
	{ { IP_V6, { 0xfe, 0x80 } }, 10 },
	{ { IP_V6, { 0xff } }, 8 },
	{ { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 },
};

/* Host routes are not subnets; addresses of the tailnet are ruled out below by their range. */
static bool is_subnet(struct prefix p)
{
	return !prefix_is_host(p) && !ip_is_tailnet(p.ip);
}

/* A default route means the Internet: all but the networks we are attached to, though with our own
 * addresses in them, and all but what not_internet names. */
static bool add_internet(struct prefix route, const struct local_set_in *in, struct ranges *out)
{
	struct ranges all = { 0 }, lans = { 0 }, inside = { 0 };
	ranges_add_prefix(&all, route);
	ranges_sort(&all);
	for (size_t i = 0; i < in->n_interfaces; i++)
		if (is_subnet(in->interfaces[i]))
			ranges_add_prefix(&lans, in->interfaces[i]);
	ranges_sort(&lans);
	ranges_subtract(&all, &lans);
	for (size_t i = 0; i < in->n_interfaces; i++)
		if (in->interfaces[i].ip.fam == route.ip.fam)
			ranges_add_prefix(&all, prefix_host(in->interfaces[i].ip));
	ranges_sort(&all);
	for (size_t i = 0; i < sizeof(not_internet) / sizeof(not_internet[0]); i++)
		ranges_add_prefix(&inside, not_internet[i]);
	ranges_sort(&inside);
	ranges_subtract(&all, &inside);
	for (size_t i = 0; i < all.n; i++)
		ranges_add(out, &all.v[i]);
	bool ok = !all.bad;
	ranges_fini(&all);
	ranges_fini(&lans);
	ranges_fini(&inside);
	return ok;
}

bool local_set_build(const struct local_set_in *in, struct ranges *out)
{
	bool ok = true;
	for (size_t i = 0; i < in->n_self; i++)
		ranges_add_prefix(out, prefix_host(in->self[i]));
	for (size_t i = 0; i < in->n_advertised; i++) {
		if (prefix_is_default(in->advertised[i]))
			ok = add_internet(in->advertised[i], in, out) && ok;
		else
			ranges_add_prefix(out, in->advertised[i]);
	}
	if (in->app_connector) {
		ranges_add_prefix(out, prefix_host((struct ip){ .fam = IP_V4 }));
		ranges_add_prefix(out, prefix_host((struct ip){ .fam = IP_V6 }));
	}
	ranges_sort(out);
	return ok && !out->bad;
}
