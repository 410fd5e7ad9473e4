/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/netmap.h"

#include "base/alloc.h"
#include "daemon/control/nm_node_json.h"
#include "magicsock/derpmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void netmap_init(struct netmap *nm)
{
	memset(nm, 0, sizeof(*nm));
	map_init(&nm->by_key, sizeof(struct node_key));
	nm_addresses_init(&nm->by_address);
	nm->domain = xstrdup("");
	nm->tka_head = xstrdup("");
}

static void user_fini(struct nm_user *u)
{
	free(u->login);
	free(u->display);
	free(u->picture);
	free(u->groups);
}

static void message_fini(struct nm_message *m)
{
	free(m->id);
	free(m->title);
	free(m->text);
	free(m->action_url);
	free(m->action_label);
}

void netmap_fini(struct netmap *nm)
{
	nm_node_unref(nm->self);
	for (size_t i = 0; i < nm->n_peers; i++)
		nm_node_unref(nm->peers[i]);
	free(nm->peers);
	map_fini(&nm->by_key);
	nm_addresses_fini(&nm->by_address);
	for (size_t i = 0; i < nm->n_users; i++)
		user_fini(&nm->users[i]);
	free(nm->users);
	for (size_t i = 0; i < nm->n_filters; i++) {
		free(nm->filters[i].name);
		free(nm->filters[i].raw);
	}
	free(nm->filters);
	for (size_t i = 0; i < nm->n_messages; i++)
		message_fini(&nm->messages[i]);
	free(nm->messages);
	j_free(nm->derp_json);
	derp_map_free(nm->derp);
	free(nm->dns_text);
	dns_config_fini(&nm->dns);
	j_free(nm->ssh_policy);
	free(nm->domain);
	free(nm->tka_head);
	free(nm->client_version.latest);
	free(nm->client_version.notify_url);
	free(nm->client_version.notify_text);
	memset(nm, 0, sizeof(*nm));
}

/* ---- questions --------------------------------------------------------------------------------
 */

const struct nm_node *netmap_peer(const struct netmap *nm, int64_t id)
{
	size_t lo = 0, hi = nm->n_peers;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (nm->peers[mid]->id == id)
			return nm->peers[mid];
		if (id < nm->peers[mid]->id)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct nm_node *netmap_peer_by_key(const struct netmap *nm, const struct node_key *key)
{
	return map_get(&nm->by_key, key);
}

const struct nm_node *netmap_peer_by_address(const struct netmap *nm, struct ip ip)
{
	return nm_addresses_find(&nm->by_address, ip);
}

const struct nm_user *netmap_user(const struct netmap *nm, int64_t id)
{
	size_t lo = 0, hi = nm->n_users;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (nm->users[mid].id == id)
			return &nm->users[mid];
		if (id < nm->users[mid].id)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

void netmap_dns_suffix(const struct netmap *nm, char *out, size_t room)
{
	const char *dot = nm->self ? strchr(nm->self->name, '.') : NULL;
	size_t n = dot ? strlen(dot + 1) : 0;
	while (n && dot[n] == '.')
		n--;
	snprintf(out, room, "%.*s", (int)n, n ? dot + 1 : "");
}

/* ---- JSON ---- */

json_t *netmap_filter_json(const struct netmap *nm)
{
	json_t *all = j_array();
	for (size_t i = 0; i < nm->n_filters; i++) {
		json_t *one = j_parse(span_str(nm->filters[i].raw), SIZE_MAX, NULL);
		for (size_t k = 0; one && k < j_len(one); k++)
			j_add(all, j_ref(j_at(one, k)));
		j_free(one);
	}
	return all;
}

static json_t *filters_to_json(const struct netmap *nm)
{
	json_t *o = j_object();
	for (size_t i = 0; i < nm->n_filters; i++)
		j_set(o, nm->filters[i].name,
		      j_parse(span_str(nm->filters[i].raw), SIZE_MAX, NULL));
	return o;
}

static json_t *users_to_json(const struct netmap *nm)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < nm->n_users; i++) {
		const struct nm_user *u = &nm->users[i];
		json_t *o = j_object();
		j_set_int(o, "ID", u->id);
		j_set_str(o, "LoginName", u->login);
		j_set_str(o, "DisplayName", u->display);
		if (*u->picture)
			j_set_str(o, "ProfilePicURL", u->picture);
		if (u->groups)
			j_set(o, "Groups", j_parse(span_str(u->groups), SIZE_MAX, NULL));
		j_add(arr, o);
	}
	return arr;
}

static json_t *message_to_json(const struct nm_message *m)
{
	static const char *const severities[] = { "low", "medium", "high" };
	json_t *o = j_object();
	j_set_str(o, "Title", m->title);
	j_set_str(o, "Text", m->text);
	j_set_str(o, "Severity", severities[m->severity]);
	if (m->impacts_connectivity)
		j_set_bool(o, "ImpactsConnectivity", true);
	if (*m->action_url) {
		json_t *a = j_object();
		j_set_str(a, "URL", m->action_url);
		j_set_str(a, "Label", m->action_label);
		j_set(o, "PrimaryAction", a);
	}
	return o;
}

static void tka_to_json(const struct netmap *nm, json_t *o)
{
	if (!nm->tka_present)
		return;
	json_t *t = j_object();
	if (*nm->tka_head)
		j_set_str(t, "Head", nm->tka_head);
	j_set(o, "TKAInfo", t);
}

static json_t *peers_to_json(const struct netmap *nm)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < nm->n_peers; i++)
		j_add(arr, nm_node_to_json(nm->peers[i]));
	return arr;
}

static json_t *messages_to_json(const struct netmap *nm)
{
	json_t *o = j_object();
	for (size_t i = 0; i < nm->n_messages; i++)
		j_set(o, nm->messages[i].id, message_to_json(&nm->messages[i]));
	return o;
}

json_t *netmap_dns_json(const struct netmap *nm)
{
	return nm->dns_text ? j_parse(span_str(nm->dns_text), SIZE_MAX, NULL) : NULL;
}

json_t *netmap_to_json(const struct netmap *nm)
{
	json_t *o = j_object();
	if (nm->self)
		j_set(o, "Node", nm_node_to_json(nm->self));
	if (nm->derp_json)
		j_set(o, "DERPMap", j_copy(nm->derp_json));
	if (nm->n_peers)
		j_set(o, "Peers", peers_to_json(nm));
	if (nm->dns_text)
		j_set(o, "DNSConfig", netmap_dns_json(nm));
	j_set_str(o, "Domain", nm->domain);
	j_set_tri(o, "CollectServices", nm->collect_services);
	if (nm->n_filters)
		j_set(o, "PacketFilters", filters_to_json(nm));
	j_set(o, "UserProfiles", users_to_json(nm));
	if (nm->n_messages)
		j_set(o, "DisplayMessages", messages_to_json(nm));
	if (nm->ssh_policy)
		j_set(o, "SSHPolicy", j_copy(nm->ssh_policy));
	tka_to_json(nm, o);
	return o;
}
