/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only owners are kept, not whoever else claims an address. So when an owner lets go of one while
 * some are shared, the heir is unknown: everything is built anew, once a message and not once a
 * peer, lest a server with two peers at one address makes each further change linear. */
#include "daemon/control/nm_addresses.h"

#include <assert.h>

void nm_addresses_init(struct nm_addresses *a)
{
	*a = (struct nm_addresses){ 0 };
	map_init(&a->owners, sizeof(struct ip));
}

void nm_addresses_fini(struct nm_addresses *a)
{
	map_fini(&a->owners);
}

static void claim(struct nm_addresses *a, const struct ip *ip, const struct nm_node *n)
{
	const struct nm_node *owner = map_get(&a->owners, ip);
	if (owner && owner->id != n->id)
		a->shared = true;
	if (!owner || n->id <= owner->id)
		map_put(&a->owners, ip, (void *)(uintptr_t)n);
}

void nm_addresses_add(struct nm_addresses *a, const struct nm_node *n)
{
	for (size_t i = 0; i < n->n_addresses && !a->stale; i++)
		if (prefix_is_host(n->addresses[i]))
			claim(a, &n->addresses[i].ip, n);
}

void nm_addresses_drop(struct nm_addresses *a, const struct nm_node *n)
{
	for (size_t i = 0; i < n->n_addresses && !a->stale; i++) {
		const struct ip *ip = &n->addresses[i].ip;
		if (map_get(&a->owners, ip) != n)
			continue;
		map_del(&a->owners, ip);
		a->stale = a->shared;
	}
}

void nm_addresses_settle(struct nm_addresses *a, const struct nm_node *const *peers, size_t n)
{
	if (!a->stale)
		return;
	nm_addresses_fini(a);
	nm_addresses_init(a);
	for (size_t i = 0; i < n; i++)
		nm_addresses_add(a, peers[i]);
}

const struct nm_node *nm_addresses_find(const struct nm_addresses *a, struct ip ip)
{
	assert(!a->stale);
	return map_get(&a->owners, &ip);
}
