/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/shares.h"

#include <stdlib.h>

struct port_key {
	struct ip ip;
	uint8_t port[2];
};
_Static_assert(sizeof(struct port_key) == sizeof(struct ip) + 2, "no padding: it is hashed");

static struct port_key key_of(struct ep who)
{
	return (struct port_key){ who.ip, { (uint8_t)(who.port >> 8), (uint8_t)who.port } };
}

void shares_init(struct shares *s, unsigned max)
{
	map_init(&s->addresses, sizeof(struct ip));
	map_init(&s->ports, sizeof(struct port_key));
	s->total = 0;
	s->max = max;
}

void shares_fini(struct shares *s)
{
	map_fini(&s->addresses);
	map_fini(&s->ports);
}

/* ---- who must give way -------------------------------------------------------------------- */

static struct list *newest_of(const struct share_address *a)
{
	struct share *best = NULL;

	LIST_EACH(it, &a->ports) {
		struct share *p = LIST_ENTRY(it, struct share, link);

		if (!best || p->n > best->n)
			best = p;
	}
	return best->members.prev;
}

static struct share_address *biggest(const struct shares *s)
{
	struct share_address *best = NULL, *it;
	size_t at = 0;

	while ((it = map_next(&s->addresses, &at, NULL)))
		if (!best || it->n > best->n)
			best = it;
	return best;
}

/* Whoever holds less than the average of all holders finds one that holds more than it. */
static bool below_average(unsigned held, unsigned all, size_t holders)
{
	return held < all / (holders + (held == 0));
}

bool shares_admit(struct shares *s, struct ep who, struct list **victim)
{
	const struct share_address *a;
	const struct share *p;
	struct port_key key = key_of(who);

	*victim = NULL;
	if (s->total < s->max)
		return true;
	a = map_get(&s->addresses, &who.ip);
	p = map_get(&s->ports, &key);
	if (below_average(a ? a->n : 0, s->max, map_len(&s->addresses)))
		*victim = newest_of(biggest(s));
	else if (a && below_average(p ? p->n : 0, a->n, a->n_ports))
		*victim = newest_of(a);
	return *victim != NULL;
}

/* ---- places -------------------------------------------------------------------------------- */

static struct share_address *address_of(struct shares *s, struct ip ip)
{
	struct share_address *a = map_get(&s->addresses, &ip);

	if (a)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->ip = ip;
	list_init(&a->ports);
	map_put(&s->addresses, &ip, a);
	return a;
}

static struct share *share_of(struct shares *s, struct ep who)
{
	struct port_key key = key_of(who);
	struct share *p = map_get(&s->ports, &key);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->address = address_of(s, who.ip);
	p->port = who.port;
	list_init(&p->members);
	list_push_back(&p->address->ports, &p->link);
	p->address->n_ports++;
	map_put(&s->ports, &key, p);
	return p;
}

struct share *shares_add(struct shares *s, struct ep who, struct list *member)
{
	struct share *p = share_of(s, who);

	list_push_back(&p->members, member);
	p->n++;
	p->address->n++;
	s->total++;
	return p;
}

static void port_free(struct shares *s, struct share *p)
{
	struct share_address *a = p->address;
	struct port_key key = key_of((struct ep){ a->ip, p->port });

	map_del(&s->ports, &key);
	list_remove(&p->link);
	free(p);
	if (--a->n_ports > 0)
		return;
	map_del(&s->addresses, &a->ip);
	free(a);
}

void shares_remove(struct shares *s, struct share *of, struct list *member)
{
	list_remove(member);
	s->total--;
	of->address->n--;
	if (--of->n == 0)
		port_free(s, of);
}
