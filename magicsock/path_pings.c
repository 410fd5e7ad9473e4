/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/path_priv.h"

#include "base/alloc.h"

#include <stdlib.h>

static struct ping *push(struct path_peer *p)
{
	if (p->n_pings >= PATH_PINGS_MAX)
		return NULL;
	if (p->n_pings == p->cap_pings) {
		size_t cap = p->cap_pings ? 2 * p->cap_pings : 4;
		p->pings = xrealloc(p->pings, cap, sizeof(*p->pings));
		p->cap_pings = cap;
	}
	return &p->pings[p->n_pings++];
}

bool path_ping_send(struct path_peer *p, mono_t now, const struct path_dest *to,
		    struct candidate *c, enum path_purpose purpose, size_t size, void *token)
{
	struct ping *ping = push(p);
	if (!ping)
		return false;
	*ping = (struct ping){ .to = *to, .purpose = purpose, .sent = now, .token = token };
	rng_fill(p->node->rng, ping->txid.b, sizeof(ping->txid.b));
	if (c && purpose != PATH_PING_CLI)
		c->last_ping = now;
	struct path_ping out = { .to = *to, .txid = ping->txid, .purpose = purpose, .size = size };
	p->node->ops->send_ping(p->node->arg, p, &out);
	return true;
}

static void take_at(struct path_peer *p, size_t i, struct ping *out)
{
	*out = p->pings[i];
	p->n_pings--;
	memmove(&p->pings[i], &p->pings[i + 1], (p->n_pings - i) * sizeof(*p->pings));
}

bool path_ping_take(struct path_peer *p, const struct disco_txid *txid, struct ping *out)
{
	for (size_t i = 0; i < p->n_pings; i++) {
		if (disco_txid_eq(&p->pings[i].txid, txid)) {
			take_at(p, i, out);
			return true;
		}
	}
	return false;
}

mono_t path_pings_deadline(const struct path_peer *p)
{
	return p->n_pings ? mono_add_s(p->pings[0].sent, PATH_PING_TIMEOUT_S) : MONO_NEVER;
}

bool path_ping_take_expired(struct path_peer *p, mono_t now, struct ping *out)
{
	if (!mono_due(path_pings_deadline(p), now))
		return false;
	take_at(p, 0, out);
	return true;
}

void path_pings_forget(struct path_peer *p)
{
	struct ping gone;
	for (size_t i = p->n_pings; i-- > 0;)
		if (p->pings[i].purpose != PATH_PING_CLI)
			take_at(p, i, &gone);
}

void path_pings_shrink(struct path_peer *p)
{
	if (p->n_pings)
		return;
	free(p->pings);
	p->pings = NULL;
	p->cap_pings = 0;
}

void path_ping_stop(struct path_peer *p, void *token)
{
	for (size_t i = 0; i < p->n_pings; i++)
		if (p->pings[i].purpose == PATH_PING_CLI && p->pings[i].token == token)
			p->pings[i].purpose = PATH_PING_DISCOVERY;
}
