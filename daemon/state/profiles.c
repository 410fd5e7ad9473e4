/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/profiles.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX (1u << 20)
#define PREFS_MAX (4u << 20)
#define PREFIX "profile-"

struct profiles {
	struct state *state;
	struct rng *rng;
	struct login_profile *v; /* stored ones, by id */
	size_t n;
	struct login_profile current;
	struct prefs prefs;
};

/* ---- one profile --------------------------------------------------------------------------------
 */

static void profile_init(struct login_profile *lp)
{
	static const struct user_profile nobody;
	memset(lp, 0, sizeof(*lp));
	char **texts[] = { &lp->name, &lp->magic_dns_name, &lp->domain_name,   &lp->network_display,
			   &lp->key,  &lp->node_id,	   &lp->local_user_id, &lp->control_url };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = xstrdup("");
	user_profile_copy(&lp->user, &nobody);
}

static void profile_fini(struct login_profile *lp)
{
	free(lp->name);
	free(lp->magic_dns_name);
	free(lp->domain_name);
	free(lp->network_display);
	free(lp->key);
	free(lp->node_id);
	free(lp->local_user_id);
	free(lp->control_url);
	user_profile_fini(&lp->user);
}

static void profile_copy(struct login_profile *dst, const struct login_profile *src)
{
	memcpy(dst->id, src->id, sizeof(dst->id));
	str_set(&dst->name, src->name);
	str_set(&dst->magic_dns_name, src->magic_dns_name);
	str_set(&dst->domain_name, src->domain_name);
	str_set(&dst->network_display, src->network_display);
	str_set(&dst->key, src->key);
	str_set(&dst->node_id, src->node_id);
	str_set(&dst->local_user_id, src->local_user_id);
	str_set(&dst->control_url, src->control_url);
	user_profile_copy(&dst->user, &src->user);
	dst->created = src->created;
}

json_t *login_profile_to_json(const struct login_profile *lp)
{
	json_t *o = j_object(), *net = j_object();
	j_set_str(o, "ID", lp->id);
	j_set_str(o, "Name", lp->name);
	j_set_str(net, "MagicDNSName", lp->magic_dns_name);
	j_set_str(net, "DomainName", lp->domain_name);
	j_set_str(net, "DisplayName", lp->network_display);
	j_set(o, "NetworkProfile", net);
	j_set_str(o, "Key", lp->key);
	j_set(o, "UserProfile", user_profile_to_json(&lp->user));
	j_set_str(o, "NodeID", lp->node_id);
	j_set_str(o, "LocalUserID", lp->local_user_id);
	j_set_str(o, "ControlURL", lp->control_url);
	if (!wall_is_zero(lp->created))
		j_set_time(o, "Created", lp->created);
	return o;
}

static void take_text(char **at, const json_t *obj, const char *name)
{
	const char *s = j_text(j_get_nocase(obj, name));
	str_set(at, s ? s : "");
}

/* false: not usable (no id or no key) */
static bool profile_from_json(const json_t *v, struct login_profile *lp)
{
	const json_t *net = j_get_nocase(v, "NetworkProfile");
	const char *id = j_text(j_get_nocase(v, "ID"));
	if (!id || !*id || strlen(id) >= sizeof(lp->id))
		return false;
	memcpy(lp->id, id, strlen(id) + 1);
	take_text(&lp->name, v, "Name");
	take_text(&lp->magic_dns_name, net, "MagicDNSName");
	take_text(&lp->domain_name, net, "DomainName");
	take_text(&lp->network_display, net, "DisplayName");
	take_text(&lp->key, v, "Key");
	take_text(&lp->node_id, v, "NodeID");
	take_text(&lp->local_user_id, v, "LocalUserID");
	take_text(&lp->control_url, v, "ControlURL");
	lp->created = j_time(v, "Created");
	return *lp->key && user_profile_from_json(j_get_nocase(v, "UserProfile"), &lp->user) == 0;
}

/* ---- the index ---- */

static struct login_profile *find(const struct profiles *p, const char *id)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].id, id) == 0)
			return &p->v[i];
	return NULL;
}

/* A new slot in byte order of ids. */
static struct login_profile *add(struct profiles *p, const char *id)
{
	size_t i = 0;
	while (i < p->n && strcmp(p->v[i].id, id) < 0)
		i++;
	p->v = xrealloc(p->v, p->n + 1, sizeof(*p->v));
	memmove(p->v + i + 1, p->v + i, (p->n - i) * sizeof(*p->v));
	p->n++;
	profile_init(&p->v[i]);
	snprintf(p->v[i].id, sizeof(p->v[i].id), "%s", id);
	return &p->v[i];
}

static int read_index(struct profiles *p, struct span text)
{
	json_t *v = j_parse(text, INDEX_MAX, NULL);
	int err = j_is_object(v) && j_len(v) <= PROFILES_MAX ? 0 : -ERR_SYNTAX;
	for (void *it = err ? NULL : j_iter(v); it; it = j_iter_next(v, it)) {
		struct login_profile lp;
		profile_init(&lp);
		if (profile_from_json(j_iter_value(it), &lp) && !find(p, lp.id))
			profile_copy(add(p, lp.id), &lp);
		profile_fini(&lp);
	}
	j_free(v);
	return err;
}

static bool write_index(struct profiles *p)
{
	struct buf out;
	json_t *v = j_object();
	buf_init(&out, INDEX_MAX);
	for (size_t i = 0; i < p->n; i++)
		j_set(v, p->v[i].id, login_profile_to_json(&p->v[i]));
	j_write(v, J_COMPACT, true, &out);
	bool changed = state_put(p->state, STATE_PROFILES, buf_span(&out));
	j_free(v);
	buf_fini(&out);
	return changed;
}

/* ---- preferences ---- */

/* Over the defaults; the hosted server's synonym becomes the default. */
static int read_prefs(struct prefs *out, struct span text)
{
	char *why = NULL;
	json_t *v = j_parse(text, PREFS_MAX, NULL);
	int err = v ? prefs_from_json(out, v, &why) : -ERR_SYNTAX;
	free(why);
	j_free(v);
	if (!err && strcmp(out->control_url, "https://login.tailscale.com") == 0)
		str_set(&out->control_url, "");
	return err;
}

static bool write_prefs(struct profiles *p)
{
	struct buf out;
	buf_init(&out, PREFS_MAX);
	out.secret = true;
	prefs_text(&p->prefs, &out);
	bool changed = buf_ok(&out) && state_put(p->state, p->current.key, buf_span(&out));
	buf_fini(&out);
	return changed;
}

/* What a daemon with an empty state shows. */
static void become_empty(struct profiles *p)
{
	profile_fini(&p->current);
	profile_init(&p->current);
	prefs_fini(&p->prefs);
	prefs_init(&p->prefs);
	p->prefs.logged_out = true;
}

static int load_current(struct profiles *p, const struct login_profile *lp)
{
	struct prefs prefs;
	struct span text = state_get(p->state, lp->key);
	prefs_init(&prefs);
	int err = text.p ? read_prefs(&prefs, text) : 0;
	if (!text.p)
		prefs.logged_out = true;
	if (!err) {
		prefs_copy(&p->prefs, &prefs);
		profile_copy(&p->current, lp);
	}
	prefs_fini(&prefs);
	return err;
}

/* ---- life ---- */

static const struct login_profile *by_key(const struct profiles *p, struct span key)
{
	for (size_t i = 0; i < p->n; i++)
		if (span_eq_str(key, p->v[i].key))
			return &p->v[i];
	return NULL;
}

/* Preferences from before there were profiles become the current, unstored profile. */
static int import_single(struct profiles *p, struct span text)
{
	int err = read_prefs(&p->prefs, text);
	if (err || !p->prefs.has_config)
		return err;
	user_profile_copy(&p->current.user, &p->prefs.config.user);
	profiles_set_prefs(p, &p->prefs, NULL, WALL_ZERO);
	return 0;
}

static int load(struct profiles *p, const char **why)
{
	struct span index = state_get(p->state, STATE_PROFILES);
	struct span single = state_get(p->state, STATE_DAEMON);
	struct span key = state_get(p->state, STATE_CURRENT_PROFILE);
	*why = "the list of profiles cannot be read";
	int err = index.p ? read_index(p, index) : 0;
	if (err)
		return err;
	*why = "the preferences of the current profile cannot be read";
	if (!index.p && single.p)
		return import_single(p, single);
	const struct login_profile *lp = key.p ? by_key(p, key) : NULL;
	return lp ? load_current(p, lp) : 0;
}

int profiles_load(struct state *s, struct rng *rng, struct profiles **out, const char **why)
{
	struct profiles *p = xcalloc(1, sizeof(*p));
	p->state = s;
	p->rng = rng;
	profile_init(&p->current);
	prefs_init(&p->prefs);
	p->prefs.logged_out = true;
	int err = load(p, why);
	if (err) {
		profiles_free(p);
		return err;
	}
	*why = NULL;
	*out = p;
	return 0;
}

void profiles_free(struct profiles *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		profile_fini(&p->v[i]);
	free(p->v);
	profile_fini(&p->current);
	prefs_fini(&p->prefs);
	free(p);
}

const struct login_profile *profiles_current(const struct profiles *p)
{
	return &p->current;
}

const struct prefs *profiles_prefs(const struct profiles *p)
{
	return &p->prefs;
}

size_t profiles_count(const struct profiles *p)
{
	return p->n;
}

const struct login_profile *profiles_find(const struct profiles *p, const char *id)
{
	return find(p, id);
}

/* The i-th by (name, id): few profiles, so by counting who comes before. */
const struct login_profile *profiles_at(const struct profiles *p, size_t i)
{
	for (size_t k = 0; k < p->n; k++) {
		size_t before = 0;
		for (size_t m = 0; m < p->n; m++) {
			int c = strcmp(p->v[m].name, p->v[k].name);
			before += c < 0 || (c == 0 && m < k);
		}
		if (before == i)
			return &p->v[k];
	}
	return NULL;
}

bool profiles_name_taken(const struct profiles *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) == 0 && strcmp(p->v[i].id, p->current.id) != 0)
			return true;
	return false;
}

/* ---- changing ---- */

static void give_id(struct profiles *p)
{
	char id[PROFILE_ID_MAX], key[PROFILE_ID_MAX + sizeof(PREFIX)];
	do {
		snprintf(id, sizeof(id), "%04x", rng_below(p->rng, 1u << 16));
		snprintf(key, sizeof(key), PREFIX "%s", id);
	} while (find(p, id) || state_get(p->state, key).p);
	memcpy(p->current.id, id, sizeof(id));
	str_set(&p->current.key, key);
}

static void take_network(struct login_profile *lp, const struct profile_network *net)
{
	if (!net)
		return;
	if (net->magic_dns_name)
		str_set(&lp->magic_dns_name, net->magic_dns_name);
	if (net->domain_name)
		str_set(&lp->domain_name, net->domain_name);
	if (net->display)
		str_set(&lp->network_display, net->display);
}

/* The profile's own description follows its preferences and login. */
static void describe(struct profiles *p, const struct profile_network *net)
{
	struct login_profile *lp = &p->current;
	const struct persist *c = &p->prefs.config;
	user_profile_copy(&lp->user, &c->user);
	str_set(&lp->name, *p->prefs.profile_name ? p->prefs.profile_name : c->user.login);
	str_set(&lp->node_id, c->node_id);
	str_set(&lp->control_url, p->prefs.control_url);
	take_network(lp, net);
}

bool profiles_set_prefs(struct profiles *p, const struct prefs *prefs,
			const struct profile_network *net, wall_t now)
{
	prefs_copy(&p->prefs, prefs);
	const struct user_profile *u = &p->prefs.config.user;
	bool known = p->prefs.has_config && (u->id || *u->login);
	if (!*p->current.id && !known)
		return false;
	if (!*p->current.id) {
		if (p->n >= PROFILES_MAX)
			return false;
		give_id(p);
		p->current.created = now;
	}
	if (known)
		describe(p, net);
	struct login_profile *slot = find(p, p->current.id);
	profile_copy(slot ? slot : add(p, p->current.id), &p->current);
	bool changed = write_prefs(p);
	changed |= write_index(p);
	changed |= state_put(p->state, STATE_CURRENT_PROFILE, span_str(p->current.key));
	return changed;
}

void profiles_new(struct profiles *p)
{
	become_empty(p);
	/* an empty value and not an absent one: a start must not fall back to an older profile */
	state_put(p->state, STATE_CURRENT_PROFILE, span_str(""));
}

int profiles_switch(struct profiles *p, const char *id)
{
	const struct login_profile *lp = find(p, id);
	if (!lp)
		return -ERR_NOENT;
	int err = load_current(p, lp);
	if (!err)
		state_put(p->state, STATE_CURRENT_PROFILE, span_str(p->current.key));
	return err;
}

int profiles_delete(struct profiles *p, const char *id)
{
	struct login_profile *lp = find(p, id);
	if (!lp)
		return -ERR_NOENT;
	state_put(p->state, lp->key, span_of(NULL, 0));
	bool was_current = strcmp(id, p->current.id) == 0;
	size_t i = (size_t)(lp - p->v);
	profile_fini(lp);
	p->n--;
	memmove(p->v + i, p->v + i + 1, (p->n - i) * sizeof(*p->v));
	write_index(p);
	if (was_current)
		profiles_new(p);
	return 0;
}
