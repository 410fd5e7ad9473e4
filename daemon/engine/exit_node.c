/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/exit_node.h"

#include "base/alloc.h"
#include "daemon/engine/exit_suggest.h"

#include <stdlib.h>
#include <strings.h>

#define ANY "any"

/* ---- peers -------------------------------------------------------------------------------------
 */

bool exit_node_offers(const struct nm_node *n)
{
	unsigned families = 0;
	for (size_t i = 0; i < n->n_allowed_ips; i++)
		if (prefix_is_default(n->allowed_ips[i]))
			families |= n->allowed_ips[i].ip.fam == IP_V4 ? 1 : 2;
	return families == 3;
}

static struct span without_dot(const char *name)
{
	struct span s = span_str(name);
	if (s.len && s.p[s.len - 1] == '.')
		s.len--;
	return s;
}

static bool same_text(struct span a, struct span b)
{
	return a.len && a.len == b.len &&
	       strncasecmp((const char *)a.p, (const char *)b.p, a.len) == 0;
}

static bool is_named(const struct nm_node *n, struct span want, const char *suffix)
{
	struct span full = without_dot(n->name);
	if (same_text(full, want) || same_text(span_str(n->stable_id), want))
		return true;
	size_t tail = strlen(suffix) + 1;
	return tail > 1 && full.len == want.len + tail && full.p[want.len] == '.' &&
	       same_text(span_of(full.p, want.len), want) &&
	       same_text(span_from(full, want.len + 1), span_str(suffix));
}

const struct nm_node *exit_node_find(const struct netmap *nm, const char *name)
{
	struct ip ip;
	char suffix[256];
	const struct nm_node *found = NULL;
	if (ip_decode(span_str(name), &ip) == 0)
		return netmap_peer_by_address(nm, ip);
	netmap_dns_suffix(nm, suffix, sizeof(suffix));
	for (size_t i = 0; i < nm->n_peers; i++) {
		if (!is_named(nm->peers[i], without_dot(name), suffix))
			continue;
		if (found)
			return NULL;
		found = nm->peers[i];
	}
	return found;
}

static const struct nm_node *by_stable_id(const struct netmap *nm, const char *id)
{
	for (size_t i = 0; *id && i < nm->n_peers; i++)
		if (strcmp(nm->peers[i]->stable_id, id) == 0)
			return nm->peers[i];
	return NULL;
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static struct exit_record *record_of(struct exit_memory *m, int64_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].id == id)
			return &m->v[i];
	return NULL;
}

static void forget(struct exit_memory *m, struct exit_record *r)
{
	size_t i = (size_t)(r - m->v);
	memmove(r, r + 1, (m->n - i - 1) * sizeof(*r));
	m->n--;
}

/* The oldest makes room. */
static struct exit_record *remember(struct exit_memory *m, int64_t id)
{
	if (m->n == EXIT_MEMORY_MAX)
		forget(m, &m->v[0]);
	struct exit_record *r = &m->v[m->n++];
	*r = (struct exit_record){ .id = id, .bad = true };
	return r;
}

void exit_memory_silent(struct exit_memory *m, int64_t id, bool silent, mono_t now)
{
	struct exit_record *r = record_of(m, id);
	if (!r && !silent)
		return;
	if (!r)
		r = remember(m, id);
	if (r->bad && !silent && r->silent) {
		r->bad = false;
		r->good_since = now;
	}
	r->silent = silent;
	r->bad |= silent;
}

bool exit_memory_is_silent(const struct exit_memory *m, int64_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].id == id)
			return m->v[i].silent;
	return false;
}

/* ---- how good is a peer ------------------------------------------------------------------------
 */

/* A peer that never connected has no address to be reached by. */
static bool ever_connected(const struct nm_node *n)
{
	return n->home_derp || !disco_key_is_zero(&n->disco) || n->flags & NM_WIREGUARD_ONLY;
}

static enum exit_why state_of(const struct exit_in *in, const struct exit_memory *m,
			      const struct nm_node *n)
{
	if (!n)
		return EXIT_UNKNOWN;
	if (!exit_node_offers(n))
		return EXIT_NOT_OFFERING;
	if (nm_node_is_expired(n))
		return EXIT_EXPIRED;
	if ((n->online == J_FALSE && !in->kept_map) || !ever_connected(n))
		return EXIT_OFFLINE;
	return exit_memory_is_silent(m, n->id) ? EXIT_SILENT : EXIT_IN_USE;
}

/* Note a change of state; what is good for long enough needs no note. Returns when it will be
 * settled: a moment that has passed if it is. */
static mono_t note_state(struct exit_memory *m, const struct nm_node *n, enum exit_why why,
			 mono_t now)
{
	struct exit_record *r = record_of(m, n->id);
	if (why != EXIT_IN_USE) {
		if (!r)
			r = remember(m, n->id);
		r->bad = true;
		return MONO_NEVER;
	}
	if (!r)
		return now;
	if (r->bad) {
		r->bad = false;
		r->good_since = now;
	}
	mono_t settled = mono_add_s(r->good_since, EXIT_SETTLE_S);
	if (mono_due(settled, now))
		forget(m, r);
	return settled;
}

/* ---- any ---------------------------------------------------------------------------------------
 */

/* Peers that may be taken without being named: those the server marks for it, or, where it marks
 * none, all that offer. New array. */
static const struct nm_node **candidates(const struct exit_in *in, const struct exit_memory *m,
					 size_t *n)
{
	const struct netmap *nm = in->nm;
	const struct nm_node **v = xcalloc(nm->n_peers + 1, sizeof(struct nm_node *));
	bool marked = false;
	for (size_t i = 0; i < nm->n_peers && !marked; i++)
		marked = exit_node_offers(nm->peers[i]) && exit_may_suggest(nm->peers[i]);
	*n = 0;
	for (size_t i = 0; i < nm->n_peers; i++)
		if (state_of(in, m, nm->peers[i]) == EXIT_IN_USE &&
		    (!marked || exit_may_suggest(nm->peers[i])))
			v[(*n)++] = nm->peers[i];
	return v;
}

static bool contains(const struct nm_node *const *v, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i]->id == id)
			return true;
	return false;
}

/* The present one stays while it is good: it is looked for anew only when we are somewhere else. */
static const struct nm_node *choose_any(const struct exit_in *in, struct exit_memory *m)
{
	size_t n;
	const struct nm_node **v = candidates(in, m, &n), *pick = NULL;
	bool moved = m->home != in->home;
	if (!moved && contains(v, n, m->chosen))
		pick = netmap_peer(in->nm, m->chosen);
	else if (n)
		pick = exit_suggest_among(in, v, n, m->chosen);
	m->home = in->home;
	free(v);
	return pick;
}

/* ---- the choice --------------------------------------------------------------------------------
 */

static void choose_one(const struct exit_in *in, struct exit_memory *m, struct exit_choice *out)
{
	const struct prefs *p = in->prefs;
	out->node = ip_is_set(p->exit_node_ip) ? netmap_peer_by_address(in->nm, p->exit_node_ip)
					       : by_stable_id(in->nm, p->exit_node_id);
	out->why = state_of(in, m, out->node);
}

static void choose_auto(const struct exit_in *in, struct exit_memory *m, struct exit_choice *out)
{
	out->node = choose_any(in, m);
	if (!out->node)
		out->node = netmap_peer(in->nm, m->chosen); /* the last one rather than none */
	enum exit_why why = state_of(in, m, out->node);
	bool usable = why == EXIT_IN_USE || why == EXIT_SILENT;
	if (!usable)
		out->node = NULL;
	out->why = usable ? why : EXIT_NONE_USABLE;
}

/* What a walk over the list found besides one to take at once: the first of each kind. */
struct seconds {
	const struct nm_node *unsettled, *silent;
};

/* True: this one is taken. */
static bool try_name(const struct exit_in *in, struct exit_memory *m, const char *name,
		     struct exit_choice *out, struct seconds *s)
{
	const struct nm_node *n = exit_node_find(in->nm, name);
	enum exit_why why = state_of(in, m, n);
	if (!n)
		return false;
	mono_t settled = note_state(m, n, why, in->now);
	if (why == EXIT_IN_USE && (mono_due(settled, in->now) || n->id == m->chosen)) {
		out->node = n;
		return true;
	}
	if (why == EXIT_SILENT && !s->silent)
		s->silent = n;
	if (why != EXIT_IN_USE)
		return false;
	if (!s->unsettled)
		s->unsettled = n;
	out->deadline = mono_min(out->deadline, settled);
	return false;
}

static void choose_of_list(const struct exit_in *in, struct exit_memory *m, struct exit_choice *out)
{
	const struct prefs_strings *list = &in->prefs->exit_node_priority;
	struct seconds s = { NULL, NULL };
	for (size_t i = 0; i < list->n && !out->node; i++) {
		if (strcmp(list->v[i], ANY) == 0)
			out->node = choose_any(in, m);
		else
			try_name(in, m, list->v[i], out, &s);
	}
	out->why = EXIT_IN_USE;
	if (!out->node)
		out->node = s.unsettled;
	if (out->node)
		return;
	out->node = s.silent;
	out->why = s.silent ? EXIT_SILENT : EXIT_NONE_USABLE;
}

void exit_node_choose(const struct exit_in *in, struct exit_memory *m, struct exit_choice *out)
{
	const struct prefs *p = in->prefs;
	*out = (struct exit_choice){ .why = EXIT_OFF, .deadline = MONO_NEVER };
	if (!prefs_wants_exit_node(p)) {
		*m = (struct exit_memory){ 0 };
		return;
	}
	out->wanted = true;
	out->why = EXIT_UNKNOWN;
	if (!in->nm)
		return;
	const struct nm_node *before = m->chosen ? NULL : by_stable_id(in->nm, p->exit_node_id);
	if (before)
		m->chosen = before->id;
	if (p->exit_node_priority.n)
		choose_of_list(in, m, out);
	else if (*p->auto_exit_node)
		choose_auto(in, m, out);
	else
		choose_one(in, m, out);
	if (out->node)
		m->chosen = out->node->id;
}

/* ---- does it answer ----------------------------------------------------------------------------
 */

bool exit_watch_look(struct exit_watch *w, int64_t id, uint64_t rx_bytes, uint64_t tx_bytes,
		     bool in_need, mono_t now, bool *heard)
{
	bool same = w->id == id;
	*heard = same && rx_bytes != w->rx_bytes;
	bool asks = in_need || (same && tx_bytes != w->tx_bytes);
	if (!same || *heard)
		w->waiting = false;
	if (asks && !*heard && !w->waiting) {
		w->waiting = true;
		w->since = now;
	}
	w->id = id;
	w->rx_bytes = rx_bytes;
	w->tx_bytes = tx_bytes;
	return w->waiting && mono_due(mono_add_s(w->since, EXIT_SILENCE_S), now);
}
