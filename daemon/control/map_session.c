/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/map_session.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/derpmap_json.h"
#include "daemon/control/dns_json.h"
#include "daemon/control/expiry.h"
#include "daemon/control/jd.h"
#include "daemon/control/map_msg.h"
#include "daemon/control/map_peers.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX 2048
#define PAYLOAD_MAX 65536
#define HEALTH_ID "health-" /* messages made from the old Health member */

struct map_session {
	struct netmap nm;
	bool ready;
	struct map_refused refused;
	struct map_peers peers; /* scratch of the present message */
	struct map_ping ping;
	char *last_ping_url;
	char *last_pop_url;
	wall_t control_time;
};

struct map_session *map_session_new(void)
{
	struct map_session *s = xcalloc(1, sizeof(*s));
	netmap_init(&s->nm);
	buf_init(&s->ping.payload, PAYLOAD_MAX);
	s->peers.nm = &s->nm;
	s->peers.refused = &s->refused;
	return s;
}

void map_session_free(struct map_session *s)
{
	if (!s)
		return;
	netmap_fini(&s->nm);
	free(s->peers.ids);
	free(s->ping.url);
	free(s->ping.types);
	buf_fini(&s->ping.payload);
	free(s->last_ping_url);
	free(s->last_pop_url);
	free(s);
}

const struct netmap *map_session_netmap(const struct map_session *s)
{
	return &s->nm;
}

bool map_session_ready(const struct map_session *s)
{
	return s->ready;
}

struct map_refused map_session_refused(const struct map_session *s)
{
	return s->refused;
}

/* ---- requests: processed for keep-alives too ---- */

static bool is_web_url(const char *url)
{
	size_t n = strlen(url);
	return n < URL_MAX && (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
}

static void read_payload(struct map_ping *p, const json_t *v)
{
	struct span text = j_text_span(v);
	size_t len = text.len / 4 * 3;
	buf_reset(&p->payload);
	uint8_t *at = v && len ? buf_reserve(&p->payload, len) : NULL;
	if (at && base64_decode(text, at, &len) == 0)
		buf_commit(&p->payload, len);
}

/* The ping to answer, or NULL if there is none or it was answered already. */
static const struct map_ping *take_ping(struct map_session *s, const json_t *v)
{
	struct jd d = jd_init(v, NULL);
	const char *url = jd_str(&d, "URL");
	if (!*url || strlen(url) >= URL_MAX || str_cmp(url, s->last_ping_url) == 0)
		return NULL;
	struct map_ping *p = &s->ping;
	str_set(&p->url, url);
	str_set(&p->types, jd_str(&d, "Types"));
	p->noise = jd_bool(&d, "URLIsNoise");
	p->ip = jd_ip(&d, "IP");
	read_payload(p, j_get(v, "Payload"));
	if (d.err)
		return NULL;
	p->kind = !*p->types			 ? MAP_PING_HEAD
		  : strcmp(p->types, "c2n") == 0 ? MAP_PING_C2N
						 : MAP_PING_PEER;
	str_set(&s->last_ping_url, url);
	return p;
}

static const char *take_pop_url(struct map_session *s, const json_t *v)
{
	const char *url = j_text(v);
	if (!url || !is_web_url(url) || str_cmp(url, s->last_pop_url) == 0)
		return NULL;
	str_set(&s->last_pop_url, url);
	return s->last_pop_url;
}

static void take_client_version(struct map_session *s, const json_t *v, struct nm_change *ch)
{
	struct nm_client_version *cv = &s->nm.client_version;
	struct jd d = jd_init(v, NULL);
	if (!v)
		return;
	cv->present = true;
	cv->running_latest = jd_bool(&d, "RunningLatest");
	cv->urgent = jd_bool(&d, "UrgentSecurityUpdate");
	cv->notify = jd_bool(&d, "Notify");
	str_set(&cv->latest, jd_str(&d, "LatestVersion"));
	str_set(&cv->notify_url, jd_str(&d, "NotifyURL"));
	str_set(&cv->notify_text, jd_str(&d, "NotifyText"));
	ch->mask |= NM_CHANGED_CLIENT_VERSION;
}

static void take_time(struct map_session *s, wall_t control, wall_t now, struct nm_change *ch)
{
	if (wall_is_zero(control))
		return;
	int64_t offset = expiry_clock_offset(control, now);
	/* seconds of difference between two messages are the network's, not the clock's */
	int64_t drift = offset - s->nm.clock_offset_s;
	bool same =
	    offset && s->nm.clock_offset_s && drift < EXPIRY_SLACK_S && drift > -EXPIRY_SLACK_S;
	if (same || offset == s->nm.clock_offset_s)
		return;
	s->nm.clock_offset_s = offset;
	ch->mask |= NM_CHANGED_CLOCK;
}

static void take_debug(const json_t *v, struct map_result *out)
{
	double sleep = j_num(v, "SleepSeconds", 0);
	if (sleep > 0)
		out->sleep_s = sleep > MAP_SLEEP_MAX_S ? MAP_SLEEP_MAX_S : (int)sleep;
	out->exit_requested = j_get(v, "Exit") != NULL;
}

/* ---- state members ---- */

static int apply_derp(struct netmap *nm, const json_t *v, struct nm_change *ch, const char **why)
{
	struct derp_map *parsed;
	if (!v)
		return 0;
	json_t *merged = derpmap_merge(nm->derp_json, v);
	int err = derpmap_from_json(merged, &parsed, why);
	if (err) {
		j_free(merged);
		return err;
	}
	j_free(nm->derp_json);
	derp_map_free(nm->derp);
	nm->derp_json = merged;
	nm->derp = parsed;
	ch->mask |= NM_CHANGED_DERP;
	return 0;
}

static int apply_dns(struct netmap *nm, json_t *v, struct nm_change *ch, const char **why)
{
	struct dns_config parsed;
	if (!v)
		return 0;
	char *text = j_dump(v);
	/* it comes with every policy change, mostly the same */
	bool same = str_cmp(text, nm->dns_text) == 0;
	int err = same ? 0 : dns_config_from_json(v, &parsed, why);
	if (same || err) {
		free(text);
		return err;
	}
	free(nm->dns_text);
	dns_config_fini(&nm->dns);
	nm->dns_text = text;
	nm->dns = parsed;
	ch->mask |= NM_CHANGED_DNS;
	return 0;
}

/* Index of the name, or where it belongs. */
static size_t filter_place(const struct netmap *nm, const char *name)
{
	size_t i = 0;
	while (i < nm->n_filters && strcmp(nm->filters[i].name, name) < 0)
		i++;
	return i;
}

static void delete_filter(struct netmap *nm, size_t i)
{
	free(nm->filters[i].name);
	free(nm->filters[i].raw);
	nm->n_filters--;
	memmove(nm->filters + i, nm->filters + i + 1, (nm->n_filters - i) * sizeof(*nm->filters));
}

/* raw is copied; NULL deletes. -ERR_TOOBIG: too many names. */
static int set_filter(struct netmap *nm, const char *name, const char *raw, struct nm_change *ch)
{
	size_t i = filter_place(nm, name);
	bool have = i < nm->n_filters && strcmp(nm->filters[i].name, name) == 0;
	if (have && raw && strcmp(nm->filters[i].raw, raw) == 0)
		return 0;
	if (!have && !raw)
		return 0;
	ch->mask |= NM_CHANGED_FILTER;
	if (have && raw) {
		str_set(&nm->filters[i].raw, raw);
		return 0;
	}
	if (have) {
		delete_filter(nm, i);
		return 0;
	}
	if (nm->n_filters == NM_FILTERS_MAX)
		return -ERR_TOOBIG;
	nm->filters = xrealloc(nm->filters, nm->n_filters + 1, sizeof(*nm->filters));
	memmove(nm->filters + i + 1, nm->filters + i, (nm->n_filters - i) * sizeof(*nm->filters));
	nm->filters[i] = (struct nm_filter){ xstrdup(name), xstrdup(raw) };
	nm->n_filters++;
	return 0;
}

/* PacketFilter first, then PacketFilters, whose "*" wipes even what the former just set. */
static int apply_filters(struct netmap *nm, const struct map_msg *m, struct nm_change *ch,
			 const char **why)
{
	int err = 0;
	*why = "PacketFilters";
	if (m->base_filter)
		err = set_filter(nm, "base", m->base_filter, ch);
	if (m->filters.star && nm->n_filters) {
		ch->mask |= NM_CHANGED_FILTER;
		while (nm->n_filters)
			delete_filter(nm, nm->n_filters - 1);
	}
	for (size_t i = 0; i < m->filters.n && !err; i++)
		err = set_filter(nm, m->filters.v[i].name, m->filters.v[i].raw, ch);
	return err;
}

static struct nm_user *user_slot(struct netmap *nm, int64_t id)
{
	size_t i = 0;
	while (i < nm->n_users && nm->users[i].id < id)
		i++;
	if (i < nm->n_users && nm->users[i].id == id)
		return &nm->users[i];
	if (nm->n_users == NM_USERS_MAX)
		return NULL;
	nm->users = xrealloc(nm->users, nm->n_users + 1, sizeof(*nm->users));
	memmove(nm->users + i + 1, nm->users + i, (nm->n_users - i) * sizeof(*nm->users));
	nm->n_users++;
	nm->users[i] = (struct nm_user){ .id = id };
	return &nm->users[i];
}

static bool replace_text(char **at, const char *s)
{
	if (*at && strcmp(*at, s) == 0)
		return false;
	str_set(at, s);
	return true;
}

static void apply_user(struct netmap *nm, const json_t *v, struct nm_change *ch)
{
	struct jd d = jd_init(v, NULL);
	struct nm_user *u = user_slot(nm, jd_int(&d, "ID"));
	if (!u)
		return;
	const json_t *groups = jd_array(&d, "Groups");
	char *raw = groups && j_len(groups) ? j_dump(groups) : NULL;
	bool changed = replace_text(&u->login, jd_str(&d, "LoginName"));
	changed |= replace_text(&u->display, jd_str(&d, "DisplayName"));
	changed |= replace_text(&u->picture, jd_str(&d, "ProfilePicURL"));
	changed |= str_cmp(u->groups, raw) != 0;
	free(u->groups);
	u->groups = raw;
	if (changed)
		ch->mask |= NM_CHANGED_USERS;
}

static void apply_users(struct netmap *nm, const json_t *list, struct nm_change *ch)
{
	for (size_t i = 0; list && i < j_len(list); i++)
		if (j_is_object(j_at(list, i)))
			apply_user(nm, j_at(list, i), ch);
}

/* ---- messages for the user ---- */

static void delete_message(struct netmap *nm, size_t i)
{
	struct nm_message *m = &nm->messages[i];
	free(m->id);
	free(m->title);
	free(m->text);
	free(m->action_url);
	free(m->action_label);
	nm->n_messages--;
	memmove(m, m + 1, (nm->n_messages - i) * sizeof(*m));
}

/* The message of that id, made empty if it is new; NULL above the maximum. */
static struct nm_message *message_slot(struct netmap *nm, const char *id)
{
	size_t i = 0;
	while (i < nm->n_messages && strcmp(nm->messages[i].id, id) < 0)
		i++;
	if (i < nm->n_messages && strcmp(nm->messages[i].id, id) == 0)
		return &nm->messages[i];
	if (nm->n_messages == NM_MESSAGES_MAX)
		return NULL;
	nm->messages = xrealloc(nm->messages, nm->n_messages + 1, sizeof(*nm->messages));
	memmove(nm->messages + i + 1, nm->messages + i,
		(nm->n_messages - i) * sizeof(*nm->messages));
	nm->n_messages++;
	nm->messages[i] = (struct nm_message){ .id = xstrdup(id) };
	return &nm->messages[i];
}

static enum nm_severity severity_of(const char *s)
{
	return strcmp(s, "high") == 0 ? NM_HIGH : strcmp(s, "low") == 0 ? NM_LOW : NM_MEDIUM;
}

static void fill_message(struct nm_message *m, const json_t *v)
{
	struct jd d = jd_init(v, NULL);
	struct jd act = jd_init(jd_object(&d, "PrimaryAction"), NULL);
	const char *url = jd_str(&act, "URL");
	bool usable = is_web_url(url);
	str_set(&m->title, jd_str(&d, "Title"));
	str_set(&m->text, jd_str(&d, "Text"));
	str_set(&m->action_url, usable ? url : "");
	str_set(&m->action_label, usable ? jd_str(&act, "Label") : "");
	m->severity = severity_of(jd_str(&d, "Severity"));
	m->impacts_connectivity = jd_bool(&d, "ImpactsConnectivity");
}

static void apply_messages(struct netmap *nm, json_t *v, struct nm_change *ch)
{
	if (!v)
		return;
	ch->mask |= NM_CHANGED_MESSAGES;
	if (j_is_null(v, "*"))
		while (nm->n_messages)
			delete_message(nm, nm->n_messages - 1);
	for (void *it = j_iter(v); it; it = j_iter_next(v, it)) {
		const char *id = j_iter_key(it);
		struct nm_message *m = strcmp(id, "*") != 0 ? message_slot(nm, id) : NULL;
		if (m && j_is_object(j_iter_value(it)))
			fill_message(m, j_iter_value(it));
		else if (m)
			delete_message(nm, (size_t)(m - nm->messages));
	}
}

static void add_health(struct netmap *nm, const char *text)
{
	uint8_t hash[32];
	char id[sizeof(HEALTH_ID) + 64];
	sha256(hash, span_str(text));
	memcpy(id, HEALTH_ID, sizeof(HEALTH_ID));
	hex_encode(span_of(hash, 32), id + sizeof(HEALTH_ID) - 1);
	struct nm_message *m = message_slot(nm, id);
	if (!m)
		return;
	free(m->text);
	m->text = xasprintf("The coordination server is reporting a health issue: %s", text);
	str_set(&m->title, "Coordination server reports an issue");
	str_set(&m->action_url, "");
	str_set(&m->action_label, "");
	m->severity = NM_MEDIUM;
}

/* The old form replaces what its predecessor said. */
static void apply_health(struct netmap *nm, const json_t *list, struct nm_change *ch)
{
	if (!list)
		return;
	ch->mask |= NM_CHANGED_MESSAGES;
	for (size_t i = nm->n_messages; i-- > 0;)
		if (strncmp(nm->messages[i].id, HEALTH_ID, strlen(HEALTH_ID)) == 0)
			delete_message(nm, i);
	for (size_t i = 0; i < j_len(list); i++)
		if (j_text(j_at(list, i)))
			add_health(nm, j_text(j_at(list, i)));
}

/* ---- the rest ---- */

static void apply_tka(struct netmap *nm, const json_t *v, struct nm_change *ch)
{
	if (!v)
		return;
	const char *head = j_str(v, "Head");
	nm->tka_present = !j_bool(v, "Disabled", false);
	str_set(&nm->tka_head, head && nm->tka_present ? head : "");
	ch->mask |= NM_CHANGED_TKA;
}

static void apply_small(struct netmap *nm, struct map_msg *m, struct nm_change *ch)
{
	if (m->domain && *m->domain && replace_text(&nm->domain, m->domain))
		ch->mask |= NM_CHANGED_DOMAIN;
	if (m->collect_services != J_UNSET && m->collect_services != nm->collect_services) {
		nm->collect_services = m->collect_services;
		ch->mask |= NM_CHANGED_COLLECT;
	}
	if (m->ssh_policy && !(nm->ssh_policy && j_equal(m->ssh_policy, nm->ssh_policy))) {
		j_free(nm->ssh_policy);
		nm->ssh_policy = j_ref(m->ssh_policy);
		ch->mask |= NM_CHANGED_SSH;
	}
	apply_tka(nm, m->tka, ch);
}

static void apply_nodes(struct map_session *s, struct map_msg *m, wall_t now, struct nm_change *ch)
{
	s->peers.n_ids = 0;
	if (m->self) {
		if (!s->nm.self || !nm_node_equal(s->nm.self, m->self))
			ch->mask |= NM_CHANGED_SELF;
		map_peers_set_self(&s->peers, m->self);
		m->self = NULL;
	}
	map_peers_apply(&s->peers, m, now);
	map_peers_end(&s->peers);
	if (s->peers.n_ids)
		ch->mask |= NM_CHANGED_PEERS;
	ch->ids = s->peers.ids;
	ch->n_ids = s->peers.n_ids;
}

/* What may still be refused comes first: an error leaves peers and self as they were. */
static int apply_state(struct map_session *s, struct map_msg *m, wall_t now, struct nm_change *ch,
		       const char **why)
{
	int err = apply_derp(&s->nm, m->derp, ch, why);
	if (!err)
		err = apply_dns(&s->nm, m->dns, ch, why);
	if (!err)
		err = apply_filters(&s->nm, m, ch, why);
	if (err)
		return err;
	apply_nodes(s, m, now, ch);
	apply_users(&s->nm, m->users, ch);
	apply_health(&s->nm, m->health, ch);
	apply_messages(&s->nm, m->messages, ch);
	apply_small(&s->nm, m, ch);
	if (!s->ready)
		*ch = (struct nm_change){ .mask = NM_CHANGED_ALL, .full = true };
	s->ready = true;
	return 0;
}

static int apply_message(struct map_session *s, struct map_msg *m, wall_t now,
			 struct map_result *out, const char **why)
{
	out->ping = m->ping ? take_ping(s, m->ping) : NULL;
	out->pop_browser_url = take_pop_url(s, m->pop_url);
	out->control_time = m->time;
	out->keepalive = m->keepalive;
	take_client_version(s, m->client_version, &out->change);
	take_time(s, m->time, now, &out->change);
	if (m->keepalive)
		return 0;
	take_debug(m->debug, out);
	if (!s->ready && !m->self) {
		*why = "first message without Node";
		return -ERR_PROTO;
	}
	return apply_state(s, m, now, &out->change, why);
}

int map_session_apply(struct map_session *s, struct span json, wall_t now, struct map_result *out,
		      const char **why)
{
	struct map_msg m;
	memset(out, 0, sizeof(*out));
	int err = map_msg_decode(&m, json, why);
	if (!err)
		err = apply_message(s, &m, now, out, why);
	map_msg_fini(&m);
	return err;
}

/* ---- expiry ---- */

static void expire_peer(struct map_session *s, const struct nm_node *old, bool expired)
{
	struct nm_node spec = *old;
	if (expired)
		spec.flags |= NM_EXPIRED_HERE;
	else
		spec.flags &= (uint16_t)~NM_EXPIRED_HERE;
	struct nm_node *n = nm_node_new(&spec);
	if (n)
		map_peers_put(&s->peers, n);
}

bool map_session_expire(struct map_session *s, wall_t now, struct nm_change *change, wall_t *next)
{
	struct netmap *nm = &s->nm;
	s->peers.n_ids = 0;
	*next = WALL_ZERO;
	for (size_t i = 0; i < nm->n_peers; i++) {
		const struct nm_node *p = nm->peers[i];
		bool expired = expiry_peer(p, now, nm->clock_offset_s);
		wall_t at = { p->key_expiry.s - nm->clock_offset_s + EXPIRY_RECHECK_S, 0 };
		if (!wall_is_zero(p->key_expiry) && !expired &&
		    (wall_is_zero(*next) || wall_before(at, *next)))
			*next = at;
		if (expired != ((p->flags & NM_EXPIRED_HERE) != 0))
			expire_peer(s, p, expired);
	}
	map_peers_end(&s->peers);
	*change = (struct nm_change){ .mask = s->peers.n_ids ? NM_CHANGED_PEERS : 0,
				      .ids = s->peers.ids,
				      .n_ids = s->peers.n_ids };
	return s->peers.n_ids > 0;
}
