/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/logins.h"

#include <stdlib.h>

void logins_init(struct logins *l)
{
	list_init(&l->all);
	l->n = 0;
}

void login_remove(struct logins *l, struct login *g)
{
	list_remove(&g->link);
	l->n--;
	j_free(g->hostinfo);
	free(g);
}

void logins_fini(struct logins *l)
{
	LIST_EACH (it, &l->all)
		login_remove(l, LIST_ENTRY(it, struct login, link));
}

struct login *login_find(struct logins *l, const char *id)
{
	LIST_EACH (it, &l->all) {
		struct login *g = LIST_ENTRY(it, struct login, link);

		if (strcmp(g->id, id) == 0)
			return g;
	}
	return NULL;
}

struct login *login_by_url(struct logins *l, const char *url)
{
	const char *last = NULL;

	for (const char *at = url; (at = strstr(at, LOGIN_PATH)); at++)
		last = at + strlen(LOGIN_PATH);
	return last ? login_find(l, last) : NULL;
}

static struct login *login_again(struct logins *l, const struct machine_key *machine,
				 const struct node_key *key)
{
	LIST_EACH (it, &l->all) {
		struct login *g = LIST_ENTRY(it, struct login, link);

		if (machine_key_eq(&g->machine, machine) && node_key_eq(&g->key, key))
			return g;
	}
	return NULL;
}

struct login *login_add(struct logins *l, struct rng *rng, const struct machine_key *machine,
			const struct node_key *key, json_t *hostinfo, int cap, mono_t now)
{
	struct login *g = login_again(l, machine, key);
	uint8_t id[LOGIN_ID_LEN / 2];

	if (g)
		return g;
	if (l->n >= LOGIN_MAX)
		login_remove(l, LIST_ENTRY(list_first(&l->all), struct login, link));
	g = xcalloc(1, sizeof(*g));
	rng_fill(rng, id, sizeof(id));
	hex_encode(span_of(id, sizeof(id)), g->id);
	g->machine = *machine;
	g->key = *key;
	g->hostinfo = j_is_object(hostinfo) ? j_copy(hostinfo) : NULL;
	g->cap = cap;
	g->made = now;
	list_push_back(&l->all, &g->link);
	l->n++;
	return g;
}

void logins_expire(struct logins *l, mono_t now)
{
	LIST_EACH (it, &l->all) {
		struct login *g = LIST_ENTRY(it, struct login, link);

		if (mono_due(mono_add_s(g->made, LOGIN_LIFE_S), now))
			login_remove(l, g);
	}
}
