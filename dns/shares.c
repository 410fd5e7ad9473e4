/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/shares.h"

#include <stdlib.h>

void shares_init(struct shares *s, unsigned max)
{
	map_init(&s->by_who, sizeof(struct ip));
	s->total = 0;
	s->max = max;
}

void shares_fini(struct shares *s)
{
	map_fini(&s->by_who);
}

static struct share *biggest(const struct shares *s)
{
	struct share *best = NULL, *it;
	size_t at = 0;

	while ((it = map_next(&s->by_who, &at, NULL)))
		if (!best || it->n > best->n)
			best = it;
	return best;
}

bool shares_admit(struct shares *s, struct ip who, struct list **victim)
{
	const struct share *own;
	size_t holders;

	*victim = NULL;
	if (s->total < s->max)
		return true;
	own = map_get(&s->by_who, &who);
	holders = map_len(&s->by_who) + !own;
	if ((own ? own->n : 0) >= s->max / holders)
		return false;
	/* all together hold the maximum, and this one less than the average: somebody holds more */
	*victim = biggest(s)->members.prev;
	return true;
}

struct share *shares_add(struct shares *s, struct ip who, struct list *member)
{
	struct share *own = map_get(&s->by_who, &who);

	if (!own) {
		own = xcalloc(1, sizeof(*own));
		own->who = who;
		list_init(&own->members);
		map_put(&s->by_who, &who, own);
	}
	list_push_back(&own->members, member);
	own->n++;
	s->total++;
	return own;
}

void shares_remove(struct shares *s, struct share *of, struct list *member)
{
	list_remove(member);
	s->total--;
	if (--of->n > 0)
		return;
	map_del(&s->by_who, &of->who);
	free(of);
}
