/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of names, made anew only when something changed that it shows: changes of a large
 * network come every second, and few of them are names or addresses. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/control/dial.h"
#include "dns/fqdn.h"
#include "magicsock/derpmap.h"

#include <stdlib.h>
#include <string.h>

#define PEERS_PER_MS 20 /* a table of 10,000 names is made twice a second at most */
#define OUTSIDE_MAX 64
#define LARGE 1000 /* names */

/* ---- is it the same? ---- */

static uint64_t shown(const struct backend_dns *d, int64_t id)
{
	size_t from = 0, to = d->n_marks;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (d->marks[mid].id == id)
			return d->marks[mid].mark;
		if (id < d->marks[mid].id)
			to = mid;
		else
			from = mid + 1;
	}
	return 0;
}

static bool all_as_shown(const struct backend_dns *d, const struct netmap *nm)
{
	if (d->n_marks != nm->n_peers + 1 || shown(d, nm->self->id) != dns_facts_mark(nm->self))
		return false;
	for (size_t i = 0; i < nm->n_peers; i++)
		if (shown(d, nm->peers[i]->id) != dns_facts_mark(nm->peers[i]))
			return false;
	return true;
}

bool dns_table_is_stale(const struct backend_dns *d, const struct nm_change *ch)
{
	const struct netmap *nm = d->b->nm;
	if (d->table_stale)
		return true;
	if (!ch || ch->full)
		return !all_as_shown(d, nm);
	if (ch->mask & NM_CHANGED_DNS)
		return true; /* records */
	if (ch->mask & NM_CHANGED_SELF && shown(d, nm->self->id) != dns_facts_mark(nm->self))
		return true;
	for (size_t i = 0; i < ch->n_ids; i++)
		if (shown(d, ch->ids[i]) != dns_facts_mark(netmap_peer(nm, ch->ids[i])))
			return true;
	return false;
}

/* Peers are in order of their ids; our own goes where it belongs. */
static void note_shown(struct backend_dns *d, const struct netmap *nm)
{
	size_t n = 0;
	bool self = false;
	free(d->marks);
	d->marks = xcalloc(nm->n_peers + 1, sizeof(*d->marks));
	for (size_t i = 0; i <= nm->n_peers; i++) {
		if (!self && (i == nm->n_peers || nm->self->id < nm->peers[i]->id)) {
			d->marks[n++] = (struct dns_mark){ nm->self->id, dns_facts_mark(nm->self) };
			self = true;
		}
		if (i < nm->n_peers)
			d->marks[n++] = (struct dns_mark){ nm->peers[i]->id,
							   dns_facts_mark(nm->peers[i]) };
	}
	d->n_marks = n;
}

/* ---- making it ---- */

void dns_table_free(struct backend_dns *d)
{
	loop_timer_cancel(&d->table_timer);
	if (d->b->node)
		node_set_dns(d->b->node, NULL);
	dns_local_unref(d->table);
	d->table = NULL;
	free(d->marks);
	d->marks = NULL;
	d->n_marks = 0;
	for (size_t i = 0; i < d->n_outside; i++)
		free(d->outside[i]);
	free(d->outside);
	d->outside = NULL;
	d->n_outside = 0;
}

static void make(struct backend_dns *d, const struct netmap *nm)
{
	struct dns_local *table = dns_facts_local(
	    nm, &d->plan, &d->result, (const char *const *)d->outside, d->n_outside);
	if (!table) {
		log_error("dns: no memory for a table of %zu names", nm->n_peers);
		return;
	}
	node_set_dns(d->b->node, table);
	dns_local_unref(d->table);
	d->table = table;
	d->table_stale = false;
	d->table_at = loop_now(d->b->loop);
	note_shown(d, nm);
	if (nm->n_peers + d->plan.n_hosts > LARGE)
		alloc_trim(); /* the message that told of them was a multiple */
}

void dns_table_refresh(struct backend_dns *d, const struct netmap *nm)
{
	if (!nm) {
		if (d->table)
			dns_table_free(d);
		return;
	}
	if (!d->table_stale)
		return;
	mono_t due = mono_add_ms(d->table_at, (int64_t)(nm->n_peers / PEERS_PER_MS));
	if (d->table && !mono_due(due, loop_now(d->b->loop)))
		loop_timer_arm(&d->table_timer, due);
	else
		make(d, nm);
}

void dns_table_on_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	dns_decide_soon(t->arg);
}

/* ---- names that are not what they seem ---- */

static size_t add_host(char **v, size_t n, const char *host, const char *suffix)
{
	char name[DNS_FQDN_MAX + 1];
	struct ip literal;
	if (n == OUTSIDE_MAX || !host || ip_decode(span_str(host), &literal) == 0 ||
	    dns_fqdn_clean(host, name) != 0 || !dns_fqdn_below(name, suffix))
		return n;
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], name) == 0)
			return n;
	v[n] = xstrdup(name);
	return n + 1;
}

static size_t hosts_below(const struct backend *b, const struct netmap *nm, const char *suffix,
			  char **v)
{
	struct dial_target t;
	char *url = prefs_control_url(&b->prefs);
	size_t n = dial_target_parse(url, &t) == 0 ? add_host(v, 0, t.host, suffix) : 0;
	free(url);
	for (size_t i = 0; nm->derp && i < nm->derp->n_regions; i++)
		for (size_t k = 0; k < nm->derp->regions[i].n_nodes; k++)
			n = add_host(v, n, nm->derp->regions[i].nodes[k].host, suffix);
	return n;
}

static bool is_node(const struct netmap *nm, const char *host)
{
	char name[DNS_FQDN_MAX + 1];
	for (size_t i = 0; i <= nm->n_peers; i++) {
		const struct nm_node *n = i < nm->n_peers ? nm->peers[i] : nm->self;
		if (dns_fqdn_clean(n->name, name) == 0 && strcmp(name, host) == 0)
			return true;
	}
	return false;
}

/* Our own zone would deny that the server exists which tells us the zone. */
bool dns_outside_refresh(struct backend_dns *d, const struct netmap *nm)
{
	char suffix[DNS_FQDN_MAX + 1], raw[DNS_FQDN_MAX + 3], *v[OUTSIDE_MAX];
	size_t n = 0;
	bool same = true;
	netmap_dns_suffix(nm, raw, sizeof(raw));
	if (dns_fqdn_clean(raw, suffix) == 0 && *suffix)
		n = hosts_below(d->b, nm, suffix, v);
	same = n == d->n_outside;
	for (size_t i = 0; i < n && same; i++)
		same = strcmp(v[i], d->outside[i]) == 0;
	for (size_t i = 0; i < (same ? n : d->n_outside); i++)
		free(same ? v[i] : d->outside[i]);
	if (same)
		return false;
	free(d->outside);
	d->outside = xcalloc(n + 1, sizeof(*d->outside));
	memcpy(d->outside, v, n * sizeof(*v));
	d->n_outside = n;
	for (size_t i = 0; i < n; i++) {
		struct log_esc_buf esc;
		if (!is_node(nm, v[i]))
			log_warn("dns: %s lies in the zone of this network itself; it is asked of "
				 "the name servers outside. Choose another base domain",
				 log_esc(span_str(v[i]), &esc));
	}
	return true;
}

static uint64_t odd_mark(const struct backend_dns *d, const char *suffix, size_t *n_odd,
			 const char **first)
{
	uint64_t h = FNV1A_START;
	*n_odd = 0;
	for (size_t i = 0; i < d->plan.n_hosts; i++) {
		if (*suffix && dns_fqdn_below(d->plan.hosts[i].name, suffix))
			continue;
		h = fnv1a(h, span_str(d->plan.hosts[i].name));
		if ((*n_odd)++ == 0)
			*first = d->plan.hosts[i].name;
	}
	return h;
}

/* Control may claim any name; it is not kept from it, but it shall be seen. */
void dns_tell_odd(struct backend_dns *d, const struct netmap *nm)
{
	char suffix[DNS_FQDN_MAX + 1], raw[DNS_FQDN_MAX + 3];
	const char *first = "";
	struct log_esc_buf esc;
	size_t n;
	netmap_dns_suffix(nm, raw, sizeof(raw));
	if (dns_fqdn_clean(raw, suffix) != 0)
		suffix[0] = '\0';
	uint64_t h = odd_mark(d, suffix, &n, &first);
	if (n && h != d->told)
		log_info("dns: the coordination server answers for %zu names outside this network's "
			 "domain, for example %s",
			 n, log_esc(span_str(first), &esc));
	d->told = n ? h : 0;
}
